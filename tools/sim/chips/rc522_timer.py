"""The MFRC522's timer unit (data sheet 8.5): prescaler, reload, TAuto, restart; on the simulated clock."""

from __future__ import annotations

from collections.abc import Callable

from tools.sim.cards.frames import us_of
from tools.sim.clock import SimClock, Timer


class TimerUnit:
    """Counts down from the reload value: (2 * TPrescaler + 1) * (TReload + 1) cycles of 13.56 MHz to its interrupt."""

    def __init__(self, clock: SimClock, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self.reset()

    def reset(self) -> None:
        """Stopped at zero."""
        self._event: Timer | None = None
        self._started_us = 0
        self._tick = 1
        self._from = 0
        self._held = 0
        self._settings = (1, 0, False)

    @property
    def running(self) -> bool:
        """Status1Reg.TRunning."""
        return self._event is not None

    def start(self, tick_cycles: int, reload: int, restart: bool) -> None:
        """Load and count."""
        self.stop()
        self._settings = (tick_cycles, reload, restart)
        self._tick, self._from, self._started_us = tick_cycles, reload, self._clock.now_us
        self._event = self._clock.after(us_of(tick_cycles * (reload + 1)), self._due)

    def stop(self) -> None:
        """Hold the value."""
        if self._event is not None:
            self._held = self.value()
            self._event.cancel()
            self._event = None

    def value(self) -> int:
        """TCounterValReg."""
        if self._event is None:
            return self._held
        passed = (self._clock.now_us - self._started_us) * 339 // 25 // self._tick
        return max(0, self._from - passed)

    def _due(self) -> None:
        self._event = None
        self._held = 0
        if self._settings[2]:
            self.start(*self._settings)
        self._expired()
