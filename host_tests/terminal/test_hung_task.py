"""A task that hangs is named before the watchdog resets the terminal, and no transaction is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.sim import image
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage

# What the word `status` does to the console's task; and what becomes of the keys' task after twenty seconds.
KEEPS_THE_PROCESSOR = """
    def status():
        while True:
            pass

    if terminal.start_number == 1:
        terminal.console._status = status
    run(terminal)
"""
WAITS_FOR_EVER = """
    import asyncio

    scanned = terminal.keys.run

    async def keys(beat):
        try:
            await asyncio.wait_for_ms(scanned(beat), 20_000)
        except asyncio.TimeoutError:
            await asyncio.Event().wait()

    if terminal.start_number == 1:
        terminal.keys.run = keys
    run(terminal)
"""
STORY = """
member ali 1000
net down
keys 125000 OK
tap gold-card
wait 15000
remove
expect pending 1
console "status"
wait 40000
expect reset watchdog
expect serial "start 2: hung {name}"
expect pending 1
net up
expect pending 0 within 60000
expect ledger matches receipts
expect ledger check
"""


class Watched(Stage):
    """Keeps what the file system holds at the end."""

    fault = ""

    def close(self) -> None:
        start, size = self.terminal.layout.partitions["vfs"]
        volume = self.terminal.nor.image[start : start + size]
        Watched.fault = (image.read_file(volume, "fault.txt") or b"").decode()
        super().close()


@pytest.mark.parametrize(("hangs", "name"), [(KEEPS_THE_PROCESSOR, "console"), (WAITS_FOR_EVER, "keys")])
def test_a_task_that_hangs_is_named_and_the_sale_before_it_is_sent(tmp_path: Path, hangs: str, name: str) -> None:
    program = (image.REPOSITORY / "main.py").read_text()
    assert program.count("\n    run(terminal)\n") == 1
    (tmp_path / "main.py").write_text(program.replace("\n    run(terminal)\n", hangs))
    shutil.copy(image.REPOSITORY / "boot.py", tmp_path)
    for package in ("firmware", "drivers"):
        shutil.copytree(image.REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    story = tmp_path / "story.txt"
    story.write_text(STORY.format(name=name))
    report = run_file(story, make_stage=lambda start: Watched(start, tmp_path))
    assert report["failures"] == []
    assert f"--- hung: {name}\n" in Watched.fault
    assert "| build " in Watched.fault and "X01" in Watched.fault, "figures and the newest lines of the log"
