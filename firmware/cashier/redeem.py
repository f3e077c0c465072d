"""Points pay: card, balance from the switch, as many points as the customer chooses, confirmed with their worth.

Never offline and never with a card that shows only its UID, unless the switch finds proof in what it signed. An
unknown outcome is reversed: the points are safe.
"""

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkError, Refused
from firmware.core.refusals import (
    CARD_BLOCKED,
    CARD_CANNOT_SPEND,
    CARD_TO_RENEW,
    NEEDS_CONNECTION,
    TOO_FEW_POINTS,
    host_refusal,
)
from firmware.core.types import AUTH_AES, AUTH_UID, CardData
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter


async def redeem(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    if counter.switch.value_stopped():
        raise Refused(counter.switch.halted())
    title = panel.text.get("title_redeem")
    card = await panel.card(title, None, prove=True)
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    if card.suspect:
        raise Refused(CARD_TO_RENEW)
    card, balance = await _known_to_the_switch(counter, card, title)
    if card.auth == AUTH_UID:
        raise Refused(CARD_CANNOT_SPEND)
    if not books.rules.spendable(balance):
        raise Refused(TOO_FEW_POINTS)
    points = await panel.points(books.rules, balance)
    await panel.confirm(screens.confirm(panel.text, points, books.rules.worth(points)))
    if not counter.switch.online():
        raise Refused(NEEDS_CONNECTION)
    intent = books.redemption(card, points)
    panel.show(screens.waiting(panel.text, title, None))
    try:
        reply = await counter.switch.request(intent)
    except LinkError as error:
        counter.log.error(error, "redemption")
        books.reverse(intent)
    else:
        books.answer(intent, reply)
    return await counter.teller.outcome(books.outcome(intent.seq))


async def _known_to_the_switch(counter: "Counter", card: CardData, title: str) -> "tuple[CardData, int]":
    """(the card with the rank it has proven, what the switch says may be spent). Raises Refused."""
    if not counter.switch.online():
        raise Refused(NEEDS_CONNECTION)
    if card.auth == AUTH_UID and not card.sun:
        raise Refused(CARD_CANNOT_SPEND)
    counter.panel.show(screens.waiting(counter.panel.text, title, None))
    try:
        reply = await counter.switch.inquire(card.uid, card.auth, counter.books.member_no(card), card.counter, card.sun)
    except LinkError as error:
        counter.log.error(error, "redemption inquiry")
        raise Refused(NEEDS_CONNECTION) from None
    counter.books.policy.heard(card.uid, reply.rc, counter.clock.now_utc())
    if not is_approved(reply) or reply.balance is None:
        raise Refused(host_refusal(reply.rc))
    counter.books.remember(card.uid, reply)
    if card.sun and reply.auth == AUTH_AES:
        card = CardData(card.uid, card.kind, AUTH_AES, card.member_no, reply.counter)
    return card, reply.balance
