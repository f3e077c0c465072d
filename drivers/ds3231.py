"""DS3231 battery clock on I2C. Holds UTC; knows no zone and no calendar beyond its registers (years 2000 to 2099).

Register numbers are those of the DS3231 datasheet, figure 1. Raises OSError when the chip does not acknowledge or
holds something that is no time.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SECONDS = const(0x00)
_ALARMS = const(0x07)  # seven bytes; no alarm is ever enabled
_STATUS = const(0x0F)
_OSF = const(0x80)  # oscillator stop flag: the time cannot be trusted
_TWELVE_HOURS = const(0x40)
_PM = const(0x20)
_EIO = const(5)


class DS3231:
    """The clock chip."""

    def __init__(self, i2c: "Any", address: int = 0x68) -> None:
        self._i2c = i2c
        self._address = address
        self._time = bytearray(7)
        self._status = bytearray(1)

    def read(self) -> "tuple[int, int, int, int, int, int]":
        """(year, month, day, hour, minute, second), UTC."""
        raw = self._time
        self._i2c.readfrom_mem_into(self._address, _SECONDS, raw)
        hour = _plain(raw[2] & 0x3F)
        if raw[2] & _TWELVE_HOURS:  # set by foreign software; `write` never does
            hour = _plain(raw[2] & 0x1F) % 12 + (12 if raw[2] & _PM else 0)
        month, day = _plain(raw[5] & 0x1F), _plain(raw[4] & 0x3F)
        minute, second = _plain(raw[1] & 0x7F), _plain(raw[0] & 0x7F)
        if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
            raise OSError(_EIO)
        return 2000 + _plain(raw[6]), month, day, hour, minute, second

    def write(self, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
        """Set the time, UTC, and declare it good. The weekday register is not used and left at 1."""
        if not 2000 <= year <= 2099:
            raise ValueError("year")
        raw = self._time
        for i, value in enumerate((second, minute, hour, 1, day, month, year - 2000)):
            raw[i] = value // 10 << 4 | value % 10
        self._i2c.writeto_mem(self._address, _SECONDS, raw)
        self._i2c.readfrom_mem_into(self._address, _STATUS, self._status)
        self._status[0] &= ~_OSF & 0xFF
        self._i2c.writeto_mem(self._address, _STATUS, self._status)

    def keep(self, data: bytes) -> None:
        """Seven bytes, where the two alarms would stand, which nobody uses: the battery keeps them."""
        self._i2c.writeto_mem(self._address, _ALARMS, data)

    def kept(self) -> bytes:
        """What `keep` wrote, or whatever stands there."""
        return self._i2c.readfrom_mem(self._address, _ALARMS, 7)

    def lost_power(self) -> bool:
        """Whether the clock stopped since it was last set."""
        self._i2c.readfrom_mem_into(self._address, _STATUS, self._status)
        return bool(self._status[0] & _OSF)


def _plain(bcd: int) -> int:
    if bcd & 0x0F > 9 or bcd >> 4 > 9:
        raise OSError(_EIO)
    return (bcd >> 4) * 10 + (bcd & 0x0F)
