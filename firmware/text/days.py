"""Calendar days as people write them, by language: the Jalali year first in Persian, the Gregorian one in English.

A day is a number of days since 1970-01-01, of Tehran's civil day where a moment is meant (`of`). Digits are ASCII here;
another script's are put in where characters become glyphs. Knows no clock and no catalogue.
"""

from micropython import const

from firmware.core.calendar import civil_from_days
from firmware.core.visiting import visit
from firmware.text import digits

_TEHRAN_OFFSET_S = const(12600)  # +03:30 all year since 2022-09-21, as firmware.core.clock has it
_PERSIAN = const("fa")


def of(utc: int) -> int:
    """Tehran's day of a moment in seconds since 1970-01-01 UTC."""
    return (utc + _TEHRAN_OFFSET_S) // 86400


def full(days: int, language: str) -> str:
    """`1405/09/01`, or `2026-11-22`."""
    year, month, day = _parts(days, language)
    return digits.jalali_date(year, month, day) if language == _PERSIAN else digits.date(year, month, day)


def short(days: int, language: str) -> str:
    """`09/01`, or `11-22`, where the year is clear."""
    _, month, day = _parts(days, language)
    return digits.jalali_short(month, day) if language == _PERSIAN else digits.short_date(month, day)


def _parts(days: int, language: str) -> "tuple[int, int, int]":
    gregorian = civil_from_days(days)
    if language != _PERSIAN:
        return gregorian
    with visit("firmware.core.jalali"):  # only who is spoken to in Persian needs it
        from firmware.core.jalali import from_gregorian

        return from_gregorian(*gregorian)
