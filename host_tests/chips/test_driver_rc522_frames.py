"""Exchanges beyond the plain one: long waits, answers of any length, typed errors, sleep, bit rates, sessions."""

import asyncio

import pytest

from drivers.rc522 import PATIENT_US, QUICK_US
from drivers.rc522_errors import ChipAbsent, FrameError, Nak, NoAnswer, ParityError, ProtocolError
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import IsoDepCard, Noise, make_card
from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.iso_dep import make_ats
from tools.sim.chips import rc522_regs as R

RATS = b"\xe0\x50"


class Parrot(Card):
    """Answers every command with as many bytes as its second byte says, bare or with a CRC."""

    def command(self, data: bytes) -> Answer | None:
        return Answer.of(with_crc(bytes(range(data[1]))))


def selected(card: Card, **options: object) -> ReaderBench:
    bench = ReaderBench(**options)  # type: ignore[arg-type]
    bench.field.lay(card)
    bench.run(bench.start())
    bench.run(bench.picc.select())
    return bench


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("irq", [True, False])
@pytest.mark.parametrize("timeout_us", [QUICK_US, PATIENT_US, 77_000, 1_638_400, 1_638_401, 5_000_000])
def test_silence_lasts_as_long_as_asked_and_the_processor_is_for_others_meanwhile(irq: bool, timeout_us: int) -> None:
    bench = ReaderBench(irq=irq)
    bench.run(bench.start())
    before, pins, spi = bench.clock.now_us, bench.board.pin_calls, bench.board.spi_calls
    with pytest.raises(NoAnswer):
        bench.run(bench.chip.exchange(b"\x00", 1, timeout_us=timeout_us))
    passed = bench.clock.now_us - before
    assert timeout_us <= passed <= timeout_us * 1.02 + 1_500
    looks = bench.board.pin_calls - pins if irq else bench.board.spi_calls - spi
    assert looks < 1_000 + passed / 900  # once the answer cannot be immediate, one look each millisecond
    assert bench.chip.irq_faults == bench.chip.stalls == 0
    assert bench.chip.check()


def test_a_time_out_longer_than_the_timer_can_count_is_refused() -> None:
    bench = ReaderBench()
    with pytest.raises(ValueError, match="time-out"):
        bench.run(bench.chip.exchange(b"\x00", 1, timeout_us=17_000_000))


@pytest.mark.parametrize("irq", [True, False])
@pytest.mark.parametrize("slow_us", [3_000, 60_000, 2_000_000])
def test_a_slow_answer_is_taken_within_two_milliseconds(irq: bool, slow_us: int) -> None:
    card = Parrot(b"\x01\x02\x03\x04")
    bench = selected(card, irq=irq)
    card.slow_us = slow_us
    before = bench.clock.now_us
    assert bench.run(bench.chip.exchange(b"\x0a\x10", 16, crc=True, timeout_us=4_900_000)) == 16
    assert bench.clock.now_us - before < slow_us + 2_000 + 2_000  # the frames, and one look
    card.slow_us = 0
    assert bench.run(bench.chip.exchange(b"\x0a\x02", 2, crc=True, timeout_us=PATIENT_US)) == 2
    assert bench.chip.check()


# --- answers of any length --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strips_crc", [True, False])
@pytest.mark.parametrize("irq", [True, False])
def test_an_answer_of_any_length_is_taken_whole_whatever_was_expected(strips_crc: bool, irq: bool) -> None:
    bench = selected(Parrot(b"\x01\x02\x03\x04"), strips_crc=strips_crc, irq=irq)
    for length in (1, 2, 5, 30, 62 if not strips_crc else 64):
        for hint in (0, 1, 5, 30, 62):
            sent = bytes((0x0A, length))
            exchange = bench.chip.exchange(sent, hint, crc=True, timeout_us=PATIENT_US, exact=False)
            count, cost = bench.counted(exchange)
            assert count == length and bytes(bench.chip.data[:count]) == bytes(range(length))
            if irq:
                assert cost <= (5 if length <= hint else 6) + 1  # and one for the timer the first time


def test_an_answer_that_is_exact_or_nothing_costs_the_same_and_the_next_one_is_whole() -> None:
    bench = selected(Parrot(b"\x01\x02\x03\x04"))
    for wrong in (3, 9, 40):
        with pytest.raises(FrameError, match="length"):
            bench.run(bench.chip.exchange(b"\x0a" + bytes((wrong,)), 5, crc=True, timeout_us=PATIENT_US))
        assert bench.run(bench.chip.exchange(b"\x0a\x05", 5, crc=True, timeout_us=PATIENT_US)) == 5


def test_an_answer_longer_than_the_fifo_is_told_as_such() -> None:
    bench = selected(Parrot(b"\x01\x02\x03\x04"))
    with pytest.raises(FrameError, match="FIFO"):
        bench.run(bench.chip.exchange(b"\x0a\x50", 16, crc=True, timeout_us=PATIENT_US, exact=False), limit_ms=50)
    assert bench.run(bench.chip.exchange(b"\x0a\x05", 5, crc=True, timeout_us=PATIENT_US)) == 5


