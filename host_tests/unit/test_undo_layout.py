"""What is taken back, found and disputed fits the panel and the paper, with the largest numbers there are."""

import itertools

import pytest

from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    ENROL,
    ISSUE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUND,
    REFUSED,
    REVERSED,
    USE,
    VOID,
    JournalEntry,
    Result,
    Transaction,
)
from firmware.loyalty.outcome import outcome_of
from firmware.receipt.content import Shop, receipt_lines
from firmware.receipt.statement import statement_lines
from firmware.screen import outcomes, undo
from firmware.text import catalogue
from host_tests.unit.paper_kit import texts
from host_tests.unit.screen_kit import assert_fits
from host_tests.unit.test_screen_layout import ERRORS, NUMBERS

TEXT = catalogue.load("en")
SHOP = Shop("Corner Shop", "M00000000000001", "T0000001")
RRN = "632613000777"
DAY_UTC = 1_795_400_000
VERBS = (ACCRUAL, REDEMPTION, REFUND, VOID, ISSUE, USE, ENROL)


@pytest.mark.parametrize("value", NUMBERS)
def test_the_questions_fit(value: int) -> None:
    for note in ("", *(what for what, _ in ERRORS.values())):
        for ask in ("ref_6_or_12", "ref_12", "ref_or_last"):
            assert_fits(undo.reference(TEXT, "title_find", RRN, ask, note))
        assert_fits(undo.part(TEXT, "", value, note))
        assert_fits(undo.part(TEXT, str(value), 10**12, note))
    for sign, balance in itertools.product((1, -1), (None, -value, value)):
        lines = undo.confirm(TEXT, "title_refund_ask", value, sign * min(value, 2**31 - 1), RRN, balance)
        assert_fits(lines)
        assert any(RRN in text for _, text in lines)
    assert_fits(undo.noted(TEXT, RRN))
    assert_fits(undo.searching(TEXT, "title_dispute"))


@pytest.mark.parametrize("points", [0, 125, -(2**31), 2**31 - 1])
def test_a_statement_fits_panel_and_paper(points: int) -> None:
    for marks in (0, 1, 2, 4, 8, 15):
        rows = [(verb, marks, DAY_UTC, points, RRN) for verb in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
        for at in range(0, len(rows), 3):
            lines = undo.statement(TEXT, rows[at : at + 3], "")
            assert_fits(lines)
            assert sum(RRN in text for _, text in lines) == 3
        assert_fits(undo.statement(TEXT, rows[:2], TEXT.get("statement_here")))
        paper = texts(statement_lines(TEXT, SHOP, "****9B32", rows, points, True))
        assert all(len(line) <= 32 for line in paper)
        assert not [line for line in paper if line.startswith(("Points:", "Card:", "Ref:", "Member:"))]
    assert_fits(undo.statement(TEXT, [], TEXT.get("statement_here")))


def test_every_verb_is_told_after_a_restart_found_and_printed_with_what_came_of_it() -> None:
    results = [None, Result(7, APPROVED, "00", -125, 10**11, "A1B2C3"), Result(7, REFUSED, "21", 0, None, "")]
    marks = (
        ("mark_voided", "r_mark_voided", RRN),
        ("mark_refunded", "r_mark_refunded", "999,999,999,999"),
        ("mark_disputed", "r_mark_disputed", ""),
    )
    details = b"\x29\x0c" + RRN.encode()
    for verb, state, result in itertools.product(VERBS, (OPEN, APPROVED, REFUSED, REVERSED), results):
        uid = b"\x01\x02\x03\x04"
        t = Transaction(7, verb, ONLINE, uid, AUTH_LEGACY, 10**11, -125, DAY_UTC, CLOCK_OK, details=details)
        told = outcome_of(JournalEntry(t, state, result), None, 0, DAY_UTC)
        assert_fits(outcomes.recall(TEXT, told))
        for some in (marks[:n] for n in range(4)):
            told.marks = some
            lines = undo.found(TEXT, told)
            assert_fits(lines)
            assert any(told.rrn in text for _, text in lines)
        paper = texts(receipt_lines(TEXT, SHOP, told, True))
        assert all(len(line) <= 32 for line in paper)
        assert f"Original: {RRN}" in paper
        assert f"Voided by {RRN}" in paper
