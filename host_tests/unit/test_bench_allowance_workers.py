"""Reserved points at two workers of one PostgreSQL at once: never more than there are, and spent once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from host_tests.unit.bench_cards import OTHER
from host_tests.unit.bench_client import ALI, NOW, TERMINAL, inquiry, network, redemption, u32, value
from host_tests.unit.test_bench_workers import at_both, pair  # noqa: F401  (a fixture)
from tools.bench_switch.schema import AllowanceRow

ROUNDS = 8


@pytest.fixture
def reserving(pair):  # noqa: F811
    for counter in pair:
        counter.ledger.programme = replace(counter.ledger.programme, allowances=True)
    pair[0].ledger.adjust("ali", 5_000 - pair[0].ledger.balance("ali"), "test", NOW)
    return pair


def asks(at: str, session: int = 0x80000002):
    return inquiry(ALI, session, extra={0x30: bytes(8)}, **{"41": at})


def spends(seq: int, number: int, points: int, at: str = TERMINAL):
    return value("0220", seq, points * 100, -points, extra={0x30: u32(number) + u32(points)}, **{"41": at})


def number_of(answer) -> int:
    return int.from_bytes(answer.tags[0x30][:4], "big")


def test_two_terminals_that_ask_at_once_share_a_fifth_and_one_that_asks_twice_has_one(reserving):
    for turn in range(ROUNDS):
        told = [answer.tags.get(0x30) for answer in at_both(reserving, asks(TERMINAL), asks(OTHER))]
        assert sorted(tag is None for tag in told) == [False, True], turn
        (row,) = reserving[0].ledger.allowances()
        assert row.points == 1_000
        again = at_both(reserving, asks(row.terminal_id), asks(row.terminal_id, 0x80000003))
        assert [number_of(answer) for answer in again] == [row.id, row.id]
        reserving[0].ledger.cancel_allowance(row.id, anyway=True)


def test_reserving_and_spending_at_once_never_promise_the_same_point(reserving):
    for turn in range(1, ROUNDS + 1):
        balance = reserving[0].ledger.balance("ali")
        asked, spent = at_both(reserving, asks(TERMINAL), redemption(turn, balance // 100 * 100, **{"41": OTHER}))
        assert (0x30 in asked.tags) != (spent.rc == "00")
        for row in reserving[0].ledger.allowances():
            reserving[0].ledger.cancel_allowance(row.id, anyway=True)
        reserving[0].ledger.adjust("ali", 5_000 - reserving[0].ledger.balance("ali") or 1, "test", NOW)


def test_one_allowance_is_spent_once_at_two_workers_at_once(reserving):
    for turn in range(ROUNDS):
        number = number_of(reserving[0].ask(asks(TERMINAL)))
        answers = at_both(reserving, spends(2 * turn + 1, number, 500), spends(2 * turn + 2, number, 500))
        assert sorted(answer.rc for answer in answers) == ["00", "57"]
        assert reserving[0].ledger.balance("ali") == 4_500
        reserving[0].ledger.adjust("ali", 500, "test", NOW)


def test_a_repeat_at_the_other_worker_at_the_same_moment_is_booked_once(reserving):
    for turn in range(1, ROUNDS + 1):
        number = number_of(reserving[0].ask(asks(TERMINAL)))
        again = {**spends(turn, number, 500), "t": "0221"}
        answers = at_both(reserving, spends(turn, number, 500), again)
        assert sorted(answer.rc for answer in answers) == ["00", "94"]
        reserving[0].ledger.adjust("ali", 500, "test", NOW)


def test_the_word_that_they_ended_and_a_spend_at_once_take_one_of_two_ways(reserving):
    for turn in range(1, ROUNDS + 1):
        number = number_of(reserving[0].ask(asks(TERMINAL)))
        ended = network("301")
        ended["48"] += (bytes((0x31, 8)) + u32(0) + u32(NOW + 80 * 3600)).hex().upper()
        with reserving[0].ledger._session() as session:
            session.get_one(AllowanceRow, number).valid_until_utc = NOW - 3600
        _, spent = at_both(reserving, ended, spends(turn, number, 500))
        (row,) = [row for row in reserving[0].ledger.allowances(closed=True) if row.id == number]
        assert (row.state, spent.rc) in (("used", "00"), ("expired", "57"))
        reserving[0].ledger.adjust("ali", 5_000 - reserving[0].ledger.balance("ali") or 1, "test", NOW)
