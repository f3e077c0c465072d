"""Keeps the terminal's tasks alive: restarts what dies, and feeds the watchdog only while every vital task reports.

A task that hangs stops reporting; then nobody feeds, and the watchdog resets the board. Knows no task's work.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable, Protocol

    from firmware.core.log import Log

    Beat = Callable[[], None]
    Factory = Callable[[Beat], Awaitable[object]]

    class Watchdog(Protocol):
        """A hardware watchdog: resets the board unless fed."""

        def feed(self) -> object: ...


_CHECK_MS = const(250)


class Policy:
    """`silence_ms`: the longest a vital task may go without a beat; 0 for a task that is not vital.

    A task that ended is started again after `restart_ms`, doubled each time up to `restart_max_ms`; one that had lived
    for a minute starts at the beginning again.
    """

    def __init__(self, silence_ms: int = 0, restart_ms: int = 200, restart_max_ms: int = 10_000) -> None:
        self.silence_ms = silence_ms
        self.restart_ms = restart_ms
        self.restart_max_ms = restart_max_ms


class _Watched:
    """One task under supervision."""

    def __init__(self, name: str, factory: "Factory", policy: Policy) -> None:
        self.name = name
        self.factory = factory
        self.policy = policy
        self.last_beat = ticks_ms()
        self.restarts = 0

    def beat(self) -> None:
        """The task is alive."""
        self.last_beat = ticks_ms()

    def silent(self) -> bool:
        """Whether a vital task has not reported for too long."""
        limit_ms = self.policy.silence_ms
        return limit_ms > 0 and ticks_diff(ticks_ms(), self.last_beat) > limit_ms


class Supervisor:
    """Creates every task of the application. `fault` is told of an exception nobody expected."""

    def __init__(
        self, log: "Log", watchdog: "Watchdog", fault: "Callable[[str, Exception], None] | None" = None
    ) -> None:
        self._log = log
        self._watchdog = watchdog
        self._fault = fault
        self._watched: "list[_Watched]" = []
        self._tasks: "list[object]" = []

    def start(self, name: str, factory: "Factory", policy: Policy) -> None:
        """Run `factory(beat)` as a task for ever."""
        watched = _Watched(name, factory, policy)
        self._watched.append(watched)
        self._tasks.append(asyncio.create_task(self._keep(watched)))

    async def run(self) -> None:
        """Feed the watchdog while all is well; for ever."""
        silent_before = ""
        while True:
            silent = " ".join([watched.name for watched in self._watched if watched.silent()])
            if not silent:
                self._watchdog.feed()
            elif silent != silent_before:
                self._log.fault("X01", "no sign of life: " + silent)
            silent_before = silent
            await asyncio.sleep_ms(_CHECK_MS)

    def restarts(self) -> "list[tuple[str, int]]":
        """(task, how often it was restarted), for the console."""
        return [(watched.name, watched.restarts) for watched in self._watched]

    def _tell(self, name: str, error: Exception) -> None:
        """Log and record; telling may itself run out of memory, and must not end what keeps the task alive."""
        try:
            self._log.error(error, "task " + name)
            if self._fault is not None:
                self._fault(name, error)
        except MemoryError:
            gc.collect()

    async def _keep(self, watched: _Watched) -> None:
        wait_ms = watched.policy.restart_ms
        while True:
            started = ticks_ms()
            try:
                await watched.factory(watched.beat)
                self._log.fault("X02", "task ended: " + watched.name)
            except Exception as error:  # noqa: BLE001 (whatever kills a task, the terminal goes on)
                self._tell(watched.name, error)
            watched.restarts += 1
            if ticks_diff(ticks_ms(), started) > 60_000:
                wait_ms = watched.policy.restart_ms
            await asyncio.sleep_ms(wait_ms)
            wait_ms = min(wait_ms * 2, watched.policy.restart_max_ms)
