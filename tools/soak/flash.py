"""A terminal's flash: the NOR model with a supply that fails, and what goes bad within what the store promises.

One chip with the journal, the member cache and the small values. Knows nothing of what is stored.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NoReturn

from tools.sim.chips.nor import BLOCK, Nor, NorPartition, Torn
from tools.soak.timeline import Timeline

JOURNAL_BLOCKS = 12
MEMBER_BLOCKS = 16
VAULT_BLOCKS = 2
_LATELY = 512  # bytes around the last program: what a cut left barely readable must not fade as well


class Flash(Nor):
    """`lost_power` is called at the moment of a cut, before anything of the terminal runs again."""

    def __init__(self, timeline: Timeline, seed: int, page_only: bool, lost_power: Callable[[], None]) -> None:
        super().__init__((JOURNAL_BLOCKS + MEMBER_BLOCKS + VAULT_BLOCKS) * BLOCK, timeline, seed=seed)
        self.page_only = page_only
        self._lost_power = lost_power
        self._last = 0
        self.before_op = self._note

    def _note(self, kind: str, where: int, _data: bytes) -> None:
        self._last = where * BLOCK if kind == "erase" else where

    def _fail(self) -> NoReturn:
        self._lost_power()
        super()._fail()
        raise AssertionError("unreachable")

    def journal(self) -> NorPartition:
        """The partition of the transactions."""
        return NorPartition(self, 0, JOURNAL_BLOCKS, self.page_only)

    def members(self) -> NorPartition:
        """The partition of the member cache."""
        return NorPartition(self, JOURNAL_BLOCKS * BLOCK, MEMBER_BLOCKS, self.page_only)

    def vault(self) -> NorPartition:
        """The two sectors of the small values."""
        return NorPartition(self, (JOURNAL_BLOCKS + MEMBER_BLOCKS) * BLOCK, VAULT_BLOCKS, self.page_only)

    def arm(self, chance: random.Random, within: int) -> str:
        """The supply will fail in one of the next operations; how, in words."""
        torn = chance.choice(list(Torn))
        self.cut_at(chance.randint(1, within), torn)
        return f"power will fail in flash operation {self.cut_in}, {torn.value}"

    def spoil(self, chance: random.Random) -> str:
        """One sector of the journal takes nothing any more; what stands there stays readable."""
        block = chance.randrange(JOURNAL_BLOCKS)
        self.bad_blocks[block] = chance.choice(("silent", "worn", "raises"))
        return f"sector {block} is bad: {self.bad_blocks[block]}"

    def fade(self, chance: random.Random) -> str:
        """One cell of the journal loses its charge: a 0 reads as 1. Not beside what was written last; "" if none."""
        used = len(bytes(self.image[: JOURNAL_BLOCKS * BLOCK]).rstrip(b"\xff"))
        for _ in range(20):
            at = chance.randrange(used) if used else 0
            bit = 1 << chance.randrange(8)
            if used and abs(at - self._last) > _LATELY and not self.image[at] & bit:
                self.image[at] |= bit
                return f"a cell faded at {at:#x}"
        return ""
