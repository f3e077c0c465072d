"""Work that may wait until nobody does: flash erases ahead of need, a recovery that could not be finished.

One bounded piece at a time, and only after the desk has been quiet for a while: an erase holds the processor for 45 ms.
"""

import asyncio

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

_QUIET_MS = const(3000)
_TURN_MS = const(500)
_REST_TURNS = const(60)  # after a piece that found nothing to do
_FIRST_RETIRE_TURNS = const(1200)  # ten minutes after the start, when the clock is likely set
_RETIRE_TURNS = const(172_800)  # a day


class Housekeeping:
    """`quiet(for_ms)` says whether the desk rests; each of `works` does one piece and says whether there is more;
    `retire` is called about once a day."""

    def __init__(
        self,
        quiet: "Callable[[int], bool]",
        works: "Sequence[Callable[[], bool]]",
        recover: "Callable[[], object]",
        retire: "Callable[[], object]",
    ) -> None:
        self._quiet = quiet
        self._works = works
        self._recover = recover
        self._retire = retire

    async def run(self, beat: "Callable[[], None]") -> None:
        """For ever."""
        rest = 0
        until_retire = _FIRST_RETIRE_TURNS
        while True:
            beat()
            await asyncio.sleep_ms(_TURN_MS)
            until_retire -= 1
            if until_retire <= 0:
                until_retire = _RETIRE_TURNS
                self._retire()
            if rest > 0:
                rest -= 1
            elif self._quiet(_QUIET_MS):
                self._recover()
                if not self._one_piece():
                    rest = _REST_TURNS

    def _one_piece(self) -> bool:
        """The first store that has work does one piece of it; False when none has."""
        return any(work() for work in self._works)
