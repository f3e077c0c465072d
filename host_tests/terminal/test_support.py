"""Support at the serial port of the shipped firmware: health, log, support file, backup; a terminal replaced."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal.test_export_and_wipe import keys, sell, shown, tool
from tools.sim import demo
from tools.sim.scenario_journal import journal_counts
from tools.sim.scenario_stage import Stage, join
from tools.sim.scenario_start import Start
from tools.sim.terminal import Terminal

UIDS = [card.uid.hex() for card in demo.CARDS.values()]


@pytest.fixture(params=["s3"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = Stage(Start(board=request.param))
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_support_learns_what_a_selling_terminal_does_and_nothing_of_its_customers(stage: Stage, tmp_path: Path) -> None:
    port = stage.terminal.serial_path
    sell(stage)
    code, events, told = tool(stage, "health", "--port", port)
    assert code in (0, 1), told
    checks = [event for event in events if event["event"] == "check"]
    assert len(checks) >= 8 and events[-1]["verdict"] in told
    assert all(check["next"] for check in checks if check["state"] in ("warn", "fail"))
    code, events, told = tool(stage, "logs", "--port", port, "-n", "30")
    assert code == 0 and any(event.get("text") == "signed on" for event in events), told
    code, events, told = tool(stage, "crash", "--port", port)
    assert code == 7 and events[-1]["code"] == "D94", told
    key_file = tmp_path / "keys.json"
    key_file.write_text(json.dumps(demo.keys()))
    code, events, told = tool(stage, "export", "--port", port, "--keys", str(key_file), "--to", str(tmp_path / "out"))
    assert code == 0 and events[-1]["proven"] and "125" in (tmp_path / "out/journal.csv").read_text(), told
    assert stage.console_right("support")
    code, events, told = tool(stage, "crash", "--port", port)
    assert code == 0 and "no fault" in told, told
    code, events, told = tool(stage, "bundle", "--port", port, "--to", str(tmp_path / "b.zip"))
    assert code == 0, told
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    document = json.loads(parts["findings.json"])
    assert document["facts"]["unasked"] == [], document["facts"]["unasked"]
    assert document["terminal"] == demo.TERMINAL_ID and document["facts"]["queue"]["waiting"] == 0
    assert {"log.txt", "settings.json", "starts.json", "flash.json", "taps.json", "report.html"} <= set(parts)
    assert "signed on" in parts["log.txt"]
    whole = "".join(parts.values()).lower()
    secrets = [str(value) for name, value in demo.keys().items() if isinstance(value, str) and len(value) > 3]
    for secret in [*secrets, *UIDS]:
        assert secret.lower() not in whole
    assert stage.terminal.starts == 1


def test_three_quarters_of_the_memory_are_enough(tmp_path: Path) -> None:
    made = Stage(Start(board="s3"))
    made.heap_kb = 384
    try:
        made.open()
        sell(made)
        code, events, told = tool(made, "bundle", "--port", made.terminal.serial_path, "--to", str(tmp_path / "b.zip"))
        assert code == 0, told
        with zipfile.ZipFile(tmp_path / "b.zip") as archive:
            unasked = json.loads(archive.read("findings.json"))["facts"]["unasked"]
        assert [why for why in unasked if "Memory" in why] == []
        assert made.terminal.starts == 1
    finally:
        made.close()


@pytest.mark.parametrize("stage", ["pico"], indirect=True)
def test_a_new_device_takes_the_place_of_a_dead_one(stage: Stage, tmp_path: Path) -> None:
    sell(stage)
    stage.net(False)
    stage.run(2000)
    sell(stage)
    waiting = stage.journal()["pending"]
    assert waiting >= 1
    archive, key_file = str(tmp_path / "old.zip"), tmp_path / "keys.json"
    key_file.write_text(json.dumps(demo.keys()))
    port = stage.terminal.serial_path
    code, events, told = tool(stage, "backup", "--port", port, "--maintenance", "--yes", "--to", archive)
    assert code == 0 and events[-1]["unsettled"] >= waiting, told
    booked = dict(stage.ledger())
    old = stage.terminal
    old.power_off()
    stage.terminal = Terminal("pico", seed=2, switch_address=("127.0.0.1", stage.switch.port))
    try:
        join(stage.switch, stage.terminal)
        stage.terminal.power_on()
        stage.run(3000)
        given = ["replace", "--port", stage.terminal.serial_path, "--backup", archive, "--keys", str(key_file)]
        given += ["--ledger", str(tmp_path / "ledger.jsonl")]
        code, events, told = tool(stage, *given)
        assert code == 5 and events[-1]["code"] == "D92", told
        code, events, told = tool(stage, *given, "--old-gone", demo.TERMINAL_ID)
        assert code == 0 and events[-1]["moved"] == waiting, told
        assert stage.run_until(lambda: stage.ledger() != booked, 60_000), stage.screen_lines()
        assert stage.run_until(lambda: journal_counts(stage.terminal.nor, stage.terminal)["pending"] == 0, 60_000)
        keys(stage, "OK")
        shown(stage, "READY")
        sell(stage)
        assert stage.ledger_problems() == []
        code, events, told = tool(stage, "health", "--port", stage.terminal.serial_path)
        assert code == 0 and events[-1]["state"] in ("ok", "warn"), told
        code, events, told = tool(stage, "decommission", "--yes", "--port", stage.terminal.serial_path, "--to",
                                  str(tmp_path / "last.zip"), "--discard", "0")  # fmt: skip
        assert code == 0 and events[-1]["erased"], told
        size = stage.terminal.layout.partitions["vfs"][1]
        assert demo.TMK.hex().encode() not in bytes(stage.terminal.nor.image)
        assert bytes(stage.terminal.nor.image[:size]).count(b"\xff") > size - 8 * 4096  # an empty file system, at most
    finally:
        stage.terminal.close()
        stage.terminal = old
