"""The Jalali calendar agrees, day by day and both ways, with two written by others; on the device as on the desk."""

import contextlib
import datetime
import io
import os
import subprocess
import sys
from pathlib import Path

import jdatetime
import pytest
from persiantools.jdatetime import JalaliDate

from firmware.core import jalali, mobile
from host_tests.patience import PATIENCE_S

FIRST, DAYS = datetime.date(2015, 1, 1), 365 * 60 + 15


def test_every_day_of_sixty_years_both_ways():
    for passed in range(DAYS):
        day = FIRST + datetime.timedelta(days=passed)
        theirs = jdatetime.date.fromgregorian(date=day)
        ours = jalali.from_gregorian(day.year, day.month, day.day)
        assert ours == (theirs.year, theirs.month, theirs.day), day
        other = JalaliDate.to_jalali(day)
        assert ours == (other.year, other.month, other.day), day
        assert jalali.to_gregorian(*ours) == (day.year, day.month, day.day)


@pytest.mark.parametrize("year", range(1394, 1454))
def test_leap_years_and_the_lengths_of_months(year):
    assert jalali.is_leap(year) == jdatetime.date(year, 1, 1).isleap()
    lengths = [jalali.month_days(year, month) for month in range(1, 13)]
    assert lengths == [31] * 6 + [30] * 5 + [30 if jalali.is_leap(year) else 29]


def test_a_birthday_exists_when_some_year_has_it():
    ever = {
        (month, day)
        for year in (1403, 1404)
        for month in range(1, 13)
        for day in range(1, 32)
        if jdatetime_has(year, month, day)
    }
    assert {(m, d) for m in range(-1, 14) for d in range(-1, 33) if jalali.exists(m, d)} == ever
    assert jalali.exists(12, 30) and not jalali.exists(12, 31)


def jdatetime_has(year, month, day):
    try:
        jdatetime.date(year, month, day)
    except ValueError:
        return False
    return True


SAMPLE = """
from firmware.core import jalali, mobile
from firmware.core.calendar import civil_from_days
for days in range(5, 36500, 97):
    print(jalali.from_gregorian(*civil_from_days(days)), jalali.is_leap(1300 + days % 150))
    print(jalali.exists(days % 14, days % 33))
for text in ("09123456789", "+98 912 345 6789", "0912345678x",
             "\u06f0\u06f9\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9"):
    print(mobile.canonical(text))
"""


def test_the_device_says_the_same():
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(SAMPLE, {})
    root = Path(__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", SAMPLE],
        cwd=root, env={**os.environ, "MICROPYPATH": ".frozen:."}, capture_output=True, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == here.getvalue() and there.stdout.count("9123456789") == 3


@pytest.mark.parametrize("head", ["", "0", "98", "0098", "+98"])
@pytest.mark.parametrize("zero", [0x30, 0x6F0, 0x660], ids=["ascii", "persian", "arabic"])
def test_every_spelling_of_a_mobile_number_is_one_number(head, zero):
    def written(text):
        return "".join(chr(zero + int(letter)) if letter.isdigit() else letter for letter in text)

    assert mobile.canonical(written(head + "9351234567")) == "9351234567"
    assert mobile.canonical(written(head + " 935-123 45\u200c67")) == "9351234567"


@pytest.mark.parametrize(
    "text",
    ["", "0", "+", "912345678", "91234567890", "8123456789", "00 9123456789", "0912345678a", "++989123456789",
     "+0989123456789", "9123456789+", "989898912345678", "\u0967123456789"],
)  # fmt: skip
def test_what_is_no_mobile_number_is_none(text):
    assert mobile.canonical(text) == ""


def test_a_number_being_typed_is_read_back_in_groups():
    assert [mobile.grouped(text) for text in ("", "0912", "091234", "09123456789", "9123456789")] == [
        "", "0912", "0912 34", "0912 345 6789", "912 345 6789",
    ]  # fmt: skip
