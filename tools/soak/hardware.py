"""What stands in for a terminal's hardware around the person: keys without a scan, reader, battery clock, paper.

Knows no flow. Durations in milliseconds unless a name says otherwise.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from firmware.core.calendar import from_utc, to_utc
from firmware.core.errors import CardError, CardTimeout, TwoCards
from firmware.core.types import CardData
from firmware.screen.keys import Keys
from firmware.text import catalogue
from tools.soak.timeline import Pace


class Hands(Keys):
    """Keys that a person presses, without a scan."""

    def __init__(self, pace: Pace) -> None:
        super().__init__(_NoKeypad())
        self._pace = pace

    def press(self, key: int) -> None:
        """One key."""
        self._queue.append(key)
        self._arrived.set()

    async def arrival(self, timeout_ms: int) -> None:
        """As `Keys` has it; a panel nobody looks at draws less often."""
        await super().arrival(self._pace.stretched(timeout_ms))


class _NoKeypad:
    def scan(self) -> int:
        return -1


class Tap:
    """The reader: `lay` puts a card, or what reading it raises, on it until it is read or taken away."""

    def __init__(self) -> None:
        self._laid: CardData | CardError | None = None
        self._came = asyncio.Event()

    def lay(self, laid: CardData | CardError) -> None:
        """A card comes into the field."""
        self._laid = laid
        self._came.set()

    def take(self) -> None:
        """It is taken away."""
        self._laid = None
        self._came.clear()

    async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
        """The `Reader` port."""
        del prove
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._came.wait()
        except TimeoutError:
            raise CardTimeout() from None
        laid = self._laid
        self.take()
        if isinstance(laid, CardData):
            return laid
        raise laid or TwoCards(2)

    def healthy(self) -> bool:
        """It never fails by itself."""
        return True


class Battery:
    """The battery clock: true time, plus an error that drifts."""

    def __init__(self, true_utc: Callable[[], float]) -> None:
        self._true_utc = true_utc
        self.error_s = 0.0
        self.drift_ppm = 0.0
        self.lost = True
        self._since = true_utc()

    def _now(self) -> float:
        now = self._true_utc()
        self.error_s += (now - self._since) * self.drift_ppm / 1_000_000
        self._since = now
        return now + self.error_s

    def read(self) -> tuple[int, int, int, int, int, int]:
        """UTC calendar time."""
        return from_utc(int(self._now()))

    def write(self, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
        """Set it."""
        self._now()
        self.error_s = to_utc(year, month, day, hour, minute, second) - self._true_utc()
        self.lost = False

    def lost_power(self) -> bool:
        """Whether it stopped since it was set."""
        return self.lost


class Paper:
    """A printer that is always ready; nobody keeps what it prints."""

    heard = True

    def ready(self) -> bool:
        """There is paper."""
        return True

    def busy(self, whole: bool = False) -> bool:
        """It is quick."""
        return False

    def line(self, text: str, size: int = 0, place: int = 0) -> None:
        """Text."""

    def band(self, width: int, dots: bytearray) -> None:
        """A picture."""

    def qr(self, text: str) -> None:
        """A code."""

    def cut(self) -> None:
        """Its end."""


class Still:
    """Sounder and lamps nobody hears or sees."""

    def tone(self, hz: int) -> None:
        """No sound."""

    def show(self, green: bool = False, red: bool = False) -> None:
        """No light."""


@functools.cache
def english() -> Any:
    """The catalogue of every terminal here."""
    return _Remembered(catalogue.load("en"))


class _Remembered:
    """The catalogue, each text looked up once."""

    def __init__(self, text: Any) -> None:
        self.error = functools.cache(text.error)
        self.get = functools.cache(text.get)
        self.age = text.age
        self.day, self.short_day = text.day, text.short_day
        self.money, self.language, self.rtl, self.use = text.money, text.language, text.rtl, text.use
