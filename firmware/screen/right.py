"""Asking for a right at the keypad. Pure."""

from firmware.screen.lines import ASIDE, BIG, GAP, HINT, NOTE, TEXT, TITLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue


def right(text: "Catalogue", name: str, nonce: str, keyed: str) -> "list[Line]":
    """The number to tell the switch's operator, and the digits that came back so far."""
    return [
        (TITLE, text.get("title_right", name)),
        (ASIDE, text.get("right_tell")),
        (BIG, nonce),
        (GAP, ""),
        (TEXT, text.get("right_answer")),
        (NOTE, keyed or "-"),
        (HINT, text.get("hint_amount")),
    ]
