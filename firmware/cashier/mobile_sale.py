"""The card was forgotten: a sale, a balance, or points spent by mobile number. A number earns as a bare UID does; it
spends only with the code the switch sends to it. Loaded for a visit.
"""

from micropython import const

from firmware.cashier import member_asks as asks
from firmware.cashier.balance import balance
from firmware.cashier.books import is_approved
from firmware.cashier.exchange import ask_switch
from firmware.cashier.sale import sell
from firmware.core.errors import LinkError, Refused
from firmware.core.refusals import NEEDS_CONNECTION, NO_CODE_SENT, TOO_FEW_POINTS, host_refusal
from firmware.core.types import ONLINE, REDEMPTION, SMS_NONE, SMS_QUEUED
from firmware.screen import keys as key
from firmware.screen import screens
from firmware.switch import tlv
from firmware.switch.profile import TAG_CODE, TAG_REASON, TAG_SMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData, Reply

SPEND = const(2)  # REASON of an inquiry: a code to spend with
WRONG_CODE = "55"


async def sale_by_mobile(counter: "Counter") -> int:
    """A sale; returns the key that ended it. Raises Refused, Cancelled."""
    if counter.switch.value_stopped():
        raise Refused(counter.switch.halted())
    card = asks.keyed_card(await asks.mobile(counter, counter.panel.text.get("title_sale")))
    amount = await counter.panel.amount(key.NO_KEY, counter.limits.max_amount)
    return await sell(counter, card, amount)


async def balance_by_mobile(counter: "Counter") -> int:
    """How many points; returns the key that ended it. Raises Refused, Cancelled."""
    return await balance(counter, asks.keyed_card(await asks.mobile(counter, counter.panel.text.get("title_balance"))))


async def spend_by_mobile(counter: "Counter") -> int:
    """Points pay, with the member's code; returns the key that ended it. Raises Refused, Cancelled."""
    panel, books = counter.panel, counter.books
    books.need_value(spends=True)
    if not counter.switch.online():
        raise Refused(NEEDS_CONNECTION)
    title = panel.text.get("title_redeem")
    card = asks.keyed_card(await asks.mobile(counter, title))
    reply, sms = await ask_for(counter, card, SPEND, title)
    if sms != SMS_QUEUED:
        raise Refused(NO_CODE_SENT)
    if reply.balance is None or not books.rules.spendable(reply.balance):
        raise Refused(TOO_FEW_POINTS)
    points = await panel.points(books.rules, reply.balance)
    worth = books.rules.worth(points)
    await panel.confirm(screens.confirm(panel.text, points, worth))
    while True:
        says = tlv.pack([(TAG_CODE, (await asks.code(counter, title)).encode())])
        intent = books.record(REDEMPTION, ONLINE, card, worth, -points, details=says)
        answer = await ask_switch(counter, intent, title)
        if isinstance(answer, LinkError) or answer.rc != WRONG_CODE:
            return await counter.teller.outcome(books.outcome(intent.seq))
        await counter.teller.refusal("H" + WRONG_CODE)


async def ask_for(counter: "Counter", card: "CardData", reason: int, title: str) -> "tuple[Reply, int]":
    """(what the switch says of the member, what becomes of the message it was asked for). Raises Refused."""
    counter.panel.show(screens.waiting(counter.panel.text, title, None))
    try:
        reply = await counter.switch.inquire(card.uid, card.auth, 0, more=[(TAG_REASON, bytes([reason]))])
    except LinkError as error:
        counter.log.error(error, "asking for a code")
        raise Refused(NEEDS_CONNECTION) from None
    if not is_approved(reply):
        raise Refused(host_refusal(reply.rc))
    counter.books.remember(card.uid, reply)
    return reply, reply.tags[TAG_SMS][0] if TAG_SMS in reply.tags else SMS_NONE
