"""The questions of membership: a mobile number, a birthday, consent, channel, referrer, the code of a message.

Each asks until the answer fits; what does not fit is one line and a line in the log, which repeats no digit. Raises
Cancelled and TimedOut as every question does. Loaded for a visit.
"""

from binascii import b2a_base64

from micropython import const

from firmware.core import jalali, luhn
from firmware.core import mobile as numbers
from firmware.core.errors import Cancelled, CardError
from firmware.core.keyed import keyed_uid
from firmware.core.refusals import BAD_MOBILE, BAD_REFERRER, NO_SUCH_DAY, SIX_DIGITS, TOO_MANY_DIGITS, WRONG_KEY
from firmware.core.types import AUTH_UID, CardData
from firmware.screen import keys as key
from firmware.screen import members as screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.cashier.counter import Counter
    from firmware.screen.lines import Line

CODE_DIGITS = const(6)
_REFERRAL_DIGITS = const(8)
_QUESTION_MS = const(60_000)
_CARD_SIGN = const("@")  # before the UID of a referrer's card in tag 45


def keyed_card(mobile: str) -> CardData:
    """A member who gave a number and no card."""
    return CardData(keyed_uid(mobile), "mobile", AUTH_UID)


async def mobile(counter: "Counter", title: str) -> str:
    """Ten digits."""
    text = counter.panel.text
    typed = await _typed(
        counter,
        lambda keyed, note: screens.mobile(text, title, keyed, note),
        numbers.TYPED_MOST,
        lambda keyed: "" if numbers.canonical(keyed) else BAD_MOBILE,
    )
    return numbers.canonical(typed)


async def birthday(counter: "Counter", title: str) -> str:
    """Jalali day and month as ddmm, "" when it was skipped."""
    text = counter.panel.text
    return await _typed(counter, lambda keyed, note: screens.birthday(text, title, keyed, note), 4, _day_fault)


async def code(counter: "Counter", title: str, menu: bool = False) -> str:
    """The digits of the member's message; with `menu` also "", for that key: the member has none."""
    text = counter.panel.text
    return await _typed(
        counter,
        lambda keyed, note: screens.code(text, title, keyed, note, menu),
        CODE_DIGITS,
        lambda keyed: "" if len(keyed) == CODE_DIGITS else SIX_DIGITS,
        menu,
    )


async def consent(counter: "Counter") -> bool:
    """Whether the member wants messages."""
    text = counter.panel.text
    return await counter.panel.choice(["1 " + text.get("yes"), "2 " + text.get("no")], "", "title_consent") == 1


async def channel(counter: "Counter") -> "tuple[int, str]":
    """How the member wants to hear of a sale, and in which language."""
    text = counter.panel.text
    items = ["1 " + text.get("by_sms_fa"), "2 " + text.get("by_sms_en"), "3 " + text.get("on_paper")]
    chosen = await counter.panel.choice(items, "", "title_channel")
    return (screens.ON_PAPER, "fa") if chosen == 3 else (screens.BY_SMS, "fa" if chosen == 1 else "en")


async def referrer(counter: "Counter", title: str, new_uid: bytes, own: str) -> str:
    """Who brought the member, as tag 45 says it; "" nobody. It is neither the new card nor the number typed before."""
    panel, text = counter.panel, counter.panel.text
    keyed, note = "", ""
    while True:
        lines = screens.referrer(text, title, keyed, note)
        note = ""
        try:
            answer = await panel.key_or_card(lambda shown=lines: shown, _QUESTION_MS)
        except CardError as error:
            counter.log.error(error, "referrer's card")
            note = text.error(error.code)[0]
            continue
        if not isinstance(answer, int):
            if answer.uid != new_uid and len(answer.uid) <= 7 and not _of_clerk(counter, answer):
                return named_by_card(answer.uid)
            note = _wrong(counter, BAD_REFERRER)
            continue
        number = numbers.canonical(keyed)
        is_own = number == own or (number != "" and _of_clerk(counter, keyed_card(number)))
        fault_of = _own_fault if is_own else _referrer_fault
        ended, keyed, note = _pressed(counter, answer, keyed, numbers.TYPED_MOST, fault_of)
        if ended:
            return numbers.canonical(keyed) or keyed


def named_by_card(uid: bytes) -> str:
    """A card in tag 45, which holds twelve characters: base64 with the letters of file names, without filling."""
    return _CARD_SIGN + b2a_base64(uid).decode().strip().rstrip("=").replace("+", "-").replace("/", "_")


def _day_fault(keyed: str) -> str:
    if not keyed:
        return ""
    return "" if len(keyed) == 4 and jalali.exists(int(keyed[2:]), int(keyed[:2])) else NO_SUCH_DAY


def _of_clerk(counter: "Counter", card: CardData) -> bool:
    """Whether who stands at the till would be paid for bringing this member."""
    return counter.staff is not None and counter.staff.owns(card)


def _own_fault(_keyed: str) -> str:
    return BAD_REFERRER


def _referrer_fault(keyed: str) -> str:
    if not keyed or numbers.canonical(keyed):
        return ""
    return "" if len(keyed) == _REFERRAL_DIGITS and luhn.right(keyed) else BAD_REFERRER


async def _typed(
    counter: "Counter",
    draw: "Callable[[str, str], Sequence[Line]]",
    longest: int,
    fault_of: "Callable[[str], str]",
    menu: bool = False,
) -> str:
    keyed, note = "", ""
    while True:
        pressed = await counter.panel.page(draw(keyed, note))
        if menu and pressed == key.MENU:
            return ""
        ended, keyed, note = _pressed(counter, pressed, keyed, longest, fault_of)
        if ended:
            return keyed


def _pressed(
    counter: "Counter", pressed: int, keyed: str, longest: int, fault_of: "Callable[[str], str]"
) -> "tuple[bool, str, str]":
    """What one key makes of what was typed: (whether it is the answer, the digits, a note)."""
    if pressed == key.CANCEL:
        raise Cancelled()
    typed = key.typed(pressed)
    if typed and len(keyed) + len(typed) <= longest:
        return False, keyed + typed, ""
    if typed:
        return False, keyed, _wrong(counter, TOO_MANY_DIGITS)
    if pressed == key.CLEAR:
        return False, keyed[:-1], ""
    if pressed != key.OK:
        return False, keyed, _wrong(counter, WRONG_KEY)
    fault = fault_of(keyed)
    return not fault, keyed, _wrong(counter, fault) if fault else ""


def _wrong(counter: "Counter", refusal: str) -> str:
    counter.log.fault(refusal, "not taken")
    return counter.panel.text.error(refusal)[0]
