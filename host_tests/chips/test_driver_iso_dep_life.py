import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.iso_dep import Ats
from drivers.rc522_errors import IsoDepError, NoAnswer, RC522Error
from host_tests.chips.iso_dep_kit import FAULTS, OK, UID, Bench, Echo, FaultAt, answer_to, command_of
from host_tests.patience import PATIENCE_S
from tools.sim.cards.iso_dep import make_ats

ROOT = Path(__file__).resolve().parents[2]


# --- ATS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "fsc", "fwt_us", "sfgt_us", "rates", "cid", "nad", "historical"),
    [
        ("01", 32, 4_834, 0, 0, True, False, ""),  # nothing said: FSCI 2, FWI 4
        ("0205", 64, 4_834, 0, 0, True, False, ""),
        ("067577810280", 64, 77_329, 661, 0x77, True, False, "80"),  # DESFire
        ("0677777102 80", 128, 38_665, 661, 0x77, True, False, "80"),  # NTAG 424 DNA
        ("0578807002", 256, 38_665, 0, 0x80, True, False, ""),
        ("0328E0", 256, 4_948_958 + 91, 0, 0, True, False, ""),  # TB1 alone
        ("03480300"[:6], 256, 4_834, 0, 0, True, True, ""),  # TC1 alone
        ("0320F0", 16, 4_834, 0, 0, True, False, ""),  # FWI 15 means 4
        ("043F3340"[:8], 256, 4_834, 0, 0x33, True, False, ""),  # FSCI 15 means 8
        ("0310FF", 16, 4_834, 0, 0, True, False, ""),  # TA1 with its reserved bit says nothing
    ],
)
def test_an_ats_is_read_with_its_defaults(
    raw: str, fsc: int, fwt_us: int, sfgt_us: int, rates: int, cid: bool, nad: bool, historical: str
) -> None:
    ats = Ats(bytes.fromhex(raw))
    assert (ats.fsc, ats.rates, ats.cid, ats.nad, ats.historical.hex()) == (fsc, rates, cid, nad, historical)
    assert abs(ats.fwt_us - fwt_us) <= 100 and abs(ats.sfgt_us - sfgt_us) <= 2


@pytest.mark.parametrize("raw", ["", "00", "02", "0175", "037581", "057577810280", "FF75", "0270"])
def test_an_ats_that_contradicts_itself_is_refused(raw: str) -> None:
    with pytest.raises(IsoDepError):
        Ats(bytes.fromhex(raw))


def test_activation_returns_the_ats_and_waits_for_the_guard_time() -> None:
    bench = Bench(Echo(sfgi=5, fsci=5, fwi=8))  # SFGT 9.7 ms
    assert bench.activate() == bench.card.ats
    assert (bench.dep.ats, bench.dep.fsc) == (bench.card.ats, 64)
    assert bench.talk(command_of(5, 8)) == answer_to(command_of(5, 8))
    assert bench.card.breaches == []


def test_a_guard_time_beyond_the_limit_is_refused_not_cut_short() -> None:
    bench = Bench(Echo(sfgi=14))
    with pytest.raises(IsoDepError, match="guard"):
        bench.activate()


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=70), st.booleans())
def test_any_ats_ends_in_success_or_a_typed_error_and_the_next_tap_works(raw: bytes, fitting: bool) -> None:
    card = Echo(raw_ats=bytes([len(raw) + 1]) + raw if fitting else raw)
    bench = Bench(card)
    began_us = bench.clock.now_us
    try:
        bench.activate()
        bench.talk(command_of(40, 40))
    except RC522Error:
        with pytest.raises(IsoDepError):
            bench.talk(b"\x00")
    assert bench.clock.now_us - began_us < 16_000_000
    card.ats = make_ats()
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))


