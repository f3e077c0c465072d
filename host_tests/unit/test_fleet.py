"""The fleet of terminals against real worker processes: nothing lost or doubled, also when a worker is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from host_tests.patience import PATIENCE_S, wait_for
from tools.bench_switch import BenchSwitch, Fault, Ledger
from tools.bench_switch.pki import ensure
from tools.bench_switch.schema import PostingRow, TransactionRow
from tools.bench_switch.workers import Workers
from tools.fleet.__main__ import main
from tools.fleet.accounts import verify
from tools.fleet.run import Day, Fleet, Place

ROOT = Path(__file__).parents[2]


def fleet_of(ledger, switch, **day):
    place = Place("127.0.0.1", switch.port, switch.identity.switch_name, switch.identity.ca_der)
    return Fleet(ledger, place, Day(**{"terminals": 12, "members": 6, "seconds": 1.0, "answer_s": 10.0, **day}))


async def sold_until(fleet, enough):
    """Sell for as long as it takes: on a busy PC little is sold in a second."""
    await fleet.connect()
    until = time.monotonic() + PATIENCE_S
    while True:
        await fleet.sell(1.0)
        if enough() or time.monotonic() > until:
            break
    await fleet.settle()
    return fleet.report


def test_a_fleet_sells_on_both_databases_and_every_point_is_there(tmp_path, shared_database):
    with BenchSwitch(shared_database, tmp_path / "pki") as switch:
        report = asyncio.run(fleet_of(switch.ledger, switch).run())
    assert (report.connected, report.problems) == (12, [])
    assert report.transactions >= 12
    assert report.per_second > 0


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path, postgres_database):
    ledger = Ledger(postgres_database)
    with Workers(postgres_database, 2, tmp_path / "pki") as workers:
        first = workers.pids()
        fleet = fleet_of(ledger, workers, terminals=20, seconds=3.0)
        killer = threading.Timer(1.5, lambda: os.kill(first[0], signal.SIGKILL))
        killer.start()
        report = asyncio.run(fleet.run())
        killer.join()
        workers.wait_until_ready()
        assert workers.restarts == 1
        assert len(set(workers.pids()) & set(first)) == 1
        assert len(workers.pids()) == 2
    assert (report.connected, report.problems) == (20, [])
    assert report.counts["lost answers"] > 0 or report.counts["connections"] > 20
    ledger.close()


def test_lost_and_refused_answers_are_undone_or_repeated(tmp_path):
    with BenchSwitch(f"sqlite:///{tmp_path}/books.db", tmp_path / "pki") as switch:
        fleet = fleet_of(switch.ledger, switch, terminals=4, answer_s=2.0)
        for kind, more in (
            ("silent", {"mti": "0200"}),
            ("silent", {"mti": "0220"}),
            ("silent", {"mti": "0200", "when": "before"}),
            ("close", {"mti": "0200"}),
            ("close_after_bytes", {"mti": "0220", "n": 40}),
            ("refuse", {"mti": "0200", "rc": "96"}),
            ("duplicate", {}),
            ("reorder", {"mti": "0220"}),
            ("wrong_mac", {"mti": "0200"}),
            ("garble", {"mti": "0220"}),
        ):
            switch.ledger.script_fault(Fault(kind, **more))
        report = asyncio.run(sold_until(fleet, lambda: not switch.ledger.scripted_faults()))
        assert report.problems == []
        assert report.counts["lost answers"] >= 3
        assert [one.kind for one in switch.ledger.scripted_faults()] == []
        assert any(record.state == "undone" for terminal in fleet.terminals for record in terminal.records)


def test_what_is_wrong_in_the_books_is_found(tmp_path):
    with BenchSwitch(f"sqlite:///{tmp_path}/books.db", tmp_path / "pki") as switch:
        fleet = fleet_of(switch.ledger, switch, terminals=2)
        terminal = fleet.terminals[0]

        def booked_ones():
            return [record for record in terminal.records if record.state == "booked" and record.points > 0]

        assert asyncio.run(sold_until(fleet, booked_ones)).problems == []
        booked = booked_ones()[0]
        row_of = select(TransactionRow).where(
            TransactionRow.terminal_id == terminal.terminal_id, TransactionRow.seq == booked.transaction.seq
        )
        with switch.ledger._session() as session:  # both sides, so that the books balance and only the terminal knows
            row = session.scalar(row_of)
            row.points += 1
            for posting in session.scalars(select(PostingRow).where(PostingRow.transaction_id == row.id)):
                posting.points += 1 if posting.points > 0 else -1
        found = verify(switch.ledger, fleet.terminals)
        told = f"SEQ {booked.transaction.seq} stands with {booked.points + 1} points, not {booked.points}"
        assert f"{terminal.terminal_id}: {told}" in found  # beside what the books themselves show of it
        with switch.ledger._session() as session:
            row = session.scalar(row_of)
            row.seq = 77_777
        found = "\n".join(verify(switch.ledger, fleet.terminals))
        assert f"SEQ {booked.transaction.seq} was approved and does not stand in the books" in found
        assert "SEQ 77777 was never made by the terminal" in found


def test_the_command_prints_a_figure_and_fails_with_a_reason(tmp_path):
    database = f"sqlite:///{tmp_path}/books.db"
    with BenchSwitch(database, tmp_path / "pki") as switch:
        arguments = ["--terminals", "3", "--seconds", "1", "--switch", f"127.0.0.1:{switch.port}"]
        arguments += ["--database", database, "--pki", str(tmp_path / "pki")]
        good = CliRunner().invoke(main, arguments)
        assert good.exit_code == 0, good.output
        assert re.search(r"throughput: [\d.]+ answers/s", good.output)
        switch.ledger.script_fault(Fault("refuse", count=10_000, mti="0220", rc="57"))
        switch.ledger.script_fault(Fault("refuse", count=10_000, mti="0221", rc="57"))
        bad = CliRunner().invoke(main, arguments)
    assert bad.exit_code == 1
    assert "refused with 57" in bad.output


def test_workers_end_when_their_parent_is_killed(tmp_path, postgres_database):
    command = [sys.executable, "-m", "tools.bench_switch", "--database", postgres_database, "serve", "--workers", "2"]
    command += ["--port", "0", "--pki", str(tmp_path / "pki"), "--quiet"]
    ensure(tmp_path / "pki")
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as serving:
        assert "listening on" in serving.stdout.readline()
        children = Path(f"/proc/{serving.pid}/task").glob("*/children")
        workers = [int(pid) for one in children for pid in one.read_text().split()]
        assert len(workers) == 2
        serving.kill()
        serving.communicate(timeout=PATIENCE_S)
    wait_for(lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_busy_port_is_said_in_one_line(tmp_path, postgres_database):
    with BenchSwitch("sqlite://", tmp_path / "pki") as switch, pytest.raises(OSError, match="in use"):
        Workers(postgres_database, 2, tmp_path / "pki", port=switch.port).start()
