"""Which chip it is, whether it is whole, and that a clone is told of and not refused."""

import pytest

from drivers import rc522_health as health
from drivers.rc522_errors import ChipAbsent
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import make_card
from tools.sim.chips import rc522_regs as R


def examined(bench: ReaderBench) -> health.Health:
    return bench.run(health.examine(bench.chip), limit_ms=500)


def works_afterwards(bench: ReaderBench) -> bool:
    bench.field.lay(make_card("classic", "9C599B32"))
    bench.run(bench.power())
    return bench.chip.check() and bench.run(bench.picc.select()).sak == 0x08


@pytest.mark.parametrize("version", [0x91, 0x92, 0x90, 0x88])
def test_a_good_chip_of_a_known_version_passes_everything_and_works_afterwards(version: int) -> None:
    bench = ReaderBench(version=version)
    found = examined(bench)
    assert found[:3] == (version, health.name_of(version), health.PASSED)
    assert bytes.fromhex(found.digest) == R.SELF_TEST[version]
    assert found.functions == () and found.irq
    assert works_afterwards(bench)


@pytest.mark.parametrize("version", [0x89, 0xB2, 0x12, 0x82, 0x15])
def test_a_clone_is_named_its_self_test_decides_nothing_and_it_reads_cards(version: int) -> None:
    bench = ReaderBench(version=version)
    found = examined(bench)
    assert (found.version, found.self_test, found.functions) == (version, health.UNKNOWN, ())
    assert found.name == ("unknown 15h" if version == 0x15 else health.name_of(version))
    assert works_afterwards(bench)


def test_a_clone_that_says_it_is_an_nxp_chip_fails_the_self_test_and_nothing_else() -> None:
    bench = ReaderBench(version=0x92)
    bench.board.rc522.self_test = bytes(64)
    found = examined(bench)
    assert (found.self_test, found.functions) == (health.FAILED, ())
    assert works_afterwards(bench)


def test_no_chip_is_told_as_such() -> None:
    with pytest.raises(ChipAbsent):
        examined(ReaderBench(dead=0xFF))


def test_a_card_that_lies_there_changes_nothing() -> None:
    bench = ReaderBench()
    bench.field.lay(make_card("ntag213", "04A1B2C3D4E5F6"))
    assert examined(bench).functions == ()


@pytest.mark.parametrize("irq", [True, False])
def test_what_does_not_work_is_named(irq: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = ReaderBench(irq=irq)
    chip = bench.board.rc522
    monkeypatch.setattr(chip.timer, "start", lambda *_: None)
    assert examined(bench).functions == ("timer",)
    assert bench.chip.check()  # set up again, whatever the tests did to it

    bench = ReaderBench(irq=irq)
    chip = bench.board.rc522
    monkeypatch.setattr(chip.modem, "send_fifo", lambda: None)
    assert examined(bench).functions == ("timer", "transmitter")

    bench = ReaderBench(irq=irq)
    chip = bench.board.rc522
    monkeypatch.setattr(chip.unit, "calc_crc", lambda: None)
    monkeypatch.setattr(chip.unit, "more", lambda: None)
    found = examined(bench)
    assert (found.self_test, found.functions) == (health.FAILED, ("crc",))


def test_a_broken_interrupt_line_is_told() -> None:
    bench = ReaderBench()
    bench.board.rc522.faults.irq = 1
    found = examined(bench)
    assert not found.irq and found.functions == ()


def test_an_overheated_chip_is_told() -> None:
    bench = ReaderBench()
    bench.run(bench.start())
    chip = bench.board.rc522
    reset = chip._reset

    def hot(wake_us: int) -> None:
        reset(wake_us)
        chip.errors = R.TEMP_ERR

    chip._reset = hot  # type: ignore[method-assign]
    assert "temperature" in examined(bench).functions
