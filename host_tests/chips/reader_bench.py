"""A reader on a modelled board whose clock is the event loop's: air, bus and sleeps share one time line."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from drivers.iso14443a import Iso14443A
from drivers.rc522 import MFRC522
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock

T = TypeVar("T")


def run_on(clock: SimClock, coroutine: Coroutine[Any, Any, T], limit_ms: int = 60_000) -> T:
    """Run a coroutine with the simulated clock as its time. Ends by TimeoutError after `limit_ms` of simulated time."""

    async def bounded() -> T:
        return await asyncio.wait_for(coroutine, limit_ms / 1000)

    return onhost.run_on(clock, bounded())


class ReaderBench:
    """Board, chip driver and card procedures. `irq=False` leaves the interrupt line unconnected."""

    def __init__(self, *, irq: bool = True, rst: bool = True, **rc522: object) -> None:
        self.clock = SimClock(1_000_000)
        self.board = SimBoard("s3", self.clock, rc522=rc522)
        profile = self.board.profile
        spi = self.board.spi()
        spi.init(baudrate=5_000_000)
        cs, reset, line = (self.board.pin(n) for n in (profile.rc522_cs, profile.rc522_rst, profile.rc522_irq))
        cs.init(cs.OUT, value=1)
        reset.init(reset.OUT, value=1)
        line.init(line.IN, line.PULL_UP)
        self.chip = MFRC522(spi, cs, reset if rst else None, line if irq else None)
        self.picc = Iso14443A(self.chip)
        self.field = self.board.field

    def run(self, coroutine: Coroutine[Any, Any, T], limit_ms: int = 60_000) -> T:
        """Run a coroutine on the board's clock."""
        return run_on(self.clock, coroutine, limit_ms)

    async def start(self) -> None:
        """Chip set up, field on and a card ready to hear."""
        await self.chip.init()
        await self.power()

    async def power(self) -> None:
        """Field on, and time for a card to start."""
        self.chip.field_on()
        await asyncio.sleep(0.006)

    def counted(self, coroutine: Coroutine[Any, Any, T]) -> tuple[T, int]:
        """(result, chip-select assertions) of a coroutine."""
        before = self.board.cs_assertions
        result = self.run(coroutine)
        return result, self.board.cs_assertions - before
