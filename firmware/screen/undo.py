"""Taking back and finding on the panel: references typed, what is taken back, what came of a transaction. Pure."""

from micropython import const

from firmware.screen.lines import ASIDE, BESIDE, BIG, GAP, HINT, NOTE, SPARE, TEXT, TITLE, WITH, fitting, pair, worded
from firmware.screen.outcomes import recall
from firmware.screen.screens import money, unit_of
from firmware.text import days, digits
from firmware.text.money import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.loyalty.outcome import Outcome
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_MARKS = const((1, 2, 4))  # taken back, in part, in dispute


def reference(text: "Catalogue", title: str, keyed: str, ask: str, note: str) -> "list[Line]":
    """A reference being typed; `ask` names how many digits it may have, `note` is about the last key."""
    return [
        (TITLE, text.get(title)),
        (TEXT, text.get("ask_reference")),
        (TEXT, keyed or "_"),
        (TEXT, text.get(ask)),
        (NOTE, note) if note else (GAP, ""),
        (HINT, text.get("hint_amount")),
    ]


def searching(text: "Catalogue", title: str) -> "list[Line]":
    """The journal is read."""
    return [(TITLE, text.get(title)), (GAP, ""), (BIG, text.get("big_wait")), (TEXT, text.get("searching"))]


def part(text: "Catalogue", keyed: str, left: int, note: str, new: bool = False) -> "list[Line]":
    """How much money of a refund: typed, or all that is left; in the receipt's own currency (`new`)."""
    value = text.money.of(new).keyed(keyed) if keyed else left
    lines = [
        (TITLE, text.get("title_refund")),
        (ASIDE, worded(lambda sum: text.get("refund_left", sum), money(text, left, new))),
        (BIG, fitting(numbers(text, value, new))),
    ] + unit_of(text, value, new)
    lines.append((NOTE, note) if note else (TEXT, "" if keyed else text.get("refund_all")))
    return lines + [(HINT, text.get("hint_amount"))]


def confirm(
    text: "Catalogue",
    title: str,
    amount: int,
    points: int,
    rrn: str,
    balance: "int | None" = None,
    new: "bool | None" = None,
) -> "list[Line]":
    """The last question before it is taken back: money, points as they will be booked, and the balance then."""
    then = fitting([digits.number(balance), digits.plain(balance)]) if balance is not None else ""
    return [
        (TITLE, text.get(title)),
        (ASIDE, money(text, amount, new)),
        (BIG, fitting([digits.signed(points), digits.plain(points)])),
        (SPARE, text.get("points_word")),
        (TEXT, pair(text.get("balance_then"), then) if then else ""),
        (BESIDE, rrn),
        (HINT, text.get("hint_confirm")),
    ]


def noted(text: "Catalogue", rrn: str) -> "list[Line]":
    """A dispute is written down; its own reference."""
    return [
        (BIG, text.get("big_noted")),
        (TEXT, text.get("dispute_noted")),
        (GAP, ""),
        (TEXT, fitting([text.get("ref_label") + " " + rrn, rrn])),
        (HINT, text.get("hint_next")),
    ]


def statement(text: "Catalogue", rows: "Sequence[tuple[int, int, int, int, str]]", note: str) -> "list[Line]":
    """Three entries at most, two beside a note: (verb, marks, day, points, reference) each."""
    lines = [(TITLE, text.get("title_statement"))]
    for verb, marks, day_utc, points, rrn in rows:
        date = text.short_day(days.of(day_utc)) + " " if day_utc else ""
        label = date + text.get("statement_{}".format(verb))
        lines.append((TEXT, pair(label, fitting([digits.signed(points), digits.plain(points)]))))
        shown = " ".join([text.get("statement_mark_{}".format(bit)) for bit in _MARKS if marks & bit])
        lines.append((WITH, pair(rrn, shown) if shown else rrn))
    if not rows:
        lines.append((TEXT, text.get("statement_none")))
    if note:
        lines.append((NOTE, note))
    return lines + [(HINT, text.get("hint_print"))]


def found(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """A transaction of this terminal as it stands now."""
    lines = recall(text, told)[:-1]
    lines[0] = (
        TITLE,
        pair(text.get("statement_{}".format(told.verb)), text.short_day(days.of(told.time_utc))),
    )
    marks = [(NOTE, _marked(text, name, field)) for name, _on_paper, field in told.marks]
    if marks and told.marks[0][0] != "mark_disputed":
        lines[3] = marks.pop(0)
    return lines + marks[:1] + [(HINT, text.get("hint_print"))]


def _marked(text: "Catalogue", name: str, field: str) -> str:
    """What became of it; an amount never without that word."""
    short = [text.get("mark_refunded_short", field)] if name == "mark_refunded" else []
    return fitting([text.get(name, field)] + short + [field])