# --- life -------------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_activation_or_after_deselect() -> None:
    bench = Bench(Echo())
    with pytest.raises(IsoDepError):
        bench.talk(b"\x00")
    bench.activate()
    assert bench.talk(command_of(4, 4)) == answer_to(command_of(4, 4))
    bench.run(bench.dep.deselect())
    assert bench.card.state == "halt"
    with pytest.raises(IsoDepError):
        bench.talk(b"\x00")
    bench.run(bench.dep.deselect())  # twice is no error
    bench.activate()
    assert bench.talk(command_of(2, 2)) == OK
    assert bench.card.executed == 2 and bench.card.breaches == []  # block numbers began anew


@pytest.mark.parametrize("fault", FAULTS)
def test_deselect_is_repeated_once(fault: str) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.field.noise = FaultAt(1, fault)
    if fault == "deaf":
        bench.run(bench.dep.deselect())
    else:  # the card is halted already and keeps silent; the reader cannot know
        with pytest.raises(RC522Error):
            bench.run(bench.dep.deselect())
    assert bench.card.state == "halt"
    assert bench.activate() == bench.card.ats


def test_after_an_error_the_card_is_sent_away_and_found_again_without_a_field_cycle() -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.trouble(1, b"\xfe\x00")
    bench.card.trouble(2, b"\xfe\x00")
    bench.card.trouble(3, b"\xfe\x00")
    with pytest.raises(IsoDepError, match="invalid block"):
        bench.talk(command_of(5, 5))
    assert bench.card.state == "halt"
    with pytest.raises(IsoDepError, match="not activated"):
        bench.talk(command_of(5, 5))
    bench.activate()
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))


def test_a_cancelled_exchange_closes_the_conversation() -> None:
    bench = Bench(Echo(fwi=12))
    bench.activate()
    bench.card.work_us = 900_000

    async def cancelled() -> None:
        task = asyncio.ensure_future(bench.dep.transceive(command_of(5, 5)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.run(cancelled())
    with pytest.raises(IsoDepError):
        bench.talk(command_of(5, 5))
    bench.card.work_us = 0
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))


# --- rates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ta1", "send", "receive", "offered"),
    [(0x00, 106, 106, True), (0x00, 212, 106, False), (0x11, 212, 212, True), (0x11, 212, 106, True),
     (0x91, 212, 106, False), (0x77, 848, 424, True), (0x47, 424, 848, True), (0x47, 424, 212, False),
     (0x22, 212, 212, False), (0x7F, 212, 212, False), (0x77, 300, 106, False)],
)  # fmt: skip
def test_only_offered_rates_are_chosen(ta1: int, send: int, receive: int, offered: bool) -> None:
    assert Ats(make_ats(ta1=ta1)).offers(send, receive) == offered


def fast(bench: Bench, send: int, receive: int) -> None:
    bench.activate()
    bench.run(bench.dep.set_rate(send, receive))


@pytest.mark.parametrize(("send", "receive"), [(106, 106), (212, 212), (848, 106), (424, 848)])
def test_at_another_rate_everything_goes_on_and_the_next_card_is_met_at_106(send: int, receive: int) -> None:
    bench = Bench(Echo(fwi=4))
    fast(bench, send, receive)
    command = command_of(120, 120)
    began_us = bench.clock.now_us
    assert bench.talk(command) == answer_to(command)
    assert (bench.clock.now_us - began_us < 21_000) == (send != 106)
    for at, fault in enumerate(FAULTS):
        bench.field.noise = noise = FaultAt(1 + at % 3, fault)
        assert bench.talk(command) == answer_to(command)
        assert noise.struck == 1
    assert bench.card.executed == 6 and bench.card.breaches == []
    bench.run(bench.dep.deselect())
    bench.activate()
    assert bench.talk(command) == answer_to(command)


def test_a_rate_is_only_asked_for_directly_after_the_ats_and_only_when_offered() -> None:
    bench = Bench(Echo(ta1=0x11))
    bench.activate()
    with pytest.raises(IsoDepError):
        bench.run(bench.dep.set_rate(424, 424))
    bench.talk(command_of(5, 5))
    with pytest.raises(IsoDepError):
        bench.run(bench.dep.set_rate(212, 212))
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rate_that_was_not_agreed_on_for_sure_ends_it(fault: str) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.field.noise = FaultAt(1, fault)
    with pytest.raises(RC522Error):
        bench.run(bench.dep.set_rate(212, 212))
    with pytest.raises(IsoDepError):
        bench.talk(command_of(5, 5))
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))


