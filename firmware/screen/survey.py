"""The screens that ask the customer: a question with answers by number, why somebody had stayed away, thanks. Pure.

They stand for a customer who reads the panel from the other side: few words, and what happens when nothing is pressed.
"""

from micropython import const

from firmware.screen.lines import ASIDE, BIG, GAP, HINT, NOTE, TEXT, TITLE, WRAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

# By key, from 1; LT-87 tag 51 has their numbers.
_REASONS = const(("survey_reason_1", "survey_reason_2", "survey_reason_3", "survey_reason_4", "survey_reason_5"))
REASONS = 5


def question(text: "Catalogue", asked: str, answers: int, nameless: bool) -> "list[Line]":
    """The shop's question; `answers` keys, 2 of them mean yes and no."""
    scale = text.get("survey_yes_no") if answers == 2 else text.get("survey_scale", answers)
    lines = [(TITLE, text.get("survey_for")), (WRAP, asked), (GAP, ""), (TEXT, scale)]
    name = (NOTE, text.get("survey_nameless")) if nameless else (TEXT, text.get("survey_named"))
    return lines + [name, (ASIDE, text.get("survey_toggle")), (HINT, text.get("survey_skip"))]


def reason(text: "Catalogue") -> "list[Line]":
    """Why a member had stayed away."""
    lines = [(TITLE, text.get("survey_for")), (ASIDE, text.get("survey_missed"))]
    lines += [(TEXT, text.get(name)) for name in _REASONS]
    return lines + [(HINT, text.get("survey_skip"))]


def chosen(text: "Catalogue", digit: int, nameless: bool) -> "list[Line]":
    """The answer, a moment before it counts: a digit more, and it was the next sale's amount."""
    lines = [(TITLE, text.get("survey_for")), (GAP, ""), (BIG, str(digit)), (TEXT, text.get("survey_answer"))]
    if nameless:
        lines.append((NOTE, text.get("survey_nameless")))
    return lines + [(HINT, text.get("survey_send"))]


def thanks(text: "Catalogue", nameless: bool) -> "list[Line]":
    """The answer is kept."""
    lines = [(TITLE, text.get("survey_for")), (GAP, ""), (BIG, text.get("big_thanks")), (TEXT, text.get("survey_kept"))]
    if nameless:
        lines.append((NOTE, text.get("survey_nameless")))
    return lines + [(HINT, text.get("hint_next"))]
