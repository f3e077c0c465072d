"""One program on CPython and on real MicroPython: messages, answers and damaged bytes come out alike."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.core.types import CLOCK_OK
from firmware.switch.profile import SIGN_ON
from host_tests.patience import PATIENCE_S
from host_tests.unit.switch_kit import KID, MAC_IN, MAC_OUT, NOW, UID, answer, member_tags, messages, transaction

ROOT = Path(__file__).parents[2]

PROGRAM = """
from binascii import hexlify, unhexlify
from firmware.core.errors import VafaError
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, REDEMPTION, Transaction
from firmware.switch import iso8583, tlv
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, reversal_of

packed = {packed}
make = Messages(
    Identity("T0000001", "MERCHANT0000001", 1, 364, 3, "vafa 0.1.0"),
    MacKeys({kid}, unhexlify("{mac_out}"), unhexlify("{mac_in}")),
    packed,
)
uid = unhexlify("{uid}")
earn = Transaction(42, ACCRUAL, ONLINE, uid, 1, 125000, 125, {now}, 2, ruleset=3)
late = Transaction(4294, ACCRUAL, OFFLINE, uid, 0, 999999999999, 2147483647, {now}, 1, offline_reason=2, clerk=7)
late.card_counter = 4294967295
burn = Transaction(2147483647, REDEMPTION, ONLINE, uid, 2, 50000, -500, {now}, 2)
for out in (
    make.network(1, 5, {now}, 2), make.network(301, 2147483647, {now}, 0), make.inquiry(uid, 1, 6, {now}, 2),
    make.inquiry(uid, 0, 7, {now}, 2, 61, bytes(25)), make.inquiry(uid, 0, 8, {now}, 2, step=bytes(33)),
    make.request(earn), make.request(burn), make.advice(late, {now} + 60, False), make.advice(late, {now} + 90, True),
    make.reversal(reversal_of(burn, 43, {now} + 9, 2), burn, {now} + 60, True),
):
    print(hexlify(out.raw).decode(), out.key)
for raw in {answers}:
    read = make.read_answer(unhexlify(raw))
    reply = make.reply(read, uid, 9)
    print(read.key, read.rc, read.host_utc, reply.points, reply.balance, reply.approval, reply.text)
    print(reply.auth, reply.counter)
    if reply.member:
        m = reply.member
        print(hexlify(m.name.encode()), m.points, m.tier, m.visits, m.last_visit_utc)
state = 12345
for turn in range(600):
    raw = bytearray(make.request(earn).raw)
    for _ in range(3):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        raw[(state >> 8) % len(raw)] ^= state >> 20 & 255
    try:
        mti, fields = iso8583.decode(bytes(raw[: len(raw) - (turn % 7 == 0) * (state >> 9 & 63)]), packed)
        print(mti, sorted(fields), len(tlv.parse(fields.get(48, b""))))
    except VafaError as error:
        print(type(error).__name__, error)
for turn in range(300):
    raw = bytearray(32 + turn)
    for at in range(len(raw)):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        raw[at] = state >> 16 & 255
    if turn % 3 == 0:
        for at in range(0, len(raw) - 1, 2 + turn % 5):  # tags of the profile, one after another
            raw[at], raw[at + 1] = 1 + (raw[at] & 0x7F), turn % 5
    for read in (iso8583.decode, tlv.parse):
        try:
            print(read(bytes(raw), packed) if read is iso8583.decode else sorted(read(bytes(raw)).items()))
        except VafaError as error:
            print(type(error).__name__, error)
"""


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_both_runtimes_say_the_same(packed):
    make, told = messages(packed), [*member_tags("علی"), (0x70, b"hi")]
    out = make.request(transaction())
    answers = [
        answer(out.raw, points=125, balance=1375, approval="A1B2C3", tags=told, packed=packed).hex(),
        answer(make.network(SIGN_ON, 5, NOW, CLOCK_OK).raw, packed=packed).hex(),
        answer(make.inquiry(UID, 1, 6, NOW, CLOCK_OK).raw, "51", balance=-20, packed=packed).hex(),
        answer(make.inquiry(UID, 0, 6, NOW, CLOCK_OK).raw, tags=[(8, b"\xff" * 4), (9, b"\2")], packed=packed).hex(),
    ]
    program = PROGRAM.format(
        packed=packed,
        kid=KID,
        mac_out=MAC_OUT.hex(),
        mac_in=MAC_IN.hex(),
        uid=UID.hex(),
        now=NOW,
        answers=repr(answers),
    )
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(program, {})
    there = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512K", "-c", program],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": ".frozen:."},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == here.getvalue() and here.getvalue().count("BadMessage") > 300
