"""Runs inside MicroPython: `time` on the simulated clock, with the tick period (2**30) and the epoch of the board."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
import utime

_MASK = (1 << 30) - 1
_HALF = 1 << 29
_EPOCH = 946684800 if _bus.info["profile"] == "s3" else 0  # ESP32 counts from 2000, RP2 from 1970


def ticks_us():
    return _bus.ticks() & _MASK


ticks_cpu = ticks_us


def ticks_ms():
    return _bus.ticks() // 1000 & _MASK


def ticks_add(ticks, delta):
    return (ticks + delta) & _MASK


def ticks_diff(one, other):
    return ((one - other + _HALF) & _MASK) - _HALF


def sleep_us(us):
    _bus.sleep_us(int(us))


def sleep_ms(ms):
    _bus.sleep_us(int(ms) * 1000)


def sleep(s):
    _bus.sleep_us(int(s * 1_000_000))


def time_ns():
    """Of the processor's own clock (machine.RTC), which knows nothing after a power cut."""
    return (_bus.ticks() + _bus.info["rtc_us"]) * 1000 - _EPOCH * 1_000_000_000


def time():
    return time_ns() // 1_000_000_000


def gmtime(s=None):
    return utime.gmtime((time() if s is None else s) + _EPOCH)[:8]


localtime = gmtime


def mktime(t):
    """Counts days itself: the host's time zone must not come in."""
    year, month, day, hour, minute, second = t[:6]
    month += 12 * year - 3  # March is month 0, so that a leap day is a year's last
    year, month = month // 12, month % 12
    days = year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + day - 719469
    return ((days * 24 + hour) * 60 + minute) * 60 + second - _EPOCH
