"""What a receipt says, derived from the outcome of a journal entry, as lines with roles. Pure; 32 characters a line.

`Points:`, `Card:`, `Ref:` and `Member:` lines keep their form in English: programs add receipts up by them.
"""

from micropython import const

from firmware.core.clock import local_time
from firmware.core.reference import masked
from firmware.core.types import (
    ENROL,
    ISSUE,
    NEXT_REWARD,
    NEXT_TIER,
    REDEMPTION,
    REMARK,
    SMS_NO_NUMBER,
    SMS_QUEUED,
    TIER_GOLD,
    USE,
)
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, TAKEN_BACK, UNDONE
from firmware.loyalty.rules import BY_AMOUNT
from firmware.receipt.lines import BIG, HEADING, PAIR, PLAIN, QR, RULE, STRONG
from firmware.text import days, digits
from firmware.text.money import parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.outcome import Outcome
    from firmware.receipt.lines import Line
    from firmware.text.catalogue import Catalogue

WIDTH = const(32)
_NO_TEXT = (RULE, "")
_STARS = const("******")
# By verb (core.types, from 1 on; a reversal is never told).
_TITLES = const((
    "", "r_sale", "r_redeem", "", "r_refund", "r_void", "r_issue", "r_use", "r_enrol", "r_remark",
))  # fmt: skip
_NOT_DONE = ((UNDONE, "r_reversed"), (REJECTED, "r_rejected"), (TAKEN_BACK, "r_voided"))
# By the reason of a part of the points (firmware/loyalty/rules.py).
_PARTS = const((
    "", "", "r_by_tier", "r_by_day", "r_by_basket", "r_by_visit", "r_by_tenure", "r_by_offer", "r_by_promise",
))  # fmt: skip


class Shop:
    """The head of every receipt."""

    def __init__(self, name: str, merchant_id: str, terminal_id: str) -> None:
        self.name = name
        self.merchant_id = merchant_id
        self.terminal_id = terminal_id


def shop_lines(text: "Catalogue", shop: Shop, merchant: bool = True) -> "list[Line]":
    """The head of whatever is printed here."""
    lines: "list[Line]" = [(BIG, shop.name)] if shop.name else []
    if merchant:
        lines.append((PAIR, text.get("r_merchant", shop.merchant_id)))
    lines.append((PAIR, text.get("r_terminal", shop.terminal_id)))
    return lines


def receipt_lines(text: "Catalogue", shop: Shop, told: "Outcome", reprint: bool) -> "list[Line]":
    """The lines of one receipt."""
    lines: "list[Line]" = [(HEADING, text.get("r_reprint"))] if reprint else []
    lines += shop_lines(text, shop)
    hour, minute = local_time(told.time_utc)[3:5]
    lines.append((PAIR, text.get("r_date", text.day(days.of(told.time_utc)), digits.clock_time(hour, minute))))
    if told.clerk:
        lines.append((PAIR, text.get("r_by_clerk", digits.plain(told.clerk))))
    lines += [_NO_TEXT, (BIG, text.get(_TITLES[told.verb]))]
    if told.amount:
        sold = "r_paid" if told.price > told.amount else "r_amount"
        amount = "r_value" if told.verb == REDEMPTION else sold
        lines.append((STRONG, text.get(amount, *parts(text, told.amount, told.new_money))))
    lines += _deal(text, told)
    lines += _body(text, told)
    if told.original:
        lines.append((PAIR, text.get("r_original", told.original)))
    lines += [(PAIR, text.get(name, field)) for _on_screen, name, field in told.marks]
    lines.append(_NO_TEXT)
    if told.uid:
        lines.append((PAIR, text.get("r_card", masked(told.uid))))
    if told.member_no:
        lines.append((PAIR, text.get("r_member", digits.plain(told.member_no))))
    lines.append((PAIR, text.get("r_stan", "{:06d}".format(told.stan))))
    lines.append((PAIR, text.get("r_ref", told.rrn)))
    if told.approval:
        lines.append((PAIR, text.get("r_approval", told.approval)))
    if told.kind == DONE and told.verb != REMARK:
        lines += _standing(text, told)
        lines.append((HEADING, text.get("r_thanks_redeem" if told.verb == REDEMPTION else "r_thanks_earn")))
    lines.append((QR, qr_content(shop, told)))
    return lines


