"""Terminals leave at their serial port: what they settled is saved before it goes, and gone is told as gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal.test_export_and_wipe import sell, tool
from tools.device import archive as archives
from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


@pytest.fixture(params=["s3", "pico"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = Stage(Start(board=request.param))
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_a_settled_journal_is_saved_and_the_second_time_there_is_nothing_left_to_do(
    stage: Stage, tmp_path: Path
) -> None:
    sell(stage)
    port, kept = stage.terminal.serial_path, tmp_path / "last.zip"
    # One command after another: each finds the page that the restart of the one before left.
    for n in range(2):
        archive = str(tmp_path / f"{n}.zip")
        code, events, told = tool(stage, "backup", "--maintenance", "--yes", "--port", port, "--to", archive)
        assert code == 0 and not archives.read(Path(archive)).counts.empty, told
        assert stage.run_until(lambda: stage.terminal.alive, 10_000)
        stage.run(3000)
        assert any("LAST SALE" in line for line in stage.screen_lines()), stage.screen_lines()
    code, events, told = tool(stage, "decommission", "--yes", "--port", port, "--to", str(kept))
    assert code == 0 and events[-1]["terminal"] == demo.TERMINAL_ID, told
    assert archives.read(kept).regions["txlog"].strip(b"\xff")
    for _ in range(2):
        code, events, told = tool(stage, "decommission", "--port", port)
        assert code == 0 and events[-1]["erased"] and "nothing left to do" in told, told
        stage.terminal.power_off()
        stage.terminal.power_on()
        stage.run(3000)