def test_a_level_misread_once_does_not_teach_that_the_crc_stays() -> None:
    bench = selected(Parrot(b"\x01\x02\x03\x04"))
    bench.board.rc522.faults.at(5, "flip-out", 3 * 8 + 1)  # FIFO level 1 reads as 3 in the combined read
    with pytest.raises(FrameError):
        bench.run(bench.chip.exchange(b"\x0a\x01", 1, crc=True, timeout_us=PATIENT_US))
    assert not bench.chip.crc_in_fifo
    assert bench.run(bench.chip.exchange(b"\x0a\x08", 8, crc=True, timeout_us=PATIENT_US, exact=False)) == 8


@pytest.mark.parametrize(("noise", "error"), [("parity", ParityError), ("short", ProtocolError)])
def test_broken_parity_and_broken_frames_have_names_of_their_own(noise: str, error: type[FrameError]) -> None:
    bench = selected(Parrot(b"\x01\x02\x03\x04"))
    bench.field.noise = Noise(1, exact={1: noise})
    with pytest.raises(error):
        bench.run(bench.chip.exchange(b"\x0a\x10", 16, crc=True, timeout_us=PATIENT_US))


@pytest.mark.parametrize("expect", [0, 1])
def test_an_acknowledgement_is_told_from_a_refusal_by_its_code(expect: int) -> None:
    bench = selected(make_card("ntag213", "04A1B2C3D4E5F6"))
    write = bytes.fromhex("A205") + b"abcd"
    assert bench.run(bench.chip.exchange(write, expect, crc=True, timeout_us=10_000)) == 0
    assert bench.run(bench.chip.exchange(b"\x30\x05", 16, crc=True, timeout_us=PATIENT_US)) == 16
    assert bytes(bench.chip.data[:4]) == b"abcd"
    with pytest.raises(Nak) as caught:
        bench.run(bench.chip.exchange(bytes.fromhex("A2FF") + b"abcd", expect, crc=True, timeout_us=10_000))
    assert caught.value.code == 0


@pytest.mark.parametrize("after_us", [300, 700, 1_500])
def test_an_exchange_given_up_by_its_caller_does_not_spoil_the_next_one(after_us: int) -> None:
    card = Parrot(b"\x01\x02\x03\x04")
    bench = selected(card)

    async def impatient() -> None:
        await asyncio.wait_for(bench.chip.exchange(b"\x0a\x10", 16, crc=True, timeout_us=50_000), after_us / 1e6)

    card.slow_us = 500
    with pytest.raises(asyncio.TimeoutError):
        bench.run(impatient())
    bench.clock.advance(3_000)  # the answer comes all the same
    assert bench.run(bench.chip.exchange(b"\x0a\x03", 3, crc=True, timeout_us=PATIENT_US)) == 3
    assert bytes(bench.chip.data[:3]) == b"\x00\x01\x02"


# --- sleep ------------------------------------------------------------------------------------------------------------


def test_asleep_the_field_is_off_and_after_waking_everything_is_as_before() -> None:
    bench = selected(make_card("classic", "9C599B32"))
    bench.chip.sleep()
    assert not bench.field.on
    assert not bench.chip.check()  # asleep is not ready
    bench.run(asyncio.sleep(0.1))
    bench.run(bench.chip.wake())
    assert bench.chip.check()
    bench.run(bench.power())
    assert bench.run(bench.picc.select()).sak == 0x08


def test_a_chip_that_does_not_wake_is_told_within_bound() -> None:
    bench = selected(make_card("classic", "9C599B32"))
    bench.chip.sleep()
    bench.board.rc522.dead = 0xFF
    with pytest.raises(ChipAbsent):
        bench.run(bench.chip.wake(), limit_ms=50)


# --- bit rates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", [(106, 106), (212, 212), (424, 424), (848, 848), (106, 424)])
def test_frames_at_a_higher_bit_rate_take_less_time_on_air(rates: tuple[int, int]) -> None:
    card = IsoDepCard(b"\x01\x02\x03\x04", ats=make_ats(fsci=5, ta1=0x77))
    bench = selected(card)
    chip = bench.chip
    codes = [(106, 212, 424, 848).index(rate) for rate in rates]

    async def talk() -> int:
        await chip.exchange(RATS, 8, crc=True, timeout_us=PATIENT_US, exact=False)
        await chip.exchange(bytes((0xD0, 0x11, codes[1] << 2 | codes[0])), 1, crc=True, timeout_us=PATIENT_US)
        chip.set_rate(*rates)
        before = bench.clock.now_us
        count = await chip.exchange(bytes((2,)) + bytes(50), 3, crc=True, timeout_us=PATIENT_US)
        assert bytes(chip.data[:count]) == b"\x02\x6d\x00"
        return bench.clock.now_us - before

    took = bench.run(talk())
    assert chip.check()
    air = (1 + 9 * 53) * (128 >> codes[0]) / 13.56 + 1204 / 13.56 + (1 + 9 * 5) * (128 >> codes[1]) / 13.56
    assert air < took < air + 500
    chip.field_off()
    assert not (chip.read(R.TX_MODE << 1) | chip.read(R.RX_MODE << 1)) & 0x70  # 106 kbit/s again
    bench.run(bench.power())
    assert bench.run(bench.picc.select()).sak == 0x20
    assert chip.check()


def test_a_request_is_always_at_the_lowest_bit_rate() -> None:
    bench = selected(make_card("classic", "9C599B32"))
    bench.chip.set_rate(424, 424)
    with pytest.raises(NoAnswer):
        bench.run(bench.picc.request(wake=True))  # the card was active: the first one only resets it
    assert bench.run(bench.picc.select(wake=True)).sak == 0x08
