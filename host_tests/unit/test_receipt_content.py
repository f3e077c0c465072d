"""The paper says what the journal says, in lines that programs can add up."""

import itertools

from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    DEAD,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUSED,
    REVERSED,
    VOIDED,
    JournalEntry,
    Member,
    Result,
    Transaction,
)
from firmware.loyalty.outcome import DONE, outcome_of
from firmware.receipt.content import WIDTH, Shop, receipt_lines
from firmware.receipt.lines import QR
from firmware.text import catalogue
from host_tests.unit.paper_kit import texts

TEXT = catalogue.load("en")
SHOP = Shop("Corner Shop", "M00000000000001", "T0000001")
UID = bytes.fromhex("9C599B32")
TIME = 1_795_379_460  # 2026-11-23 00:01 in Tehran


def lines(
    mode: int, state: int, result: Result | None, verb: int = ACCRUAL, points: int = 125, reprint: bool = False
) -> list[str]:
    t = Transaction(100, verb, mode, UID, AUTH_LEGACY, 125_000, points, TIME, CLOCK_OK)
    told = outcome_of(JournalEntry(t, state, result), Member(UID, 4711, "Ali", 1000, TIME - 7200), 125, TIME + 5)
    return texts(receipt_lines(TEXT, SHOP, told, reprint))


def test_a_confirmed_accrual() -> None:
    assert lines(ONLINE, APPROVED, Result(100, APPROVED, "00", 125, 12_450, "ABC123")) == [
        "Corner Shop",
        "Merchant: M00000000000001",
        "Terminal: T0000001",
        "Date: 2026-11-23 00:01",
        "-" * 32,
        "ACCRUAL",
        "Amount: 125,000 rial",
        "Points: +125",
        "Before: 12,325",
        "Balance: 12,450",
        "-" * 32,
        "Card: ****9B32",
        "Member: 4711",
        "Stan: 000101",
        "Ref: 632700000101",
        "Approval: ABC123",
        "Thank you for your visit",
    ]


def test_an_estimate_says_about_and_how_old_its_balance_is() -> None:
    printed = lines(OFFLINE, APPROVED, None)
    assert "Points: about +125" in printed
    assert "to be confirmed by the switch" in printed
    assert "Before: about 1,000" in printed
    assert "Balance: about 1,125" in printed
    assert "estimated, data 2 h old" in printed


def test_a_redemption_and_its_value() -> None:
    printed = lines(ONLINE, APPROVED, Result(100, APPROVED, "00", -500, 740, ""), REDEMPTION, -500)
    assert "REDEMPTION" in printed
    assert "Points: -500" in printed
    assert "Value: 125,000 rial" in printed


def test_a_points_line_stands_only_on_paper_that_promises_them() -> None:
    results = [None, Result(100, APPROVED, "00", 7, 70, ""), Result(100, REFUSED, "51", 0, 3, "")]
    for mode, state, result, verb in itertools.product(
        (ONLINE, OFFLINE), (OPEN, APPROVED, REFUSED, REVERSED, DEAD, VOIDED), results, (ACCRUAL, REDEMPTION)
    ):
        t = Transaction(100, verb, mode, UID, AUTH_LEGACY, 125_000, 125, TIME, CLOCK_OK)
        told = outcome_of(JournalEntry(t, state, result), None, 0, TIME)
        printed = texts(receipt_lines(TEXT, SHOP, told, False))
        assert any(line.startswith("Points:") for line in printed) == (told.kind == DONE)
        assert any(line == "Ref: 632700000101" for line in printed)
        assert all(len(line) <= WIDTH for line in printed)
        assert "9C599B32" not in "".join(printed)


def test_a_reprint_says_so_first_and_is_otherwise_the_same() -> None:
    result = Result(100, APPROVED, "00", 125, 12_450, "")
    assert lines(ONLINE, APPROVED, result, reprint=True) == ["*** REPRINT ***", *lines(ONLINE, APPROVED, result)]


def test_the_code_for_a_dispute_is_reference_terminal_and_day_and_nothing_of_the_member() -> None:
    result = Result(100, APPROVED, "00", 125, 12_450, "ABC123")
    t = Transaction(100, ACCRUAL, ONLINE, UID, AUTH_LEGACY, 125_000, 125, TIME, CLOCK_OK, member_no=4711)
    told = outcome_of(JournalEntry(t, APPROVED, result), None, 0, TIME)
    codes = [text for role, text in receipt_lines(TEXT, SHOP, told, False) if role == QR]
    assert codes == ["VAFA:632700000101:T0000001:20261123"]
