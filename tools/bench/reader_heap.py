"""What polling an empty field does to the heap, on MicroPython itself: a thousand polls over a bus that does nothing.

The bus keeps the registers it is told and says that the chip's timer ran out; it takes no heap. A poll is the
terminal's: register check, field on, request, field off. Growth is what is still held after a collection, garbage what
a poll leaves for the next one. Bytes of a 64-bit heap; a board has about half.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.bench.report import Row, row

POLLS = 1000
_REPOSITORY = Path(__file__).parents[2]
_PROGRAM = """
import asyncio, gc
from drivers.iso14443a import Iso14443A
from drivers.rc522 import MFRC522
from drivers.rc522_errors import NoAnswer

class NullBus:
    def __init__(self):
        self.registers = bytearray(64)
        self.registers[0x04] = 0x01  # ComIrqReg: the timer ran out
        self.registers[0x37] = 0x92
    def write(self, data):
        at = data[0] >> 1
        if at not in (0x04, 0x09, 0x0A, 0x37):  # flags, FIFO and version are not kept
            self.registers[at] = data[1]
    def write_readinto(self, ask, into):
        registers = self.registers
        for i in range(1, len(ask)):
            into[i] = registers[ask[i - 1] >> 1 & 0x3F]

looks = 0
def line():
    global looks
    looks += 1
    return looks & 1

def pin(level=None):
    return 1

async def poll():
    if not chip.check():
        raise RuntimeError("registers")
    chip.field_on()
    await asyncio.sleep_ms(0)
    try:
        await cards.request()
    except NoAnswer:
        chip.field_off()
        return
    raise RuntimeError("somebody answered")

async def main():
    await chip.init()
    for _ in range(10):
        await poll()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range({polls}):
        await poll()
    used = gc.mem_alloc() - before
    gc.collect()
    print("[{{}},{{}}]".format(gc.mem_alloc() - before, used // {polls}))

chip = MFRC522(NullBus(), pin, pin, line)
cards = Iso14443A(chip)
asyncio.run(main())
"""


def measured(polls: int = POLLS) -> tuple[int, int]:
    """(growth over all polls, garbage of one), bytes."""
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=16M", "-c", _PROGRAM.format(polls=polls)]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{_REPOSITORY}"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"polling on MicroPython failed: {done.stderr[-500:]}")
    growth, garbage = json.loads(done.stdout)
    return growth, garbage


def rows() -> Iterator[Row]:
    """Growth and garbage."""
    growth, garbage = measured()
    yield row("reader.poll_heap", growth, "B, 1000 polls", limit=0, target=0)
    yield row("reader.poll_garbage", garbage, "B a poll")
