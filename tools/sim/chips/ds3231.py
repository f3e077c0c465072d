"""DS3231 battery clock on I2C at 68h: 13h registers in BCD, running on the simulated clock, with or without main power.

Sections cited are of the Maxim DS3231 datasheet rev 10. It counts calendar time without a zone; `set_utc` is how a
person sets it on the bench.
"""

from __future__ import annotations

import datetime

from tools.sim.clock import SimClock

_CONTROL, _STATUS, _AGING, _TEMPERATURE = 0x0E, 0x0F, 0x10, 0x11
_SIZE = 0x13
_OSF, _EN32KHZ, _BSY = 0x80, 0x08, 0x04


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def _plain(bcd: int) -> int:
    return (bcd >> 4) * 10 + (bcd & 0x0F)


class Ds3231:
    """The chip with its battery. `at_utc` None is a chip fresh from the bag: the oscillator-stop flag is up."""

    ADDRESS = 0x68

    def __init__(self, clock: SimClock, at_utc: tuple[int, int, int, int, int, int] | None = None) -> None:
        self._clock = clock
        self.connected = True
        self._pointer = 0
        self._latched = bytes(7)
        self.battery_changed()
        if at_utc is not None:
            self.set_utc(at_utc)

    def battery_changed(self) -> None:
        """Power was lost altogether: time starts at 2000-01-01 and OSF says so (status register, bit 7)."""
        self._registers = bytearray(_SIZE)
        self._registers[_CONTROL] = 0x1C
        self._registers[_STATUS] = _OSF | _EN32KHZ
        self._registers[_TEMPERATURE] = 25
        self._twelve_hours = False
        self._weekday = 1
        self._start(datetime.datetime(2000, 1, 1))

    def set_utc(self, when: tuple[int, int, int, int, int, int]) -> None:
        """Set the time by hand and clear the oscillator-stop flag."""
        moment = datetime.datetime(*when)
        self._weekday = moment.isoweekday()
        self._start(moment)
        self._registers[_STATUS] &= ~_OSF

    def utc(self) -> datetime.datetime:
        """What the chip believes now, to the second."""
        passed = (self._clock.now_us - self._base_us) // 1_000_000
        return self._base + datetime.timedelta(seconds=passed)

    @property
    def stopped(self) -> bool:
        """OSF: the oscillator has stopped since the flag was last cleared."""
        return bool(self._registers[_STATUS] & _OSF)

    def i2c_write(self, data: bytes) -> bool:
        """Register pointer, then bytes for it; the pointer wraps after 12h."""
        if not self.connected:
            return False
        if data:
            self._pointer = data[0] % _SIZE
            self._latch()
            self._put(data[1:])
        return True

    def i2c_read(self, n: int) -> bytes | None:
        """Bytes from the pointer on; time registers are frozen at the start of the transfer (Clock and Calendar)."""
        if not self.connected:
            return None
        self._latch()
        out = bytearray()
        for _ in range(n):
            out.append(self._latched[self._pointer] if self._pointer < 7 else self._registers[self._pointer])
            self._pointer = (self._pointer + 1) % _SIZE
            if not self._pointer:
                self._latch()
        return bytes(out)

    def _start(self, moment: datetime.datetime) -> None:
        self._base, self._base_us = moment, self._clock.now_us
        self._year0 = moment.year

    def _latch(self) -> None:
        now = self.utc()
        weekday = (self._weekday - 1 + (now.date() - self._base.date()).days) % 7 + 1
        hour = _bcd(now.hour)
        if self._twelve_hours:
            hour = 0x40 | (0x20 if now.hour >= 12 else 0) | _bcd((now.hour + 11) % 12 + 1)
        century = 0x80 if now.year >= 2100 else 0
        date = (_bcd(now.day), century | _bcd(now.month), _bcd(now.year % 100))
        self._latched = bytes((_bcd(now.second), _bcd(now.minute), hour, weekday, *date))

    def _put(self, data: bytes) -> None:
        time = bytearray(self._latched)
        touched = False
        for byte in data:
            at = self._pointer
            if at < 7:
                time[at] = byte
                touched = True
            elif at == _STATUS:  # OSF and the alarm flags can only be cleared; BSY is read only
                old = self._registers[at]
                self._registers[at] = old & byte & 0x83 | byte & _EN32KHZ | old & _BSY
            elif at not in (_TEMPERATURE, _TEMPERATURE + 1):
                self._registers[at] = byte
            self._pointer = (at + 1) % _SIZE
        if touched:
            self._set(time)

    def _set(self, time: bytearray) -> None:
        self._twelve_hours = bool(time[2] & 0x40)
        hour = _plain(time[2] & 0x3F)
        if self._twelve_hours:
            hour = _plain(time[2] & 0x1F) % 12 + (12 if time[2] & 0x20 else 0)
        year = (2100 if time[5] & 0x80 else 2000) + _plain(time[6])
        self._weekday = time[3] & 7 or 1
        # An impossible date written is undefined in the datasheet; a ValueError here names the driver's fault.
        month, day = _plain(time[5] & 0x1F), _plain(time[4] & 0x3F)
        self._start(datetime.datetime(year, month, day, hour, _plain(time[1] & 0x7F), _plain(time[0] & 0x7F)))
