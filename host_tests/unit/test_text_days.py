"""A day is told in the reader's calendar, and it is Tehran's: +03:30 all year, no daylight saving."""

import datetime

import jdatetime
from persiantools.jdatetime import JalaliDate

from firmware.core.clock import local_time
from firmware.text import catalogue, days

EPOCH = datetime.date(1970, 1, 1)
FIRST, COUNT = datetime.date(2015, 1, 1), 365 * 60 + 15


def persian():
    text = catalogue.load("en")
    text.language = "fa"
    return text


def test_every_day_of_sixty_years_is_told_as_two_others_tell_it():
    text = persian()
    for passed in range(COUNT):
        day = FIRST + datetime.timedelta(days=passed)
        number = (day - EPOCH).days
        said = text.day(number)
        assert said == JalaliDate.to_jalali(day).strftime("%Y/%m/%d"), day
        year, month, of_month = map(int, said.split("/"))
        assert jdatetime.date(year, month, of_month).togregorian() == day
        assert text.short_day(number) == said[5:]


def test_the_last_day_of_a_leap_year_and_the_first_of_the_next():
    text = persian()
    for year in (1403, 1408):
        last = (jdatetime.date(year, 12, 30).togregorian() - EPOCH).days
        assert (text.day(last), text.day(last + 1)) == (f"{year}/12/30", f"{year + 1}/01/01")


def test_english_has_the_gregorian_day():
    text = catalogue.load("en")
    assert (text.day(20_779), text.short_day(20_779)) == ("2026-11-22", "11-22")
    assert (persian().day(20_779), persian().short_day(20_779)) == ("1405/09/01", "09/01")


def test_a_moment_is_of_tehrans_day_in_summer_as_in_winter():
    tehran = datetime.timezone(datetime.timedelta(hours=3, minutes=30))
    for month in range(1, 13):
        for of_day in (0, 1, 73_799, 73_800, 86_399):  # a second before and at 20:30:00 UTC
            moment = datetime.datetime(2027, month, 21, tzinfo=datetime.UTC) + datetime.timedelta(seconds=of_day)
            there = moment.astimezone(tehran)
            utc = int(moment.timestamp())
            assert days.of(utc) == (there.date() - EPOCH).days
            assert local_time(utc) == (there.year, there.month, there.day, there.hour, there.minute, there.second)
