"""A selling terminal's journal leaves over its serial port and is read on the PC; then the terminal is wiped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from host_tests.terminal import beside
from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

KEY_FILE = {"tmk": demo.TMK.hex(), "terminal_id": demo.TERMINAL_ID}


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Start())
    try:
        made.open()
        yield made
    finally:
        made.close()


def tool(stage: Stage, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the tool while the terminal lives: exit code, its JSON lines, what it told people."""
    return beside.tool(lambda: stage.run(beside.SLICE_MS), stage.serial, *arguments)


def keys(stage: Stage, names: str) -> None:
    for name in names.split():
        stage.press(name)
        stage.run(100)


def shown(stage: Stage, text: str) -> None:
    assert stage.run_until(lambda: any(text in line for line in stage.screen_lines()), 20_000), stage.screen_lines()


def sell(stage: Stage) -> None:
    keys(stage, "SALE 1 2 5 000 OK")
    stage.lay("gold-card")
    shown(stage, "125")
    stage.run(3000)
    stage.remove("gold-card")
    keys(stage, "OK")
    shown(stage, "READY")


def test_a_journal_leaves_while_the_till_sells_and_the_terminal_is_wiped(stage: Stage, tmp_path: Path) -> None:
    sell(stage)
    stage.net(False)
    stage.run(2000)
    waiting_before = stage.journal()
    heard = b""
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        port.write(b"export\r\n")
        stage.run(200)
        sell(stage)
        for _ in range(400):
            stage.run(50)
            heard += port.read(port.in_waiting)
            if b" end " in heard:
                break
    capture, key_file = tmp_path / "capture.txt", tmp_path / "keys.json"
    capture.write_bytes(heard)
    key_file.write_text(json.dumps(KEY_FILE))
    code, events, told = tool(stage, "journal", str(capture), "--keys", str(key_file))
    assert code == 0, told
    rows = [event for event in events if event["event"] == "transaction"]
    assert rows[0]["state"] == "approved" and rows[0]["points"] == 125
    assert stage.journal() != waiting_before

    port_name = stage.terminal.serial_path
    code, events, told = tool(stage, "wipe", "--port", port_name, "--discard", "1")
    assert code == 4 and events[-1]["code"] == "D02", told
    code, events, told = tool(stage, "wipe", "--yes", "--port", port_name, "--maintenance")
    assert code == 5 and events[-1]["code"] == "D61", told
    lost = events[0]["waiting"] + events[0]["unanswered"] + events[0]["refused"]
    assert events[0]["terminal"] == demo.TERMINAL_ID and lost >= 1
    assert stage.run_until(lambda: stage.terminal.alive, 10_000)
    stage.run(2000)
    keys(stage, "OK")
    shown(stage, "READY")
    code, events, told = tool(stage, "wipe", "--yes", "--port", port_name, "--maintenance", "--discard", str(lost))
    assert code == 0, told
    parts, image = stage.terminal.layout.partitions, stage.terminal.nor.image
    for name in ("txlog", "members"):
        start, size = parts[name]
        assert image[start : start + size] == b"\xff" * size
    start, size = parts["vault"]
    assert demo.TMK not in image[start : start + size]
    stage.run(3000)
    assert any("rovision" in line for line in stage.screen_lines()), stage.screen_lines()
