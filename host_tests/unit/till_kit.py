"""A cashier's world (cashier_kit) with a cash register on its line.

shop = stocked()            # one member is known
shop.play(story)            # the register is plugged in when the story begins
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from firmware.cashier.register import Register
from firmware.core.errors import RpcError
from firmware.core.types import Reply
from host_tests.unit.cashier_kit import FakeJournal, World, member

EARNED = Reply("00", 125, 1365, "ABC123", member(1365))
TAKEN = Reply("00", -125, 1240, "ABC125", member(1240))
HAS = Reply("00", 0, 1365, "", member(1365))


class Search:
    """The newest record with a reference, of any order for "", in a second piece."""

    def __init__(self, journal: FakeJournal, ref: str) -> None:
        self._journal, self.reference, self._pieces, self.seq = journal, ref, 2, 0
        self.taken_back = False

    def piece(self) -> bool:
        self._pieces -= 1
        if not self._pieces:
            borne = {seq: e.transaction.reference for seq, e in self._journal.entries.items()}
            found = [seq for seq, ref in borne.items() if ref and ref == (self.reference or ref)]
            self.seq = max(found, default=0)
            self.reference = borne.get(self.seq, self.reference)
            if not self.seq and self.reference in self._journal.void_references:
                self.seq, self.taken_back = self._journal.void_references[self.reference], True
        return self._pieces > 0


class Shop(World):
    """With a cash register on its line."""

    def __init__(self) -> None:
        super().__init__()
        self.journal.search = lambda ref, since_utc=0: Search(self.journal, ref)  # type: ignore[attr-defined]
        self.told: list[dict[str, Any]] = []

    def plug(self) -> Register:
        """A register that speaks for the first time, as after a restart."""
        self.register = Register(self.counter, self.desk, self.told.append)  # type: ignore[arg-type]
        return self.register

    def states(self, ref: str) -> list[str]:
        return [event["state"] for event in self.told if event["ref"] == ref]

    async def done(self, ref: str, within_ms: int = 15_000) -> dict[str, Any]:
        status: dict[str, Any] = {}
        for _ in range(within_ms // 50):
            status = await self.register.status(ref)
            if status["state"] == "done":
                return status
            await asyncio.sleep(0.05)
        raise AssertionError(f"{status}; {self.canvas.rows}")

    def kinds(self) -> list[tuple[int, str]]:
        return [(e.transaction.verb, e.transaction.reference) for e in self.journal.entries.values()]

    def play(self, story: Callable[[Any], Awaitable[None]]) -> None:
        async def plugged(world: Shop) -> None:
            world.plug()
            await asyncio.sleep(0.3)
            await story(world)

        super().play(plugged)  # type: ignore[arg-type]


def stocked() -> Shop:
    """With a member it knows."""
    world = Shop()
    world.members.put(member(1240))
    return world


async def refused(what: Awaitable[Any]) -> tuple[int, str]:
    """Number and code of the refusal."""
    with pytest.raises(RpcError) as error:
        await what
    return error.value.number, error.value.code


async def at_once(call: Callable[[str], Any], ref: str) -> Any:
    """A call that waits for nothing, to be awaited like the others."""
    return call(ref)
