"""A fleet's day: furnish the books, connect everyone, sell for a while, settle, and compare with the books.

Durations in seconds.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections import Counter
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
_LETTERS = string.ascii_uppercase + string.digits
MOST = 9_999


@dataclass(frozen=True)
class Day:
    """What the fleet does: so many terminals share so many members' cards for so long."""

    terminals: int
    members: int
    seconds: float
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
    """What came of a day. `answers` are those given while everyone was connected and sold, in `seconds`."""

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
        for number in range(day.terminals):
            terminal_id, mac_out, mac_in = f"{tag}{number:04d}", secrets.token_bytes(16), secrets.token_bytes(16)
            ledger.add_terminal(terminal_id, MERCHANT, mac_out, mac_in)
            identity = Identity(terminal_id, MERCHANT, 1, 364, ruleset=1, firmware="vafa fleet")
            messages = Messages(identity, MacKeys(1, mac_out, mac_in))
            line = Line(place.host, place.port, place.switch_name, context, messages)
            cards = self.cards[number % len(self.cards) :] + self.cards[: number % len(self.cards)]
            # Neighbours share cards: what they book and spend meets at one member.
            one = Terminal(terminal_id, line, messages, cards[:4], day.seed * 10_000 + number, day.answer_s)
            self.terminals.append(one)

    def _furnish_members(self, tag: str) -> list[bytes]:
        cards = [secrets.token_bytes(7) for _ in range(self._day.members)]
        first = (max((row.member_no or 0 for row in self._ledger.members()), default=0) or 100_000) + 1
        self._ledger.take_in(
            Entry(first + n, f"fleet {tag} {n}", OPENING_POINTS, uid=uid.hex()) for n, uid in enumerate(cards)
        )
        return cards

    async def run(self) -> Report:
        """The whole day. Nothing is raised for what the switch does: that is in the report."""
        report = Report()
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def connect(terminal: Terminal) -> None:
            async with gate:
                await terminal.connect()
            report.connected += 1

        await self._everyone(report, (connect(terminal) for terminal in self.terminals))
        before, began = self._answers(), time.monotonic()
        until = began + self._day.seconds
        await self._everyone(report, (one.work(until, self._day.pause_s) for one in self.terminals))
        report.answers, report.seconds = self._answers() - before, time.monotonic() - began
        await self._everyone(report, (terminal.finish() for terminal in self.terminals))
        for terminal in self.terminals:
            await terminal.leave()
            report.counts.update(terminal.counts)
            report.transactions += len(terminal.records)
        report.problems += verify(self._ledger, self.terminals)
        return report

    def _answers(self) -> int:
        return sum(terminal.counts["answers"] for terminal in self.terminals)

    @staticmethod
    async def _everyone(report: Report, work: object) -> None:
        for failure in await asyncio.gather(*work, return_exceptions=True):  # type: ignore[misc]
            if isinstance(failure, NoAnswer):
                report.problems.append(str(failure))
            elif isinstance(failure, BaseException):
                raise failure
