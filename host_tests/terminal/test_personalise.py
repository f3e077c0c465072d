"""The personalise tool as a process, through the serial port of a terminal running the shipped firmware."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from host_tests.patience import PATIENCE_S
from host_tests.terminal import beside
from host_tests.terminal.test_runtime_serial import mpremote
from tools.device import on_terminal
from tools.device.errors import CableLost
from tools.device.reader import CardRelay
from tools.device.terminal import connect
from tools.issuer import keyfile
from tools.issuer.keys import IssuerKeys
from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

T = TypeVar("T")

PASSPHRASE = "a demo of nine words"
KEYS = IssuerKeys(7, bytes([1]) * 16, demo.CARD_GROUP, bytes([3]) * 16, bytes([4]) * 16, bytes([5]) * 16)
TAG, CHIP = "blank-tag", "blank-chip"
CARDS = {
    TAG: demo.DemoCard(TAG, "ntag213", bytes.fromhex("04AABBCCDDEE01"), "maryam", False, "blank"),
    CHIP: demo.DemoCard(CHIP, "ntag424", bytes.fromhex("04AABBCCDDEE02"), "reza", False, "blank"),
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Start(cards=CARDS, settings={"aes_way": "group"}))
    try:
        made.open()
        yield made
    finally:
        made.close()


class Office:
    """The tool, its key file and its report."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.report = folder / "cards.jsonl"
        self.way = ["--port", stage.terminal.serial_path, "--keys", str(folder / "office.keys")]
        self.way += ["--passphrase-env", "CARD_OFFICE", "--url-host", "card.vafa.test"]
        keyfile.save(folder / "office.keys", KEYS, PASSPHRASE, cost=1 << 14)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.report.read_text().splitlines()] if self.report.exists() else []

    def run(
        self, *arguments: str, meanwhile: Callable[[], object] = lambda: None
    ) -> tuple[int, list[dict[str, Any]], str]:
        """Run the tool while the terminal lives: exit code, its JSON lines, what it told people."""

        def live() -> None:
            self.stage.run(beside.SLICE_MS)
            meanwhile()

        return beside.tool(live, self.stage.serial, *arguments, *self.way, CARD_OFFICE=PASSPHRASE)


@pytest.fixture
def office(stage: Stage, tmp_path: Path) -> Office:
    return Office(stage, tmp_path)


def sold(stage: Stage, card: str, member: str, points: int) -> int:
    """Sell something to a card; the level at which the switch was told of it."""
    for name in ["SALE", "1", "0", "000", "OK"]:
        stage.press(name)
        stage.run(100)
    stage.lay(card)
    assert stage.run_until(lambda: stage.ledger()[member] == points + 10, 20_000), stage.screen_lines()
    stage.run(2000)
    stage.remove(card)
    stage.press("OK")
    assert stage.run_until(lambda: any("READY" in line for line in stage.screen_lines()), 20_000)
    sales = [entry for entry in stage.switch.log.entries() if entry.mti == "0200" and entry.direction == "in"]
    return int(sales[-1].tags["AUTH"])


def test_a_batch_of_blank_cards_becomes_members_cards_through_a_selling_terminal(
    stage: Stage, office: Office, tmp_path: Path
) -> None:
    members = tmp_path / "members.csv"
    members.write_text("member,family\n1004,ntag213\n1003,ntag424\n")
    batch = ["personalise", "batch", str(members), "--report", str(office.report), "--yes", "--timeout", "20"]
    code, events, told = office.run(*batch)
    assert code == 4 and events[-1]["code"] == "D02", "a till is not disturbed unasked: " + told
    assert "--maintenance" in events[-1]["next"]
    lying: list[str] = []

    def change_cards() -> None:
        if not lying and any("Maintenance" in line for line in stage.screen_lines()):
            lying.append(TAG)
            stage.lay(TAG)
        if lying == [TAG] and any(line["result"] == "written" for line in office.lines()):
            lying[:] = [CHIP]
            stage.remove(TAG)
            stage.lay(CHIP)

    code, events, told = office.run(*batch, "--maintenance", meanwhile=change_cards)
    assert code == 0, told
    assert [event["event"] for event in events] == ["plan", "result", "plan", "result", "batch"], told
    assert [(line["uid"], line["member"], line["way"]) for line in office.lines() if line["result"] == "written"] == [
        ("04AABBCCDDEE01", 1004, "legacy"),
        ("04AABBCCDDEE02", 1003, "sun"),
    ]
    for secret in (PASSPHRASE, *(getattr(KEYS, name).hex() for name in keyfile.NAMES)):
        assert secret not in told + json.dumps(events) + office.report.read_text() + stage.terminal.serial_output()
    stage.remove(CHIP)
    assert stage.run_until(lambda: any("READY" in line for line in stage.screen_lines()), 20_000), "it sells again"
    assert sold(stage, TAG, "maryam", 800) == 1
    assert sold(stage, CHIP, "reza", 120) == 2


def worked(stage: Stage, work: Callable[[], T]) -> T:
    """Do blocking work of the tool on a thread while the terminal lives, its clock never ahead of the PC's."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        until = time.monotonic() + PATIENCE_S
        while not done.done() and time.monotonic() < until:
            slice_ends = time.monotonic() + beside.SLICE_MS / 1000
            stage.run(beside.SLICE_MS)
            time.sleep(max(0.0, slice_ends - time.monotonic()))
        return done.result(0)


def test_a_lost_cable_leaves_the_field_off_and_the_next_run_finds_the_prompt(stage: Stage) -> None:
    terminal = stage.terminal
    line = worked(stage, lambda: connect(terminal.serial_path, maintenance=True))
    stage.lay(TAG)
    relay = CardRelay(line)
    worked(stage, lambda: asyncio.run(relay.start()))
    assert worked(stage, lambda: asyncio.run(relay.find())).uid == CARDS[TAG].uid
    assert terminal.board.field.on
    line._serial.close()  # noqa: SLF001 (the cable is pulled)
    with pytest.raises(CableLost):
        asyncio.run(relay.find())
    terminal.run(on_terminal.FIELD_IDLE_MS + 500)
    assert not terminal.board.field.on
    line = worked(stage, lambda: connect(terminal.serial_path, maintenance=False))
    relay = CardRelay(line)
    worked(stage, lambda: asyncio.run(relay.start()))
    assert worked(stage, lambda: asyncio.run(relay.find())).uid == CARDS[TAG].uid
    worked(stage, relay.close)
    assert not terminal.board.field.on
    assert mpremote(terminal, "exec", "print(6 * 7)").stdout == "42\n"
