"""How many points a card has: the switch's word, or what this terminal remembers with its age."""

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkError, Refused
from firmware.core.keyed import is_keyed
from firmware.core.refusals import NO_BALANCE_KNOWN, host_refusal
from firmware.core.visiting import visit
from firmware.loyalty.outcome import Balance
from firmware.screen import outcomes, screens
from firmware.switch.told import next_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData
    from firmware.screen.lines import Line


UNKNOWN_CARD = "14"


class UnknownCard(Refused):
    """The switch knows nobody with this card."""


async def balance(counter: "Counter", card: "CardData | None") -> int:
    """Ask for a card unless one was tapped already, then show; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    title = panel.text.get("title_balance")
    if card is None:
        card = await panel.card(title, None)
    tags: "dict[int, bytes]" = {}
    try:
        told = await _confirmed(counter, card, title, tags) or books.estimate(card.uid)
    except UnknownCard:
        with visit("firmware.cashier.member_menu"):
            from firmware.cashier.member_menu import of_unknown_card

            return await of_unknown_card(counter, card)
    books.need_members()  # the switch may have forbidden it meanwhile
    if told is None:
        raise Refused(NO_BALANCE_KNOWN)
    if books.order is not None:
        books.order.balance_of(told)
    member = books.member(card.uid)
    panel.signals.ok() if told.confirmed else panel.signals.offline_ok()
    standing: "Sequence[Line]" = ()
    if member is not None:
        with visit("firmware.screen.standing", "firmware.switch.greeted"):
            from firmware.screen.standing import member_rows
            from firmware.switch.greeted import expiring

            standing = member_rows(panel.text, member, next_of(tags), expiring(tags))
    return await panel.acknowledge(outcomes.balance(panel.text, told, standing))


async def _confirmed(counter: "Counter", card: "CardData", title: str, tags: "dict[int, bytes]") -> "Balance | None":
    """The switch's figure, or None when it cannot be had now; `tags` takes what it says besides. Raises Refused when
    the switch refuses the card."""
    if not counter.switch.online():
        return None
    books = counter.books
    counter.panel.show(screens.waiting(counter.panel.text, title, None))
    asked = books.asks(card)
    try:
        reply = await counter.switch.inquire(card.uid, card.auth, books.member_no(card), card.counter, allowance=asked)
    except LinkError as error:
        counter.log.error(error, "inquiry")
        return None
    counter.books.policy.heard(card.uid, reply.rc, counter.clock.now_utc())
    if reply.rc == UNKNOWN_CARD and not is_keyed(card.uid):
        raise UnknownCard(host_refusal(reply.rc))
    if not is_approved(reply):
        raise Refused(host_refusal(reply.rc))
    books.remember(card.uid, reply, asked)
    tags.update(reply.tags)
    if reply.balance is None:
        return None
    spent = books.spent_offline(card.uid)  # of which the switch has not heard: its figure is not the last word
    return Balance(reply.balance - spent, not spent, 0)
