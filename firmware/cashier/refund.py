"""Refund: money back later, of any receipt of the merchant, whole or in part; points follow in proportion.

Of a sale points are clawed back, of a redemption they are given back. Only the switch knows what is left of a receipt,
so nothing of this happens without it; it decides also whether a balance may turn negative, which is shown before the
last key.
"""

from micropython import const

from firmware.cashier.books import is_approved
from firmware.cashier.exchange import ask_switch
from firmware.cashier.find import entry_of, reference
from firmware.cashier.void import details_of
from firmware.core.calendar import days_from_civil
from firmware.core.clock import local_time
from firmware.core.errors import LinkError, Refused
from firmware.core.refusals import (
    AMOUNT_TOO_LARGE,
    AMOUNT_ZERO,
    CARD_BLOCKED,
    NOT_TO_VOID,
    REFUND_OFFLINE,
    WRONG_KEY,
    host_refusal,
)
from firmware.core.types import ACCRUAL, ONLINE, REDEMPTION, REFUND
from firmware.screen import keys as key
from firmware.screen import screens
from firmware.screen import undo as asking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData, Reply
    from firmware.switch.statement import Found
    from firmware.text.money import Money

_DIGITS = const(12)
_TAKEN_BACK = const("21")


async def refund(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    books.need_value()
    if not counter.switch.online():
        raise Refused(REFUND_OFFLINE)
    rrn = await reference(counter, "title_refund", "ref_12")
    card = await panel.card(panel.text.get("title_refund"), None)
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    own = entry_of(counter, rrn)
    mine = own is not None and own.transaction.uid == card.uid
    new = (
        own.transaction.new_money
        if own is not None and mine
        else made_in_new(books.money, rrn, counter.clock.now_utc())
    )
    found, reply = await _looked_up(counter, card, rrn, new)
    amount = await _part(counter, found.left_amount, new) if found.left_amount else 0
    points = found.points_for(amount)
    supervisor = await counter.allow("refund", books.money.in_old(amount, new))
    then = reply.balance + points if reply.balance is not None else None
    await panel.confirm(asking.confirm(panel.text, "title_refund_ask", amount, points, rrn, then, new))
    if not counter.switch.online():
        raise Refused(REFUND_OFFLINE)
    intent = books.record(
        REFUND,
        ONLINE,
        card,
        amount,
        points,
        details=details_of(rrn, supervisor),
        original_seq=own.transaction.seq if own is not None and mine else 0,
        new_money=new,
    )
    answer = await ask_switch(counter, intent, panel.text.get("title_refund"), amount)
    if not isinstance(answer, LinkError) and is_approved(answer) and amount == found.left_amount:
        books.taken_back(intent.original_seq)
    told = books.outcome(intent.seq)
    if own is not None and mine and amount == found.left_amount and books.outcome_of_entry(own).used:
        told.words = panel.text.get("voucher_stays")
    return await counter.teller.outcome(told)


def made_in_new(money: "Money", rrn: str, now_utc: int) -> bool:
    """Whether another terminal's receipt is certainly in the currency after a redenomination, by the day its reference
    names. On the day itself it may be either: any amount of both is whole in the old one."""
    if money.change is None:
        return False
    year = local_time(now_utc)[0]
    year -= (year - int(rrn[0])) % 10
    return days_from_civil(year, 1, 1) + int(rrn[1:4]) - 1 > money.change.day


async def _looked_up(counter: "Counter", card: "CardData", rrn: str, new: bool) -> "tuple[Found, Reply]":
    """What the switch knows of the receipt. Raises Refused."""
    panel, books = counter.panel, counter.books
    panel.show(screens.waiting(panel.text, panel.text.get("title_refund"), None))
    try:
        found, reply = await counter.office.statements().one(card, books.member_no(card), rrn, new)
    except LinkError as error:
        counter.log.error(error, "refund")
        raise Refused(REFUND_OFFLINE) from None
    if found.entry.verb not in (ACCRUAL, REDEMPTION):
        raise Refused(NOT_TO_VOID)
    if not found.left_amount and not found.left_points:
        raise Refused(host_refusal(_TAKEN_BACK))
    return found, reply


async def _part(counter: "Counter", left: int, new: bool) -> int:
    """How much money goes back: what is typed, or all that is left, in the receipt's currency. Raises Cancelled,
    TimedOut."""
    panel, keyed, note, unit = counter.panel, "", "", counter.books.money.of(new)
    while True:
        pressed = await panel.page(asking.part(panel.text, keyed, left, note, new))
        code, typed = "", key.typed(pressed)
        if typed and len(keyed) + len(typed) <= _DIGITS:
            keyed = (keyed + typed).lstrip("0") or "0"
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed != key.OK:
            code = WRONG_KEY
        elif not keyed:
            return left
        elif not int(keyed):
            code = AMOUNT_ZERO
        elif unit.keyed(keyed) > left:
            code = AMOUNT_TOO_LARGE
        else:
            return unit.keyed(keyed)
        note = panel.text.error(code)[0] if code else ""
