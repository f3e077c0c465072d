"""The library of the serial line waits in simulated time: what a busy PC gives late is not seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.rpc import client
from tools.sim.scenario_stage import START_UTC, Stage


class StageTime:
    """What the library asks for the time."""

    def __init__(self, stage: Stage, run: Callable[[int], object]) -> None:
        self._stage = stage
        self._run = run

    def monotonic(self) -> float:
        return self._stage.terminal.clock.now_us / 1_000_000

    def sleep(self, seconds: float) -> None:
        self._run(round(seconds * 1000))

    def time(self) -> float:
        return START_UTC + self.monotonic()


def waits_with(stage: Stage, monkeypatch: pytest.MonkeyPatch, run: Callable[[int], object] | None = None) -> None:
    """From now on; `run` lets time pass."""
    monkeypatch.setattr(client, "time", StageTime(stage, run or stage.run))
