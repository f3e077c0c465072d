"""Points pay: card, balance from the switch, as many points as the customer chooses, confirmed with their worth.

Never with a card that shows only its UID, unless the switch finds proof in what it signed. An unknown outcome is
reversed: the points are safe. Without the switch (line down, or twice no answer) only what it reserved for this card at
this terminal, where the settings want that.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.books import is_approved
from firmware.cashier.exchange import ask_switch
from firmware.core.errors import LinkDown, LinkError, NoAnswer, Refused
from firmware.core.refusals import (
    CARD_BLOCKED,
    CARD_CANNOT_SPEND,
    CARD_TO_RENEW,
    NEEDS_CONNECTION,
    PRICE_TOO_SMALL,
    TOO_FEW_POINTS,
    host_refusal,
)
from firmware.core.types import (
    AUTH_AES,
    AUTH_UID,
    OFFLINE_LINK_DOWN,
    OFFLINE_NO_ANSWER,
    ONLINE,
    REDEMPTION,
    CardData,
)
from firmware.core.visiting import visit
from firmware.screen import screens
from firmware.switch import tlv
from firmware.switch.profile import TAG_REWARD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import Reply, Transaction

    Reward = tuple[int, int, int, str]  # number, points, worth, name

_TRIES = const(2)
_LINE_AGAIN_MS = const(5000)
_TURN_MS = const(100)


async def redeem(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel = counter.panel
    counter.books.need_value(spends=True)
    title = panel.text.get("title_redeem")
    card = await panel.card(title, None, prove=True)
    return await spend(counter, card)


async def spend(counter: "Counter", card: CardData, price: int = 0) -> int:
    """From the card on, which has proven itself; with a `price` no more than pays it. The key that ended it."""
    panel, books = counter.panel, counter.books
    title = panel.text.get("title_redeem")
    books.need_value(spends=True)
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    if card.suspect:
        raise Refused(CARD_TO_RENEW)
    if not counter.switch.online():
        return await _without_the_switch(counter, card, OFFLINE_LINK_DOWN, price)
    if card.auth == AUTH_UID and not card.sun:
        raise Refused(CARD_CANNOT_SPEND)
    asked = books.asks(card)
    reply = await _asked_twice(counter, card, title, asked)
    if reply is None:
        return await _without_the_switch(counter, card, OFFLINE_NO_ANSWER, price)
    card, balance = _known_to_the_switch(counter, card, reply, asked)
    if card.auth == AUTH_UID:
        raise Refused(CARD_CANNOT_SPEND)
    reward = await _reward(counter, balance) if not price else None
    points = reward[1] if reward is not None else await _points(counter, balance, price)
    if not counter.switch.online():
        if reward is not None:
            raise Refused(NEEDS_CONNECTION)
        return await _reserved(counter, card, points, OFFLINE_LINK_DOWN)
    released = books.release(card)
    intent = books.redemption(card, points) if reward is None else _bought(counter, card, reward)
    await ask_switch(counter, intent, title, None, released)
    told = books.outcome(intent.seq)
    told.words = reward[3] if reward is not None else ""
    return await counter.teller.outcome(told)


async def _reward(counter: "Counter", balance: int) -> "Reward | None":
    """What the customer wants of the catalogue, None: money. Raises Refused."""
    if not counter.books.rules.rewards:
        return None
    with visit("firmware.cashier.rewards"):
        from firmware.cashier.rewards import choose

        return await choose(counter, balance)


def _most(counter: "Counter", price: int) -> "int | None":
    """The most points that pay no more than this; None without a price. Raises Refused."""
    rules = counter.books.rules
    most = rules.most_for(price) if price else None
    if most is not None and not rules.spendable(most):
        raise Refused(PRICE_TOO_SMALL)
    return most


async def _points(counter: "Counter", balance: int, price: int) -> int:
    """So many points as the customer chooses, and confirms with what they pay. Raises Refused."""
    panel, rules = counter.panel, counter.books.rules
    if not rules.spendable(balance):
        raise Refused(TOO_FEW_POINTS)
    points = await panel.points(rules, balance, _most(counter, price))
    await panel.confirm(screens.confirm(panel.text, points, rules.worth(points)))
    return points


def _bought(counter: "Counter", card: CardData, reward: "Reward") -> "Transaction":
    """Append the intent to give points for a reward."""
    number, points, worth, _name = reward
    details = tlv.pack([(TAG_REWARD, tlv.from_unsigned(number, 2))])
    return counter.books.record(REDEMPTION, ONLINE, card, worth, -points, details=details)


async def _without_the_switch(counter: "Counter", card: CardData, reason: int, price: int) -> int:
    """Spend what is reserved for this card here; the key that ended it. Raises Refused."""
    panel, books = counter.panel, counter.books
    books.need_value(spends=True)
    decision = books.may_spend_offline(card)
    if not decision.approved:
        raise Refused(decision.code)
    points = await panel.points(books.rules, decision.most, _most(counter, price))
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
