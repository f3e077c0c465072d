"""The screens that tell an outcome or a balance: what, points, balance, reference, next step. Pure."""

from firmware.core.clock import local_time
from firmware.core.reference import masked
from firmware.core.types import ACCRUAL
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, TAKEN_BACK, UNDONE
from firmware.screen.lines import BIG, HINT, NOTE, TEXT, TITLE, fitting, pair
from firmware.screen.screens import money
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.outcome import Balance, Outcome
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue


def outcome(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """The outcome of one transaction."""
    if told.kind == DONE:
        lines = [(BIG, text.get(_done_word(told))), (TEXT, _points(text, told.points, told.estimated))]
        lines += _balance(text, told.balance)
        step = "next_sms" if told.estimated else "next_goodbye"
        if told.under_review:
            lines.append((NOTE, text.get("under_review")))
        elif told.estimated:
            lines.append((NOTE, text.get("to_be_confirmed")))
        elif told.reserved:
            lines.append((NOTE, text.get("reserved")))
    elif told.kind == DECLINED:
        what, _ = text.error(told.code)
        lines = [(BIG, text.get("big_refused")), (NOTE, what)] + _balance(text, told.balance)
        step = ""
    elif told.kind == UNDONE:
        lines = [(BIG, text.get("big_not_done" if told.verb == ACCRUAL else "big_not_used"))]
        lines += [(NOTE, text.get("next_safe"))]
        step = "next_again"
    elif told.kind == REJECTED:
        lines = [(BIG, text.get("big_refused")), (TEXT, _points(text, told.points, True))]
        step = "next_supervisor"
    elif told.kind == TAKEN_BACK:
        lines = [(BIG, text.get("big_voided")), (NOTE, text.get("not_booked"))]
        step = ""
    else:
        lines = [(BIG, text.get("big_checking")), (NOTE, text.get("next_safe"))]
        step = ""
    lines.append((TEXT, fitting([text.get("ref_label") + " " + told.rrn, told.rrn])))
    if told.kind == DECLINED:
        lines.append((HINT, pair(text.get("hint_next"), told.code)))
    else:
        lines.append((HINT, text.get(step) if step else text.get("hint_next")))
    return lines


def recall(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """After a restart: how the newest transaction of the journal ended, told so that it cannot be taken for another.

    The power may have gone before a person saw its end, or in the middle of a later one that never came to the journal.
    """
    hour, minute = local_time(told.time_utc)[3:5]
    if told.kind == DONE:
        word, points = text.get(_done_word(told)), _points(text, told.points, told.estimated)
    elif told.kind == UNDONE:
        word, points = text.get("big_not_done" if told.verb == ACCRUAL else "big_not_used"), text.get("next_safe")
    elif told.kind in (DECLINED, REJECTED):
        word, points = pair(text.get("big_refused"), told.code), ""
    elif told.kind == TAKEN_BACK:
        word, points = text.get("big_voided"), text.get("not_booked")
    else:
        word, points = text.get("big_checking"), text.get("next_safe")
    last = text.get("last_sale" if told.verb == ACCRUAL else "last_redeem")
    return [
        (TITLE, pair(last, digits.clock_time(hour, minute))),
        (TEXT, money(text, told.amount)),
        (TEXT, pair(text.get("card_label"), masked(told.uid))),
        (NOTE, word),
        (TEXT, points),
        (TEXT, fitting([text.get("ref_label") + " " + told.rrn, told.rrn])),
        (HINT, text.get("last_else")),
    ]


def balance(text: "Catalogue", told: "Balance", name: str) -> "list[Line]":
    """The answer to a tap: how many points, and how sure."""
    return [
        (BIG, fitting([digits.number(told.points), digits.plain(told.points)])),
        (TEXT, text.get("points_word")),
        (TEXT if told.confirmed else NOTE, _sureness(text, told)),
        (TEXT, name[:16]),
        (HINT, text.get("hint_next")),
    ]


def _done_word(told: "Outcome") -> str:
    if told.verb != ACCRUAL:
        return "big_used"
    return "big_saved" if told.offline else "big_earned"


def _points(text: "Catalogue", points: int, estimated: bool) -> str:
    number = digits.signed(points)
    word = text.get("points_word")
    if not estimated:
        return fitting([number + " " + word, number])
    about = text.get("about", number)
    return fitting([about + " " + word, about, text.get("about_short", number)])


def _balance(text: "Catalogue", told: "Balance | None") -> "list[Line]":
    if told is None:
        return [(TEXT, text.get("balance_unknown"))]
    number = digits.number(told.points)
    if told.confirmed:
        value = fitting([number, digits.plain(told.points)])
    else:
        plain = digits.plain(told.points)
        value = fitting([text.get("about", number), text.get("about_short", number), text.get("about_short", plain)])
    return [(TEXT, pair(text.get("balance_label"), value)), (TEXT, _sureness(text, told))]


def _sureness(text: "Catalogue", told: "Balance") -> str:
    """Confirmed, with its age once it is older than a minute, or estimated with the age of its data."""
    age = text.age(told.age_s)
    if not told.confirmed:
        return text.get("estimated", age)
    return text.get("confirmed") if told.age_s < 60 else fitting([text.get("as_of", age), age])
