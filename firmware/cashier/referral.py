"""A member's referral code, on the screen and, with OK, on paper: to be told to friends. Loaded for a visit."""

from micropython import const

from firmware.cashier.mobile_sale import ask_for
from firmware.core.errors import Refused
from firmware.core.refusals import NEEDS_CONNECTION, host_refusal
from firmware.receipt.content import shop_lines
from firmware.receipt.lines import PLAIN, RULE, STRONG
from firmware.screen import keys as key
from firmware.screen import members as screens
from firmware.switch import tlv
from firmware.switch.profile import TAG_REFCODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_TELL = const(3)  # REASON of an inquiry: the referral code


async def referral_code(counter: "Counter") -> "int | str":
    """The key that ended it, or a note for the menu when it was printed. Raises Refused, Cancelled."""
    panel = counter.panel
    if not counter.switch.online():
        raise Refused(NEEDS_CONNECTION)
    title = panel.text.get("title_refcode")
    card = await panel.card(title, None)
    reply, _ = await ask_for(counter, card, _TELL, title)
    if TAG_REFCODE not in reply.tags:
        raise Refused(host_refusal("14"))  # a card that earns for nobody yet
    digits = tlv.text(reply.tags[TAG_REFCODE])
    pressed = await panel.page(screens.refcode(panel.text, digits))
    if pressed != key.OK:
        return pressed
    text = panel.text
    lines = shop_lines(text, counter.shop)
    lines += [(RULE, ""), (STRONG, text.get("r_refcode", digits)), (PLAIN, text.get("r_refcode_tell"))]
    if not await counter.teller.paper(lines):
        raise Refused(counter.teller.spool.code)
    return text.get("menu_printed")
