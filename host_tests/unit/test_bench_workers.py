"""Two workers on one PostgreSQL: whatever comes to both at once, or to one after the other, happens once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from host_tests.patience import PATIENCE_S
from host_tests.unit.bench_cards import (
    COPY,
    EV2,
    OTHER,
    PROVEN,
    RELAY_CARD,
    SDM,
    SUN_CARD,
    UNDECIDED,
    Counter,
    Ev2Card,
    sun,
    verdict,
)
from host_tests.unit.bench_client import ALI, NOW, TERMINAL, accrual, answered, inquiry, redemption, reversal, sealed
from tools.bench_switch import Fault
from tools.bench_switch.booking import Value, balance_of
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.verbs import book
from tools.bench_switch.workers import Workers


@pytest.fixture
def pair(postgres_database):
    """Two desks with engines of their own: what two workers are to the database."""
    one, two = Counter(postgres_database), Counter(postgres_database, new=False)
    one.faults.other, two.faults.other = one.ledger.take_fault, two.ledger.take_fault
    yield one, two
    assert one.ledger.check() == []
    assert sum(one.ledger.accounts().values()) == 0
    one.ledger.close()
    two.ledger.close()


def at_both(pair, first, second):
    """A request to each worker at the same moment; the two response codes and tags."""
    gate = threading.Barrier(2)

    def ask(counter, request):
        gate.wait(PATIENCE_S)
        return answered(request, counter.desk.handle(sealed(request)).data[2:])

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, counter, request) for counter, request in zip(pair, (first, second), strict=True)]
        return [one.result(PATIENCE_S) for one in asked]


def test_the_same_seq_at_two_workers_at_once_is_booked_once(pair):
    for seq in range(1, 21):
        answers = at_both(pair, accrual(seq, 10_000), accrual(seq, 10_000))
        assert sorted(answer.rc for answer in answers) == ["00", "94"]
        assert {answer.points for answer in answers} == {10}
    assert pair[0].ledger.balance("ali") == 600 + 20 * 10


def test_an_advice_and_its_repeat_at_two_workers_at_once_are_one_booking(pair):
    for seq in range(1, 11):
        answers = at_both(pair, accrual(seq, 10_000, "0220"), accrual(seq, 10_000, "0221", de7="1122000009"))
        assert sorted(answer.rc for answer in answers) == ["00", "94"]
    assert pair[0].ledger.balance("ali") == 700


def test_one_balance_is_not_spent_at_two_workers_at_once(pair):
    for seq in range(1, 11):
        answers = at_both(pair, redemption(seq, 600), redemption(seq, 600, **{"41": OTHER}))
        assert sorted(answer.rc for answer in answers) == ["00", "51"]
        assert pair[0].ledger.balance("ali") == 0
        assert at_both(pair, value := accrual(100 + seq, 600_000), value)[0].points == 600


def test_a_request_and_its_reversal_at_two_workers_at_once_leave_nothing(pair):
    for seq in range(1, 21, 2):
        sale = accrual(seq, 50_000)
        answers = at_both(pair, sale, reversal(seq + 1, sale))
        assert [answer.rc for answer in answers] in (["00", "00"], ["68", "25"])
    assert pair[0].ledger.balance("ali") == 600


def test_a_first_tap_at_two_workers_at_once_opens_one_member(pair):
    for n in range(5):
        uid = f"DEADBE{n:02X}"
        first, second = (accrual(1 + n, 3_000, uid=uid, **{"41": at}) for at in (TERMINAL, OTHER))
        assert [answer.rc for answer in at_both(pair, first, second)] == ["00", "00"]
        assert pair[0].ledger.balance_of_card(uid) == 6


def test_a_grant_given_by_one_worker_is_spent_once_at_any(pair):
    for count in range(1, 6):
        assert verdict(pair[0].prove(sun(count))) == PROVEN
        spends = [counter.spending(counter=count, points=500) for counter in pair]
        spends[1] = redemption(900 + count, 500, uid=SUN_CARD, auth=2)
        assert sorted(answer.rc for answer in at_both(pair, *spends)) == ["00", "57"]


def test_one_reading_at_two_workers_and_terminals_at_once_is_proven_at_one(pair):
    for count in range(1, 6):
        shown = [inquiry(SUN_CARD, auth=0, extra={SDM: sun(count)}, **{"41": at}) for at in (TERMINAL, OTHER)]
        assert sorted((verdict(answer) for answer in at_both(pair, *shown)), key=str) == [PROVEN, COPY]


def test_a_relay_begun_at_one_worker_is_ended_at_another_and_only_once(pair):
    card = Ev2Card()
    end = card.end(pair[0].step(card.begin()).tags[EV2])
    assert verdict(pair[1].step(end)) == PROVEN
    assert verdict(pair[0].step(end)) == UNDECIDED
    end = inquiry(RELAY_CARD, auth=0, extra={EV2: card.end(pair[1].step(card.begin()).tags[EV2])})
    assert sorted((verdict(answer) for answer in at_both(pair, end, end)), key=str) == [UNDECIDED, PROVEN]


def test_a_scripted_fault_has_its_turns_whichever_worker_meets_it(pair):
    for seq in range(1, 41, 2):
        pair[0].ledger.script_fault(Fault("refuse", mti="0200", rc="91", terminal=TERMINAL))
        answers = at_both(pair, accrual(seq, 1_000), accrual(seq + 1, 1_000))
        assert sorted(answer.rc for answer in answers) == ["00", "91"]
    assert pair[1].ledger.scripted_faults() == []


def test_a_worker_that_dies_in_the_middle_leaves_nothing_and_holds_nobody_up(pair):
    """Its connection breaks with the booking done and not committed; the other worker was waiting for the row."""
    sale = accrual(1, 50_000)
    opened = Session(pair[0].ledger._engine)
    book(opened, _value(sale), pair[0].ledger.programme, NOW)
    assert opened.connection().exec_driver_sql("SELECT count(*) FROM transactions WHERE seq = 1").scalar() == 1
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(pair[1].ask, sale)
        with pytest.raises(TimeoutError):
            waits.result(0.5)
        opened.connection().invalidate()
        assert waits.result(PATIENCE_S).rc == "00"
    opened.rollback()
    opened.close()
    assert pair[1].ask(sale).rc == "94"
    assert pair[1].ledger.balance("ali") == 650


def test_a_sale_that_waited_for_a_move_is_the_new_members(pair, monkeypatch):
    assert pair[0].ask(accrual(1, 80_000, uid="DEADBEEF")).rc == "00"
    moving, go_on = threading.Event(), threading.Event()

    def slowly(session, member_id):
        moving.set()
        assert go_on.wait(PATIENCE_S)
        return balance_of(session, member_id)

    monkeypatch.setattr("tools.bench_switch.office.balance_of", slowly)
    with ThreadPoolExecutor(2) as pool:
        move = pool.submit(pair[0].ledger.move_card, "DEADBEEF", "sara")
        assert moving.wait(PATIENCE_S)
        sale = pool.submit(pair[1].ask, accrual(2, 20_000, uid="DEADBEEF"))
        with pytest.raises(TimeoutError):
            sale.result(0.5)
        go_on.set()
        assert (move.result(PATIENCE_S), sale.result(PATIENCE_S).balance) == (80, 100)
    assert pair[0].ledger.balance("sara") == 100


def _value(request):
    import datetime

    return Value(
        TERMINAL, 1, "0200", "accrual", False, int(request["11"]), request["7"], request["37"], request["42"], ALI, 1,
        50_000, 50, datetime.date(2026, 11, 22),
    )  # fmt: skip


def test_several_workers_on_sqlite_are_refused(tmp_path):
    with pytest.raises(LedgerError, match="B03"):
        Workers("sqlite://", 2, tmp_path / "pki")


def test_workers_that_cannot_start_are_given_up_in_words(postgres_database, tmp_path, monkeypatch):
    workers = Workers(postgres_database, 2, tmp_path / "pki")
    said = []
    workers.listen(said.append)
    monkeypatch.setattr("tools.bench_switch.workers.sys.executable", "/bin/false")
    with pytest.raises(LedgerError, match="B04"):
        workers.start()
    assert any("ended with 1" in line for line in said)
    assert workers.pids() == []
