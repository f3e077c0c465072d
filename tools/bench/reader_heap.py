"""What polling an empty field does to the heap, on MicroPython itself: a thousand polls over a bus that does nothing.

The bus keeps the registers it is told and says that the chip's timer ran out; it takes no heap. Measured twice:

* driver: what the terminal asks of the drivers for a poll (register check, field on, request, field off), in a bare
  loop;
* task: the polls of the reader task itself, `CardReader.run`, while somebody waits. Its waits between polls are asked
  for as usual, but pass at once.

Growth is what is still held after a collection, garbage what a poll leaves for the next collection. Bytes of a 64-bit
heap; a board has about half.
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
_BUS = """
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

chip = MFRC522(NullBus(), pin, pin, line)
"""
_DRIVER = """
cards = Iso14443A(chip)

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
    print("[%d,%d]" % (gc.mem_alloc() - before, used // {polls}))

asyncio.run(main())
"""
_TASK = """
from firmware.cards.reader import CardReader
from firmware.core.log import Log

sleep_ms = asyncio.sleep_ms
asyncio.sleep_ms = lambda ms: sleep_ms(0)
last = 10 + {polls}
done = 0
before = used = growth = 0
finished = asyncio.Event()

def beat():  # before each poll
    global done, before, used, growth
    if done == 10:
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
    elif done == last:
        used = gc.mem_alloc() - before
        gc.collect()
        growth = gc.mem_alloc() - before
        finished.set()
    done += 1

async def main():
    reader = CardReader(chip, None, Log(), None, beat)
    await chip.init()
    reader._alive = True
    waiting = asyncio.create_task(reader.wait_card(3600000))
    await sleep_ms(0)
    watching = asyncio.create_task(reader.run())
    await finished.wait()
    if reader.reinitialised or reader._answer is not None or not reader._waiting:
        raise RuntimeError("not a poll of an empty field")
    print("[%d,%d]" % (growth, used // {polls}))
    watching.cancel()
    waiting.cancel()

asyncio.run(main())
"""
DRIVER, TASK = _BUS + _DRIVER, _BUS + _TASK


def measured(program: str = DRIVER, polls: int = POLLS) -> tuple[int, int]:
    """(growth over all polls, garbage of one), bytes; of `DRIVER` or `TASK`."""
    program = program.replace("{polls}", str(polls))
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=16M", "-c", program]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{_REPOSITORY}"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"polling on MicroPython failed: {done.stderr[-500:]}")
    growth, garbage = json.loads(done.stdout)
    return growth, garbage


def rows() -> Iterator[Row]:
    """Growth and garbage, of the drivers and of the task."""
    growth, garbage = measured(DRIVER)
    yield row("reader.poll_heap", growth, "B/1000, driver", limit=0, target=0)
    yield row("reader.poll_garbage", garbage, "B/poll, driver")
    growth, garbage = measured(TASK)
    yield row("reader.task_poll_heap", growth, "B/1000, task", limit=0, target=0)
    yield row("reader.task_poll_garbage", garbage, "B/poll, task")
