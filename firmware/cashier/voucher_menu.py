"""MENU, vouchers: use one in a sale, make a broken promise good, sell a gift card, look at one.

With a card the voucher rides in the sale's own message, so there is nothing between the two that a power cut could fall
into: the sale is booked with the voucher used, or reversed with the voucher good again. Without a card its use is a
message of its own (processing code 959100), reversed like every other when nobody knows what came of it.
"""

from micropython import const

from firmware.cashier import vouchers
from firmware.cashier.exchange import ask_switch
from firmware.cashier.sale import sell
from firmware.core.types import ISSUE, ONLINE, USE
from firmware.core.visiting import visit
from firmware.loyalty.offers import FLAG_GIFT
from firmware.screen import keys as key
from firmware.screen import vouchers as screen
from firmware.switch import tlv
from firmware.switch.profile import TAG_FLAGS, TAG_OFFER, TAG_REASON, TAG_SUPERVISOR, TAG_VOUCHER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

# Why something is made good (LT-87 tag 51), in the order of the menu.
_REASONS = const(("reason_late", "reason_quality", "reason_wrong", "reason_staff"))


TITLE = "title_vouchers"
# As in member_menu; all of it is done here.
ITEMS = (
    ("voucher_use", "", "", ""),
    ("voucher_good", "", "", "recovery"),
    ("voucher_sell", "", "", "gift_card"),
    ("voucher_look", "", "", ""),
)


async def run(counter: "Counter") -> "int | str":
    """For the menu."""
    text = counter.panel.text
    items = ["{} {}".format(n + 1, text.get(ITEMS[n][0])) for n in range(len(ITEMS))]
    chosen = await counter.panel.choice(items, "", TITLE)
    vouchers.need_line(counter)
    with visit("firmware.screen.vouchers"):
        if chosen == 1:
            return await _use(counter)
        if chosen == 4:
            return await _look(counter)
        return await _issue(counter, sold=chosen == 3)


async def _look(counter: "Counter") -> int:
    number = await vouchers.number(counter)
    worth = await vouchers.look(counter, number)
    counter.panel.signals.ok()
    return await counter.panel.acknowledge(screen.worth(counter.panel.text, number, worth))


async def _use(counter: "Counter") -> int:
    """Number, price, what is left to pay, and one tap."""
    panel, books = counter.panel, counter.books
    books.need_value(spends=True)
    number = await vouchers.number(counter)
    worth = await vouchers.look(counter, number)
    price = await panel.amount(key.NO_KEY, counter.limits.max_amount)
    await panel.confirm(screen.price(panel.text, worth, price))
    payable = worth.payable(price)
    card = await vouchers.card_or_none(counter, panel.text.get("title_voucher"), payable)
    if card.uid:
        return await sell(counter, card, price, None, (number, worth))
    details = tlv.pack([(TAG_VOUCHER, number.encode()), (TAG_OFFER, worth.applied(price))])
    intent = books.record(USE, ONLINE, card, payable, 0, details=details)
    await ask_switch(counter, intent, panel.text.get("title_voucher"), payable)
    return await counter.teller.outcome(books.outcome(intent.seq))


async def _issue(counter: "Counter", sold: bool) -> int:
    """A voucher for the next visit, paid for as a gift card or for what went wrong, within who stands here's limit."""
    panel, books, text = counter.panel, counter.books, counter.panel.text
    title, reason = text.get("voucher_sell" if sold else "voucher_good"), ""
    details = [(TAG_FLAGS, bytes([FLAG_GIFT]))]
    if not sold:
        names = [text.get(name) for name in _REASONS]
        chosen = await panel.choice(["{} {}".format(n + 1, name) for n, name in enumerate(names)], "", "title_reason")
        reason, details = names[chosen - 1], [(TAG_REASON, bytes([chosen]))]
    value = await panel.amount(key.NO_KEY, counter.limits.max_amount)
    limited = books.money.in_old(value, books.money.new)
    supervisor = await counter.allow("gift_card" if sold else "recovery", limited) or counter.supervisor()
    if supervisor:
        details.append((TAG_SUPERVISOR, str(supervisor).encode()))
    card = await vouchers.card_or_none(counter, title, value)
    await panel.confirm(screen.ask_issue(text, title, value, reason))
    vouchers.need_line(counter)
    intent = books.record(ISSUE, ONLINE, card, value, 0, details=tlv.pack(details))
    await ask_switch(counter, intent, title, value)
    return await counter.teller.outcome(books.outcome(intent.seq))
