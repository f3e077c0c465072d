"""The check of the books finds each kind of wrong row, on both databases, and nothing wrong with right ones."""

import pytest
from sqlalchemy.exc import IntegrityError

from host_tests.unit.bench_client import NOW, accrual, answered, furnish, redemption, reversal, sealed
from tools.bench_switch import Ledger, audit
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog


@pytest.fixture
def books(database):
    """Transactions: 1 opening, 2 the office's, 3 a sale, 4 spent, 5 undoes 4, 6 an advice, 7 refused."""
    ledger = Ledger(database)
    furnish(ledger)
    ledger.set_contact("ali", "09123456789")
    ledger.adjust("ali", 100, "a gift", NOW)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    spent = redemption(2, 500)
    for request in (accrual(1, 50_000), spent, reversal(3, spent), accrual(4, 70_000, "0220"), redemption(5, 900)):
        answered(request, desk.handle(sealed(request)).data[2:])
    assert [row.rc for row in ledger.transactions()] == ["00"] * 6 + ["51"]
    assert [(row.id, row.transaction_id) for row in ledger.messages()] == [(2, 6), (1, 4)]
    assert ledger.check() == []
    yield ledger
    ledger.close()


def change(ledger, *statements):
    with ledger._engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE postings SET points = 51 WHERE id = 5", "transaction 3: its postings sum to 1"),
        ("DELETE FROM postings WHERE transaction_id = 3", "transaction 3 answered 50 points and booked 0"),
        ("UPDATE transactions SET points = 51 WHERE id = 3", "transaction 3 answered 51 points and booked 50"),
        ("UPDATE transactions SET rc = '51' WHERE id = 6", "transaction 6 was refused with 51 and has postings"),
        ("UPDATE postings SET member_id = 2 WHERE id = 5", "transaction 3 is booked on accounts that are not its own"),
        (
            "UPDATE postings SET account = 'redeemed' WHERE id = 6",
            "transaction 3 is booked on accounts that are not its own",
        ),
        ("UPDATE transactions SET original_id = 3 WHERE id = 5", "transaction 5 does not exactly undo 3"),
        ("UPDATE terminals SET high_seq = 4", "VAFA0001: its highest SEQ is 4, and 5 came"),
        ("UPDATE transactions SET business_day = '' WHERE id = 3", "transaction 3 is a visit without a day"),
        ("UPDATE members SET tier_floor = 7 WHERE id = 1", "member 1: brought a tier or visits that cannot be"),
        ("UPDATE members SET visits_before = -1 WHERE id = 1", "member 1: brought a tier or visits that cannot be"),
        ("DELETE FROM reasons", "transaction 2 of the office has no reason"),
        ("INSERT INTO reasons VALUES (3, 'why')", "transaction 3 has a reason and needs none"),
        ("UPDATE outbox SET transaction_id = 6 WHERE id = 1", "message 2 tells of transaction 6, as message 1 does"),
        (
            "UPDATE outbox SET transaction_id = NULL WHERE id = 1",
            "message 1 tells of transaction None, which is not there",
        ),
        ("UPDATE outbox SET state = 'queued' WHERE id = 1", "message 1 of transaction 4 is queued"),
        (
            "UPDATE outbox SET kind = 'refused' WHERE id = 2",
            "message 2 is not what transaction 6 has to tell its member",
        ),
        ("UPDATE outbox SET member_id = 2 WHERE id = 2", "message 2 is not what transaction 6 has to tell its member"),
    ],
)
def test_a_wrong_row_of_each_kind_is_found(books, statement, found):
    change(books, statement)
    assert found in books.check()


def test_a_posting_of_no_transaction_is_found(books):
    """The database itself refuses one, so it is told to look away."""
    away = "PRAGMA foreign_keys = OFF"
    if books._engine.dialect.name == "postgresql":
        away = "SET LOCAL session_replication_role = replica"
    orphan = "INSERT INTO postings (id, transaction_id, account, points) VALUES (99, 77, 'issued', 0)"
    with pytest.raises(IntegrityError):
        change(books, orphan)
    change(books, away, orphan)
    assert books.check() == ["transaction 77 has postings but is not there"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transactions SET seq = 1 WHERE id = 6",
        "UPDATE transactions SET original_id = 4 WHERE id = 6",
        "UPDATE outbox SET cause = 'transaction 6' WHERE id = 1",
        "UPDATE postings SET account = 'thin air' WHERE id = 6",
        "UPDATE postings SET member_id = NULL WHERE id = 5",
        "DELETE FROM transactions WHERE id = 3",
    ],
)
def test_what_must_never_be_is_refused_by_the_database_itself(books, statement):
    with pytest.raises(IntegrityError):
        change(books, statement)
    assert books.check() == []


def test_members_who_are_told_other_visits_than_the_rows_say_are_found(books, monkeypatch):
    monkeypatch.setattr(audit, "visits_of", lambda *_: (2, "2026-11-22", 120_000))
    assert books.check() == ["member 1: visits and purchases are told wrongly"]
