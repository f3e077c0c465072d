"""What the reader costs on the bus, as numbers: chip-select assertions per operation on the chip model."""

import asyncio

import pytest

from drivers.rc522 import PATIENT_US, air_us
from drivers.rc522_errors import NoAnswer
from firmware.cards import ntag
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import make_card

FACTORY_KEY = b"\xff" * 6


async def silent(bench: ReaderBench) -> None:
    with pytest.raises(NoAnswer):
        await bench.picc.request(wake=True)


async def poll_with_field_cycle(bench: ReaderBench) -> None:
    assert bench.chip.check()
    bench.chip.field_on()
    await asyncio.sleep(0.006)
    await silent(bench)
    bench.chip.field_off()


def started(card: object = None, **options: object) -> ReaderBench:
    bench = ReaderBench(**options)  # type: ignore[arg-type]
    if card is not None:
        bench.field.lay(card)  # type: ignore[arg-type]
    bench.run(bench.start())
    return bench


def test_an_empty_poll_takes_six_transactions_with_the_field_kept_on() -> None:
    bench = started()
    for _ in range(3):
        assert bench.counted(silent(bench))[1] == 6


def test_an_empty_poll_with_field_cycle_and_register_check_takes_nine() -> None:
    bench = started()
    bench.chip.field_off()
    for _ in range(3):
        assert bench.counted(poll_with_field_cycle(bench))[1] == 9


@pytest.mark.parametrize(("kind", "uid", "most"), [("classic", "9C599B32", 18), ("ntag213", "04A1B2C3D4E5F6", 28)])
def test_detect_and_select(kind: str, uid: str, most: int) -> None:
    bench = started(make_card(kind, uid))
    for first_time in (1, 0, 0):  # after a reset the FIFO is emptied once
        target, transactions = bench.counted(bench.picc.select())
        assert target.uid.hex().upper() == uid
        assert transactions == most + first_time
        bench.chip.field_off()
        bench.run(bench.power())


def test_a_block_after_authentication_takes_five() -> None:
    bench = started(make_card("classic", "9C599B32"))
    target = bench.run(bench.picc.select())
    assert bench.counted(bench.chip.authenticate(0x60, 4, FACTORY_KEY, target.uid))[1] == 4
    for _ in range(3):
        assert bench.counted(bench.chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US)) == (16, 5)


def test_four_and_sixteen_pages_take_five_each() -> None:
    bench = started(make_card("ntag213", "04A1B2C3D4E5F6"))
    bench.run(bench.picc.select())
    assert bench.counted(ntag.read_pages(bench.chip, 4, 4))[1] == 5
    pages, transactions = bench.counted(ntag.read_pages(bench.chip, 4, 16))
    assert (len(pages), transactions) == (64, 5)


@pytest.mark.parametrize("expected", [(1, 2, 349), (4, 18, 1976), (5, 66, 6139), (9, 3, 1127)])
def test_air_time_is_that_of_the_standard(expected: tuple[int, int, int]) -> None:
    # A short frame counts as a whole byte here, 9 and not 7 bits, hence 349 and not 344 for REQA plus the delay.
    sent, received, us = expected
    assert abs(air_us(sent, received) - us) <= 15


def test_bus_and_waiting_add_little_to_the_air_time() -> None:
    bench = started(make_card("classic", "9C599B32"))
    before = bench.clock.now_us
    target = bench.run(bench.picc.select())
    selected = bench.clock.now_us
    assert selected - before < 2346 + 500
    bench.run(bench.chip.authenticate(0x60, 4, FACTORY_KEY, target.uid))
    before = bench.clock.now_us
    bench.run(bench.chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US))
    assert bench.clock.now_us - before < 1977 + 200


def test_without_the_interrupt_line_a_few_looks_over_the_bus_come_on_top() -> None:
    bench = started(irq=False)
    for _ in range(3):
        assert bench.counted(silent(bench))[1] <= 9
    for kind, uid, most in (("classic", "9C599B32", 21), ("ntag213", "04A1B2C3D4E5F6", 33)):
        bench = started(make_card(kind, uid), irq=False)
        bench.run(bench.picc.select())
        bench.chip.field_off()
        bench.run(bench.power())
        assert bench.counted(bench.picc.select())[1] <= most


def test_resolving_two_cards_and_waking_one_of_them() -> None:
    bench = started(make_card("classic", "9C599B32"))
    bench.field.lay(make_card("ntag213", "04A1B2C3D4E5F6"))
    targets, transactions = bench.counted(bench.picc.select_all())
    assert len(targets) == 2 and transactions <= 86
    assert bench.counted(bench.picc.activate(bytes.fromhex("04A1B2C3D4E5F6")))[1] <= 20


def test_a_register_check_is_one_transaction() -> None:
    bench = started()
    before = bench.board.cs_assertions
    assert bench.chip.check()
    assert bench.board.cs_assertions - before == 1
