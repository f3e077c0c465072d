"""The personalise tool as a process, through the serial port of a terminal running the shipped firmware."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.issuer import keyfile
from tools.issuer.keys import IssuerKeys
from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a demo of nine words"
KEYS = IssuerKeys(7, bytes([1]) * 16, demo.CARD_GROUP, bytes([3]) * 16, bytes([4]) * 16, bytes([5]) * 16)
NEW_CARD = "new-card"


@pytest.fixture
def stage() -> Iterator[Stage]:
    card = demo.DemoCard(NEW_CARD, "ntag213", bytes.fromhex("04AABBCCDDEE01"), "maryam", False, "blank")
    made = Stage(Start(cards={**demo.CARDS, NEW_CARD: card}))
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "office.keys"
    keyfile.save(path, KEYS, PASSPHRASE, cost=1 << 14)
    return path


def tool(stage: Stage, *arguments: str, timeout_s: float = 30) -> tuple[int, list[dict[str, object]], str]:
    """Run the tool while the terminal lives: exit code, its JSON lines, what it told people."""
    command = [sys.executable, "-m", "tools.device", "--json", *arguments]
    environment = {**os.environ, "CARD_OFFICE": PASSPHRASE}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + timeout_s
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError((arguments, process.communicate(), stage.terminal.serial_output()[-2000:]))
        stage.run(20)
    out, err = process.communicate()
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def shown(stage: Stage, text: str) -> None:
    assert stage.run_until(lambda: any(text in line for line in stage.screen_lines()), 20_000), stage.screen_lines()


def test_a_blank_tag_becomes_a_members_card_through_a_selling_terminal(
    stage: Stage, key_file: Path, tmp_path: Path
) -> None:
    port, report = stage.terminal.serial_path, tmp_path / "cards.jsonl"
    way = ("--port", port, "--keys", str(key_file), "--passphrase-env", "CARD_OFFICE")
    code, events, told = tool(stage, "personalise", "card", "1004", *way, "--report", str(report), "--yes")
    assert code == 4 and events[-1]["code"] == "D02", told
    stage.lay(NEW_CARD)
    code, events, told = tool(
        stage, "personalise", "card", "1004", *way, "--maintenance", "--report", str(report), "--yes"
    )
    assert code == 0, told
    assert [event["event"] for event in events] == ["plan", "result"] and events[-1]["result"] == "written"
    assert not stage.terminal.board.field.on
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["result"] for line in lines] == ["begun", "written"]
    assert lines[-1]["uid"] == "04AABBCCDDEE01" and lines[-1]["member"] == 1004 and lines[-1]["key_version"] == 7
    stage.remove(NEW_CARD)
    shown(stage, "READY")
    for name in ["SALE", "1", "2", "5", "000", "OK"]:
        stage.press(name)
        stage.run(100)
    stage.lay(NEW_CARD)
    assert stage.run_until(lambda: stage.ledger()["maryam"] == 925, 20_000), stage.screen_lines()
