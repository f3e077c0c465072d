"""The program of drivers/README.md runs as it stands there, on a modelled board."""

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest

from host_tests.chips.reader_bench import run_on
from tools.sim.board import SimBoard
from tools.sim.cards import make_card
from tools.sim.clock import SimClock

README = Path(__file__).resolve().parents[2] / "drivers" / "README.md"


def test_the_program_of_the_readme_tells_the_next_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    clock = SimClock(1_000_000)
    board = SimBoard("s3", clock)
    clock.after(300_000, lambda: board.field.lay(make_card("ntag213", "04A1B2C3D4E5F6")))

    class Pin:
        IN, OUT, PULL_UP = 0, 1, 1

        def __new__(cls, number: int, *mode: int, **value: int) -> object:
            pin = board.pin(number)
            if mode:
                pin.init(*mode, **value)
            return pin

    def spi(bus: int, baudrate: int, **_pins: object) -> object:
        opened = board.spi(bus)
        opened.init(baudrate=baudrate)
        return opened

    machine = types.ModuleType("machine")
    machine.Pin, machine.SPI = Pin, spi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.setattr(asyncio, "run", lambda main: run_on(clock, main, limit_ms=2_000))
    exec(compile(program, str(README), "exec"), {})
    told = capsys.readouterr().out.split()
    assert told[-2:] == ["04a1b2c3d4e5f6", "0x0"] and set(told[:-2]) == {"NoAnswer"}
    assert not board.field.on


@pytest.mark.parametrize("column", ["ESP32-S3", "Pico W"])
def test_the_wiring_table_is_that_of_the_boards(column: str) -> None:
    text = README.read_text(encoding="utf-8").split("## Wiring")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    at = rows[0].index(column)
    wired = {row[0].split()[0]: int(row[at].split()[1]) for row in rows[2:] if row[at].startswith("GPIO")}
    board = SimBoard("s3" if column == "ESP32-S3" else "pico", SimClock()).profile
    assert wired == {
        "SDA": board.rc522_cs, "SCK": board.sck, "MOSI": board.mosi, "MISO": board.miso, "RST": board.rc522_rst,
        "IRQ": board.rc522_irq,
    }  # fmt: skip