def qr_content(shop: Shop, told: "Outcome") -> str:
    """What a later dispute needs to find it: reference, terminal and the day in Tehran; nothing of the member."""
    year, month, day = local_time(told.time_utc)[:3]
    return "VAFA:{}:{}:{:04d}{:02d}{:02d}".format(told.rrn, shop.terminal_id, year, month, day)


def _standing(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """A tier that was reached, what is near, and what becomes of a message to the member."""
    lines: "list[Line]" = []
    if told.new_tier:
        lines.append((STRONG, text.get("r_level_up", text.get("tier_{}".format(told.tier)))))
    missing = digits.number(told.missing)
    if told.next_kind == NEXT_REWARD:
        lines.append((PAIR, text.get("r_next_reward", missing)))
    elif told.next_kind == NEXT_TIER and told.tier < TIER_GOLD:
        tier = text.get("tier_{}".format(told.tier + 1))
        lines.append((PAIR, text.get("r_next_tier", *parts(text, told.missing, told.new_money), tier)))
    if told.sms == SMS_QUEUED:
        lines.append((PLAIN, text.get("r_sms_queued")))
    elif told.sms == SMS_NO_NUMBER:
        lines.append((PLAIN, text.get("r_sms_no_number")))
    elif told.offline and told.estimated:
        lines.append((PLAIN, text.get("r_sms_later")))
    return lines


def _parts(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """What of the points of a sale is not for the amount, and for what it is."""
    known = [part for part in told.parts if BY_AMOUNT < part[0] < len(_PARTS)]
    return [(PLAIN, text.get(_PARTS[reason], digits.signed(points))) for reason, points in known]


def _deal(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """What an offer or a voucher did to the price, and a voucher that was issued or won."""
    lines: "list[Line]" = []
    if told.price > told.amount:
        lines.append((PAIR, text.get("r_price", *parts(text, told.price, told.new_money))))
        lines.append((PAIR, text.get("r_off", *parts(text, told.price - told.amount, told.new_money))))
    if told.used:
        lines.append((PAIR, text.get("r_paid_by", _STARS + told.used[-4:])))
    if told.gift:
        lines.append((HEADING, text.get("r_gift")))
    if told.reward:
        lines.append((PAIR, text.get("r_reward", digits.plain(told.reward))))
    if told.kind == DONE and told.words:
        lines.append((PLAIN, told.words[:WIDTH]))
    if told.kind == DONE and told.voucher:
        lines.append((STRONG, text.get("r_voucher", told.voucher)))
        lines.append((PAIR, text.get("r_good_until", text.day(told.good_until))))
    return lines


def _body(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """What became of it. A `Points:` line stands only on paper that promises them."""
    if told.kind == DECLINED:
        return [(STRONG, text.get("r_refused", told.code)), (PLAIN, text.error(told.code)[0])]
    for kind, name in _NOT_DONE:
        if told.kind == kind:
            return [(HEADING, text.get(name))]
    if told.kind != DONE:
        return [(HEADING, text.get("r_unknown"))]
    if told.verb == REMARK:
        return [(PLAIN, text.get("r_noted"))]
    if told.verb in (ISSUE, USE):
        return []
    points = digits.signed(told.points)
    lines: "list[Line]"
    if not told.estimated:
        lines = [(STRONG, text.get("r_points", points))]
        lines += _parts(text, told)
        if told.reserved:
            lines += [(PLAIN, text.get("r_offline")), (PLAIN, text.get("r_reserved"))]
    else:
        review = "r_under_review" if told.under_review else "r_to_be_confirmed"
        lines = [(STRONG, text.get("r_points_about", points))]
        lines += _parts(text, told)
        lines += [(PLAIN, text.get("r_offline")), (PLAIN, text.get(review))]
        if told.verb == ENROL:
            lines += [(PLAIN, text.get("r_provisional_1")), (PLAIN, text.get("r_provisional_2"))]
    balance = told.balance
    if balance is not None and balance.confirmed:
        lines.append((PAIR, text.get("r_before", digits.number(balance.points - told.points))))
        lines.append((PAIR, text.get("r_balance", digits.number(balance.points))))
    elif balance is not None:
        lines.append((PAIR, text.get("r_before_about", digits.number(balance.points - told.points))))
        lines.append((PAIR, text.get("r_balance_about", digits.number(balance.points))))
        fresh = balance.age_s < 60
        age = text.get("r_balance_fresh") if fresh else text.get("r_balance_age", text.age(balance.age_s))
        lines.append((PLAIN, age))
    return lines
