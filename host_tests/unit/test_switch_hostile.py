"""Bytes nobody meant take bounded memory and time, at the terminal and at the bench switch."""

import json
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.unit.switch_kit import messages, seal, transaction
from host_tests.unit.switch_kit import tlv as tlv_of
from tools.bench_switch.codec import wire
from tools.lt87.table import tags

ROOT = Path(__file__).parents[2]
# Bytes of a 64-bit heap for one message of 2,048: what it says once, its parts once more, the tags' objects.
DEVICE_MOST = 24 * 1024
SWITCH_MOST = 256 * 1024
NOISE = random.Random(87)


def longest(content: bytes = b"", packed: bool = False) -> bytes:
    """A well-formed answer that fills every field to its end, or carries this DE 48."""
    fields = {"t": "0210", "7": "1118122640", "11": "000043", "39": "00", "41": "T0000001", "48": content.hex()}
    if not content:
        fields |= {"48": "c800" * 499, "54": "9" * 120, "60": "~" * 700}
    return seal(fields, packed=packed)


def hostile(packed: bool) -> list[bytes]:
    known = tlv_of(*[(tag.tag, bytes(tag.shortest)) for tag in reversed(tags())])
    sale = messages(packed).request(transaction()).raw
    return [
        longest(packed=packed),
        longest(known, packed),  # descending: each tag is looked for from the table's beginning
        longest(b"\x20\x02ab" * 249, packed),  # repeats
        longest(b"\x7f\xff" + bytes(255) + b"\x60\x01\x07" * 200, packed),
        b"\x60" * 2048,
        b"\xff" * 2048,
        b"0210" + b"\x7f" + b"\xff" * 2043,
        b"\x02\x10" + b"\x7f" + b"\xff" * 2045,
        sale[:12] + b"9" * 2036,
        *[NOISE.randbytes(2048) for _ in range(20)],
        *[sale[:at] + NOISE.randbytes(2048 - at) for at in range(4, len(sale), 9)],
    ]


PROGRAM = """
import gc, sys, json
from binascii import unhexlify
from firmware.core.errors import BadMessage
from firmware.switch import iso8583, tlv
from firmware.switch.mac import MacKeys

keys = MacKeys(1, bytes(16), bytes(16))
most = 0
gc.collect()
for line in sys.stdin:
    raw = unhexlify(line.strip())
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for packed in (False, True):
        keys.authentic(raw)
        try:
            tlv.parse(iso8583.decode(raw, packed)[1].get(48, b""))
        except BadMessage:
            pass
        most = max(most, gc.mem_alloc() - before)
        gc.collect()
        before = gc.mem_alloc()
    gc.enable()
gc.collect()
print(json.dumps(most))
"""


def test_the_terminal_takes_bounded_memory_for_whatever_comes():
    lines = "".join(raw.hex() + "\n" for packed in (False, True) for raw in hostile(packed))
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512K", "-c", PROGRAM],
        cwd=ROOT,
        input=lines,
        env={**os.environ, "MICROPYPATH": ".frozen:."},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert 2048 < json.loads(done.stdout) <= DEVICE_MOST


@pytest.mark.parametrize("packed", [False, True])
def test_the_switch_takes_bounded_memory_for_whatever_comes(packed):
    tpdu = bytes.fromhex("6000010000") if packed else b""
    for raw in hostile(packed):
        tracemalloc.start()
        try:
            wire.split(tpdu + raw)
        except wire.WireError:
            pass
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert most <= SWITCH_MOST


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_a_message_to_the_switch_or_refused(raw, packed):
    framed = b"\x60\x00\x01\x00\x00" + raw if packed else raw
    try:
        message = wire.split(framed)
    except wire.WireError:
        return
    assert wire.SHORTEST <= len(message.raw) <= wire.LONGEST
