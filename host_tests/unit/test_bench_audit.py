"""The check of the books finds each kind of wrong row, on both databases, and nothing wrong with right ones."""

import pytest
from sqlalchemy.exc import IntegrityError

from host_tests.unit.bench_client import (
    NOW,
    STRANGER,
    accrual,
    answered,
    furnish,
    inquiry,
    redemption,
    reversal,
    sealed,
    u32,
    value,
)
from tools.bench_switch import Ledger, Programme, audit
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


@pytest.fixture
def moved(books):
    """And: 8 a stranger's sale, 9 comes along to sara, 10 ali spends offline; a reserve is open, SEQ 9 never came."""
    books.programme = Programme(allowances=True)
    books.adjust("ali", 5_000, "a gift", NOW)
    desk = Desk(books, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)

    def ask(request):
        return answered(request, desk.handle(sealed(request)).data[2:])

    def reserved():
        return ask(inquiry(extra={0x30: bytes(8)})).tags[0x30][:4]

    ask(accrual(6, 9_000, uid=STRANGER))
    books.move_card(STRANGER, "sara")
    ask(value("0220", 7, 50_000, -500, extra={0x30: reserved() + u32(500)}))
    reserved()
    ask(reversal(8, accrual(99, 5_000)))
    verbs = [row.verb for row in books.transactions()]
    assert verbs[7:] == ["adjust", "accrual", "move", "redemption", "reversal"]
    assert [(row.state, row.points) for row in books.allowances(closed=True)] == [("used", 1_100), ("open", 1_000)]
    assert books.check() == []
    return books


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (
            [
                "UPDATE transactions SET original_id = NULL, points = 0 WHERE id = 5",
                "DELETE FROM postings WHERE transaction_id = 5",
            ],
            "transaction 5 was to undo 4, which stands",
        ),
        (
            ["UPDATE postings SET points = points * 100 WHERE transaction_id = 10"],
            "transaction 10 does not move what a nameless member had",
        ),
        (
            ["UPDATE members SET provisional = (1 = 0)"],
            "transaction 10 does not move what a nameless member had",
        ),
        (
            ["UPDATE transactions SET rc = '00' WHERE id = 7"],
            "transaction 7 is not what its message said: 'redemption 9C599B32 90000 -900 0'",
        ),
        (
            ["UPDATE transactions SET rc = '00', points = -900 WHERE id = 7"],
            "transaction 7 answered 00 with the approval code ''",
        ),
        (
            ["UPDATE transactions SET amount = 51000 WHERE id = 3"],
            "transaction 3 is not what its message said: 'accrual 9C599B32 50000 50 0'",
        ),
        (
            ["UPDATE transactions SET uid = 'DEADBEEF' WHERE id = 3"],
            "transaction 3 is not what its message said: 'accrual 9C599B32 50000 50 0'",
        ),
        (
            ["UPDATE transactions SET content = 'accrual 9C599B32' WHERE id = 3"],
            "transaction 3 is not what its message said: 'accrual 9C599B32'",
        ),
        (
            ["UPDATE transactions SET content = 'accrual 9C599B32 50000 51 0' WHERE id = 3"],
            "transaction 3 is not what its message said: 'accrual 9C599B32 50000 51 0'",
        ),
        (
            ["INSERT INTO letters_cleared (terminal_id, seq, ordered_utc) VALUES ('VAFA0001', 4, 1)"],
            "transaction 6 is booked, and SEQ 4 of VAFA0001 is cleared",
        ),
        (
            [
                "INSERT INTO reversal_marks (id, terminal_id, stan, de7) SELECT 99, terminal_id, stan, de7 "
                "FROM transactions WHERE id = 3"
            ],
            "transaction 3 is booked after its reversal",
        ),
        (
            [
                "UPDATE transactions SET member_id = 2 WHERE id = 3",
                "UPDATE postings SET member_id = 2 WHERE transaction_id = 3 AND account = 'member'",
            ],
            "transaction 3 is member 2's, the card was 1's",
        ),
        (
            ["UPDATE allowances SET points = 900000, covered = 900000 WHERE state = 'open'"],
            "allowance 2 of VAFA0001: 900000 points of at most 5820",
        ),
        (
            ["UPDATE allowances SET uid = '04A1B2C3D4E5F6', state = 'open', used_seq = NULL WHERE id = 1"],
            "member 1: 2100 points are reserved, more than may be",
        ),
        (
            ["UPDATE transactions SET content = 'reversal 9C599B32 50000 -500 3 1122000001' WHERE id = 5"],
            "transaction 5 undid what never came",
        ),
    ],
)
def test_what_other_rows_prove_wrong_is_found(moved, statements, found):
    change(moved, *statements)
    assert found in moved.check()


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
