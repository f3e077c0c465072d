"""What the stories around vouchers share: a number is typed, the switch says what it is worth, a card is laid or not.

Never without the switch: it alone knows whether a voucher is still good. Loaded for a visit.
"""

from micropython import const

from firmware.cashier.books import is_approved
from firmware.core import luhn
from firmware.core.errors import Cancelled, CardError, LinkError, Refused
from firmware.core.refusals import NO_VOUCHER_NOW, VOUCHER_NUMBER, host_refusal
from firmware.core.types import AUTH_UID, CardData
from firmware.loyalty import offers
from firmware.screen import keys as key
from firmware.screen import screens
from firmware.screen import vouchers as screen
from firmware.switch import tlv
from firmware.switch.profile import TAG_OFFER, TAG_VOUCHER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.loyalty.offers import Offer

DIGITS = const(10)
_CARD_MS = const(30_000)


def nobody() -> CardData:
    """The bearer of a voucher, who laid no card."""
    return CardData(b"", "", AUTH_UID)


def need_line(counter: "Counter") -> None:
    """Raises Refused where value may not be moved, or the switch is not there."""
    if counter.switch.value_stopped():
        raise Refused(counter.switch.halted())
    if not counter.switch.online():
        raise Refused(NO_VOUCHER_NOW)


async def number(counter: "Counter") -> str:
    """A voucher's number that can be one. Raises Cancelled, TimedOut."""
    panel, keyed, note = counter.panel, "", ""
    while True:
        pressed = await panel.page(screen.number(panel.text, keyed, note))
        note, typed = "", key.typed(pressed)
        if typed and len(keyed) + len(typed) <= DIGITS:
            keyed += typed
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed == key.OK and len(keyed) == DIGITS and luhn.right(keyed):
            return keyed
        else:
            counter.log.fault(VOUCHER_NUMBER, "no voucher has such a number")
            note = panel.text.error(VOUCHER_NUMBER)[0]


async def look(counter: "Counter", of_number: str) -> "Offer":
    """What the switch says it is worth now; nothing is changed by it. Raises Refused."""
    panel = counter.panel
    panel.show(screens.waiting(panel.text, panel.text.get("title_voucher"), None))
    try:
        reply = await counter.switch.inquire(b"", AUTH_UID, 0, more=[(TAG_VOUCHER, of_number.encode())])
    except LinkError as error:
        counter.log.error(error, "voucher")
        raise Refused(NO_VOUCHER_NOW) from None
    worth = offers.worth(tlv.every(reply.content, TAG_OFFER))
    if not is_approved(reply) or worth is None:
        raise Refused(host_refusal(reply.rc))
    return worth


async def card_or_none(counter: "Counter", title: str, value: int) -> CardData:
    """The card of whom it is for, or nobody's when OK said that there is none. Raises Cancelled, TimedOut."""
    panel, note = counter.panel, ""
    while True:
        lines = screen.card_or_none(panel.text, title, value, note)
        try:
            answer = await panel.key_or_card(lambda shown=lines: shown, _CARD_MS)
        except CardError as error:
            counter.log.error(error, "card")
            panel.signals.refused()
            note = panel.text.error(error.code)[0]
            continue
        if not isinstance(answer, int):
            return answer
        if answer == key.OK:
            return nobody()
        if answer == key.CANCEL:
            raise Cancelled()
