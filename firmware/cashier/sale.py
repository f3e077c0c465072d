"""A sale earns points: amount, card, greeting, and the switch's word if it can be had, else this terminal's own."""

from firmware.cashier.books import is_approved
from firmware.cashier.exchange import ask_switch
from firmware.cashier.marks import Marks
from firmware.core.errors import LinkDown, LinkError, Refused
from firmware.core.keyed import is_keyed
from firmware.core.refusals import CARD_BLOCKED, OFFER_NEEDS_SWITCH
from firmware.core.types import ACCRUAL, OFFLINE, OFFLINE_LINK_DOWN, OFFLINE_NO_ANSWER, OFFLINE_SWITCH_DOWN, ONLINE
from firmware.core.visiting import visit
from firmware.loyalty.outcome import DONE
from firmware.screen import screens
from firmware.screen.keys import NO_KEY
from firmware.switch import tlv
from firmware.switch.profile import TAG_BASKET, TAG_BENEFIT, TAG_OFFER, TAG_SUPERVISOR, TAG_VOUCHER, TAG_WINBACK
from firmware.switch.session import SwitchUnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData
    from firmware.loyalty.facts import Facts
    from firmware.loyalty.greeting import Greeting
    from firmware.loyalty.offers import Offer


class Deal:
    """What is sold to whom: `price` as keyed, `payable` what is paid of it and earns, `tags` what the message says
    besides. What `needs_switch` only its word may approve; `words` is what it said besides, `benefits`
    the codes of what the member is entitled to."""

    def __init__(
        self, card: "CardData", price: int, facts: "Facts", greeting: "Greeting | None", marks: "Marks | None" = None
    ) -> None:
        self.card = card
        self.price = price
        self.payable = price
        self.facts = facts
        self.greeting = greeting
        self.needs_switch = False
        self.words, self.benefits = "", b""
        self.gift = marks is not None and marks.gift
        self.tags: "list[tuple[int, bytes]]" = marks.tags() if marks is not None else []
        if marks is not None:
            facts.basket = marks.basket
        if greeting is not None and greeting.wins_back():
            self.tags.append((TAG_WINBACK, b"\x01"))

    def take(self, offer: "Offer") -> None:
        """The customer takes this offer."""
        self.payable = offer.payable(self.price)
        self.facts.bonus_percent = offer.value if offer.bonus(100) else 0
        self.needs_switch = True
        if offer.count and self.facts.basket != offer.category:
            self.facts.basket = offer.category
            self.tags = [one for one in self.tags if one[0] != TAG_BASKET] + [(TAG_BASKET, bytes([offer.category]))]
        self.tags.append((TAG_OFFER, offer.applied(self.price)))

    def use(self, number: str, worth: "Offer") -> None:
        """A voucher pays a part."""
        self.take(worth)
        self.tags.append((TAG_VOUCHER, number.encode()))


async def sale(counter: "Counter", first_key: int) -> int:
    """The whole story; returns the key that ended it."""
    panel = counter.panel
    if counter.switch.value_stopped():
        raise Refused(counter.switch.halted())
    marks = Marks()
    amount = await panel.amount(first_key, counter.limits.max_amount, marks)
    card = await panel.card(panel.text.get("title_sale"), amount)
    return await sell(counter, card, amount, marks)


