"""How many points a card has: the switch's word, or what this terminal remembers with its age."""

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkError, Refused
from firmware.core.refusals import NO_BALANCE_KNOWN, host_refusal
from firmware.loyalty.outcome import Balance
from firmware.screen import outcomes, screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData


async def balance(counter: "Counter", card: "CardData | None") -> int:
    """Ask for a card unless one was tapped already, then show; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    title = panel.text.get("title_balance")
    if card is None:
        card = await panel.card(title, None)
    told = await _confirmed(counter, card, title) or books.estimate(card.uid)
    books.need_members()  # the switch may have forbidden it meanwhile
    if told is None:
        raise Refused(NO_BALANCE_KNOWN)
    member = books.member(card.uid)
    panel.signals.ok() if told.confirmed else panel.signals.offline_ok()
    return await panel.acknowledge(outcomes.balance(panel.text, told, member.name if member is not None else ""))


async def _confirmed(counter: "Counter", card: "CardData", title: str) -> "Balance | None":
    """The switch's figure, or None when it cannot be had now. Raises Refused when the switch refuses the card."""
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
    if not is_approved(reply):
        raise Refused(host_refusal(reply.rc))
    books.remember(card.uid, reply, asked)
    if reply.balance is None:
        return None
    spent = books.spent_offline(card.uid)  # of which the switch has not heard: its figure is not the last word
    return Balance(reply.balance - spent, not spent, 0)
