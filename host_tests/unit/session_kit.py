"""A session against a scripted switch on virtual time, for the tests of session and queue."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

from firmware.switch.session import Session
from host_tests.unit.switch_kit import FakeClock, FakeJournal, ScriptedLink, answer, log, messages
from tools.sim import onhost

Answers = list[tuple[int, bytes | Exception]]


class Bench:
    """A session, its surroundings, and a switch that answers 0800 and hands the rest to `on_value`."""

    def __init__(self, on_value: Callable[[bytes], Answers] | None = None, jitter: int = 0) -> None:
        self.on_value = on_value or (lambda raw: [(20, answer(raw, points=125, balance=1375))])
        self.on_network: Callable[[bytes], Answers] = lambda raw: [(20, answer(raw))]
        self.link = ScriptedLink(lambda raw: (self.on_network if raw[:4] == b"0800" else self.on_value)(raw))
        self.clock, self.journal, self.log = FakeClock(), FakeJournal(), log()
        numbers = itertools.count(5)
        self.session = Session(
            self.link, messages(), self.clock, self.journal, self.log, lambda: next(numbers), jitter=jitter
        )

    @contextlib.asynccontextmanager
    async def running(self, *, signed_on: bool = True) -> AsyncIterator[Session]:
        task = asyncio.create_task(self.session.run())
        try:
            if signed_on:
                await until(self.session.online)
            yield self.session
        finally:
            while not task.done():  # wait_for of CPython 3.11 may swallow one cancellation
                task.cancel()
                await asyncio.sleep(0.1)
            if not task.cancelled():
                task.result()
            for pipe in self.link.pipes:
                await pipe.close()
            await asyncio.sleep(0)

    def logged(self, code: str) -> bool:
        return any(f" {code} " in line for line in self.log.newest(64))


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Looks every 10 ms; what takes long is looked for less often, it need not be met to the moment."""
    began = now()
    while not what():
        assert now() < began + seconds, "never happened"
        await asyncio.sleep(round(max(0.01, min(5.0, (now() - began) / 200)), 2))


def virtual(test: Callable[[], object]) -> Callable[[], None]:
    """Run an async test on virtual time."""

    def run() -> None:
        onhost.run_virtual(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run
