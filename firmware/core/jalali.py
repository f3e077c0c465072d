"""The Jalali (Iranian solar) calendar in integers: dates both ways, leap years, days that exist.

Eight leap years in every 33, which is the calendar of the law on all days from 1304 to 1502 (1925 to 2123); a date far
outside may be a day off. Knows Gregorian dates of firmware.core.calendar and no clock.
"""

from micropython import const

from firmware.core.calendar import civil_from_days, days_from_civil

_EPOCH = const(-2478)  # days since 1970-01-01 of the first day of 1342, where a cycle of 33 years begins
_FIRST = const(1342)
_CYCLE_DAYS = const(12053)
_HALF_DAYS = const(186)  # of the six months of 31 days


def is_leap(year: int) -> bool:
    """Whether Esfand of this year has a 30th."""
    return _before(year + 1) - _before(year) == 366


def month_days(year: int, month: int) -> int:
    """How many days a month has."""
    if month <= 6:
        return 31
    return 30 if month < 12 or is_leap(year) else 29


def exists(month: int, day: int) -> bool:
    """Whether a birthday can be on this day: it exists in some year, if only in leap years."""
    return 1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30)


def to_gregorian(year: int, month: int, day: int) -> "tuple[int, int, int]":
    """Gregorian (year, month, day) of a Jalali date that exists."""
    passed = 31 * (month - 1) if month <= 7 else _HALF_DAYS + 30 * (month - 7)
    return civil_from_days(_before(year) + passed + day - 1)


def from_gregorian(year: int, month: int, day: int) -> "tuple[int, int, int]":
    """Jalali (year, month, day) of a Gregorian date."""
    days = days_from_civil(year, month, day)
    jalali = _FIRST + (days - _EPOCH) * 33 // _CYCLE_DAYS
    while _before(jalali) > days:
        jalali -= 1
    while _before(jalali + 1) <= days:
        jalali += 1
    left = days - _before(jalali)
    if left < _HALF_DAYS:
        return jalali, left // 31 + 1, left % 31 + 1
    left -= _HALF_DAYS
    return jalali, left // 30 + 7, left % 30 + 1


def _before(year: int) -> int:
    """Days since 1970-01-01 of the first day of a year."""
    years = year - _FIRST
    cycle, rest = years // 33, years % 33
    return _EPOCH + _CYCLE_DAYS * cycle + 365 * rest + (rest + 3) // 4
