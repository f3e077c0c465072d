"""The switch's side of who works in a shop: its own count of visits, and what a terminal flags of its staff."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from host_tests.unit.bench_client import ALI, NOW, TERMINAL, ask, furnish, network
from host_tests.unit.bench_client import tlv as packed
from tools.bench_switch import Ledger, flags, shift_visits
from tools.bench_switch.batches import equal, parsed
from tools.bench_switch.cli import main
from tools.bench_switch.codec import tlv
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.schema import MemberRow, TransactionRow


@pytest.fixture
def ledger():
    made = Ledger("sqlite://")
    furnish(made)
    yield made
    made.close()


def row(kind: str, clerk: str, count: int) -> str:
    return f"{kind}{clerk}{count:06d}{0:016d}C{0:013d}"


def test_rows_of_visits_are_never_compared_and_fold_nobody_s_totals():
    said = parsed(row("NW", "***", 2) + row("AC", "003", 2) + row("AC", "004", 1))
    assert equal(said, parsed(row("AC", "003", 2) + row("AC", "004", 1)))
    assert not equal(said, parsed(row("AC", "003", 1) + row("AC", "004", 2)))


def test_a_flag_is_kept_once_with_how_often_it_was_said(ledger):
    log = MessageLog(lambda: NOW)
    tags = {tlv.DIAG: b"velocity clerk 3 ****9B32 5x; velocity clerk 4 ****0001 6x; something else"}
    for later in (0, 60):
        flags.heard(ledger, log, TERMINAL, tags, NOW + later)
    flags.heard(ledger, log, TERMINAL, {tlv.DIAG: b"unsettled 0"}, NOW)
    assert [(one.text, one.times, one.told_utc) for one in sorted(flags.flags(ledger), key=lambda one: one.text)] == [
        ("velocity clerk 3 ****9B32 5x", 2, NOW + 60),
        ("velocity clerk 4 ****0001 6x", 2, NOW + 60),
    ]


def test_flags_are_listed_on_the_command_line(tmp_path):
    database = f"sqlite:///{tmp_path / 'books.db'}"
    made = Ledger(database)
    furnish(made)
    flags.heard(made, MessageLog(lambda: NOW), TERMINAL, {tlv.DIAG: b"velocity clerk 3 ****9B32 5x"}, NOW)
    made.close()
    said = CliRunner().invoke(main, ["--database", database, "flags"])
    assert said.exit_code == 0 and "velocity clerk 3" in said.output and "1 flags" in said.output


def test_an_echo_brings_the_flag(ledger):
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    echo = network("301")
    echo["48"] += packed({tlv.DIAG: b"velocity clerk 3 ****9B32 5x"})
    assert ask(desk, echo).rc == "00"
    assert [one.text for one in flags.flags(ledger)] == ["velocity clerk 3 ****9B32 5x"]


def add(ledger: Ledger, seq: int, day: str, rc: str = "00", original: int | None = None, by: str = "reversal") -> None:
    """A sale of Ali's, or what undid one."""

    def work(session) -> None:
        sale = session.scalar(select(TransactionRow).where(TransactionRow.seq == (original or 0)))
        verb = "accrual" if sale is None else by
        member = session.scalar(select(MemberRow).where(MemberRow.name == "ali"))
        session.add(
            TransactionRow(
                terminal_id=TERMINAL, seq=seq, mti="0200", verb=verb, stan=seq, de7="1118064000", rrn="0",
                merchant_id="M", member_id=member.id, uid=ALI, auth=1, amount=1000, points=1, rc=rc, approval="",
                business_day=day, booked_utc=NOW, original_id=sale.id if sale is not None else None, content="",
            )
        )  # fmt: skip

    ledger.transact(work)


def counted(ledger: Ledger, *seqs: int):
    def work(session):
        query = select(TransactionRow).where(TransactionRow.seq.in_(seqs)).order_by(TransactionRow.seq)
        return shift_visits.visits_of(session, session.scalars(query), ledger.programme)

    return ledger.transact(work)


def test_a_day_counts_once_by_what_was_before_it(ledger):
    for seq, day in enumerate(("2026-01-01", "2026-01-01", "2026-01-08", "2026-01-15", "2026-06-01"), 1):
        add(ledger, seq, day)
    assert counted(ledger, 1, 2) == (1, 0, 0)
    assert counted(ledger, 2) == (0, 0, 0)  # the day's first purchase was of another shift
    assert counted(ledger, 3, 4) == (0, 2, 0)
    assert counted(ledger, 1, 2, 3, 4, 5) == (1, 2, 1)  # three visits, then more than 70 days


def test_what_was_refused_or_reversed_is_no_visit_before(ledger):
    add(ledger, 1, "2026-01-01", rc="51")
    add(ledger, 2, "2026-01-02")
    add(ledger, 3, "2026-01-02", original=2)
    add(ledger, 4, "2026-01-03")
    assert counted(ledger, 4) == (1, 0, 0)
    assert shift_visits.spelt((1, 22, 333)) == "000001000022000333"


def test_a_voided_sale_is_no_visit_and_the_next_one_of_its_day_is(ledger):
    add(ledger, 1, "2026-01-01")
    add(ledger, 2, "2026-01-01", original=1, by="void")
    assert counted(ledger, 1, 2) == (0, 0, 0)
    add(ledger, 3, "2026-01-01")
    assert counted(ledger, 1, 2, 3) == (1, 0, 0)
    add(ledger, 4, "2026-01-08")
    assert counted(ledger, 4) == (0, 1, 0)
