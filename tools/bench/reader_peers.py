"""The foreign drivers of `tools.peers` in the same run, and which of them is best at what.

Every figure is the least of all drivers at both clock rates, so that nobody is measured at a rate that does not suit
him, unless one rate is asked for; transactions and time of one row may come from different drivers. Steps that make
one operation are added up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools import peers

DETECT_AND_SELECT = ("request", "anticollision", "select")
CLASSIC_READ = (*DETECT_AND_SELECT, "authenticate", "read")


@dataclass(frozen=True)
class Best:
    """Who, and how much."""

    name: str
    value: float


class Peers:
    """What all of them did."""

    def __init__(self, runs: list[peers.Run]) -> None:
        self._runs = runs

    @classmethod
    def measured(cls) -> Peers:
        """Run them, one after the other."""
        return cls([run for name in peers.NAMES for run in peers.measured(name)])

    def transactions(self, *steps: str) -> Best:
        """Fewest chip-select assertions."""
        return self._least(steps, lambda cost: cost.transactions)

    def milliseconds(self, *steps: str, spi_hz: int | None = None) -> Best:
        """Least time, of both clock rates or at this one."""
        best = self._least(steps, lambda cost: cost.us, spi_hz)
        return Best(best.name, best.value / 1000)

    def rates_hz(self) -> list[int]:
        """The clock rates they were measured at."""
        return sorted({run.spi_hz for run in self._runs})

    def _least(self, steps: tuple[str, ...], figure: Callable[[peers.Cost], int], spi_hz: int | None = None) -> Best:
        able = [
            run
            for run in self._runs
            if all(step in run.costs for step in steps) and (spi_hz is None or run.spi_hz == spi_hz)
        ]
        if not able:
            raise ValueError(f"no foreign driver did {steps}")
        totals = [Best(run.name, sum(figure(run.costs[step]) for step in steps)) for run in able]
        return min(totals, key=lambda best: best.value)
