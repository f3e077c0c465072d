"""Proleptic Gregorian calendar in integers, the same on every board.

`time.time` counts from 2000 on one port and from 1970 on another; the terminal does not use it.
"""


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a Gregorian date; any year from 1970 on."""
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


def civil_from_days(days: int) -> "tuple[int, int, int]":
    """Gregorian (year, month, day) of days since 1970-01-01."""
    days += 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + (3 if shifted_month < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1


def to_utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Seconds since 1970-01-01 UTC of a calendar time."""
    return ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def from_utc(seconds: int) -> "tuple[int, int, int, int, int, int]":
    """(year, month, day, hour, minute, second) of seconds since 1970-01-01 UTC."""
    days, rest = divmod(seconds, 86400)
    year, month, day = civil_from_days(days)
    return year, month, day, rest // 3600, rest // 60 % 60, rest % 60
