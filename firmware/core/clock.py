"""The terminal's clock: wall time from the battery clock, corrected by the switch, with a stated quality.

Wall time orders nothing (SEQ does) and decides nothing about value by itself. Never goes back while running unless the
switch says so.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.calendar import from_utc, to_utc
from firmware.core.types import CLOCK_DRIFTED, CLOCK_NEVER_SET, CLOCK_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import Rtc

_BY_HAND_S = const(120)  # beside the switch's time a hand is believed only so far
_TEHRAN_OFFSET_S = const(12600)  # +03:30 all year since 2022-09-21


# The battery clock's range, 2000 to 2099 (DS3231 datasheet, figure 1).
_FIRST_UTC = const(946_684_800)
_LAST_UTC = const(4_102_444_799)


class Clock:
    """Wall time in seconds since 1970 UTC. `floor_utc` is a time that has certainly passed.

    `earliest_utc` bounds what is believed of the switch. It is not the floor: that may come from this clock itself,
    and a clock that once ran ahead must be corrected.
    """

    def __init__(self, rtc: "Rtc", floor_utc: int = 0, earliest_utc: int = 0) -> None:
        self._rtc = rtc
        self._earliest_utc = max(earliest_utc, _FIRST_UTC)
        self.floor_utc = floor_utc
        self.quality = CLOCK_NEVER_SET
        self.drift_s: "int | None" = None  # of the battery clock, as the switch corrected it after this start
        self._base_utc = floor_utc
        self._base_ticks = ticks_ms()

    def start(self) -> None:
        """Read the battery clock once. One that is silent, stopped or before the floor is not believed."""
        try:
            now = to_utc(*self._rtc.read())
            lost = self._rtc.lost_power()
        except OSError:
            now, lost = self.floor_utc, True
        if lost or now < self.floor_utc:
            self._set_base(self.floor_utc)
            self.quality = CLOCK_NEVER_SET
        else:
            self._set_base(now)
            self.quality = CLOCK_DRIFTED

    def now_utc(self) -> int:
        """Seconds since 1970-01-01 UTC; call at least once a day so that the tick counter cannot wrap unseen."""
        elapsed_s = ticks_diff(ticks_ms(), self._base_ticks) // 1000
        if elapsed_s >= 3600:
            self._base_utc += elapsed_s
            self._base_ticks = ticks_add(self._base_ticks, elapsed_s * 1000)
            elapsed_s = 0
        return self._base_utc + elapsed_s

    def now_local(self) -> "tuple[int, int, int, int, int, int]":
        """(year, month, day, hour, minute, second) in Tehran."""
        return from_utc(self.now_utc() + _TEHRAN_OFFSET_S)

    def set_from_switch(self, host_utc: int) -> "int | None":
        """Take the time of an authentic answer, write the battery clock if it matters; the correction in seconds.

        None when the time is impossible: then nothing changes.
        """
        if not self._earliest_utc <= host_utc <= _LAST_UTC:
            return None
        correction_s = host_utc - self.now_utc()
        if self.quality == CLOCK_DRIFTED:
            self.drift_s = correction_s
        if self.quality != CLOCK_OK or abs(correction_s) >= 2:
            self._set_base(host_utc)
            try:
                self._rtc.write(*from_utc(host_utc))
            except OSError:
                pass  # without its battery clock the terminal keeps the switch's time until it is switched off
        self.quality = CLOCK_OK
        return correction_s

    def set_by_hand(self, utc: int) -> "int | None":
        """Take a technician's word for it and write the battery clock; the correction in seconds.

        None when it cannot be: before a time that has passed, or far from what the switch told. The quality stays: a
        person's watch is no better than a battery.
        """
        correction_s = utc - self.now_utc()
        if self.quality == CLOCK_OK and abs(correction_s) > _BY_HAND_S:
            return None
        if not self.floor_utc <= utc <= _LAST_UTC:
            return None
        self._set_base(utc)
        try:
            self._rtc.write(*from_utc(utc))
        except OSError:
            pass  # as above
        if self.quality == CLOCK_NEVER_SET:
            self.quality = CLOCK_DRIFTED
        return correction_s

    def _set_base(self, utc: int) -> None:
        self._base_utc = utc
        self._base_ticks = ticks_ms()


def local_time(utc: int) -> "tuple[int, int, int, int, int, int]":
    """(year, month, day, hour, minute, second) in Tehran of seconds since 1970 UTC."""
    return from_utc(utc + _TEHRAN_OFFSET_S)
