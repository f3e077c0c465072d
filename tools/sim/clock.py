"""The simulated clock: one integer of microseconds that every modelled duration goes through.

It knows nothing of chips. `advance` moves time and fires what became due, in order of time and then of asking; inside
a callback `now_us` is the moment the timer was set for. Nothing here reads the host's clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timer:
    """One callback waiting for its time."""

    __slots__ = ("when_us", "_callback", "_clock")

    def __init__(self, clock: SimClock, when_us: int, callback: Callable[[], None]) -> None:
        self._clock = clock
        self.when_us = when_us
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it; harmless after it fired."""
        self._callback = None

    @property
    def waiting(self) -> bool:
        """Neither fired nor cancelled."""
        return self._callback is not None

    def fire(self) -> None:
        """Call back once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class SimClock:
    """Simulated time in microseconds since the simulation began."""

    def __init__(self, start_us: int = 0) -> None:
        self.now_us = start_us
        self._queue: list[tuple[int, int, Timer]] = []
        self._asked = 0
        self._advancing = False

    def at(self, when_us: int, callback: Callable[[], None]) -> Timer:
        """Call back at `when_us`; a moment already past is due with the next advance, even one of 0."""
        timer = Timer(self, when_us, callback)
        self._asked += 1
        heapq.heappush(self._queue, (when_us, self._asked, timer))
        return timer

    def after(self, us: int, callback: Callable[[], None]) -> Timer:
        """Call back `us` from now."""
        return self.at(self.now_us + us, callback)

    def next_due_us(self) -> int | None:
        """When the next timer fires, or None when none waits."""
        queue = self._queue
        while queue and not queue[0][2].waiting:
            heapq.heappop(queue)
        return queue[0][0] if queue else None

    def advance(self, us: int) -> None:
        """Let `us` microseconds pass."""
        if us < 0:
            raise ValueError("time does not run backwards")
        if self._advancing:
            raise RuntimeError("a timer's callback must not advance the clock")
        target = self.now_us + us
        queue = self._queue
        if queue and queue[0][0] <= target:
            self._run_until(target)
        self.now_us = target

    def advance_to(self, when_us: int) -> None:
        """Let time pass up to `when_us`; nothing when that is past."""
        if when_us > self.now_us:
            self.advance(when_us - self.now_us)

    def _run_until(self, target: int) -> None:
        self._advancing = True
        queue = self._queue
        try:
            while queue and queue[0][0] <= target:
                when_us, _, timer = heapq.heappop(queue)
                if timer.waiting:
                    self.now_us = max(self.now_us, when_us)
                    timer.fire()
        finally:
            self._advancing = False
