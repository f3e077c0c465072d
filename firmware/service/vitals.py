"""What is measured all the time, in half a kilobyte: how late the processor comes to its work, the radio's signal and
the reconnects of each hour of a week; and the trace that a power cut leaves of what was going on.

The trace stands in seven bytes that the battery clock does not use, so writing it wears nothing: C7, what was going on,
minutes since the start u16, number of the start u16, sum of these and 5A. Hours are those since the start; times are
milliseconds.
"""

import gc
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.spread import Spread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    class Battery(Protocol):
        """Seven bytes that a battery keeps."""

        def keep(self, data: bytes) -> None: ...


HOURS = const(168)
_MINUTE_MS = const(60_000)
_MARK = const(0xC7)  # these two as in boot_record, which is not loaded
_SALT = const(0x5A)
_LAGS_MS = const((10, 20, 50, 100, 200, 500, 1000, 2000, 5000))


class Vitals:
    """`turn` is called four times a second. `signal` gives dBm, 0 when there is none; `signed_on` counts; `doing` is
    one of the numbers of `boot_record`; `battery` takes the trace, None where there is none."""

    def __init__(
        self,
        signal: "Callable[[], int]",
        signed_on: "Callable[[], int]",
        doing: "Callable[[], int]",
        battery: "Battery | None",
        start: int,
    ) -> None:
        self._signal = signal
        self._signed_on = signed_on
        self._doing = doing
        self._battery = battery
        self._start = start
        self._traced = -1
        self._minute = ticks_ms()
        self._sum = self._samples = 0
        self._before = 0  # sign-ons up to this hour
        self.minutes = 0
        self.lag = Spread(_LAGS_MS)
        self.free_percent = -1  # of the heap, while nothing rare was loaded; -1 before the first minute has passed
        self.lag_task = ""  # what kept the processor when it came latest, as far as anybody saw
        self.signals = bytearray(HOURS)  # of hour n at n % 168, without the sign; 0 is not known
        self.breaks = bytearray(HOURS)

    def turn(self, late_ms: int) -> None:
        """Note how late this turn comes, and what each minute shows."""
        self.lag.add(late_ms)
        doing = self._doing()
        if ticks_diff(ticks_ms(), self._minute) >= _MINUTE_MS:
            self._minute = ticks_add(self._minute, _MINUTE_MS)
            self.minutes += 1
            self._look()
            self._traced = -1
        if doing != self._traced:
            self._traced = doing
            self._trace(doing)

    def hour(self) -> int:
        """Of now, counted from the start."""
        return self.minutes // 60

    def _look(self) -> None:
        at, total = self.hour() % HOURS, self._signed_on()
        if not self.minutes % 60:
            self._sum = self._samples = self.signals[at] = self.breaks[at] = 0
            self._before = total
        if self.minutes % 60 == 1 or self.free_percent < 0:
            gc.collect()  # else a figure says when it was collected last, and nothing of what is held
            free = gc.mem_free()
            self.free_percent = free * 100 // (free + gc.mem_alloc())
        signal = self._signal()
        if signal:
            self._sum -= signal
            self._samples += 1
            self.signals[at] = min(255, self._sum // self._samples)
        first = 1 if self.minutes < 60 else 0  # the first sign-on of a start is no reconnect
        self.breaks[at] = max(0, min(255, total - self._before - first))

    def _trace(self, doing: int) -> None:
        if self._battery is None:
            return
        try:
            self._battery.keep(traced(doing, self.minutes, self._start))
        except OSError:
            self._battery = None  # no battery clock: checks tell of that


def traced(doing: int, minutes: int, start: int) -> bytes:
    """The seven bytes."""
    minutes = min(minutes, 0xFFFF)
    raw = bytes((_MARK, doing, minutes & 0xFF, minutes >> 8, start & 0xFF, start >> 8 & 0xFF))
    return raw + bytes(((sum(raw) + _SALT) & 0xFF,))
