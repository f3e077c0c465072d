"""Cuts the power at every flash operation of one offline sale, with every way an operation can be torn, and looks.

For each cut: was the approval on the screen before the lights went out, what does the restarted terminal hold, and how
often is the sale at the switch once the network is back? Exactly once if the approval had been shown, at most once
otherwise. Knows the scenario stage only. Times are simulated milliseconds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from tools.bench_switch.schema import ACCRUAL, APPROVED
from tools.sim.chips.nor import Torn
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

AMOUNT = 77_000
POINTS = AMOUNT // 1000
_CARD, _MEMBER = "gold-card", "ali"
_AFTER_MS = 1_500  # of the sale's own aftermath (housekeeping, receipt) that belongs to the sweep
_OFFLINE_MS = 20_000
_BOOT_MS = 30_000
_SETTLE_MS = 240_000


@dataclass(frozen=True)
class Case:
    """What one cut led to. `fired` is False when the sale had fewer operations than `op`."""

    op: int
    torn: str
    fired: bool
    approval_shown: bool
    held_after_restart: int
    booked: int
    problems: tuple[str, ...]

    @property
    def right(self) -> bool:
        """The promise of the journal."""
        wanted = (1,) if self.approval_shown else (0, 1)
        return self.booked in wanted and not self.problems


@functools.cache
def used_flash(board: str) -> bytes:
    """The flash of a terminal that has signed on once and was switched off in order."""
    stage = Stage(Start(board=board))
    try:
        stage.open()
        stage.run(_AFTER_MS)
        stage.cut_now()
        return bytes(stage.terminal.nor.image)
    finally:
        stage.close()


class _Offline:
    """A stage whose terminal was switched on without network, with nothing waiting."""

    def __init__(self, board: str) -> None:
        self.stage = Stage(Start(board=board))
        self.stage.flash = used_flash(board)
        self.stage.set_up()
        self.stage.net(False)
        self.stage.power_on()
        if not self.stage.run_until(lambda: "OFFLINE" in self.stage.screen_lines(), _BOOT_MS):
            raise RuntimeError("the terminal did not get ready")
        self.stage.run(_AFTER_MS)  # housekeeping comes to rest

    def sell(self) -> None:
        stage = self.stage
        for key in [*str(AMOUNT), "OK"]:
            stage.press(key)
        stage.lay(_CARD)

    def approved(self) -> bool:
        return "SAVED" in self.stage.screen_lines()


def count_ops(board: str = "s3") -> int:
    """Flash operations of one offline sale and its aftermath."""
    world = _Offline(board)
    try:
        before = world.stage.terminal.nor.ops
        world.sell()
        if not world.stage.run_until(world.approved, _OFFLINE_MS):
            raise RuntimeError("the sale was not approved")
        world.stage.run(_AFTER_MS)
        return world.stage.terminal.nor.ops - before
    finally:
        world.stage.close()


def try_cut(op: int, torn: Torn, board: str = "s3") -> Case:
    """One sale, cut at its `op`-th flash operation."""
    world = _Offline(board)
    stage = world.stage
    try:
        stage.terminal.cut_at_flash_op(op, torn)
        world.sell()
        stage.run_until(lambda: not stage.powered() or world.approved(), _OFFLINE_MS)
        shown = stage.powered() and world.approved()
        stage.run_until(lambda: not stage.powered(), _AFTER_MS)
        fired = not stage.powered()
        stage.cut_now()
        stage.remove(None)
        stage.run(500)
        stage.power_on()
        stage.run_until(lambda: bool([line for line in stage.screen_lines() if line in ("READY", "SAVED")]), _BOOT_MS)
        held = stage.journal()["pending"]
        stage.net(True)
        settled = stage.run_until(lambda: stage.journal()["pending"] == 0 and "ONLINE" in _words(stage), _SETTLE_MS)
        stage.run(500)
        return Case(op, torn.value, fired, shown, held, _booked(stage), tuple(_problems(stage, settled)))
    finally:
        stage.close()


def _words(stage: Stage) -> list[str]:
    """The screen, with whatever stands on it acknowledged."""
    lines = stage.screen_lines()
    if "SAVED" in lines:
        return ["ONLINE"]  # the last outcome is on the screen; the queue says that the link is up
    return lines


def _booked(stage: Stage) -> int:
    return sum(
        1
        for row in stage.switch.ledger.transactions()
        if row.verb == ACCRUAL and row.amount == AMOUNT and row.rc == APPROVED
    )


def _problems(stage: Stage, settled: bool) -> Iterator[str]:
    if not settled:
        yield "the queue was not settled"
    if stage.journal()["dead"]:
        yield "a dead letter"
    yield from stage.ledger_problems()
    opening = stage.start.members[_MEMBER].points
    if stage.ledger()[_MEMBER] != opening + _booked(stage) * POINTS:
        yield "the balance does not fit the bookings"


def sweep(board: str = "s3", torn: tuple[Torn, ...] = tuple(Torn), ops: int | None = None) -> Iterator[Case]:
    """Every operation with every model."""
    for op in range(1, (ops or count_ops(board)) + 1):
        for model in torn:
            yield try_cut(op, model, board)
