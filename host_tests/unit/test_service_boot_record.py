"""Why a terminal started: what was wanted counts before what the chip says, and nothing unknown is told as known."""

from pathlib import Path

import pytest

from firmware.service import boot_record
from firmware.service.boot_record import FAULT, HUNG, POWER_ON, RESET, WANTED, WATCHDOG, found
from firmware.service.vitals import Vitals, traced

NOW = 1_796_000_000


class Battery:
    def __init__(self, kept: bytes = bytes(7)) -> None:
        self.data = kept
        self.writes = 0

    def keep(self, data: bytes) -> None:
        self.data = data
        self.writes += 1

    def kept(self) -> bytes:
        return self.data


def start(path: Path, number: int, cause: int, battery: Battery, utc: int = NOW) -> boot_record.Start:
    boot_record.began(cause, utc, number, battery, str(path))
    return boot_record.read(str(path)).starts[-1]


@pytest.mark.parametrize(("cause", "kind"), [(1, POWER_ON), (3, WATCHDOG), (2, RESET), (5, RESET)])
def test_without_a_word_before_it_counts_what_the_chip_says(tmp_path: Path, cause: int, kind: int) -> None:
    assert start(tmp_path / "r", 7, cause, Battery()).kind == kind


@pytest.mark.parametrize("cause", [1, 2, 3])
def test_a_wanted_reset_is_no_crash_whatever_the_chip_calls_it_and_counts_once(tmp_path: Path, cause: int) -> None:
    path = tmp_path / "r"
    boot_record.intend(WANTED, "update", NOW, str(path))
    assert start(path, 7, cause, Battery()).kind == WANTED
    assert start(path, 8, 3, Battery()).kind == WATCHDOG, "the word was for one reset"


def test_a_task_that_hung_is_named_unless_it_went_on(tmp_path: Path) -> None:
    path = tmp_path / "r"
    boot_record.intend(HUNG, "desk", NOW, str(path))
    assert boot_record.began(3, NOW, 7, Battery(), str(path)) == "start 7: hung desk; before: not known"
    boot_record.intend(HUNG, "desk", NOW, str(path))
    boot_record.forgo(str(path))
    assert start(path, 8, 1, Battery()).kind == POWER_ON


def test_the_trace_in_the_battery_clock_counts_only_when_the_start_before_left_it(tmp_path: Path) -> None:
    trace = traced(boot_record.PRINTING, 33, 6)
    told = start(tmp_path / "r", 7, 1, Battery(trace))
    assert (told.doing, told.minutes) == (boot_record.PRINTING, 33)
    assert boot_record.told(told) == "printing, up 33 min"
    assert start(tmp_path / "r", 9, 1, Battery(trace)).doing == boot_record.UNKNOWN
    for at in range(7):
        torn = bytearray(trace)
        torn[at] ^= 0x10
        assert found(bytes(torn), 6) is None, "a bit of it is wrong"


def test_counts_of_a_day_and_of_ten_minutes_and_a_file_that_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "r"
    for n in range(30):
        start(path, n, 1 if n % 2 else 3, Battery(), NOW + n * 3600)
        assert path.stat().st_size <= 116, "kept beside its name: one commit of the file system"
    record = boot_record.read(str(path))
    assert len(record.starts) == 12
    now = NOW + 29 * 3600
    assert record.of_day(now, (POWER_ON,)) == 6 and record.of_day(now + 86_400 - 3600 * 11, (POWER_ON,)) == 6
    assert record.of_day(now + 80_000, (POWER_ON,)) == 1
    assert record.crashes() == 0, "the last crash is an hour old"
    for n in range(3):
        boot_record.intend(FAULT, "main", now, str(path))
        start(path, 30 + n, 2, Battery(), now + n * 200)
    assert boot_record.read(str(path)).crashes() == 3


def test_a_damaged_or_missing_file_hinders_no_start(tmp_path: Path) -> None:
    path = tmp_path / "r"
    for raw in (b"", b"VBR1", b"junk" * 20, b"VBR1" + bytes(17), b"\xff" * 116):
        path.write_bytes(raw)
        assert start(path, 7, 1, Battery()).kind == POWER_ON
    assert boot_record.began(1, NOW, 7, Battery(), str(tmp_path / "no" / "folder")) != ""


def test_the_trace_is_written_when_something_else_begins_and_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware.service import vitals

    now = [0]
    monkeypatch.setattr(vitals, "ticks_ms", lambda: now[0])
    monkeypatch.setattr(vitals.gc, "mem_free", lambda: 300, raising=False)
    monkeypatch.setattr(vitals.gc, "mem_alloc", lambda: 700, raising=False)
    doing, signal, signed_on, battery = [boot_record.IDLE], [-60], [1], Battery()
    kept = Vitals(lambda: signal[0], lambda: signed_on[0], lambda: doing[0], battery, 6)
    for quarter in range(4 * 60):
        now[0] = quarter * 250
        kept.turn(0)
    assert battery.writes == 1
    doing[0] = boot_record.PRINTING
    kept.turn(0)
    assert found(battery.data, 6) == (boot_record.PRINTING, 0)
    for minute in range(1, 181):
        now[0] = minute * 60_000
        signal[0], signed_on[0] = -60 - minute // 60, 1 + minute // 30
        kept.turn(minute)
    assert found(battery.data, 6) == (boot_record.PRINTING, 180)
    assert list(kept.signals[:4]) == [60, 61, 62, 63], "each hour's mean"
    assert list(kept.breaks[:4]) == [1, 1, 1, 0], "reconnects, the first sign-on left out"
    assert kept.free_percent == 30
