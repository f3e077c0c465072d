"""Work that may wait until nobody does: flash erases ahead of need, a recovery that could not be finished.

One bounded piece at a time, and only after keys, reader and line have been quiet for a while: an erase holds the
processor for 45 ms, on the Pico with interrupts off.
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
_BUSY_MAX_MS = const(60_000)  # a card somebody left on the reader must not stop the erases for a day
_UNREST_MAX_MS = const(300_000)  # nor a card or a line that comes and goes: then one piece, when the desk rests
BUSY = const(-1)


class Uptime:
    """Seconds since the start. The ticks come round after twelve days: ask at least once in six."""

    def __init__(self) -> None:
        self._before = ticks_ms()
        self._ms = 0
        self._seconds = 0

    def seconds(self) -> int:
        """Never goes back; stands still while the power is off."""
        now = ticks_ms()
        self._ms += ticks_diff(now, self._before)
        self._before = now
        self._seconds += self._ms // 1000
        self._ms %= 1000
        return self._seconds


class Quiet:
    """Whether nobody needs the processor. `desk(for_ms)` says whether the desk rests; each of `stirs` gives BUSY while
    something happens (a message is awaited, a card lies there), else a number that changes with every happening."""

    def __init__(self, desk: "Callable[[int], bool]", stirs: "Sequence[Callable[[], int]]" = ()) -> None:
        self._desk = desk
        self._stirs = stirs
        self._seen = [0] * len(stirs)
        self._busy_since = [ticks_ms()] * len(stirs)
        self._since = ticks_ms()
        self._rested = ticks_ms()

    def __call__(self, for_ms: int) -> bool:
        """True when nothing happened for so long, as far as one who asks often can know, and once in five minutes when
        at least the desk rests."""
        now = ticks_ms()
        for i in range(len(self._stirs)):
            seen = self._stirs[i]()
            if seen != BUSY or self._seen[i] != BUSY:
                self._busy_since[i] = now
            if seen == BUSY and ticks_diff(now, self._busy_since[i]) > _BUSY_MAX_MS:
                self._busy_since[i] = ticks_add(now, -_BUSY_MAX_MS - 1)
            elif seen == BUSY or seen != self._seen[i]:
                self._since = now
            self._seen[i] = seen
        calm_ms = ticks_diff(now, self._since)
        if calm_ms > _BUSY_MAX_MS or calm_ms < 0:
            self._since = ticks_add(now, -_BUSY_MAX_MS)  # never so long ago that the ticks have come round
        unrest_ms = ticks_diff(now, self._rested)
        if unrest_ms > _UNREST_MAX_MS or unrest_ms < 0:
            self._rested, unrest_ms = ticks_add(now, -_UNREST_MAX_MS), _UNREST_MAX_MS
        if (calm_ms >= for_ms or unrest_ms >= _UNREST_MAX_MS) and self._desk(for_ms):
            self._rested = now
            return True
        return False


class Housekeeping:
    """`quiet(for_ms)` says whether nobody needs the processor; each of `works` does one piece and says whether there is
    more; `retire` is called about once a day."""

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
        self.uptime = Uptime()
        self.resting = False  # the last look found nothing to do
        self.trial: "Callable[[], bool] | None" = None  # of a program: False once it is over

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
            self.uptime.seconds()  # often enough
            if ticks_diff(now, retire_at) >= 0:
                retire_at = ticks_add(now, _RETIRE_MS)
                self._retire()
            quiet = self._quiet(_QUIET_MS)  # asked every time, so that it notices what happened
            if self.trial is not None and quiet and not self.trial():
                self.trial = None
            if ticks_diff(now, rest_until) >= 0 and quiet:
                self._recover()
                self.resting = not self._one_piece()
                if not self.resting:
                    pause_ms = _PIECE_MS
                else:
                    rest_until = ticks_add(now, _REST_MS)

    def _one_piece(self) -> bool:
        """The first store that has work does one piece of it; False when none has."""
        return any(work() for work in self._works)
