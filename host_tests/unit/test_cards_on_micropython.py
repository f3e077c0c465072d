"""The reader's path on real MicroPython: it imports, derives the same keys, and an exchange costs next to no heap."""

import os
import subprocess
import sys
from pathlib import Path

from host_tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio, gc
from drivers.rc522 import MFRC522
from drivers.rc522_errors import NoAnswer
import drivers.buzzer, drivers.ds3231, drivers.escpos, drivers.iso14443a, drivers.keypad, drivers.leds, drivers.ssd1306
from drivers.rc522_health import Health, name_of
import firmware.cards.reader
from firmware.cards.keys import CardKeys
from firmware.cards.payload import CLASSIC_CARD, build_payload

class Silence:
    raised = False
    def write(self, data):
        if data[0] == 0x08:
            self.raised = data[1] == 0x81  # how the driver asks whether the line follows the flags
    def write_readinto(self, ask, into):
        for i in range(1, len(into)):
            into[i] = 0
        into[1] = 1  # the chip's timer ran out

looks = 0
wait = 30
def line(value=None):
    global looks
    looks += 1
    return not silence.raised and looks % wait

async def heap(timeout_us):
    gc.collect(); gc.disable()
    before = gc.mem_alloc()
    try:
        await chip.exchange(b"\\x52", 2, last_bits=7, timeout_us=timeout_us)
    except NoAnswer:
        pass
    used = gc.mem_alloc() - before
    gc.enable()
    return used

async def main():
    global wait
    await heap(500)
    short = await heap(500)
    wait = 300
    await heap(100_000)
    print(short, await heap(100_000))

silence = Silence()
chip = MFRC522(silence, lambda value=None: 1, None, line)
asyncio.run(main())
keys = CardKeys(bytes(range(16)))
uid = b"\\x04\\x01\\x02\\x03"
print(build_payload(keys, CLASSIC_CARD, uid, 1001).hex(), keys.classic_key(uid).hex())
"""


def test_the_reader_path_runs_and_an_exchange_takes_little_heap_however_long_it_waits(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512K", str(program)],
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    heap, vectors = answer.stdout.strip().splitlines()
    short, long = map(int, heap.split())
    assert long <= short <= 1024  # bytes on a 64-bit host, coroutine frames and the exception; half of it on a board

    from firmware.cards.keys import CardKeys
    from firmware.cards.payload import CLASSIC_CARD, build_payload

    keys, uid = CardKeys(bytes(range(16))), b"\x04\x01\x02\x03"
    assert vectors == f"{build_payload(keys, CLASSIC_CARD, uid, 1001).hex()} {keys.classic_key(uid).hex()}"
