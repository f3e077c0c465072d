"""Work that may wait until nobody does: flash erases ahead of need, a recovery that could not be finished.

One bounded piece at a time, and only after the desk has been quiet for a while: an erase holds the processor for 45 ms.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

_QUIET_MS = const(3000)
_TURN_MS = const(500)
_PIECE_MS = const(50)  # between two pieces: after a start some hundred sectors are to be read
_REST_MS = const(30_000)  # after a look that found nothing to do
_FIRST_RETIRE_MS = const(600_000)  # the clock is likely set by then
_RETIRE_MS = const(86_400_000)


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
        pause_ms = _TURN_MS
        retire_at = ticks_add(ticks_ms(), _FIRST_RETIRE_MS)
        rest_until = ticks_ms()
        while True:
            beat()
            await asyncio.sleep_ms(pause_ms)
            pause_ms = _TURN_MS
            now = ticks_ms()
            if ticks_diff(now, retire_at) >= 0:
                retire_at = ticks_add(now, _RETIRE_MS)
                self._retire()
            if ticks_diff(now, rest_until) >= 0 and self._quiet(_QUIET_MS):
                self._recover()
                if self._one_piece():
                    pause_ms = _PIECE_MS
                else:
                    rest_until = ticks_add(now, _REST_MS)

    def _one_piece(self) -> bool:
        """The first store that has work does one piece of it; False when none has."""
        return any(work() for work in self._works)
