"""A sale by mobile number: nobody here can tell whose number this is, so who stands at the till answers for it.

A clerk's sales by number are counted by the shift, on line as off, and none earns for who makes it: before one, the
switch is asked whose the number is and whose the clerk's own cards are, where this terminal does not know. Loaded for a
visit.
"""

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkError
from firmware.core.types import ACCRUAL, AUTH_UID
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData


async def answered_for(
    counter: "Counter", card: "CardData", amount: int, unheard: "LinkError | None"
) -> "tuple[int, LinkError | None]":
    """The supervisor who allowed it, 0 when nobody had to; and why the switch's word cannot be had, None when it can.
    Raises Refused, Cancelled."""
    staff = counter.staff
    if staff is not None and staff.cards:
        if unheard is None and counter.switch.online():
            unheard = await _learnt(counter, [card.uid] + staff.cards, amount)
        staff.before(ACCRUAL, card)
    return await counter.allow("keyed", amount), unheard


async def _learnt(counter: "Counter", uids: "list[bytes]", amount: int) -> "LinkError | None":
    books, text = counter.books, counter.panel.text
    for uid in uids:
        if books.member(uid) is not None:
            continue
        counter.panel.show(screens.waiting(text, text.get("title_sale"), amount))
        try:
            reply = await counter.switch.inquire(uid, AUTH_UID, 0)
        except LinkError as error:
            counter.log.error(error, "whose number")
            return error
        if is_approved(reply):
            books.remember(uid, reply)
    return None
