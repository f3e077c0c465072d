"""What an answer tells of a member and of what was booked (docs/lt87.md section 4).

Points whole, times in UTC seconds.
"""

from micropython import const

from firmware.core import luhn
from firmware.core.errors import BadMessage
from firmware.core.types import (
    NEXT_REWARD,
    NEXT_TIER,
    RUNG_ADVOCATE,
    RUNG_UNKNOWN,
    SMS_NO_NUMBER,
    SMS_NONE,
    SMS_QUEUED,
    TIER_GOLD,
    TIER_NONE,
    YEARS_UNKNOWN,
    Member,
)
from firmware.loyalty import offers
from firmware.switch import tlv
from firmware.switch.profile import (
    ACCOUNT_POINTS,
    AMOUNT_AVAILABLE,
    AMOUNT_LEDGER,
    SEGMENT_BEST,
    TAG_CHANNEL,
    TAG_EARNED,
    TAG_LAST_VISIT,
    TAG_MEMBER,
    TAG_NAME,
    TAG_NEXT,
    TAG_OFFER,
    TAG_RUNG,
    TAG_SEGMENT,
    TAG_SMS,
    TAG_TIER,
    TAG_VISITS,
    TAG_VOUCHER,
    TAG_YEARS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Reply, Result

_BY_SMS = const(1)  # CHANNEL
_VOUCHER_DIGITS = const(10)
_VOUCHER_DAYS = const(1023)  # the most a journal's result holds


def member_of(tags: "dict[int, bytes]", uid: bytes, member_no: int, balance: int, host_utc: int) -> Member:
    """The member as the cache keeps it. Raises BadMessage when a value makes no sense."""
    rung = tags[TAG_RUNG][0] if TAG_RUNG in tags else RUNG_UNKNOWN
    return Member(
        uid,
        tlv.unsigned(tags[TAG_MEMBER]) if TAG_MEMBER in tags else member_no,
        tlv.text(tags[TAG_NAME]) if TAG_NAME in tags else "",
        balance,
        host_utc,
        tags[TAG_TIER][0] if TAG_TIER in tags else TIER_NONE,
        tlv.unsigned(tags[TAG_VISITS]) if TAG_VISITS in tags else 0,
        tlv.date_utc(tags[TAG_LAST_VISIT]) if TAG_LAST_VISIT in tags else 0,
        rung if rung <= RUNG_ADVOCATE else RUNG_UNKNOWN,  # one above the ladder is none this terminal knows
        TAG_SEGMENT in tags and tags[TAG_SEGMENT][0] & SEGMENT_BEST > 0,
        tags[TAG_YEARS][0] if TAG_YEARS in tags else YEARS_UNKNOWN,
    )


def balance_of(amounts: str) -> "int | None":
    """The available balance of the points account in DE 54, else its ledger balance, else None. Raises BadMessage."""
    if len(amounts) % 20:
        raise BadMessage("DE 54 is cut short")
    ledger = None
    for at in range(0, len(amounts), 20):
        kind, sign, digits = amounts[at + 2 : at + 4], amounts[at + 7], amounts[at + 8 : at + 20]
        if sign not in "CD" or not digits.isdigit():
            raise BadMessage("DE 54 is no amount")
        if amounts[at : at + 2] != ACCOUNT_POINTS:
            continue
        points = int(digits) if sign == "C" else -int(digits)
        if kind == AMOUNT_AVAILABLE:
            return points
        if kind == AMOUNT_LEDGER:
            ledger = points
    return ledger


def parts_of(reply: "Reply") -> "list[tuple[int, int]]":
    """(reason, points) of what the points booked are made of; none when they do not add up: nobody could tell why."""
    parts = [(value[0], tlv.signed32(value[1:])) for value in tlv.every(reply.content, TAG_EARNED)]
    return parts if sum([points for _, points in parts]) == reply.points else []


def next_of(tags: "dict[int, bytes]") -> "tuple[int, int]":
    """(kind, what is missing: points of a reward, money of a tier); (0, 0) when the switch names nothing near."""
    value = tags.get(TAG_NEXT, b"")
    return (value[0], tlv.unsigned(value[1:5])) if value and value[0] in (NEXT_REWARD, NEXT_TIER) else (0, 0)


def voucher_of(reply: "Reply", day: int) -> "tuple[str, int]":
    """(number, days it is good for after `day`) of a voucher that was issued or won; ("", 0) of none, or of one whose
    number cannot be right: nobody could use it."""
    number = line(reply.tags.get(TAG_VOUCHER, b""))
    worth = offers.worth(tlv.every(reply.content, TAG_OFFER))
    if len(number) != _VOUCHER_DIGITS or not luhn.right(number) or worth is None:
        return "", 0
    return number, min(max(0, worth.last_day - day), _VOUCHER_DAYS)


def stand(result: "Result", tags: "dict[int, bytes]", known: "Member | None") -> None:
    """Put into a result what its receipt says of the member's standing; `known` is what was known before."""
    result.sms = sms_of(tags)
    result.tier = min(tags[TAG_TIER][0], TIER_GOLD) if TAG_TIER in tags else TIER_NONE
    result.new_tier = known is not None and result.tier > known.tier
    result.next_kind, result.missing = next_of(tags)


def wants_sms(tags: "dict[int, bytes]") -> bool:
    """Whether the member wants no paper, and the switch writes."""
    return TAG_CHANNEL in tags and tags[TAG_CHANNEL][0] == _BY_SMS and sms_of(tags) == SMS_QUEUED


def sms_of(tags: "dict[int, bytes]") -> int:
    """What becomes of a text message: one of SMS_*."""
    sms = tags[TAG_SMS][0] if TAG_SMS in tags else SMS_NONE
    return sms if sms <= SMS_NO_NUMBER else SMS_NONE


def line(value: bytes) -> str:
    """A text of the switch as one line a screen can show; "" when it is none."""
    try:
        return " ".join(value.decode().split())
    except UnicodeError:
        return ""
