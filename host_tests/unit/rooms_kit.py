"""A terminal that sold, with a console on its serial port (rpc_kit): what the methods of its rooms work on.

with wired(Rooms()) as wire:
    give(wire, "technician")
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from firmware.core.clock import Clock
from firmware.core.cmac import Cmac
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.service.rights import Rights
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from host_tests.unit.rpc_kit import Wire
from tools.bench_switch.answers import digits_for
from tools.sim.chips.nor import Nor, NorPartition

TMK = bytes.fromhex("5a17c0de5a17c0de0011223344556677")
NOW = 1_800_000_000
ALI = bytes.fromhex("9C599B32")


class Rtc:
    """A battery clock that runs."""

    written: tuple[int, ...] = ()

    def read(self) -> tuple[int, ...]:
        return 2027, 1, 15, 8, 0, 0

    def write(self, *fields: int) -> None:
        self.written = fields

    def lost_power(self) -> bool:
        return False


class Text:
    def get(self, name: str, *values: object) -> str:
        return f"{name} {' '.join(map(str, values))}".strip()


class Counter:
    """What the idle screen asks."""

    notice: Any = None

    class panel:  # noqa: N801
        text = Text()


class Board:
    name, page_only = "s3", False

    def __init__(self) -> None:
        self.nor = Nor(6 * 4096)
        self.random = iter(range(0x1A2B3C4D, 0x1A2B3C4D + 999))
        self.resets = 0

    def serial_number(self) -> str:
        return "f412fa4a8b68"

    def random_number(self, bits: int) -> int:
        return next(self.random)

    def heap_blocks(self) -> list[tuple[int, int, int, int]]:
        return [(100, 50, 40, 30), (200, 60, 20, 10)]


class Letters:
    """What became of rejected transactions."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    async def send_again(self, seq: int) -> None:
        await asyncio.sleep(0)
        self.done.append(("again", seq))

    def give_up(self, seq: int, reason: str) -> None:
        self.done.append(("given up", seq, reason))


class Rooms:
    """A terminal that sold."""

    def __init__(self) -> None:
        self.board = Board()
        self.quiet = True
        self.now_s = 5
        self.master = Cmac(TMK)
        self.counter = Counter()
        self.clock = Clock(Rtc(), NOW - 1000, NOW - 2000)  # type: ignore[arg-type]
        self.clock.set_from_switch(NOW)
        self.sector = bytearray(4096)
        self.letter_office = Letters()
        self.journal = Journal(NorPartition(Nor(8 * 4096), 0, 8), Sealer(TMK, b"VAFA0001"), 5, False)
        self.journal.open()
        self.journal.continue_above(0)
        self._rights: Rights | None = None
        self.tries = TryCounter(NorPartition(Nor(2 * 4096), 0, 2))
        self.tries.open()

    def sell(self, count: int, mode: int = OFFLINE) -> None:
        for _ in range(count):
            self.journal.append(Transaction(self.journal.next_seq(), ACCRUAL, mode, ALI, 2, 1250, 12, NOW, 2))

    def calm(self) -> bool:
        return self.quiet

    def uptime_s(self) -> int:
        return self.now_s

    def letters(self) -> Letters:
        return self.letter_office

    def rights(self) -> Rights:
        if self._rights is None:
            self._rights = Rights(self.master, self.tries, self.uptime_s, lambda: self.board.random_number(32))
        return self._rights

    def small_values(self) -> Slots:
        return Slots(NorPartition(self.board.nor, 0, 2), Sealer(bytes(16), b"", b"vafa-slots"), 7, False, 0)


@contextlib.contextmanager
def wired(rooms: Rooms) -> Iterator[Wire]:
    """Its console, and a program on the line."""
    wire = Wire(rooms)
    rooms.console, rooms.log = wire.console, wire.log  # type: ignore[attr-defined]
    try:
        yield wire
    finally:
        wire.close()


def give(wire: Wire, right: str) -> dict[str, Any]:
    """A right, by the answer of who may give it."""
    asked = wire.line.call("rights.ask", {"right": right})
    return wire.line.call("rights.answer", {"digits": digits_for(TMK, asked["nonce"], right)})
