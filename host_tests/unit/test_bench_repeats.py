"""A repeat says the same as the first message did, also of currency, day and clerk; rows of older books are known."""

import pytest
from sqlalchemy import text

from host_tests.unit.bench_client import accrual, ask, furnished_desk, reversal

CLERK = 0x0B


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        yield desk


@pytest.mark.parametrize(
    "changes", [{"49": "978"}, {"13": "1121"}, {"extra": {CLERK: b"8"}}, {"extra": {}}], ids=["49", "13", "clerk", "no"]
)
@pytest.mark.parametrize("mti", ["0200", "0220"])
def test_the_same_number_in_another_currency_day_or_by_another_clerk_is_no_repeat(desk, mti, changes):
    said = {"extra": {CLERK: b"7"}}
    assert ask(desk, accrual(1, 5_000, mti, **said)).rc == "00"
    assert ask(desk, accrual(1, 5_000, mti, **said)).rc == "94"
    assert ask(desk, accrual(1, 5_000, mti, **(said | changes))).rc == "12"
    assert desk.ledger.balance("ali") == 605


def test_a_repeat_of_what_older_books_keep_is_one(desk):
    first = accrual(1, 5_000, extra={CLERK: b"7"})
    undoing = reversal(2, first)
    assert (ask(desk, first).rc, ask(desk, undoing).rc) == ("00", "00")
    assert ask(desk, accrual(3, 7_000)).rc == "00"

    def older(session):
        for number, content in session.execute(text("SELECT id, content FROM transactions")).all():
            short = {"short": content.split(" @")[0], "id": number}
            session.execute(text("UPDATE transactions SET content = :short WHERE id = :id"), short)

    desk.ledger.transact(older)
    assert ask(desk, accrual(3, 7_000)).rc == "94"
    assert ask(desk, {**undoing, "t": "0421"}).rc == "94"
    assert ask(desk, accrual(3, 8_000)).rc == "12"
