"""How people and messages refer to a transaction and its card: STAN (DE11), RRN (DE37), the masked card.

What a receipt prints and a message carries must be the same digits.
"""

from binascii import hexlify

from firmware.core.calendar import days_from_civil
from firmware.core.clock import local_time


def stan_of(seq: int) -> int:
    """Systems trace audit number, 1..999999 (LT-87 section 3)."""
    return seq % 999_999 + 1


def rrn_of(seq: int, time_utc: int) -> str:
    """Retrieval reference number: last digit of the year, day of year, hour of Tehran's time, STAN."""
    year, month, day, hour, _, _ = local_time(time_utc)
    day_of_year = days_from_civil(year, month, day) - days_from_civil(year, 1, 1) + 1
    return "{}{:03d}{:02d}{:06d}".format(year % 10, day_of_year, hour, stan_of(seq))


def masked(uid: bytes) -> str:
    """A card as screen, paper and log may show it: the last two bytes of its UID."""
    return "****" + hexlify(uid[-2:]).decode().upper()
