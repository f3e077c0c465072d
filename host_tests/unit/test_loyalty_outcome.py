"""A number a person reads is confirmed by the switch or marked as an estimate: for every state of a journal entry."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    SETTLED,
    VOIDED,
    JournalEntry,
    Member,
    Result,
    Transaction,
)
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, TAKEN_BACK, UNDONE, UNKNOWN, counts_as_sale, outcome_of

UID = bytes.fromhex("9C599B32")
NOW = 1_795_400_000


def entry(mode: int, state: int, result: Result | None = None, verb: int = ACCRUAL, points: int = 125) -> JournalEntry:
    return JournalEntry(
        Transaction(100, verb, mode, UID, AUTH_LEGACY, 125_000, points, NOW - 5, CLOCK_OK), state, result
    )


ALI = Member(UID, 4711, "Ali", 1000, NOW - 600)


def test_an_approved_request_shows_what_the_switch_booked_not_what_was_estimated() -> None:
    told = outcome_of(entry(ONLINE, APPROVED, Result(100, APPROVED, "10", 99, 1099, "A1")), ALI, 0, NOW)
    assert (told.kind, told.points, told.estimated, told.approval) == (DONE, 99, False, "A1")
    assert told.balance is not None
    assert (told.balance.points, told.balance.confirmed) == (1099, True)
    assert told.member_no == 4711


def test_without_a_balance_in_the_answer_none_is_made_up() -> None:
    told = outcome_of(entry(ONLINE, APPROVED, Result(100, APPROVED, "00", 125, None, "")), ALI, 0, NOW)
    assert told.balance is None


def test_an_offline_accrual_is_an_estimate_on_top_of_the_last_confirmed_balance() -> None:
    told = outcome_of(entry(OFFLINE, APPROVED), ALI, 125, NOW)
    assert (told.kind, told.points, told.estimated) == (DONE, 125, True)
    assert told.balance is not None
    assert (told.balance.points, told.balance.confirmed, told.balance.age_s) == (1125, False, 600)
    assert outcome_of(entry(OFFLINE, APPROVED), None, 125, NOW).balance is None


@pytest.mark.parametrize(
    ("told_entry", "kind"),
    [
        (entry(ONLINE, OPEN), UNKNOWN),
        (entry(ONLINE, REVERSED), UNDONE),
        (entry(ONLINE, REVERSED, Result(100, APPROVED, "00", 125, 5, "")), UNDONE),
        (entry(ONLINE, REFUSED, Result(100, REFUSED, "14", 0, None, "")), DECLINED),
        (entry(ONLINE, SETTLED, Result(100, APPROVED, "00", 125, 5, "")), DONE),
        (entry(OFFLINE, SETTLED), DONE),
        (entry(OFFLINE, DEAD), REJECTED),
        (entry(OFFLINE, VOIDED), TAKEN_BACK),
    ],
)
def test_each_state_has_one_kind_of_outcome(told_entry: JournalEntry, kind: int) -> None:
    assert outcome_of(told_entry, ALI, 0, NOW).kind == kind


def test_a_voided_sale_is_no_sale_and_has_no_points_to_tell() -> None:
    voided = entry(OFFLINE, VOIDED, points=125)
    told = outcome_of(voided, ALI, 0, NOW)
    assert (told.points, told.estimated, told.balance) == (0, False, None)
    assert not counts_as_sale(voided)
    assert counts_as_sale(entry(OFFLINE, SETTLED))


def test_every_combination_promises_points_only_when_done() -> None:
    results = [None, Result(100, APPROVED, "00", 7, 70, ""), Result(100, REFUSED, "51", 0, 3, "")]
    states = (OPEN, APPROVED, REFUSED, REVERSED, SETTLED, DEAD, VOIDED)
    for mode, state, result, verb in itertools.product((ONLINE, OFFLINE), states, results, (ACCRUAL, REDEMPTION)):
        told = outcome_of(entry(mode, state, result, verb, 125), ALI, 125, NOW)
        if told.kind not in (DONE, REJECTED):
            assert told.points == 0
        if told.points and not told.estimated:
            assert result is not None
            assert told.points == result.points
        if told.balance is not None and told.balance.confirmed:
            assert result is not None
            assert told.balance.points == result.balance


def test_the_reference_is_year_day_hour_and_stan_of_tehran() -> None:
    # 2026-11-22 20:31 UTC is 2026-11-23 00:01 in Tehran: day 327 of the year, hour 00.
    t = Transaction(1_000_000, ACCRUAL, OFFLINE, UID, AUTH_LEGACY, 1, 1, 1_795_379_460, CLOCK_OK)
    assert outcome_of(JournalEntry(t, APPROVED), None, 0, NOW).rrn == "632700000002"


@given(st.integers(-(10**6), 10**9), st.integers(-(10**6), 10**6), st.integers(0, 2**31))
def test_an_estimate_is_the_confirmed_balance_and_what_is_pending(points: int, pending: int, age_s: int) -> None:
    told = outcome_of(entry(OFFLINE, APPROVED), Member(UID, 1, "", points, NOW - age_s), pending, NOW)
    assert told.balance is not None
    assert (told.balance.points, told.balance.age_s) == (points + pending, age_s)
