"""A new card takes the place of a member's others: the member says so with the code the switch sends, or a supervisor
does. Only the switch can do it: offline there is nothing to replace. Loaded for a visit.
"""

from micropython import const

from firmware.cashier import member_asks as asks
from firmware.cashier.books import is_approved
from firmware.cashier.enrol import fit_to_bind
from firmware.cashier.exchange import ask_switch
from firmware.cashier.mobile_sale import ask_for
from firmware.core.errors import LinkError, Refused
from firmware.core.keyed import mobile_bcd
from firmware.core.refusals import NEEDS_CONNECTION
from firmware.core.types import ENROL, ONLINE, SMS_QUEUED
from firmware.core.visiting import visit
from firmware.screen import members as screens
from firmware.switch import tlv
from firmware.switch.profile import TAG_CODE, TAG_MOBILE, TAG_REASON, TAG_SUPERVISOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData

REPLACE = const(1)  # REASON, in the inquiry that asks for a code and in the enrolment
WRONG_CODE = "55"
_RIGHT = const("replace")  # firmware/service/rights.py
_OPERATOR = const(b"switch")  # as SUPERVISOR: no number of this shop allowed it


async def replace(counter: "Counter") -> int:
    """The whole story; returns the key that ended it. Raises Refused, Cancelled."""
    panel, books = counter.panel, counter.books
    books.need_value()
    if not counter.switch.online():
        raise Refused(NEEDS_CONNECTION)
    title = panel.text.get("title_replace")
    member = asks.keyed_card(await asks.mobile(counter, title))
    sms = (await ask_for(counter, member, REPLACE, title))[1]
    says = await _said(counter, title, sms == SMS_QUEUED)
    card = await panel.card(title, None)
    fit_to_bind(counter, card)
    await panel.confirm(screens.replace_check(panel.text, member.uid))
    while True:
        seq, rc = await _asked(counter, card, member, says, title)
        if rc != WRONG_CODE:
            return await counter.teller.outcome(books.outcome(seq))
        await counter.teller.refusal("H" + WRONG_CODE)
        says = await _said(counter, title, True)


async def _said(counter: "Counter", title: str, sent: bool) -> "tuple[int, bytes]":
    """The code that was sent, or, without one and by MENU, who allows it: a supervisor; where nobody works here yet,
    the operator of the switch, for a number alone that anybody may know moves no member's points."""
    code = await asks.code(counter, title, True) if sent else ""
    if code:
        return TAG_CODE, code.encode()
    number = await counter.allow("replace") or counter.books.clerk
    if number:
        return TAG_SUPERVISOR, str(number).encode()
    with visit("firmware.service.rights", "firmware.store.tries", "firmware.screen.right", "firmware.cashier.right"):
        from firmware.cashier.right import authorised

        await authorised(counter, _RIGHT)
        counter.office.rights().use_up()
    return TAG_SUPERVISOR, _OPERATOR


async def _asked(
    counter: "Counter", card: "CardData", member: "CardData", says: "tuple[int, bytes]", title: str
) -> "tuple[int, str]":
    """(SEQ of the intent, the switch's code or "")."""
    details = tlv.pack([(TAG_MOBILE, mobile_bcd(member.uid)), (TAG_REASON, bytes([REPLACE])), says])
    intent = counter.books.record(ENROL, ONLINE, card, 0, 0, details=details)
    reply = await ask_switch(counter, intent, title)
    if isinstance(reply, LinkError):
        return intent.seq, ""
    return intent.seq, "" if is_approved(reply) else reply.rc
