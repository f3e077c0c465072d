"""The store beside what programs commonly do with flash: one counting flash, the device's interpreter, one run.

The ways and what a step is stand in on_device/store_rivals.py. Figures are counts a step, exact and repeatable. The
same run gives the peers of the store's own rows; there is no peer where nothing in the run does the like.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.bench.report import Row, row
from tools.sim.chips.nor import ERASE_US, PROGRAM_US_A_PAGE

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = Path(__file__).parent / "on_device" / "store_rivals.py"
_OURS = {"queue": ("journal",), "members": ("index", "buckets")}


@dataclass(frozen=True)
class Cost:
    """A step's erases, programmed bytes, programs of up to 256 bytes, bytes read, and the most erases in one step."""

    erases: float
    programmed: float
    programs: float
    read: float
    worst_erases: int

    @property
    def flash_ms(self) -> float:
        """Modelled flash time of a step, as for ours; a program counts as one page, so it is the least it can be."""
        return (self.programs * PROGRAM_US_A_PAGE + self.erases * ERASE_US) / 1000


@cache
def measure(what: str) -> dict[str, Cost]:
    """Costs by way for `queue` or `members`. Raises CalledProcessError when the program fails."""
    answer = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=64M", str(_PROGRAM), what],
        env={**os.environ, "MICROPYPATH": f".frozen:{_ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    costs = {}
    for line in answer.stdout.splitlines():
        _what, name, erases, programmed, programs, read, worst = line.split()
        costs[name] = Cost(float(erases), float(programmed), float(programs), float(read), int(worst))
    return costs


# Ours on flash that takes less than a page at a time. A step of theirs is a record and, where they do it, its removal.
_STORE_ROWS = {
    "store.erases.offline": "erases", "store.erases.online": "erases",
    "store.bytes.offline": "programmed", "store.bytes.online": "programmed",
    "store.programs.offline": "programs", "store.programs.online": "programs",
    "store.append_ms": "flash_ms",
}  # fmt: skip


def store_peers() -> dict[str, tuple[str, float]]:
    """Row of the store -> the best of the other ways to keep a queue, and its figure."""
    others = {name: cost for name, cost in measure("queue").items() if name not in _OURS["queue"]}
    peers = {}
    for key, figure in _STORE_ROWS.items():
        value, name = min((float(getattr(cost, figure)), name) for name, cost in others.items())
        peers[key] = (name, value)
    return peers


def rows() -> Iterator[Row]:
    """Each way's erases and bytes, ours beside the best of the others."""
    for what, ours in _OURS.items():
        costs = measure(what)
        others = {name: cost for name, cost in costs.items() if name not in ours}
        for figure, unit in (("erases", "a step"), ("programmed", "B a step"), ("worst_erases", "in one step")):
            best = min(others, key=lambda name: getattr(others[name], figure))  # noqa: B023 (used at once)
            for name, cost in costs.items():
                peer = (best, getattr(others[best], figure)) if name in ours else ("", None)
                yield row(
                    f"rival.{what}.{name}.{figure}", getattr(cost, figure), unit, peer=peer[0], peer_value=peer[1]
                )
