"""How people and messages refer to a transaction and its card: STAN (DE11), RRN (DE37), the masked card.

What a receipt prints and a message carries must be the same digits.
"""

from binascii import hexlify

from micropython import const

from firmware.core.calendar import days_from_civil
from firmware.core.clock import local_time
from firmware.core.keyed import is_keyed, masked_mobile

_ORIGINAL = const(0x29)


def stan_of(seq: int) -> int:
    """Systems trace audit number, 1..999999 (LT-87 section 3)."""
    return seq % 999_999 + 1


def rrn_of(seq: int, time_utc: int) -> str:
    """Retrieval reference number: last digit of the year, day of year, hour of Tehran's time, STAN."""
    year, month, day, hour, _, _ = local_time(time_utc)
    day_of_year = days_from_civil(year, month, day) - days_from_civil(year, 1, 1) + 1
    return "{}{:03d}{:02d}{:06d}".format(year % 10, day_of_year, hour, stan_of(seq))


def detail(details: bytes, tag: int) -> bytes:
    """What the details of a transaction say under an LT-87 tag, b"" nothing."""
    at = 0
    while at + 2 <= len(details):
        end = at + 2 + details[at + 1]
        if details[at] == tag:
            return bytes(details[at + 2 : end])
        at = end
    return b""


def original_of(details: bytes) -> str:
    """The RRN of what a transaction takes back or disputes (LT-87 tag 29 of its details), "" none."""
    return detail(details, _ORIGINAL).decode()


def masked(uid: bytes) -> str:
    """A card as screen, paper and log may show it: the last two bytes of its UID. A mobile number as 0912***6789."""
    if is_keyed(uid):
        return masked_mobile(uid)
    return "****" + hexlify(uid[-2:]).decode().upper()
