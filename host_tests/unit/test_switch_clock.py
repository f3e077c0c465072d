"""The clock and the switch's time: a possible one is taken, an impossible one changes nothing."""

import pytest

from drivers.ds3231 import DS3231
from firmware.core.clock import Clock
from firmware.core.types import CLOCK_DRIFTED, CLOCK_NEVER_SET, CLOCK_OK
from host_tests.unit.switch_kit import NOW

BUILT = NOW - 86_400 * 30
END_OF_2099 = 4_102_444_799


class Chip:
    """The registers of a battery clock, with the range check of its driver."""

    def __init__(self, stopped: bool = False) -> None:
        self.registers = bytearray(bytes.fromhex("40061101181126")) + bytearray(8)  # 2026-11-18 11:06:40
        self.registers += bytes([0x80 if stopped else 0])

    def readfrom_mem_into(self, _address: int, register: int, into: bytearray) -> None:
        into[:] = self.registers[register : register + len(into)]

    def writeto_mem(self, _address: int, register: int, data: bytearray) -> None:
        self.registers[register : register + len(data)] = data


def clock(stopped: bool = False, floor_utc: int = BUILT) -> Clock:
    one = Clock(DS3231(Chip(stopped)), floor_utc, BUILT)
    one.start()
    return one


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("host_utc", [0, 5, BUILT - 1, END_OF_2099 + 1, 4_196_000_000, 0xFFFFFFFF])
def test_an_impossible_time_changes_nothing(stopped, host_utc):
    one = clock(stopped)
    before, quality = one.now_utc(), CLOCK_NEVER_SET if stopped else CLOCK_DRIFTED
    assert one.set_from_switch(host_utc) is None
    assert (one.now_utc(), one.quality) == (before, quality)
    assert one.set_from_switch(NOW + 60) is not None and one.quality == CLOCK_OK
    assert one.set_from_switch(host_utc) is None
    assert NOW + 60 <= one.now_utc() <= NOW + 61 and one.quality == CLOCK_OK


@pytest.mark.parametrize("host_utc", [BUILT, NOW - 500, NOW, END_OF_2099])
def test_a_possible_time_is_taken_even_when_the_terminals_own_records_are_newer(host_utc):
    one = clock(floor_utc=NOW)
    assert one.set_from_switch(host_utc) == host_utc - NOW
    assert one.quality == CLOCK_OK and host_utc <= one.now_utc() <= host_utc + 1
