"""Screens and report of a shift: nothing is wider than panel or paper, with the largest figures and every code."""

import pytest

from firmware.core.types import DEAD, OFFLINE, SETTLED, JournalEntry
from firmware.loyalty.totals import KINDS, Totals
from firmware.receipt.content import WIDTH, Shop
from firmware.receipt.shift_report import Report, report_lines
from firmware.screen import rejected, shift
from firmware.text import catalogue
from host_tests.unit import catalogue_kit
from host_tests.unit.paper_kit import texts
from host_tests.unit.screen_kit import assert_fits
from host_tests.unit.switch_kit import transaction

TEXT = catalogue.load("en")
ERRORS = catalogue_kit.errors()
LARGE = (255, 999_999, 10**15, -(10**12))


def largest() -> Totals:
    totals = Totals()
    for clerk, state in ((0, SETTLED), (255, SETTLED), (255, DEAD)):
        record = transaction(seq=2**31 - 1, mode=OFFLINE, clerk=clerk, amount=2**40 - 1, points=-(2**31))
        totals.add(JournalEntry(record, state))
    return totals


def test_screens_fit():
    assert_fits(shift.ask(TEXT, 999_999))
    for waiting, done, total in ((0, 0, 0), (15_000, 0, 0), (0, 14_999, 15_000)):
        assert_fits(shift.busy(TEXT, waiting, done, total))
    assert_fits(shift.agreed(TEXT, 999_999, largest()))
    for kind in KINDS:
        assert_fits(shift.figures(TEXT, (kind, *LARGE)))


@pytest.mark.parametrize("code", ERRORS)
def test_trouble_fits_with_every_code(code):
    for big in ("big_open", "big_disputed"):
        lines = shift.trouble(TEXT, big, 999_999, code, 15_000)
        assert_fits(lines, pages=2)
        assert lines[-1][1].endswith(code)


@pytest.mark.parametrize("code", ["", *ERRORS])
def test_the_report_fits_the_paper(code):
    letters = [(transaction(seq=2**31 - 1, points=-(2**31)), "58")] * 20
    chain = (b"\xff" * 8, 2**32 - 1)
    report = Report(999_999, "r_open", code, largest(), False, chain, 1_795_000_000, 15_000, 15_000)
    lines = texts(report_lines(TEXT, Shop("x" * 32, "M" * 15, "T0000001"), report, letters, 15_000))
    assert max(len(line) for line in lines) <= WIDTH, max(lines, key=len)
    assert lines.count("CLERK 255") == 1


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("amount", [70_000, 999_999_999_999])
def test_a_rejected_transaction_on_paper_keeps_its_separators_where_there_is_room(language, amount):
    printed = rejected.paper(catalogue.load(language), transaction(7, amount=amount, points=amount // 1000), "62")
    assert f"{amount:,}" in printed[2] or amount > 70_000
    assert all(len(line) <= WIDTH for line in printed)
