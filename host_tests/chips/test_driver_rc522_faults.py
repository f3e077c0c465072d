"""One fault at any SPI transaction or frame: success or a typed error within its bound, and the next tap works.

Exhaustive: each script is run once undisturbed to count its transactions and frames, then once for each fault at each.
Time is the model's. A wrong bit on the bus between chip and processor is covered by no check sum, so that there, and
only there, content may be wrong by that bit.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.rc522 import PATIENT_US
from drivers.rc522_errors import FrameError, NoAnswer, RC522Error
from firmware.cards import ntag
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import Noise, make_card
from tools.sim.chips import rc522_regs as R

KEY = b"\xff" * 6
BOUND_US = 60_000  # one tap with a reset in it; undisturbed the longest takes 18 ms
CONTENT = bytes(range(0x30, 0x40))
PASSWORD, PACK = b"pass", b"pk"
Script = Callable[[ReaderBench], Awaitable[bytes]]


async def poll(bench: ReaderBench) -> bytes:
    try:
        await bench.picc.request(wake=True)
    except NoAnswer:
        return b""
    return b"?"


async def read_classic(bench: ReaderBench) -> bytes:
    target = await bench.picc.select(wake=True)
    await bench.chip.authenticate(0x60, 4, KEY, target.uid)
    count = await bench.chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US)
    return bytes(bench.chip.data[:count])


async def read_ntag(bench: ReaderBench) -> bytes:
    await bench.picc.select(wake=True)
    version = await ntag.get_version(bench.chip)
    pack = await ntag.authenticate(bench.chip, PASSWORD)
    return version + pack + await ntag.read_pages(bench.chip, 4, 4)


def card_for(script: Script) -> object:
    if script is read_classic:
        return make_card("classic", "9C599B32", blocks={4: CONTENT})
    if script is read_ntag:
        pages = {4 + i: CONTENT[4 * i : 4 * i + 4] for i in range(4)}
        return make_card("ntag213", "04A1B2C3D4E5F6", pages={**pages, 43: PASSWORD, 44: PACK + b"\x00\x00"})
    return None


def tap(bench: ReaderBench, script: Script) -> "bytes | RC522Error":
    """What the reader task does for one tap: check, set up if need be, field, script, field off."""

    async def whole() -> bytes:
        if not bench.chip.check():
            await bench.chip.init()
        bench.chip.field_on()
        try:
            await asyncio.sleep(0.006)
            return await script(bench)
        finally:
            bench.chip.field_off()

    before = bench.clock.now_us
    try:
        return bench.run(whole(), limit_ms=1000)
    except RC522Error as error:
        return error
    finally:
        assert bench.clock.now_us - before < BOUND_US


def started(script: Script, irq: bool, rst: bool) -> ReaderBench:
    bench = ReaderBench(irq=irq, rst=rst)
    card = card_for(script)
    if card is not None:
        bench.field.lay(card)  # type: ignore[arg-type]
    bench.run(bench.chip.init())
    tap(bench, script)  # the chip is used: nothing is in the state of a fresh one
    return bench


def undisturbed(script: Script) -> tuple[bytes, int, int]:
    bench = started(script, True, True)
    seen, frames = bench.board.rc522.faults.seen, bench.field.frames
    result = tap(bench, script)
    assert isinstance(result, bytes)
    return result, bench.board.rc522.faults.seen - seen, bench.field.frames - frames


# Kinds that hit a whole transaction, and bits: of what the chip hears the address byte and some more, of what the
# processor reads the flags and some of the content. Each variant of a test takes every eighth of the bits, another one
# at each transaction, and all of them where that is cheap.
WHOLE = [("zeros", 0), ("ones", 0), ("lost", 0), ("reset", 0)]
FLIPS = [("flip-in", bit) for bit in (*range(16), 19, 24)] + [("flip-out", bit) for bit in (*range(8, 48), 53)]


@pytest.mark.parametrize(("irq", "rst"), [(True, True), (False, False)])
@pytest.mark.parametrize("script", [poll, read_classic, read_ntag])
def test_any_one_disturbed_transaction_ends_in_time_and_the_next_tap_works(
    script: Script, irq: bool, rst: bool
) -> None:
    right, transactions, _ = undisturbed(script)
    bench = started(script, irq, rst)
    faults = bench.board.rc522.faults
    struck = 0
    for n in range(1, transactions + 1):
        flips = [flip for i, flip in enumerate(FLIPS) if script is poll or (i + n) % 8 == (1 if irq else 5)]
        for kind, bit in WHOLE + flips:
            faults.at(n, kind, bit)
            result = tap(bench, script)
            faults.clear()
            struck += 1
            if isinstance(result, bytes) and result != right:
                assert kind in ("flip-in", "flip-out") and len(result) == len(right), (n, kind, bit, result)
            assert tap(bench, script) == right, (n, kind, bit, result)
    assert faults.struck == struck


def test_two_cards_are_both_told_or_an_error_whatever_transaction_is_disturbed() -> None:
    bench = ReaderBench()
    for kind, uid in (("ntag213", "04A1B2C3D4E5F6"), ("classic", "04A1B2C3")):
        bench.field.lay(make_card(kind, uid))
    bench.run(bench.chip.init())

    async def all_cards(bench: ReaderBench) -> bytes:
        return b" ".join(sorted(target.uid for target in await bench.picc.select_all()))

    right = tap(bench, all_cards)
    before = bench.board.rc522.faults.seen
    assert tap(bench, all_cards) == right and isinstance(right, bytes)
    transactions = bench.board.rc522.faults.seen - before
    for n in range(1, transactions + 1):
        for kind, bit in [*WHOLE, *(flip for i, flip in enumerate(FLIPS) if (i + n) % 58 == 0)]:
            bench.board.rc522.faults.at(n, kind, bit)
            result = tap(bench, all_cards)
            bench.board.rc522.faults.clear()
            assert result == right or isinstance(result, RC522Error), (n, kind, bit, result)
            assert tap(bench, all_cards) == right, (n, kind, bit, result)


@pytest.mark.parametrize("script", [poll, read_classic, read_ntag])
def test_a_supply_that_dips_or_a_bus_that_dies_at_any_time_is_survived(script: Script) -> None:
    right, _, _ = undisturbed(script)
    bench = started(script, True, True)
    chip = bench.board.rc522
    for at_us in range(0, 17_500, 171):
        for what in ("dip", "dead"):
            timer = bench.clock.after(at_us, chip.brown_out if what == "dip" else lambda: setattr(chip, "dead", 0xFF))
            result = tap(bench, script)
            assert result == right or isinstance(result, RC522Error), (at_us, what, result)
            timer.cancel()
            chip.dead = None
            assert tap(bench, script) == right, (at_us, what, result)
    assert bench.chip.register_faults > 10


@pytest.mark.parametrize("irq", [True, False])
@pytest.mark.parametrize("script", [read_classic, read_ntag])
def test_any_one_disturbed_frame_ends_in_time_and_the_next_tap_works(script: Script, irq: bool) -> None:
    right, _, frames = undisturbed(script)
    bench = started(script, irq, True)
    (card,) = bench.field.cards
    for n in range(1, frames + 1):
        for noise in ("deaf", "silence", "crc", "parity", "short"):
            bench.field.noise = Noise(n, exact={n: noise})
            result = tap(bench, script)
            bench.field.noise = None
            # ATQA alone has neither CRC nor check byte, and nothing hangs on it.
            assert isinstance(result, RC522Error) or noise == "crc" and n == 1, (n, noise, result)
            assert tap(bench, script) == right, (n, noise, result)
        for moment in ("before", "torn", "after", "answering"):
            bench.field.pull_at_frame(card, n, moment)
            result = tap(bench, script)
            bench.clock.advance(20_000)
            if card not in bench.field.cards:
                bench.field.lay(card)
            assert result == right and n == frames or isinstance(result, RC522Error), (n, moment, result)
            assert tap(bench, script) == right, (n, moment, result)


@pytest.mark.parametrize("rst", [True, False])
def test_any_one_disturbed_transaction_of_a_set_up_leaves_a_chip_that_is_set_up(rst: bool) -> None:
    bench = ReaderBench(rst=rst)
    faults = bench.board.rc522.faults
    bench.run(bench.chip.init())
    as_reset = (0x16, 0x17, 0x18, 0x19, 0x1C, 0x1D, 0x24, 0x27, 0x28, 0x29, 0x36)
    right = bytes(bench.board.rc522.r[address] for address in as_reset)
    before = faults.seen
    bench.run(bench.chip.init())
    for n in range(1, faults.seen - before + 1):
        for kind, bit in [*WHOLE, *(flip for i, flip in enumerate(FLIPS) if i < 8 or (i + n) % 6 == 0)]:
            bench.chip.write(0x16 << 1, 0xF3)  # a register `init` does not write: only a reset puts it right
            faults.at(n, kind, bit)
            assert bench.run(bench.chip.init(), limit_ms=100) == 0x92, (n, kind, bit)
            faults.clear()
            assert bench.chip.check(), (n, kind, bit)
            assert bytes(bench.board.rc522.r[address] for address in as_reset) == right, (n, kind, bit)


def test_an_authentication_the_chip_did_not_carry_out_is_no_refusal() -> None:
    bench = started(read_classic, True, True)
    bench.run(bench.power())
    target = bench.run(bench.picc.select(wake=True))
    bench.board.rc522.faults.at(3, "lost")  # the MFAuthent command
    with pytest.raises(FrameError):
        bench.run(bench.chip.authenticate(0x60, 4, KEY, target.uid), limit_ms=50)
    assert not bench.chip.check()
    assert tap(bench, read_classic) == CONTENT


# --- the interrupt line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1])
def test_a_stuck_interrupt_line_is_found_out_once_and_polling_takes_over(level: int) -> None:
    bench = started(read_classic, True, True)
    faults = bench.board.rc522.faults
    faults.irq = level
    first = tap(bench, read_classic)
    assert first == CONTENT if level else isinstance(first, FrameError)
    assert bench.chip.irq_faults == 1 and bench.chip.polls
    before = bench.clock.now_us
    assert tap(bench, read_classic) == CONTENT
    assert bench.clock.now_us - before < 18_000
    assert bench.chip.irq_faults == 1


def test_an_interrupt_line_that_came_back_is_used_after_the_next_init_and_one_that_did_not_is_not() -> None:
    bench = started(read_classic, True, True)
    faults = bench.board.rc522.faults
    faults.irq = 1
    bench.run(bench.chip.init())
    assert bench.chip.polls and bench.chip.irq_faults == 1
    faults.irq = None
    bench.run(bench.chip.init())
    assert not bench.chip.polls and bench.chip.irq_faults == 1
    assert tap(bench, read_classic) == CONTENT


def test_a_processor_that_wakes_late_blames_nobody() -> None:
    bench = started(read_classic, True, True)

    async def hog() -> None:
        while True:
            bench.clock.advance(9_000)
            await asyncio.sleep(0)

    async def both() -> bytes:
        task = asyncio.ensure_future(hog())
        try:
            return await read_classic(bench)
        finally:
            task.cancel()

    bench.run(bench.power())
    assert bench.run(both()) == CONTENT
    chip = bench.chip
    assert (chip.irq_faults, chip.bus_faults, chip.register_faults, chip.stalls) == (0, 0, 0, 0)
    assert chip.check()


# --- registers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("register", [
    R.COM_IEN, R.DIV_IEN, R.MODE, R.TX_MODE, R.RX_MODE, R.TX_CONTROL, R.TX_ASK, 0x16, 0x17, 0x18, R.DEMOD, 0x1C,
    R.MF_RX, 0x24, 0x26, 0x27, 0x28, 0x29, R.T_MODE, R.T_PRESCALER, R.T_RELOAD_H, R.T_RELOAD_L, R.AUTO_TEST,
])  # fmt: skip
def test_a_change_of_any_register_that_matters_is_noticed_counted_and_put_right(register: int) -> None:
    bench = started(read_ntag, True, True)
    assert bench.chip.check() and bench.chip.register_faults == 0
    bench.chip.write(register << 1, bench.chip.read(register << 1) ^ 0x41)
    assert not bench.chip.check() and bench.chip.register_faults == 1
    right = undisturbed(read_ntag)[0]
    assert tap(bench, read_ntag) == right
    assert bench.chip.check()


def test_a_session_left_open_and_a_sleep_nobody_asked_for_are_noticed() -> None:
    bench = started(read_classic, True, True)
    bench.board.rc522.crypto_on = True
    assert not bench.chip.check()
    assert tap(bench, read_classic) == CONTENT
    bench.chip.write(R.COMMAND << 1, R.POWER_DOWN)
    assert not bench.chip.check()
    assert tap(bench, read_classic) == CONTENT


def test_an_overheated_chip_is_an_error_of_its_own_and_is_set_up_again() -> None:
    bench = started(read_classic, True, True)
    bench.run(bench.power())
    bench.board.rc522.errors |= R.TEMP_ERR
    with pytest.raises(FrameError, match="hot"):
        bench.run(read_classic(bench), limit_ms=50)  # type: ignore[arg-type]
    assert not bench.chip.check()
    assert tap(bench, read_classic) == CONTENT


def test_after_an_exchange_the_chip_cannot_have_done_it_is_set_up_again() -> None:
    bench = started(poll, True, True)
    bench.run(bench.power())
    bench.board.rc522.faults.at(5, "lost")  # StartSend of the request
    with pytest.raises(FrameError):
        bench.run(bench.picc.request(), limit_ms=50)
    assert bench.chip.stalls == 1
    assert not bench.chip.check()
    assert tap(bench, poll) == b""
    assert bench.chip.check()
