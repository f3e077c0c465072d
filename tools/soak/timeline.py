"""One virtual clock for everything: an event loop whose time jumps to the next timer, and polls that may be stretched.

Nothing here sleeps, reads the host's clock or makes a thread. While nobody stands at a terminal its tasks only poll;
`Pace` lets those polls sleep longer, as on a processor that is slow when nobody looks, so hours cost little. Units: the
timeline counts microseconds, firmware waits are milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import selectors
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from tools.sim import onhost

T = TypeVar("T")

LONGEST_STRETCH_MS = 30_000  # less than the shortest silence the supervisor allows a task that polls
_ALONE_MS = 500  # where nobody stands, but somebody may come at any moment
_PART = 4  # a stretched wait is at most this part of the rest that is left


class Timeline:
    """The clock. Modelled hardware advances it in the middle of a call, the loop between two."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def advance(self, us: int) -> None:
        """Let time pass."""
        self.now_us += us


class Pace:
    """How fast one terminal's tasks poll, and which tasks these are. `rest_until_us`: nobody touches it until then;
    `attended`: somebody stands there now."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.rest_until_us = 0
        self.attended = True
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their making

    def stretched(self, ms: int) -> int:
        """How long a poll of `ms` sleeps now."""
        left_ms = (self.rest_until_us - self._timeline.now_us) // 1000
        return max(ms, min(LONGEST_STRETCH_MS, left_ms // _PART), 0 if self.attended else _ALONE_MS)


_pace: contextvars.ContextVar[Pace | None] = contextvars.ContextVar("pace", default=None)


def enter(pace: Pace) -> None:
    """From now on this task, and every task it makes, belongs to this terminal."""
    _pace.set(pace)


async def _sleep_ms(ms: int) -> None:
    pace = _pace.get()
    await asyncio.sleep((ms if pace is None or ms <= 0 else pace.stretched(ms)) / 1000)


async def _wait_for_ms(awaitable: Any, timeout_ms: int) -> Any:
    # `wait_for` of CPython 3.11 makes a task for each wait and may swallow a cancellation.
    async with asyncio.timeout(timeout_ms / 1000):
        return await awaitable


class _Leaping(selectors.SelectSelector):
    """Advances the timeline instead of waiting. No file is ever ready: there are none."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer runs")
        if timeout > 0:
            self._timeline.advance(max(round(timeout * 1_000_000), 1))
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        super().__init__(_Leaping(timeline))

    def time(self) -> float:
        return self._timeline.now_us / 1_000_000


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **options)
    pace = _pace.get()
    if pace is not None:
        pace.tasks[task] = None
        task.add_done_callback(lambda done: _ended(pace, done))
    return task


def _ended(pace: Pace, task: asyncio.Task[Any]) -> None:
    pace.tasks.pop(task, None)
    if not task.cancelled():
        task.exception()  # a task whose power failed is nobody's to ask


@contextlib.contextmanager
def _patched(timeline: Timeline) -> Iterator[None]:
    """Ticks, sleeps and bounded waits of the firmware on this timeline."""
    onhost.install()
    before = onhost.ticks_source, onhost.sleep_source, asyncio.sleep_ms, asyncio.wait_for_ms  # type: ignore[attr-defined]
    collect = gc.collect
    gc.collect = lambda generation=2: 0  # the desk frees a board's heap after each story; a host's takes it 20 ms
    onhost.ticks_source, onhost.sleep_source = lambda: timeline.now_us, timeline.advance
    asyncio.sleep_ms, asyncio.wait_for_ms = _sleep_ms, _wait_for_ms  # type: ignore[attr-defined]
    try:
        yield
    finally:
        gc.collect = collect
        onhost.ticks_source, onhost.sleep_source, asyncio.sleep_ms, asyncio.wait_for_ms = before  # type: ignore[attr-defined]


def run(timeline: Timeline, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end with everything on this timeline."""
    with _patched(timeline):
        loop = _Loop(timeline)
        loop.set_task_factory(_make_task)
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.close()
