"""A fleet's day: furnish the books, connect everyone, sell for a while, settle, and compare with the books.

Durations in seconds.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.office import Entry
from tools.fleet.accounts import verify
from tools.fleet.line import Line, NoAnswer, client_context
from tools.fleet.terminal import Terminal

MERCHANT = "FLEET0000000001"
OPENING_POINTS = 5_000
CONNECTING_AT_ONCE = 64
CARDS_EACH = 4
_LETTERS = string.ascii_uppercase + string.digits
MOST = 9_999


@dataclass(frozen=True)
class Day:
    """What the fleet does: so many terminals share so many members' cards for so long.

    All are connected; `active` of them have a customer at the same time, as in shops.
    """

    terminals: int
    members: int
    seconds: float
    active: int = 64
    pause_s: float = 0.0
    answer_s: float = 30.0
    seed: int = 1


@dataclass(frozen=True)
class Place:
    """Where the switch is and what a terminal believes of it."""

    host: str
    port: int
    switch_name: str
    ca_der: Path


@dataclass
class Report:
    """What came of a day. `answers` are those given in the `seconds` while everyone was connected and sold."""

    connected: int = 0
    answers: int = 0
    seconds: float = 0.0
    transactions: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answered messages a second."""
        return self.answers / self.seconds if self.seconds else 0.0


class Fleet:
    """Terminals with keys of their own in the books; every fleet has names that no other has."""

    def __init__(self, ledger: Ledger, place: Place, day: Day) -> None:
        self._ledger = ledger
        self._day = day
        tag = "F" + "".join(secrets.choice(_LETTERS) for _ in range(3))
        self.cards = self._furnish_members(tag)
        context = client_context(place.ca_der)
        self.terminals: list[Terminal] = []
        self.report = Report()
        keys = [(secrets.token_bytes(16), secrets.token_bytes(16)) for _ in range(day.terminals)]
        ledger.add_terminals((f"{tag}{n:04d}", MERCHANT, *pair, 1) for n, pair in enumerate(keys))
        for number, (mac_out, mac_in) in enumerate(keys):
            terminal_id = f"{tag}{number:04d}"
            identity = Identity(terminal_id, MERCHANT, 1, 364, ruleset=1, firmware="vafa fleet")
            messages = Messages(identity, MacKeys(1, mac_out, mac_in))
            line = Line(place.host, place.port, place.switch_name, context, messages)
            # Neighbours share cards: what they book and spend meets at one member.
            cards = [self.cards[(number + step) % len(self.cards)] for step in range(CARDS_EACH)]
            self.terminals.append(
                Terminal(terminal_id, line, messages, cards, day.seed * (MOST + 1) + number, day.answer_s)
            )

    def _furnish_members(self, tag: str) -> list[bytes]:
        cards = [secrets.token_bytes(7) for _ in range(self._day.members)]
        first = (max((row.member_no or 0 for row in self._ledger.members()), default=0) or 100_000) + 1
        self._ledger.take_in(
            Entry(first + n, f"fleet {tag} {n}", OPENING_POINTS, uid=uid.hex()) for n, uid in enumerate(cards)
        )
        return cards

    async def run(self) -> Report:
        """The whole day. What the switch does wrong is in the report; nothing is raised for it."""
        await self.connect()
        await self.sell(self._day.seconds)
        await self.settle()
        return self.report

    async def connect(self) -> None:
        """Everyone signs on."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self.report.connected = 0

        async def connect(terminal: Terminal) -> None:
            async with gate:
                await terminal.connect()
            self.report.connected += 1

        await self._everyone(connect)

    async def sell(self, seconds: float) -> None:
        """Everyone sells for so long; the report's figures are of this time."""
        gate = asyncio.Semaphore(self._day.active)
        until = time.monotonic() + seconds
        counted = asyncio.create_task(self._count(seconds))

        async def work(terminal: Terminal) -> None:
            while time.monotonic() < until:
                async with gate:
                    if time.monotonic() < until:
                        await terminal.serve_customer()
                await asyncio.sleep(terminal.pause_s(self._day.pause_s))

        await self._everyone(work)
        await counted

    async def settle(self) -> None:
        """Queues are emptied, everyone signs off, and the books are compared with what the terminals know."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def finish(terminal: Terminal) -> None:
            async with gate:
                await terminal.finish()

        await self._everyone(finish)
        await self.leave()
        for terminal in self.terminals:
            self.report.counts.update(terminal.counts)
            self.report.transactions += len(terminal.records)
        self.report.problems += verify(self._ledger, self.terminals)

    async def leave(self) -> None:
        """Everyone's line is cut, without a word."""
        for terminal in self.terminals:
            await terminal.leave()

    async def _count(self, seconds: float) -> None:
        """Only what is answered within the time counts: who is last with a customer makes no rate slower."""
        before, began = self._answers(), time.monotonic()
        await asyncio.sleep(seconds)
        self.report.answers, self.report.seconds = self._answers() - before, time.monotonic() - began

    def _answers(self) -> int:
        return sum(terminal.counts["answers"] for terminal in self.terminals)

    async def _everyone(self, work: Callable[[Terminal], Awaitable[None]]) -> None:
        for failure in await asyncio.gather(*map(work, self.terminals), return_exceptions=True):
            if isinstance(failure, NoAnswer):
                self.report.problems.append(str(failure))
            elif isinstance(failure, BaseException):
                raise failure
