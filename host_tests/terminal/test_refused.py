"""A terminal whose journal does not open: it shows the code, its console still sends the whole region, and a tool that
looks for the Python prompt gets it."""

from __future__ import annotations

import contextlib
from binascii import crc32
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack_into

import pytest
import serial

from host_tests.terminal.test_export_and_wipe import tool
from tools.device import capture as captures
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

PROMPT = b">>> "


@contextlib.contextmanager
def selling(board: str) -> Iterator[Stage]:
    made = Stage(Start(board=board))
    try:
        made.open()
        yield made
    finally:
        made.close()


def something_else(region: bytearray) -> str:
    region[:8192] = bytes(range(256)) * 32
    return "S07"


def newer(region: bytearray) -> str:
    for sector in range(0, len(region), 4096):
        for copy in (sector, sector + 32):
            if region[copy : copy + 2] == b"VA":
                region[copy + 2] = 9
                pack_into("<I", region, copy + 28, crc32(region[copy : copy + 28]))
    return "S11"


def asked(stage: Stage, port: serial.Serial, words: bytes, until: bytes) -> bytes:
    port.write(words)
    heard = b""
    for _ in range(1000):
        stage.run(20)
        heard += port.read(port.in_waiting)
        if until in heard:
            return heard
    raise AssertionError((words, heard[-500:]))


@pytest.mark.parametrize(("board", "spoil"), [("s3", something_else), ("pico", newer)])
def test_all_bytes_leave_a_terminal_that_refuses_its_journal(
    board: str, spoil: Callable[[bytearray], str], tmp_path: Path
) -> None:
    with selling(board) as stage:
        saved_and_untouched(stage, spoil, tmp_path)


def saved_and_untouched(stage: Stage, spoil: Callable[[bytearray], str], tmp_path: Path) -> None:
    start, size = stage.terminal.layout.partitions["txlog"]
    stage.cut_now()
    image = stage.terminal.nor.image
    region = image[start : start + size]
    code = spoil(region)
    image[start : start + size] = region
    stage.power_on()
    assert stage.run_until(lambda: any(code in line for line in stage.screen_lines()), 30_000), stage.screen_lines()
    assert stage.run_until(lambda: "help lists" in stage.serial(), 5_000)
    path = tmp_path / "capture.txt"
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        assert f"not selling: {code}".encode() in asked(stage, port, b"status\r\n", b"nothing is written")
        path.write_bytes(asked(stage, port, b"export\r\n", b" end "))
    taken = captures.read(path)
    assert taken.complete and taken.image() == region
    path = tmp_path / "saved.txt"
    exit_code, events, told = tool(stage, "wipe", "--port", stage.terminal.serial_path, "--save", str(path))
    assert exit_code == 5 and events[-1]["code"] == "D62" and code in events[-1]["why"], told
    assert "left at its prompt" in told
    assert captures.read(path).image() == region
    assert image[start : start + size] == region, "nothing was written to it"
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        assert PROMPT in asked(stage, port, b"\r\x03\r", PROMPT)
