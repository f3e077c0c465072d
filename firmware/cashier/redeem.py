"""Points pay: card, balance from the switch, as many points as the customer chooses, confirmed with their worth.

Never with a card that shows only its UID, unless the switch finds proof in what it signed. An unknown outcome is
reversed: the points are safe. Without the switch (line down, or twice no answer) only what it reserved for this card at
this terminal, where the settings want that.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkDown, LinkError, NoAnswer, Refused
from firmware.core.refusals import (
    CARD_BLOCKED,
    CARD_CANNOT_SPEND,
    CARD_TO_RENEW,
    NEEDS_CONNECTION,
    TOO_FEW_POINTS,
    host_refusal,
)
from firmware.core.types import AUTH_AES, AUTH_UID, OFFLINE_LINK_DOWN, OFFLINE_NO_ANSWER, CardData
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import Reply

_TRIES = const(2)
_LINE_AGAIN_MS = const(5000)
_TURN_MS = const(100)


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
    if not counter.switch.online():
        return await _without_the_switch(counter, card, OFFLINE_LINK_DOWN)
    if card.auth == AUTH_UID and not card.sun:
        raise Refused(CARD_CANNOT_SPEND)
    asked = books.asks(card)
    reply = await _asked_twice(counter, card, title, asked)
    if reply is None:
        return await _without_the_switch(counter, card, OFFLINE_NO_ANSWER)
    card, balance = _known_to_the_switch(counter, card, reply, asked)
    if card.auth == AUTH_UID:
        raise Refused(CARD_CANNOT_SPEND)
    if not books.rules.spendable(balance):
        raise Refused(TOO_FEW_POINTS)
    points = await panel.points(books.rules, balance)
    await panel.confirm(screens.confirm(panel.text, points, books.rules.worth(points)))
    if not counter.switch.online():
        return await _reserved(counter, card, points, OFFLINE_LINK_DOWN)
    released = books.release(card)
    intent = books.redemption(card, points)
    panel.show(screens.waiting(panel.text, title, None))
    try:
        reply = await counter.switch.request(intent, released)
    except LinkError as error:
        counter.log.error(error, "redemption")
        books.reverse(intent)
    else:
        books.answer(intent, reply)
    return await counter.teller.outcome(books.outcome(intent.seq))


async def _without_the_switch(counter: "Counter", card: CardData, reason: int) -> int:
    """Spend what is reserved for this card here; the key that ended it. Raises Refused."""
    panel, books = counter.panel, counter.books
    books.need_value()
    decision = books.may_spend_offline(card)
    if not decision.approved:
        raise Refused(decision.code)
    points = await panel.points(books.rules, decision.most)
    await panel.confirm(screens.confirm(panel.text, points, books.rules.worth(points)))
    return await _reserved(counter, card, points, reason)


async def _reserved(counter: "Counter", card: CardData, points: int, reason: int) -> int:
    """What was confirmed, as this terminal's own word; decided anew, for a customer took time to choose."""
    advice = counter.books.offline_redemption(card, points, reason)
    return await counter.teller.outcome(counter.books.outcome(advice.seq))


async def _asked_twice(
    counter: "Counter", card: CardData, title: str, asked: "tuple[int, int] | None"
) -> "Reply | None":
    """What the switch says of the card; None when it twice said nothing, and offline is worth a try. Raises Refused."""
    books = counter.books
    counter.panel.show(screens.waiting(counter.panel.text, title, None))
    for _ in range(_TRIES):
        try:
            return await counter.switch.inquire(
                card.uid, card.auth, books.member_no(card), card.counter, card.sun, asked
            )
        except LinkError as error:
            counter.log.error(error, "redemption inquiry")
            if books.policy.spending is None or not isinstance(error, (NoAnswer, LinkDown)):
                raise Refused(NEEDS_CONNECTION) from None
        await _line_again(counter)
    return None


async def _line_again(counter: "Counter") -> None:
    """Silence is taken for a dead line, which is made anew: give it a moment."""
    began = ticks_ms()
    while not counter.switch.online() and ticks_diff(ticks_ms(), began) < _LINE_AGAIN_MS:
        counter.panel.beat()
        await asyncio.sleep_ms(_TURN_MS)


def _known_to_the_switch(
    counter: "Counter", card: CardData, reply: "Reply", asked: "tuple[int, int] | None"
) -> "tuple[CardData, int]":
    """(the card with the rank it has proven, what may be spent online). Raises Refused."""
    books = counter.books
    books.policy.heard(card.uid, reply.rc, counter.clock.now_utc())
    if not is_approved(reply) or reply.balance is None:
        raise Refused(host_refusal(reply.rc))
    books.remember(card.uid, reply, asked)
    if card.sun and reply.auth == AUTH_AES:
        card = CardData(card.uid, card.kind, AUTH_AES, card.member_no, reply.counter)
    return card, reply.balance - books.spent_offline(card.uid)
