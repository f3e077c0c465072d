"""`flash` on a terminal that sells: nothing is stopped unasked, nothing unsent put at stake unsaid, and it sells on."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.terminal import beside
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Start())
    try:
        made.open()
        yield made
    finally:
        made.close()


def tool(stage: Stage, folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the tool while the terminal lives: exit code, its JSON lines, what it told people."""
    ports = stage.terminal.serial_path
    return beside.tool(lambda: stage.run(beside.SLICE_MS), stage.serial, *arguments, cwd=folder, VAFA_PORTS=ports)


def ready(stage: Stage) -> None:
    assert stage.run_until(lambda: stage.terminal.alive, 10_000)
    stage.run(3000)
    stage.press("OK")
    assert stage.run_until(lambda: any("READY" in line for line in stage.screen_lines()), 20_000), stage.screen_lines()


def test_unsent_transactions_stop_it_until_their_number_is_said(stage: Stage, tmp_path: Path) -> None:
    stage.net(False)
    stage.run(3000)
    for name in ("SALE", "1", "2", "5", "000", "OK"):
        stage.press(name)
        stage.run(100)
    stage.lay("gold-card")
    assert stage.run_until(lambda: any("+125" in line for line in stage.screen_lines()), 20_000), stage.screen_lines()
    stage.run(2000)
    stage.remove("gold-card")
    stage.press("OK")
    stage.run(1000)

    starts, shown = stage.terminal.starts, stage.screen_lines()[1:3]
    code, events, told = tool(stage, tmp_path, "flash", "--dry-run")
    assert code == 0 and "1 unsent: stop" in told, told
    assert (stage.terminal.starts, stage.screen_lines()[1:3]) == (starts, shown), "a dry run disturbs nobody"

    code, events, told = tool(stage, tmp_path, "flash", "--yes")
    assert code == 5 and events[-1]["code"] == "D61" and "--discard 1" in told, told
    saved = next(Path(event["file"]) for event in events if event["event"] == "saved")
    assert zipfile.is_zipfile(tmp_path / saved)
    ready(stage)
    code, events, told = tool(stage, tmp_path, "flash", "--yes", "--discard", "2")
    assert code == 5 and events[-1]["code"] == "D61", told
    ready(stage)

    code, events, told = tool(stage, tmp_path, "flash", "--yes", "--discard", "1")
    assert code == 0, told
    assert events[-1]["state"] == "application"
    stage.net(True)
    assert stage.run_until(lambda: stage.ledger()["ali"] == 1125, 60_000), "what waited was kept and is sent"
    assert stage.ledger_problems() == []
