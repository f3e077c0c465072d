"""The panel's second typeface: heap and garbage on the device's interpreter, bytes of flash, modelled time of I2C.

The heap is of MicroPython itself, 64 bits wide; of what a board holds, `type.ram` counts buffers as they are and all
else, which is made of pointers, by half (tools.bench.code_heap says why). A changed line is sent by the real driver
over the bus model at 400 kHz. Growth is what a collection does not bring back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from tools.bench.report import Row, row
from tools.sim.bundle import deflated
from tools.sim.image import REPOSITORY

NAME = "محمدرضا گلپایگانی نژاددوست"[:24]
DRAWINGS = 1000
_FLASH = 24 * 1024  # fonts and catalogues together
_RAM = 2 * 1024
_LINE_MS = 12
_PROGRAM = """
import gc
from framebuf import MONO_VLSB, FrameBuffer
from firmware.screen.script import Script
from firmware.text.catalogue import load

def held():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()

def plain(owner):
    return sum([len(value) for value in owner.__dict__.values() if isinstance(value, (bytes, bytearray))])

def draw(script, frame):
    script.draw(frame, NAME, 0, 0, False, 1, True)
    script.draw(frame, NAME, 128 - script.width(NAME, True, True), 16, True, 0, True)

def main():
    frame = FrameBuffer(bytearray(1024), 128, 64, MONO_VLSB)
    before = held()
    script = Script()
    face = held() - before
    text = load("fa")
    text.get("big_earned")
    text.error("P32")
    ram = held() - before
    for _ in range(3):
        draw(script, frame)
    before = held()
    gc.disable()
    draw(script, frame)
    garbage = gc.mem_alloc() - before
    gc.enable()
    for _ in range({drawings}):
        draw(script, frame)
    growth = held() - before
    bytes_of_both = plain(script) + plain(text)
    board = bytes_of_both + (ram - bytes_of_both) // 2
    print("[%d,%d,%d,%d]" % (board, face, garbage, growth))

NAME = {name!r}
main()
"""


def measured(drawings: int = DRAWINGS) -> tuple[int, int, int, int]:
    """Bytes of the heap: (what face and catalogue hold on a board, the face alone on 64 bits, garbage of two
    names, growth over so many)."""
    program = _PROGRAM.format(drawings=drawings, name=NAME)
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=1M", "-c", program]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{REPOSITORY}"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"drawing on MicroPython failed: {done.stderr[-500:]}")
    board, face, garbage, growth = json.loads(done.stdout)
    return board, face, garbage, growth


def _line_ms(one: str, other: str, *, rtl: bool) -> float:
    """Modelled time until the panel shows `other` in the place of `one`, in one line of a screen."""
    from drivers.ssd1306 import SSD1306
    from firmware.core.log import Log
    from firmware.screen.canvas import Canvas
    from firmware.screen.lines import TEXT, TITLE
    from tools.sim.board import SimBoard
    from tools.sim.clock import SimClock

    clock = SimClock()
    display = SSD1306(SimBoard("s3", clock).i2c())
    display.init()
    canvas = Canvas(display, Log(8), _Language(rtl))
    title = (TITLE, "فروش" if rtl else "SALE")
    worst = 0
    # Each of the rows in turn: some lie across the border of two pages.
    for number in range(1, 5):
        lines = [title, *[(TEXT, one)] * 4]
        canvas.draw(lines)
        lines[number] = (TEXT, other)
        before_us = clock.now_us
        canvas.draw(lines)
        worst = max(worst, clock.now_us - before_us)
    return worst / 1000


class _Language:
    """What a canvas asks a catalogue."""

    def __init__(self, rtl: bool) -> None:
        self.rtl = rtl


def rows() -> Iterator[Row]:
    """All rows of the typeface."""
    board, face, garbage, growth = measured()
    yield row("type.heap_growth", growth, f"B/{DRAWINGS} names", limit=0, target=0)
    yield row("type.garbage", garbage, "B/2 names")
    yield row("type.ram", board, "B on a board, fonts + texts", target=_RAM)
    yield row("type.ram.script", face, "B, 64-bit")
    tables = sorted((REPOSITORY / "firmware").rglob("*.tbl"))
    for path in tables:
        yield row(f"type.flash.{path.stem}", path.stat().st_size, "B")
    yield row("type.flash", sum(path.stat().st_size for path in tables), "B, fonts + texts", target=_FLASH)
    packed = len(deflated((REPOSITORY / "firmware" / "screen" / "LICENSE.OFL").read_bytes()))
    yield row("type.flash.licence", packed, "B packed, in no other row")
    yield row("type.line_en", _line_ms("Amount, then OK", "Hold card still", rtl=False), "ms, I2C", target=_LINE_MS)
    persian = "مانده حدود 12,450 امتیاز", "خوش آمدید محمدرضا گلپایگانی"
    yield row("type.line_fa", _line_ms(*persian, rtl=True), "ms, I2C", target=_LINE_MS)
