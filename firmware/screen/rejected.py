"""Rejected transactions on the panel and on paper: one letter, the question for a right, the list. Pure.

A letter is a transaction and the response code the switch refused it with for good.
"""

from micropython import const

from firmware.core.clock import local_time
from firmware.core.reference import rrn_of
from firmware.core.refusals import host_refusal
from firmware.core.types import ACCRUAL, ENROL, REDEMPTION
from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE, WRAP, fitting, pair
from firmware.screen.screens import money
from firmware.text import days, digits
from firmware.text.money import wordings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Transaction
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_PAPER_LETTERS = const(32)  # of a line on the narrowest paper
_POINTS_DIFFER = const("L12")
_ACKNOWLEDGED = const(("00", "10", "94"))
# What helps, by the codes it helps with; "help_support" for every other.
_HELP = (
    ("help_card", ("14", "26", "41", "43", "54", "57", "59", "62")),
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
    if verb == ENROL:
        return text.get("letter_enrol")
    return text.get("letter_sale" if verb == ACCRUAL else "letter_use" if verb == REDEMPTION else "letter_undo")


def letter(text: "Catalogue", number: int, count: int, t: "Transaction", rc: str) -> "list[Line]":
    """One of them: what it was, why it was refused, what to do."""
    hour, minute = local_time(t.time_utc)[3:5]
    when = "{} {}".format(text.short_day(days.of(t.time_utc)), digits.clock_time(hour, minute))
    points = [text.get("letter_points", digits.signed(t.points)), digits.signed(t.points)]
    of = "{}/{}".format(digits.plain(number), digits.plain(count))
    return [
        (TITLE, pair(text.get("title_rejected"), of)),
        (TEXT, text.get("letter_ref", rrn_of(t.seq, t.time_utc))),
        (TEXT, pair(when, _verb(text, t.verb))),
        (TEXT, money(text, t.amount, t.new_money)),
        (TEXT, fitting(points)),
        (NOTE, text.error(code_of(rc))[0]),
        (TEXT, helps(text, rc)),
        (HINT, pair(text.get("hint_letter"), code_of(rc))),
    ]


def give_up(text: "Catalogue", t: "Transaction", reason: str) -> "list[Line]":
    """The last question before one is given up."""
    return [
        (TITLE, text.get("title_give_up")),
        (TEXT, text.get("letter_ref", rrn_of(t.seq, t.time_utc))),
        (TEXT, fitting([text.get("letter_points", digits.signed(t.points)), digits.signed(t.points)])),
        (NOTE, reason),
        (WRAP, text.get("give_up_1") + " " + text.get("give_up_2")),
        (HINT, text.get("hint_confirm")),
    ]


def done(text: "Catalogue", t: "Transaction", settled: bool) -> "list[Line]":
    """What became of one: the switch has it now, or nobody sends it again."""
    return [
        (BIG, text.get("big_sent" if settled else "big_noted")),
        (GAP, ""),
        (TEXT, text.get("letter_settled" if settled else "letter_given_up")),
        (TEXT, text.get("letter_ref", rrn_of(t.seq, t.time_utc))),
        (HINT, text.get("hint_next")),
    ]


def paper(text: "Catalogue", t: "Transaction", rc: str) -> "list[str]":
    """One of them on the printed list, 32 characters a line."""
    hour, minute = local_time(t.time_utc)[3:5]
    sold = ""
    for amount in wordings(text, t.amount, t.new_money):
        sold = "{} {} {}".format(_verb(text, t.verb), amount, digits.signed(t.points))
        if len(sold) <= _PAPER_LETTERS:
            break
    return [
        text.get("r_ref", rrn_of(t.seq, t.time_utc)),
        text.get("r_date", text.day(days.of(t.time_utc)), digits.clock_time(hour, minute)),
        sold,
        "{} {}".format(code_of(rc), text.error(code_of(rc))[0]),
    ]
