"""A new member: card, mobile number, birthday, consent, channel, referrer; then the switch's word, or a provisional
member until it comes. The welcome credit of a provisional member is not spendable: nothing is, without the switch.

Loaded for a visit.
"""

from micropython import const

from firmware.cashier import member_asks as asks
from firmware.cashier.exchange import ask_switch
from firmware.core.errors import LinkDown, LinkError, Refused
from firmware.core.keyed import keyed_uid, mobile_bcd
from firmware.core.refusals import CARD_BLOCKED, CARD_IS_BOUND, CARD_TO_RENEW, WAITS_ALREADY
from firmware.core.types import ACCRUAL, ENROL, OFFLINE, OFFLINE_LINK_DOWN, OFFLINE_NO_ANSWER, ONLINE
from firmware.screen import keys as key
from firmware.screen import members as screens
from firmware.screen import screens as common
from firmware.switch import tlv
from firmware.switch.profile import (
    TAG_BIRTHDAY,
    TAG_CHANNEL,
    TAG_CONSENT,
    TAG_MOBILE,
    TAG_REFERRER,
    TAG_SUPERVISOR,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData

UNKNOWN_CARD = "14"
_OFFER_MS = const(20_000)  # nobody need answer it


async def enrol(counter: "Counter", card: "CardData | None" = None) -> int:
    """The whole story; returns the key that ended it. `card` was tapped already. Raises Refused, Cancelled."""
    panel, books = counter.panel, counter.books
    books.need_value()
    supervisor = await counter.allow("enrol")
    title = panel.text.get("title_enrol")
    if card is None:
        card = await panel.card(title, None)
    fit_to_bind(counter, card)
    form = screens.Form()
    form.mobile = await asks.mobile(counter, title)
    form.birthday = await asks.birthday(counter, panel.text.get("title_birthday"))
    form.consent = await asks.consent(counter)
    form.channel = screens.BY_SMS if form.consent and counter.limits.channel == "sms" else screens.ON_PAPER
    if form.consent and counter.limits.channel == "ask":
        form.channel, form.language = await asks.channel(counter)
    form.referrer = await asks.referrer(counter, panel.text.get("title_referrer"), card.uid, form.mobile)
    await panel.confirm(screens.check(panel.text, form))
    details = _details(form, supervisor)
    welcome = books.rules.welcome_points
    if not counter.switch.online():
        return await _provisional(counter, card, welcome, details, OFFLINE_LINK_DOWN)
    intent = books.record(ENROL, ONLINE, card, 0, welcome, details=details)
    reply = await ask_switch(counter, intent, title)
    if isinstance(reply, LinkError):
        reason = OFFLINE_LINK_DOWN if isinstance(reply, LinkDown) else OFFLINE_NO_ANSWER
        return await _provisional(counter, card, welcome, details, reason)
    if reply.text:
        await panel.acknowledge(common.notice(panel.text, reply.text[:16], panel.text.get("enrol_goes_on")))
    return await counter.teller.outcome(books.outcome(intent.seq))


async def of_unknown(counter: "Counter", card: "CardData") -> int:
    """A card was tapped that the switch does not know: OK makes it a new member's; the key that ended it otherwise.
    Raises Refused, Cancelled."""
    panel = counter.panel
    panel.signals.refused()
    pressed = await panel.glance(screens.unknown(panel.text, "H" + UNKNOWN_CARD), _OFFER_MS)
    return await enrol(counter, card) if pressed == key.OK else pressed


def fit_to_bind(counter: "Counter", card: "CardData") -> None:
    """Raises Refused for a card this terminal knows better of."""
    books = counter.books
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    if card.suspect:
        raise Refused(CARD_TO_RENEW)
    for waiting in counter.journal.pending_of(card.uid):
        if waiting.verb == ENROL:
            raise Refused(WAITS_ALREADY)
    member = books.member(card.uid)
    if not counter.switch.online() and (card.member_no or (member is not None and member.member_no)):
        raise Refused(CARD_IS_BOUND)  # online the switch says so, and knows the same member again


def _details(form: "screens.Form", supervisor: int) -> bytes:
    tags = [
        (TAG_MOBILE, mobile_bcd(keyed_uid(form.mobile))),
        (TAG_CONSENT, bytes([form.consent])),
        (TAG_CHANNEL, bytes([form.channel]) + form.language.encode()),
    ]
    if form.birthday:
        day, month = int(form.birthday[:2]), int(form.birthday[2:])
        tags.append((TAG_BIRTHDAY, bytes([month // 10 << 4 | month % 10, day // 10 << 4 | day % 10])))
    if form.referrer:
        tags.append((TAG_REFERRER, form.referrer.encode()))
    if supervisor:
        tags.append((TAG_SUPERVISOR, str(supervisor).encode()))
    return tlv.pack(tags)


async def _provisional(counter: "Counter", card: "CardData", welcome: int, details: bytes, reason: int) -> int:
    """A member on this terminal's own word. Raises Refused."""
    books = counter.books
    decision = books.policy.decide(ACCRUAL, card.uid, books.pending_count(), books.oldest_age_s())
    if not decision.approved:
        raise Refused(decision.code)
    advice = books.record(ENROL, OFFLINE, card, 0, welcome, reason, details=details)
    return await counter.teller.outcome(books.outcome(advice.seq))
