"""Our reader driver on the modelled board, as `make bench` measures it: transactions, time, and the span on air.

A transaction is one assertion of the chip select. Time is that of the simulated clock: bits on the wire, 15 us for an
SPI call, 3 us for a pin call (chip select and interrupt line among them), air, and sleeping; what the processor thinks
is not in it. Before each measurement the reader has polled an empty field, as it does before a tap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tools.peers.air import AirTime
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock

SPI_HZ = 10_000_000  # the terminal's; the foreign drivers' own is a tenth of it
FACTORY_KEY = b"\xff" * 6
SETTLE_S = 0.006  # a card is ready 5 ms after the field or itself came (ISO 14443-3), and the scheduler's grain


@dataclass(frozen=True)
class Cost:
    """What one operation took. `span_us`: first bit sent to last bit received, less what the card took to think."""

    transactions: int
    us: int
    span_us: int

    @property
    def milliseconds(self) -> float:
        """In all."""
        return self.us / 1000


class Reader:
    """Chip driver and card procedures on one board."""

    def __init__(self, spi_hz: int = SPI_HZ) -> None:
        from drivers.iso14443a import Iso14443A
        from drivers.rc522 import MFRC522

        self.clock = SimClock()
        self.board = SimBoard("s3", self.clock)
        self.air = AirTime(self.clock, self.board.field)
        profile = self.board.profile
        spi = self.board.spi()
        spi.init(baudrate=spi_hz)
        cs, rst, irq = (self.board.pin(n) for n in (profile.rc522_cs, profile.rc522_rst, profile.rc522_irq))
        cs.init(cs.OUT, value=1)
        rst.init(rst.OUT, value=1)
        irq.init(irq.IN, irq.PULL_UP)
        self.chip: Any = MFRC522(spi, cs, rst, irq)
        self.cards: Any = Iso14443A(self.chip)

    async def empty_poll(self) -> None:
        """One request into an empty field."""
        from drivers.rc522_errors import NoAnswer

        try:
            await self.cards.request()
        except NoAnswer:
            return
        raise AssertionError("a card answered in an empty field")

    async def select(self) -> Any:
        """Detect and select the one card."""
        return await self.cards.select(wake=True)

    async def read(self, command: bytes, expect: int) -> None:
        """One command of a card's own, and its data."""
        from drivers.rc522 import PATIENT_US

        got = await self.chip.exchange(command, expect, crc=True, timeout_us=PATIENT_US)
        assert got == expect


Work = Callable[[Reader], Awaitable[Any]]


async def nothing(_reader: Reader) -> None:
    """The field was empty until now: polls have gone by, a card comes."""


def measure(card: Any, work: Work, prepare: Work = nothing, *, cold: bool = False, spi_hz: int = SPI_HZ) -> Cost:
    """Cost of `work` after `prepare` with one card, or None, in the field; `cold`: the field is off until then."""
    reader = Reader(spi_hz)

    async def run() -> Cost:
        await reader.chip.init()
        reader.chip.field_on()
        await asyncio.sleep(SETTLE_S)
        await reader.empty_poll()
        if cold:
            reader.chip.field_off()
        if card is not None:
            reader.board.field.lay(card)
        await asyncio.sleep(SETTLE_S)
        await prepare(reader)
        reader.air.clear()
        transactions, began_us = reader.board.cs_assertions, reader.clock.now_us
        await work(reader)
        return Cost(reader.board.cs_assertions - transactions, reader.clock.now_us - began_us, reader.air.span_us)

    onhost.install()
    return onhost.run_on(reader.clock, run())
