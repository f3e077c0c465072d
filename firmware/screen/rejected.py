"""Rejected transactions on the panel and on paper: one letter, the question for a right, the list. Pure.

A letter is a transaction and the response code the switch refused it with for good.
"""

from firmware.core.clock import local_time
from firmware.core.reference import rrn_of
from firmware.core.refusals import host_refusal
from firmware.core.types import ACCRUAL, REDEMPTION
from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE, fitting, pair
from firmware.screen.screens import money
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Transaction
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_POINTS_DIFFER = "L12"
_ACKNOWLEDGED = ("00", "10", "94")
# What helps, by the codes it helps with; "help_support" for every other.
_HELP = (
    ("help_card", ("14", "41", "43", "54", "57", "59", "62")),
    ("help_terminal", ("58",)),
    ("help_limit", ("51", "61", "65")),
    ("help_points", _ACKNOWLEDGED),
)


def code_of(rc: str) -> str:
    """The code of screen and troubleshooting page; an acknowledgement that was buried told other points."""
    return _POINTS_DIFFER if rc in _ACKNOWLEDGED else host_refusal(rc)


def helps(text: "Catalogue", rc: str) -> str:
    """What a person does about it, before it is sent again or given up."""
    for name, codes in _HELP:
        if rc in codes:
            return text.get(name)
    return text.get("help_support")


def _verb(text: "Catalogue", verb: int) -> str:
    return text.get("letter_sale" if verb == ACCRUAL else "letter_use" if verb == REDEMPTION else "letter_undo")


def letter(text: "Catalogue", number: int, count: int, t: "Transaction", rc: str) -> "list[Line]":
    """One of them: what it was, why it was refused, what to do."""
    _, month, day, hour, minute, _ = local_time(t.time_utc)
    when = "{:02d}-{:02d} {}".format(month, day, digits.clock_time(hour, minute))
    points = [text.get("letter_points", digits.signed(t.points)), digits.signed(t.points)]
    of = "{}/{}".format(digits.plain(number), digits.plain(count))
    return [
        (TITLE, pair(text.get("title_rejected"), of)),
        (TEXT, text.get("letter_ref", rrn_of(t.seq, t.time_utc))),
        (TEXT, pair(when, _verb(text, t.verb))),
        (TEXT, money(text, t.amount)),
        (TEXT, fitting(points)),
        (NOTE, text.error(code_of(rc))[0]),
        (TEXT, helps(text, rc)),
        (HINT, pair(text.get("hint_letter"), code_of(rc))),
    ]


def right(text: "Catalogue", nonce: str, keyed: str) -> "list[Line]":
    """The number to tell the switch's operator, and the digits that came back so far."""
    return [
        (TITLE, text.get("title_right")),
        (TEXT, text.get("right_tell")),
        (BIG, nonce),
        (GAP, ""),
        (TEXT, text.get("right_answer")),
        (NOTE, keyed or "-"),
        (HINT, text.get("hint_amount")),
    ]


def give_up(text: "Catalogue", t: "Transaction", reason: str) -> "list[Line]":
    """The last question before one is given up."""
    return [
        (TITLE, text.get("title_give_up")),
        (TEXT, text.get("letter_ref", rrn_of(t.seq, t.time_utc))),
        (TEXT, fitting([text.get("letter_points", digits.signed(t.points)), digits.signed(t.points)])),
        (NOTE, reason),
        (TEXT, text.get("give_up_1")),
        (TEXT, text.get("give_up_2")),
        (HINT, text.get("hint_confirm")),
    ]


def paper(text: "Catalogue", t: "Transaction", rc: str) -> "list[str]":
    """One of them on the printed list, 32 characters a line."""
    year, month, day, hour, minute, _ = local_time(t.time_utc)
    return [
        text.get("r_ref", rrn_of(t.seq, t.time_utc)),
        text.get("r_date", digits.date(year, month, day), digits.clock_time(hour, minute)),
        "{} {} {}".format(_verb(text, t.verb), digits.plain(t.amount), digits.signed(t.points)),
        "{} {}".format(code_of(rc), text.error(code_of(rc))[0]),
    ]
