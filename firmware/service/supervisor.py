"""Keeps the terminal's tasks alive: restarts what dies, and feeds the watchdog only while every vital task reports.

A task that hangs stops reporting; then nobody feeds, and the watchdog resets the board. Before it does, the task is
named: one that waits for ever by the supervisor, one that keeps the processor by a timer, which has its turn between
two steps of any program. Knows no task's work.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Callable, Protocol

    from firmware.core.log import Log

    Beat = Callable[[], None]
    Factory = Callable[[Beat], Awaitable[object]]

    class Watchdog(Protocol):
        """A hardware watchdog: resets the board unless fed."""

        def feed(self) -> object: ...


_CHECK_MS = const(250)
_STUCK_MS = const(5000)  # the watchdog bites after 8 s; in between a timer looks once a second
_WELL_MS = const(30_000)


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
        self.task: "object" = None

    def beat(self) -> None:
        """The task is alive."""
        self.last_beat = ticks_ms()

    def silent(self) -> bool:
        """Whether a vital task has not reported for too long."""
        limit_ms = self.policy.silence_ms
        return limit_ms > 0 and ticks_diff(ticks_ms(), self.last_beat) > limit_ms


class Supervisor:
    """Creates every task of the application. `fault` is told of an exception nobody expected; `when_well` is called
    when all vital tasks have reported for 30 s, and again until it returns true."""

    def __init__(
        self, log: "Log", watchdog: "Watchdog", fault: "Callable[[str, Exception], None] | None" = None
    ) -> None:
        self._log = log
        self._watchdog = watchdog
        self._fault = fault
        self.when_well: "Callable[[], bool] | None" = None
        self.pulse: "Callable[[int], None]" = _nothing  # told at each turn how many ms late it comes
        self.hung: "Callable[[str], None]" = _nothing  # told who hangs, and "" when it goes on after all
        self._stuck = False
        self._turned = ticks_ms()
        self._watched: "list[_Watched]" = []

    def start(self, name: str, factory: "Factory", policy: Policy) -> None:
        """Run `factory(beat)` as a task for ever."""
        watched = _Watched(name, factory, policy)
        self._watched.append(watched)
        watched.task = asyncio.create_task(self._keep(watched))

    async def run(self) -> None:
        """Feed the watchdog while all is well; for ever."""
        silent_before = ""
        self._turned = ticks_ms()
        well_since = ticks_ms()
        while True:
            silent = " ".join([watched.name for watched in self._watched if watched.silent()])
            if not silent:
                self._watchdog.feed()
                if self.when_well is not None and ticks_diff(ticks_ms(), well_since) > _WELL_MS and self.when_well():
                    self.when_well = None
            elif silent != silent_before:
                self._log.fault("X01", "no sign of life: " + silent)
                self._tell_hung(silent)
            if silent:
                well_since = ticks_ms()
            if self._stuck or (silent_before and not silent):
                self._stuck = False
                self._tell_hung("")
            silent_before = silent
            await asyncio.sleep_ms(_CHECK_MS)
            now = ticks_ms()
            late_ms, self._turned = ticks_diff(now, self._turned) - _CHECK_MS, now
            self.pulse(max(0, late_ms))

    def look(self, _timer: object) -> None:
        """Called by a timer, in the middle of whatever runs: name it when it has kept the processor for too long."""
        if not self._stuck and ticks_diff(ticks_ms(), self._turned) > _STUCK_MS:
            self._stuck = True
            name = self._running()
            self._log.fault("X01", "keeps the processor: " + name)
            self._tell_hung(name)

    def _running(self) -> str:
        """Who has the processor: a task of ours, or one that a task of ours has begun."""
        try:
            task: "Any" = asyncio.current_task()
        except RuntimeError:
            return "nobody"
        for watched in self._watched:
            if watched.task is task:
                return watched.name
        words = str(getattr(task, "coro", "")).split("'")  # <generator object 'name' at 7f..>
        return words[1] if len(words) > 1 else "part"

    def _tell_hung(self, name: str) -> None:
        """Telling may itself run out of memory, or out of the time that is left."""
        try:
            self.hung(name)
        except MemoryError:
            gc.collect()

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


def _nothing(_told: object) -> None:
    """Nobody listens."""
