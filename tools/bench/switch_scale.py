"""The bench switch with a thousand terminals on PostgreSQL: two workers beside one, and one killed in the middle.

Two and one workers serve the same fleet in turn, twice each, so that whatever else the machine does meets both. All
are real processes on this machine's cores: the fleet and PostgreSQL, with its care for a power cut on, take their share
of them, so the ratio of two workers says what a second one is worth here and not what it could be on a larger machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bench.report import Row, row
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.workers import Workers
from tools.fleet.run import Day, Fleet, Place
from tools.postgres import Cluster

TERMINALS = 1_000
TURNS = (2, 1, 1, 2)  # what the machine does more and more of meets both alike
WARM_S, TURN_S = 1.0, 6.0
KILL_AFTER_S, AFTER_KILL_S = 2.0, 3.0


class Scale:
    """What was measured: answers and seconds by number of workers, and what a killed one cost."""

    def __init__(self) -> None:
        self.answers = {1: 0, 2: 0}
        self.seconds = {1: 0.0, 2: 0.0}
        self.connected: list[int] = []
        self.problems: list[str] = []
        self.transactions = 0
        self.restarts = 0

    def per_second(self, workers: int) -> float:
        """Answered messages a second."""
        return self.answers[workers] / self.seconds[workers]


def measure(terminals: int = TERMINALS, turn_s: float = TURN_S) -> Scale:
    """The whole run, about a minute."""
    scale = Scale()
    with Cluster(fast=False) as cluster, tempfile.TemporaryDirectory() as folder:
        database = cluster.new_database()
        ledger = Ledger(database)
        try:
            asyncio.run(_turns(scale, ledger, database, Path(folder) / "pki", terminals, turn_s))
        finally:
            ledger.close()
    return scale


async def _turns(scale: Scale, ledger: Ledger, database: str, pki: Path, terminals: int, turn_s: float) -> None:
    port = _free_port()
    fleet: Fleet | None = None
    for turn, count in enumerate(TURNS):
        workers = Workers(database, count, pki, port=port)
        await asyncio.to_thread(workers.start)
        try:
            if fleet is None:
                place = Place("127.0.0.1", port, workers.identity.switch_name, workers.identity.ca_der)
                fleet = Fleet(ledger, place, Day(terminals, terminals, turn_s))
            await fleet.connect()
            scale.connected.append(fleet.report.connected)
            await fleet.sell(WARM_S)
            await fleet.sell(turn_s)
            print(f"switch: turn {turn + 1}, {count} workers: {fleet.report.per_second:.0f} answers a second")
            scale.answers[count] += fleet.report.answers
            scale.seconds[count] += fleet.report.seconds
            if turn < len(TURNS) - 1:
                await fleet.leave()
                continue
            await _sell_through_a_kill(fleet, workers)
            await fleet.settle()
            scale.restarts = workers.restarts
        finally:
            await asyncio.to_thread(workers.close)
    if fleet is not None:
        scale.problems, scale.transactions = fleet.report.problems, fleet.report.transactions


async def _sell_through_a_kill(fleet: Fleet, workers: Workers) -> None:
    selling = asyncio.create_task(fleet.sell(KILL_AFTER_S + AFTER_KILL_S))
    await asyncio.sleep(KILL_AFTER_S)
    os.kill(workers.pids()[0], signal.SIGKILL)
    await selling


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def rows() -> Iterator[Row]:
    """The figures for `make bench`."""
    scale = measure()
    for problem in scale.problems[:10]:
        print(f"switch.lost_or_doubled: {problem}")
    cores = f"{os.cpu_count()} cores"
    yield row("switch.connected", min(scale.connected), "terminals at once", target=TERMINALS, at_least=True)
    yield row("switch.answers.1_worker", scale.per_second(1), f"a second, {cores}")
    yield row("switch.answers.2_workers", scale.per_second(2), f"a second, {cores}")
    ratio = scale.per_second(2) / scale.per_second(1)
    yield row("switch.workers_ratio", ratio, "2 workers over 1", limit=2, target=1, at_least=True)
    # A worker that was not killed proves nothing: then the figure is missed too.
    lost = len(scale.problems) if scale.restarts == 1 else -1
    yield row("switch.lost_or_doubled", abs(lost), f"of {scale.transactions}, a worker killed", target=0)
