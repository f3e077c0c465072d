"""A sale earns points: amount, card, and the switch's word if it can be had, else this terminal's own."""

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkDown, LinkError, Refused
from firmware.core.refusals import CARD_BLOCKED
from firmware.core.types import ACCRUAL, OFFLINE, OFFLINE_LINK_DOWN, OFFLINE_NO_ANSWER, OFFLINE_SWITCH_DOWN, ONLINE
from firmware.screen import screens
from firmware.switch.session import SwitchUnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData


async def sale(counter: "Counter", first_key: int) -> int:
    """The whole story; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    if counter.switch.value_stopped():
        raise Refused(counter.switch.halted())
    amount = await panel.amount(first_key, counter.limits.max_amount)
    card = await panel.card(panel.text.get("title_sale"), amount)
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    if books.seems_again(card, amount, counter.limits.again_within_s):
        await panel.confirm(screens.again(panel.text, amount))
    seq = await _approved(counter, card, amount)
    outcome = books.outcome(seq)
    return await counter.teller.outcome(outcome)


async def _approved(counter: "Counter", card: "CardData", amount: int) -> int:
    """SEQ of the transaction that stands for this sale."""
    if not counter.switch.online():
        return _offline(counter, card, amount, OFFLINE_LINK_DOWN)
    panel, books = counter.panel, counter.books
    asked = books.asks(card)
    intent = books.accrual(card, amount, ONLINE)
    panel.show(screens.waiting(panel.text, panel.text.get("title_sale"), amount))
    try:
        reply = await counter.switch.request(intent, asked)
    except LinkError as error:
        counter.log.error(error, "sale")
        books.reverse(intent)
        return _offline(counter, card, amount, _reason(error))
    books.answer(intent, reply, asked)
    if is_approved(reply):
        books.note_sale(card, amount)
    return intent.seq


def _offline(counter: "Counter", card: "CardData", amount: int, reason: int) -> int:
    """Approve here, on this terminal's own account; SEQ of the advice. Raises Refused."""
    books = counter.books
    decision = books.policy.decide(ACCRUAL, card.uid, books.pending_count(), books.oldest_age_s())
    if not decision.approved:
        raise Refused(decision.code)
    advice = books.accrual(card, amount, OFFLINE, reason)
    books.note_sale(card, amount)
    return advice.seq


def _reason(error: LinkError) -> int:
    """Why the switch's word could not be had (LT-87 tag 0D)."""
    if isinstance(error, SwitchUnable):
        return OFFLINE_SWITCH_DOWN
    return OFFLINE_LINK_DOWN if isinstance(error, LinkDown) else OFFLINE_NO_ANSWER
