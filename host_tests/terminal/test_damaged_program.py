"""A program that is missing, cut off or altered starts nothing, least of all an older one in loose files.

Here nothing stands behind the slot; where safe mode has a program of its own that starts (test_safe_mode.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal.test_runtime_serial import mpremote
from tools.sim import image
from tools.sim.terminal import Terminal

OLD = {
    "firmware/__init__.py": b"print('an old program')\n",
    "firmware/board.py": b"print('an old program')\n",
    "lib/firmware/__init__.py": b"print('an old program')\n",
}
LINE = "# X03 the program is missing or damaged"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal("s3")
    try:
        yield made
    finally:
        made.close()


def files(terminal: Terminal, changed: "dict[str, bytes]", without: str = "") -> None:
    """The terminal's file system anew, with these files too, without the program of safe mode."""
    start, size = terminal.layout.partitions["vfs"]
    staged = {
        name: raw for name, raw in image.staged_files(image.REPOSITORY).items() if name not in (without, "safe.vfu")
    }
    volume = image.volume_image({**staged, **changed}, size, program_size=terminal.layout.program_size)
    terminal.nor.image[start : start + size] = volume


def started(terminal: Terminal) -> str:
    """What this start says."""
    before = len(terminal.serial_output())
    terminal.power_on()
    terminal.run_until(lambda: not terminal.alive, 20_000)
    return terminal.serial_output()[before:]


def test_whatever_is_wrong_with_the_bundle_no_loose_program_runs(terminal: Terminal) -> None:
    whole = image.staged_files(image.REPOSITORY)["slot_a.vfu"]
    altered = bytearray(whole)
    altered[len(altered) // 2] ^= 1
    for bundle in (whole[:-1], bytes(altered), whole[:2048], b"", b"x" * 100, None):
        changed = OLD if bundle is None else {**OLD, "slot_a.vfu": bundle}
        files(terminal, changed, without="" if bundle is not None else "slot_a.vfu")
        said = started(terminal)
        assert LINE in said and "old program" not in said, (bundle and len(bundle), said)
        terminal.power_off()


@pytest.mark.parametrize("without", ["boot.py", "bundlefs.mpy"])
def test_without_what_mounts_the_bundle_no_loose_program_runs(terminal: Terminal, without: str) -> None:
    files(terminal, OLD, without)
    said = started(terminal)
    assert LINE in said and "old program" not in said


def test_loose_files_beside_a_whole_bundle_are_not_looked_at(terminal: Terminal) -> None:
    files(terminal, {**OLD, "drivers/rc522.py": b"print('an old program')\n", "json.py": b"print('an old program')\n"})
    said = started(terminal)
    assert "# K01" in said and "old program" not in said


def test_copying_the_bundle_again_makes_it_good(terminal: Terminal, tmp_path: Path) -> None:
    whole = image.staged_files(image.REPOSITORY)["slot_a.vfu"]
    files(terminal, {**OLD, "slot_a.vfu": whole[: len(whole) // 2]})
    assert LINE in started(terminal)
    path = tmp_path / "slot_a.vfu"
    path.write_bytes(whole)
    assert mpremote(terminal, "fs", "cp", str(path), ":slot_a.vfu").returncode == 0
    terminal.power_off()
    assert "# K01" in started(terminal)