def test_a_card_pulled_at_another_rate_does_not_take_the_next_card_along() -> None:
    bench = Bench(Echo())
    fast(bench, 424, 424)
    bench.field.clear()
    with pytest.raises(NoAnswer):
        bench.talk(command_of(5, 5))
    other = Echo()
    bench.field.lay(other)
    bench.run(bench.power())
    assert bench.run(bench.picc.select()).uid == UID


# --- cost -------------------------------------------------------------------------------------------------------------


def test_activation_and_short_exchanges_stay_within_six_transactions() -> None:
    bench = Bench(Echo(fwi=7))
    bench.run(bench.picc.select())
    _, rats = bench.counted(bench.dep.activate())
    assert rats <= 6
    counts = [bench.counted(bench.dep.transceive(command_of(20, size)))[1] for size in (2, 19, 39, 40)]
    assert counts == [6, 5, 5, 6]  # the timer is set once; beyond 40 bytes with the PCB the rest is read in one more


def test_air_time_of_an_activation_and_a_full_exchange_is_within_a_tenth_of_the_limit() -> None:
    bench = Bench(Echo(sfgi=0))
    bench.run(bench.picc.select())
    began_us = bench.clock.now_us
    bench.run(bench.dep.activate())
    bench.talk(command_of(32, 34))
    assert bench.clock.now_us - began_us <= 7_438 * 1.1


def test_a_long_wait_leaves_the_processor_to_others() -> None:
    bench = Bench(Echo(fwi=12))
    bench.activate()
    bench.card.work_us = 500_000
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    async def both() -> None:
        task = asyncio.ensure_future(others())
        await bench.dep.transceive(command_of(5, 5))
        task.cancel()

    bench.run(both())
    assert turns > 200


# --- the device's interpreter -----------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, gc
from drivers.iso_dep import IsoDep

class Chip:
    # A card of FSC 16 that takes one chained command and gives one chained answer.
    def __init__(self):
        self.data = memoryview(bytearray(64))
        self.script = ()
    def set_rate(self):
        pass
    async def exchange(self, send, expect, crc=False, last_bits=0, timeout_us=500, size=-1, exact=True, align=0):
        sent, answer = self.script[self.at]
        self.at += 1
        if send[:size] != sent:
            raise ValueError
        n = len(answer)
        self.data[:n] = answer
        return n

command = bytes(range(20))
chip = Chip()
dep = IsoDep(chip)
ACTIVATION = ((b"\\xe0\\x50", b"\\x05\\x70\\x00\\x40\\x02"),)
TALK = (
    (b"\\x12" + command[:13], b"\\xa2"), (b"\\x03" + command[13:], b"\\xf2\\x05"),
    (b"\\xf2\\x05", b"\\x13" + bytes(61)), (b"\\xa2", b"\\x02\\x90\\x00"),
)

async def main():
    chip.script, chip.at = ACTIVATION, 0
    print((await dep.activate()).hex(), dep.fsc, dep.fwt_us)
    chip.script, chip.at = TALK, 0
    gc.collect(); gc.disable()
    before = gc.mem_alloc()
    answer = await dep.transceive(command)
    used = gc.mem_alloc() - before
    print(len(answer), answer[-2:].hex(), used)

asyncio.run(main())
"""


def test_it_runs_on_the_devices_interpreter_and_a_chained_exchange_takes_little_heap(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=256wK", str(program)],
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    activated, talked = finished.stdout.strip().splitlines()
    assert activated == "0570004002 16 4834"
    length, status, used = talked.split()
    assert (length, status) == ("63", "9000")
    assert int(used) <= 4_096  # bytes on a 64-bit host, half on a board: coroutine frames, views, the answer itself
