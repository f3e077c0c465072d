"""Numbers, ages and times as people read them, in ASCII digits: every digit a person sees passes through here.

Another script's digits and separators are put in where characters become glyphs (firmware/text/visual.py).
"""


def number(value: int) -> str:
    """`12450` as `12,450`."""
    return "{:,}".format(value)


def signed(value: int) -> str:
    """`125` as `+125`, `-500` as `-500`, with separators."""
    return ("+" if value > 0 else "") + number(value)


def plain(value: int) -> str:
    """Digits without separators, for a number that would not fit otherwise."""
    return str(value)


def clock_time(hour: int, minute: int) -> str:
    """`14:05`."""
    return "{:02d}:{:02d}".format(hour, minute)


def date(year: int, month: int, day: int) -> str:
    """`2026-11-22`."""
    return "{}-{:02d}-{:02d}".format(year, month, day)


def short_date(month: int, day: int) -> str:
    """`11-22`, where the year is clear."""
    return "{:02d}-{:02d}".format(month, day)


def jalali_date(year: int, month: int, day: int) -> str:
    """`1405/09/01`."""
    return "{}/{:02d}/{:02d}".format(year, month, day)


def jalali_short(month: int, day: int) -> str:
    """`09/01`, where the year is clear."""
    return "{:02d}/{:02d}".format(month, day)


def parts_of(value: int, exponent: int) -> str:
    """What stands behind the point: `.50` of 1250 with two decimals, nothing without."""
    return ".{:0{}d}".format(value % 10**exponent, exponent) if exponent else ""


def age(seconds: int) -> "tuple[str, int]":
    """(catalogue name, count) of an age in its largest whole unit; below a minute it is "now"."""
    if seconds < 60:
        return "age_now", 0
    if seconds < 3600:
        return "age_minutes", seconds // 60
    if seconds < 2 * 86400:
        return "age_hours", seconds // 3600
    return "age_days", min(seconds // 86400, 999)


def together(number: str, rtl: bool) -> str:
    """A number that is written in groups, for a row that runs right to left too: one number, not one a group."""
    return number.replace(" ", "\xa0") if rtl else number
