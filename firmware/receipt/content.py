"""What a receipt says, derived from the outcome of a journal entry. Pure; 32 characters a line.

`Points:`, `Card:`, `Ref:` and `Member:` lines keep their form in English: programs add receipts up by them.
"""

from micropython import const

from firmware.core.clock import local_time
from firmware.core.reference import masked
from firmware.core.types import ACCRUAL
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, TAKEN_BACK, UNDONE
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.outcome import Outcome
    from firmware.text.catalogue import Catalogue

WIDTH = const(32)
_RULE = "-" * 32


class Shop:
    """The head of every receipt."""

    def __init__(self, name: str, merchant_id: str, terminal_id: str) -> None:
        self.name = name
        self.merchant_id = merchant_id
        self.terminal_id = terminal_id


def receipt_lines(text: "Catalogue", shop: Shop, told: "Outcome", reprint: bool) -> "list[str]":
    """The lines of one receipt."""
    lines = [text.get("r_reprint")] if reprint else []
    if shop.name:
        lines.append(shop.name)
    lines += [text.get("r_merchant", shop.merchant_id), text.get("r_terminal", shop.terminal_id)]
    year, month, day, hour, minute, _ = local_time(told.time_utc)
    lines.append(text.get("r_date", digits.date(year, month, day), digits.clock_time(hour, minute)))
    lines += [_RULE, text.get("r_sale" if told.verb == ACCRUAL else "r_redeem")]
    amount = "r_amount" if told.verb == ACCRUAL else "r_value"
    lines.append(text.get(amount, digits.number(told.amount), text.get("currency")))
    lines += _body(text, told)
    lines += [_RULE, text.get("r_card", masked(told.uid))]
    if told.member_no:
        lines.append(text.get("r_member", digits.plain(told.member_no)))
    lines += [text.get("r_stan", "{:06d}".format(told.stan)), text.get("r_ref", told.rrn)]
    if told.approval:
        lines.append(text.get("r_approval", told.approval))
    if told.kind == DONE:
        lines.append(text.get("r_thanks_earn" if told.verb == ACCRUAL else "r_thanks_redeem"))
    return lines


def _body(text: "Catalogue", told: "Outcome") -> "list[str]":
    """What became of it. A `Points:` line stands only on paper that promises them."""
    if told.kind == DECLINED:
        return [text.get("r_refused", told.code), text.error(told.code)[0]]
    if told.kind == UNDONE:
        return [text.get("r_reversed")]
    if told.kind == REJECTED:
        return [text.get("r_rejected")]
    if told.kind == TAKEN_BACK:
        return [text.get("r_voided")]
    if told.kind != DONE:
        return [text.get("r_unknown")]
    points = digits.signed(told.points)
    if not told.estimated:
        lines = [text.get("r_points", points)]
        if told.reserved:
            lines += [text.get("r_offline"), text.get("r_reserved")]
    else:
        review = "r_under_review" if told.under_review else "r_to_be_confirmed"
        lines = [text.get("r_points_about", points), text.get("r_offline"), text.get(review)]
    if told.balance is not None and told.balance.confirmed:
        lines.append(text.get("r_balance", digits.number(told.balance.points)))
    elif told.balance is not None:
        lines.append(text.get("r_balance_about", digits.number(told.balance.points)))
        fresh = told.balance.age_s < 60
        lines.append(text.get("r_balance_fresh") if fresh else text.get("r_balance_age", text.age(told.balance.age_s)))
    return lines
