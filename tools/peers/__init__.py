"""Foreign MFRC522 drivers, run unmodified on the modelled chip: they check the model, and are peers to measure against.

`measured()` runs each in a process of its own and gives what it read and what that cost. Nothing shipped imports this;
README.md says why and under which licences. Times in microseconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Each is a package of its own folder, because two of them share an import name.
NAMES = ("mfrc522", "mfrc522-python", "pi-rc522")
FOLDER = Path(sys.prefix) / "peers"
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """What one operation took: chip-select assertions, time in all, and how much of it something was on air."""

    transactions: int
    us: int
    air_us: int


@dataclass(frozen=True)
class Run:
    """One driver at one clock rate: what it said of the cards laid before it, and what each operation cost."""

    name: str
    version: str
    spi_hz: int
    uid: str
    block: str
    written: str
    refused: bool
    two_cards: bool
    long_uid: str | None
    waited_us: int | None
    costs: dict[str, Cost]


def measured(name: str) -> list[Run]:
    """One driver on the model, at its own clock rate and at the chip's highest. Raises RuntimeError when it fails."""
    if not (FOLDER / name).is_dir():
        raise RuntimeError(f"the foreign driver {name} is not installed in {FOLDER}; run make")
    command = [sys.executable, "-m", "tools.peers.run", name]
    done = subprocess.run(command, cwd=_REPOSITORY, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{name} failed on the model: {done.stderr[-1000:]}")
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    return [Run(**{**run, "costs": {key: Cost(*value) for key, value in run["costs"].items()}}) for run in runs]
