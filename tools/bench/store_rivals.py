"""The store beside what programs commonly do with flash: one counting flash, the device's interpreter, one run.

The ways and what a step is stand in on_device/store_rivals.py and on_device/member_rivals.py; our own modules run as
they are compiled for the device. Figures are counts a step, exact and repeatable; time is modelled from them. The same
run gives the peers of the store's own rows; there is no peer where nothing in the run does the like.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tools.bench.report import WIDTH, Row, row
from tools.sim import image
from tools.sim.chips.nor import ERASE_US, PROGRAM_US_A_PAGE

_PROGRAMS = Path(__file__).parent / "on_device"
_QUEUES = ("json-file", "littlefs-append", "page-file", "file-each", "journal")
PENDING = (50, 500, 5000)
_MEMBERS = ("json-file", "record-file", "index", "buckets")
_OURS = {"queue": ("journal",), "members": ("index", "buckets")}


@dataclass(frozen=True)
class Cost:
    """A step's erases, programmed bytes, programs of up to 256 bytes, 256-byte pages they touch, bytes read; the most
    erases and time in front of whoever waits for one step; bytes of a 64-bit heap that are held. A way that found no
    room has `full_at` and no figures."""

    name: str
    pending: int = 0
    erases: float = 0
    programmed: float = 0
    programs: float = 0
    pages: float = 0
    read: float = 0
    reads: float = 0
    worst_erases: int = 0
    worst_ms: float = 0
    ram: int = 0
    steps: int = 0
    lookup_bytes: float = 0
    lookup_reads: float = 0
    held: int = 0
    count: int = 0
    full_at: int = 0

    @property
    def flash_ms(self) -> float:
        """Modelled flash time of a step: 0.4 ms a page, 45 ms an erase; reads are not in it."""
        return (self.pages * PROGRAM_US_A_PAGE + self.erases * ERASE_US) / 1000


def on_device(program: str, *arguments: str) -> list[dict[str, Any]]:
    """What a program of on_device/ tells, run with the product compiled for the device. Raises RuntimeError."""
    with TemporaryDirectory() as folder:
        for name, content in _compiled().items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        answer = subprocess.run(
            [sys.executable, "-m", "micropython_unix", "-X", "heapsize=64M", str(_PROGRAMS / program), *arguments],
            env={**os.environ, "MICROPYPATH": f".frozen:{folder}:{image.REPOSITORY}"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    lines = answer.stdout.splitlines()
    if answer.returncode or not lines or not all(line.startswith("{") for line in lines):
        raise RuntimeError(f"{program} {' '.join(arguments)}: {answer.stdout[-500:]}{answer.stderr[-500:]}")
    return [json.loads(line) for line in lines]


@cache
def _compiled() -> dict[str, bytes]:
    return {name: data for name, data in image.compiled_modules(image.REPOSITORY).items() if name.endswith(".mpy")}


@cache
def measure(what: str) -> tuple[Cost, ...]:
    """Costs of every way and length of `queue`, or of every way of `members`. Raises RuntimeError."""
    if what == "queue":
        lines = [line for n in PENDING for way in _QUEUES for line in on_device("store_rivals.py", way, str(n))]
    else:
        lines = [line for way in _MEMBERS for line in on_device("member_rivals.py", way)]
    fields = Cost.__dataclass_fields__
    return tuple(Cost(**{key: value for key, value in line.items() if key in fields}) for line in lines)


# Ours on flash that takes less than a page at a time. A step of theirs is a record and, where they do it, its removal.
_STORE_ROWS = {
    "store.erases.offline": "erases", "store.erases.online": "erases",
    "store.bytes.offline": "programmed", "store.bytes.online": "programmed",
    "store.programs.offline": "programs", "store.programs.online": "programs",
    "store.append_worst_ms": "worst_ms",
}  # fmt: skip


def store_peers() -> dict[str, tuple[str, float]]:
    """Row of the store -> the best of the other ways to keep a queue of 50, and its figure."""
    others = [cost for cost in measure("queue") if cost.name not in _OURS["queue"] and cost.pending == PENDING[0]]
    peers = {}
    for key, figure in _STORE_ROWS.items():
        value, name = min((float(getattr(cost, figure)), cost.name) for cost in others)
        peers[key] = (name, value)
    return peers


_FIGURES = {
    "erases": "a step", "programmed": "B a step", "programs": "a step", "read": "B a step",
    "worst_erases": "in one step", "flash_ms": "ms a step", "worst_ms": "ms, one step", "ram": "B, 64-bit",
}  # fmt: skip
_LOOKUPS = {"lookup_bytes": "B a look-up", "lookup_reads": "reads a look-up"}


def rows() -> Iterator[Row]:
    """Every way's figures, ours beside the best of the others. They are printed as a table of their own."""
    for what, ours in _OURS.items():
        costs = measure(what)
        _print(what, costs)
        for cost in costs:
            length = "" if cost.pending in (0, PENDING[0]) else f".{cost.pending}"
            key = f"rival.{what}.{cost.name}{length}"
            if cost.full_at:
                yield Row(f"{key}.erases", None, f"full at {cost.full_at} files")
                continue
            peers = [c for c in costs if c.name not in ours and c.pending == cost.pending and not c.full_at]
            for figure, unit in {**_FIGURES, **(_LOOKUPS if what == "members" else {})}.items():
                peer, value = "", None
                if cost.name in ours:
                    value, peer = min((float(getattr(c, figure)), c.name) for c in peers)
                yield row(f"{key}.{figure}", getattr(cost, figure), unit, peer=peer, peer_value=value)


def _print(what: str, costs: tuple[Cost, ...]) -> None:
    queue = what == "queue"
    title = "a record kept and settled" if queue else "one member changed, and one looked up"
    table = Table(title=f"{what}: {title}", title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    columns = ["way", "pending" if queue else "members", "erases", "B written"] + (["programs"] if queue else [])
    columns += ["B read", "ms", "most erases", "most ms", "RAM B"] + ([] if queue else ["look-up B", "reads"])
    for name in columns:
        table.add_column(name, justify="left" if name == "way" else "right", no_wrap=True)
    for cost in costs:
        cells = [cost.name, f"{cost.pending if queue else cost.count:,}"]
        if cost.full_at:
            table.add_row(*cells, f"full at {cost.full_at:,}")
            continue
        cells += [f"{cost.erases:,.4g}", f"{cost.programmed:,.0f}"]
        cells += [f"{cost.programs:,.4g}"] if queue else []
        cells += [f"{cost.read:,.0f}", f"{cost.flash_ms:,.1f}", f"{cost.worst_erases}", f"{cost.worst_ms:,.1f}"]
        cells += [f"{cost.ram:,}"] + ([] if queue else [f"{cost.lookup_bytes:,.0f}", f"{cost.lookup_reads:,.0f}"])
        table.add_row(*cells)
    Console(width=WIDTH).print(table)


if __name__ == "__main__":
    list(rows())
