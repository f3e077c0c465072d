"""The screens that tell an outcome or a balance: what, points, balance, reference, next step. Pure."""

from micropython import const

from firmware.core.clock import local_time
from firmware.core.reference import masked
from firmware.core.types import ACCRUAL, ENROL, ISSUE, REDEMPTION, REFUND, SMS_QUEUED, USE
from firmware.core.visiting import visit
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, TAKEN_BACK, UNDONE
from firmware.loyalty.rules import BY_AMOUNT
from firmware.screen.lines import ASIDE, BIG, HINT, NOTE, SPARE, TEXT, TITLE, WRAP, fitting, pair
from firmware.screen.screens import money
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.loyalty.outcome import Balance, Outcome
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_STANDING_ROWS = const(4)
_TOO_FEW = const("H51")  # the refusal that is about the balance: the number is part of the reason
_DATA_OLD_S = const(86_400)

# By verb (core.types, from 1 on; a reversal is never told): the big word when it is done, what the last one is called.
_DONE = const((
    "", "big_earned", "big_used", "", "big_refunded", "big_voided", "big_issued", "big_used", "big_enrolled",
    "big_noted",
))  # fmt: skip
_LAST = const((
    "", "last_sale", "last_redeem", "", "last_refund", "last_void", "last_voucher", "last_voucher", "last_enrol",
    "last_remark",
))  # fmt: skip


# What is true when it was undone.
_SAFE = {ISSUE: "voucher_none", USE: "voucher_again"}


def outcome(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """The outcome of one transaction."""
    if told.kind == DONE and told.verb in (ISSUE, USE):
        lines = [(BIG, text.get(_done_word(told)))] + _voucher(text, told)
        step = "next_goodbye"
    elif told.kind == DONE:
        lines = [(BIG, text.get(_done_word(told))), (TEXT, _made_of(text, told))]
        if told.verb == ENROL and told.member_no:
            lines.insert(1, (TEXT, fitting([text.get("member_label", told.member_no), digits.plain(told.member_no)])))
        reserve = _reserve(told)
        if reserve:
            lines.append((NOTE, text.get(reserve)))
        lines += _balance(text, told.balance)
        step = "next_sms" if told.estimated else "next_by_sms" if told.by_sms else "next_goodbye"
        if told.verb == REFUND and told.words and not reserve:
            lines.append((NOTE, told.words))
        elif told.verb == ACCRUAL and not reserve:
            lines += _following(text, told)
    elif told.kind == DECLINED:
        what, next_step = text.error(told.code)
        lines = [(BIG, text.get("big_refused")), (NOTE, what), (WRAP, next_step)]
        for _role, row in _balance(text, told.balance):
            lines.append((TEXT if told.code == _TOO_FEW and len(lines) == 3 else SPARE, row))
        step = ""
    elif told.kind == UNDONE:
        lines = [(BIG, text.get(_undone_word(told)))]
        lines += [(NOTE, text.get(_SAFE.get(told.verb, "next_safe")))]
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
    elif step == "next_goodbye" and told.sms == SMS_QUEUED:
        lines.append((HINT, text.get("sms_queued")))
    elif step == "next_goodbye" and told.name:
        lines.append((HINT, fitting([text.get("next_goodbye_name", told.name), text.get(step)])))
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
        if told.verb in (ISSUE, USE):
            points = told.voucher
    elif told.kind == UNDONE:
        word, points = text.get(_undone_word(told)), text.get(_SAFE.get(told.verb, "next_safe"))
    elif told.kind in (DECLINED, REJECTED):
        word, points = pair(text.get("big_refused"), told.code), ""
    elif told.kind == TAKEN_BACK:
        word, points = text.get("big_voided"), text.get("not_booked")
    else:
        word, points = text.get("big_checking"), text.get("next_safe")
    last = text.get(_LAST[told.verb])
    level = [(TEXT, pair(text.get("level_up"), text.get("tier_{}".format(told.tier))))] if told.new_tier else []
    return (
        [
            (TITLE, pair(last, digits.clock_time(hour, minute))),
            (TITLE, word),  # on every page: who sees the second alone must not do it again
            (ASIDE, points),
            (TEXT, money(text, told.amount, told.new_money)),
            (TEXT, pair(text.get("card_label"), masked(told.uid))),
            (TEXT, fitting([text.get("ref_label") + " " + told.rrn, told.rrn])),
        ]
        + level
        + [(HINT, text.get("last_else"))]
    )


def _reserve(told: "Outcome") -> str:
    """Name of what has to be said right beside the points before anybody counts on them, "" for nothing."""
    if told.under_review:
        return "under_review"
    if told.estimated:
        return "not_to_spend" if told.verb == ENROL else "to_be_confirmed"
    return "reserved" if told.reserved else ""


def _following(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """A line of what comes next for the member, if there is one."""
    with visit("firmware.screen.standing"):
        from firmware.screen.standing import after

        following = after(text, told)
    return [(TEXT, following)] if following else []


def balance(text: "Catalogue", told: "Balance", standing: "Sequence[Line]" = ()) -> "list[Line]":
    """The answer to a tap: how many points, and how sure; below it four lines at most of where the member stands."""
    lines = [(BIG, fitting([text.get("big_points", digits.number(told.points)), digits.plain(told.points)]))]
    if text.get("points_word") not in lines[0][1]:
        lines.append((TEXT, text.get("points_word")))  # no number without its unit
    lines.append((_age_role(told), _sureness(text, told)))
    return lines + list(standing)[:_STANDING_ROWS] + [(HINT, text.get("hint_next"))]


def _done_word(told: "Outcome") -> str:
    word = _DONE[told.verb]
    return "big_saved" if told.offline and word in ("big_earned", "big_enrolled") else word


def _voucher(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """One that was issued, with its last day; or what was left to pay with one."""
    if told.verb == USE:
        price = money(text, told.price, told.new_money)
        return [(TEXT, pair(text.get("price_before"), price)), (TEXT, money(text, told.amount, told.new_money))]
    until = text.get("good_until", text.day(told.good_until))
    return [(TEXT, told.voucher), (TEXT, money(text, told.amount, told.new_money)), (TEXT, until)]


def _undone_word(told: "Outcome") -> str:
    return "big_not_used" if told.verb in (REDEMPTION, USE) else "big_not_done"


def _made_of(text: "Catalogue", told: "Outcome") -> str:
    """The points, and how many of them the amount alone would not have earned, where a line has room for both."""
    plain = _points(text, told.points, told.estimated)
    bonus = sum([points for reason, points in told.parts if reason > BY_AMOUNT])
    if told.estimated or bonus <= 0:
        return plain
    number, more = digits.signed(told.points), digits.number(bonus)
    return fitting([text.get("points_with_bonus", number, more), plain])


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


def _age_role(told: "Balance") -> int:
    """On black when the data are older than a day: nobody should promise anything by them."""
    return NOTE if told.age_s > _DATA_OLD_S else TEXT


def _sureness(text: "Catalogue", told: "Balance") -> str:
    """Confirmed, with its age once it is older than a minute, or estimated with the age of its data."""
    age = text.age(told.age_s)
    if not told.confirmed:
        return fitting([text.get("estimated", age), text.get("estimated_short", age), age])
    if told.age_s < 60:
        return text.get("confirmed")
    return fitting([text.get("as_of", age), text.get("as_of_short", age), age])