async def sell(
    counter: "Counter",
    card: "CardData",
    amount: int,
    marks: "Marks | None" = None,
    voucher: "tuple[str, Offer] | None" = None,
) -> int:
    """From the card on; a `voucher` is its number and what it is worth, seen and agreed to before."""
    panel, books = counter.panel, counter.books
    title = panel.text.get("title_sale")
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    if books.seems_again(card, amount, counter.limits.again_within_s):
        await panel.confirm(screens.again(panel.text, amount))
    greeting, unheard = None, None
    if counter.greets and (counter.switch.online() or books.member(card.uid) is not None):
        with visit("firmware.cashier.greet"):
            from firmware.cashier.greet import greet

            greeting, unheard = await greet(counter, card, title, amount, marks)
    supervisor = 0
    if is_keyed(card.uid):
        with visit("firmware.cashier.by_number"):
            from firmware.cashier.by_number import answered_for

            supervisor, unheard = await answered_for(counter, card, amount, unheard)
    deal = Deal(card, amount, books.facts(card.uid), greeting, marks)
    if supervisor:
        deal.tags.append((TAG_SUPERVISOR, str(supervisor).encode()))
    if voucher is not None:
        deal.use(*voucher)
    elif greeting is not None:
        await _offered(counter, deal, greeting)
    seq = await _approved(counter, deal, unheard)
    told = books.outcome(seq)
    told.words, told.benefits = deal.words, deal.benefits
    told.was_tier, told.tier_percent = deal.facts.tier, books.rules.tier_percent[told.tier]
    ended_by = await counter.teller.outcome(told)
    if ended_by != NO_KEY or told.kind != DONE or not books.rules.asks(deal.facts):
        return ended_by
    with visit("firmware.cashier.survey"):
        from firmware.cashier.survey import ask

        return await ask(counter, card, deal.facts)


async def _offered(counter: "Counter", deal: Deal, greeting: "Greeting") -> None:
    """The sale takes what the customer chooses, and a gift what it is entitled to. Raises Cancelled."""
    while greeting.stops():
        with visit("firmware.cashier.greet"):
            from firmware.cashier.greet import choose

            offer = await choose(counter, greeting)
        if offer is None:
            break
        with visit("firmware.cashier.offering"):
            from firmware.cashier.offering import take

            if await take(counter, deal, offer):
                return
    if deal.gift and greeting.offers:
        with visit("firmware.cashier.offering"):
            from firmware.cashier.offering import give

            await give(counter, deal)


async def _approved(counter: "Counter", deal: Deal, unheard: "LinkError | None") -> int:
    """SEQ of the transaction that stands for this sale; `unheard` when the switch was silent a moment ago."""
    if unheard is not None:
        return await _offline(counter, deal, _reason(unheard))
    if not counter.switch.online():
        return await _offline(counter, deal, OFFLINE_LINK_DOWN)
    books, title = counter.books, counter.panel.text.get("title_sale")
    asked = books.asks(deal.card)
    intent = books.accrual(deal.card, deal.payable, ONLINE, 0, deal.facts, tlv.pack(deal.tags))
    beside = deal.greeting.passing if deal.greeting is not None else ()
    reply = await ask_switch(counter, intent, title, deal.payable, asked, beside)
    if isinstance(reply, LinkError):
        return await _offline(counter, deal, _reason(reply))
    if is_approved(reply):
        books.note_sale(deal.card, deal.price, intent.seq)
        deal.words, deal.benefits = reply.text, reply.tags.get(TAG_BENEFIT, b"")
    return intent.seq


async def _offline(counter: "Counter", deal: Deal, reason: int) -> int:
    """Approve here, on this terminal's own account; SEQ of the advice. Raises Refused."""
    books = counter.books
    if deal.needs_switch:
        raise Refused(OFFER_NEEDS_SWITCH)
    waiting_today = deal.facts.waiting_today
    decision = books.policy.decide(ACCRUAL, deal.card.uid, books.pending_count(), books.oldest_age_s(), waiting_today)
    if not decision.approved:
        raise Refused(decision.code)
    advice = books.accrual(deal.card, deal.payable, OFFLINE, reason, deal.facts, tlv.pack(deal.tags))
    books.note_sale(deal.card, deal.price, advice.seq)
    return advice.seq


def _reason(error: LinkError) -> int:
    """Why the switch's word could not be had (LT-87 tag 0D)."""
    if isinstance(error, SwitchUnable):
        return OFFLINE_SWITCH_DOWN
    return OFFLINE_LINK_DOWN if isinstance(error, LinkDown) else OFFLINE_NO_ANSWER
