"""Bytes nobody meant take bounded memory and time, at the terminal and at the bench switch."""

import asyncio
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

from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from host_tests.patience import PATIENCE_S
from host_tests.unit.session_kit import Bench
from host_tests.unit.switch_kit import answer, messages, seal, transaction
from host_tests.unit.switch_kit import tlv as tlv_of
from tools.bench_switch.codec import wire
from tools.lt87.table import tags
from tools.sim import onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

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
        timeout=PATIENCE_S,
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


KEPT_MOST = 64 * 1024  # of a session that heard a thousand messages nobody meant: its log is bounded, the rest is none


@given(st.lists(st.one_of(st.binary(max_size=400), st.integers(0, 2**32 - 1)), min_size=1, max_size=12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_arbitrary_frames_change_neither_journal_nor_clock_nor_the_fate_of_a_request(noise, packed):
    """A number stands for an authentic answer with some of its bits turned, each under a MAC that does not fit."""

    async def story() -> None:
        nor = Nor(4 * BLOCK)
        journal = Journal(NorPartition(nor, 0, 4, False), Sealer(bytes(16), b"noise"), 7)
        journal.open()
        bench = Bench(lambda raw: [])
        bench.session._journal = journal
        async with bench.running() as session:
            asked = asyncio.create_task(session.request(transaction()))
            await asyncio.sleep(0.1)
            pipe = bench.link.pipes[0]
            before, clock, signed_on = bytes(nor.image), list(bench.clock.set), session.sign_ons
            good = answer(pipe.sent[-1], points=125, balance=1375)
            for what in noise:
                turned = bytearray(good)
                if isinstance(what, int):
                    turned[what % len(good)] ^= 1 + (what >> 16) % 255
                heard = bytes(turned) if isinstance(what, int) else what
                pipe.push(heard if not packed else b"\x02\x10" + heard)
            await asyncio.sleep(0.5)
            assert bytes(nor.image) == before and bench.clock.set == clock and session.sign_ons == signed_on
            assert session.online() and not asked.done()
            pipe.push(good)
            assert (await asked).points == 125

    onhost.run_virtual(story())


def test_a_thousand_messages_nobody_meant_leave_nothing_in_memory():
    async def story() -> None:
        bench = Bench()
        async with bench.running() as session:
            pipe = bench.link.pipes[0]
            frames = [*hostile(False)[:12], *[NOISE.randbytes(600) for _ in range(8)]]
            for raw in frames:  # whatever is made once is made
                pipe.push(raw)
            await asyncio.sleep(1)
            tracemalloc.start()
            try:
                for _ in range(50):
                    for raw in frames:
                        pipe.push(raw)
                    await asyncio.sleep(0.05)
                kept, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert session.online() and kept <= KEPT_MOST and most <= KEPT_MOST + SWITCH_MOST

    onhost.run_virtual(story())
