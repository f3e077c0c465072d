"""The oldest build the switch wants here, and since when what runs is older: after 14 days the terminal earns only.

docs/lt87.md section 16. The days are the switch's: they begin, and are judged, at an authentic 0810, whose HOST_TIME
has just set the clock. A clock that nobody set, a battery's or a hand's begins nothing and ends nothing: as long as the
switch says no other, what its last answer found stands, over restarts, too. Times in UTC seconds.
"""

from struct import pack, unpack

from micropython import const

from firmware.core.errors import VafaError
from firmware.core.types import CLOCK_NEVER_SET, CLOCK_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.clock import Clock
    from firmware.core.log import Log

_EARNS_ONLY = const("U30")
_DAYS = const(14)
_DAY_S = const(86_400)
_FORM = const(">IIB")
_SIZE = const(9)


class Minimum:
    """`own` is the build that runs; `keep` writes the small value down, `kept` is how it was."""

    def __init__(
        self, own: int, clock: "Clock", log: "Log", keep: "Callable[[bytes], object]", kept: bytes = b""
    ) -> None:
        self._own = own
        self._clock = clock
        self._log = log
        self._keep = keep
        self._wanted = self._since_utc = self._over = 0  # as kept; a time of 0: no clock was right yet
        if len(kept) == _SIZE:
            self._wanted, self._since_utc, self._over = unpack(_FORM, kept)
        self.build = self._wanted  # as told last, 0 none

    def told(self, build: int) -> None:
        """An authentic 0810 named it, or with 0 none. What a program on trial meets is kept all the same: the one
        before may come back, and its days go on."""
        self.build = build
        if build > self._own:
            self._judge(build)
        elif not build or self._wanted > self._own:
            self._note(0, 0, 0)

    def forbids(self) -> str:
        """Code of what forbids spending, "" when nothing does."""
        over = self._over or (self._clock.quality == CLOCK_OK and self.days_left() == 0)
        return _EARNS_ONLY if over and self._wanted > self._own else ""

    def days_left(self) -> int:
        """Until it earns only, begun ones whole; -1: what runs is not too old."""
        if self._wanted <= self._own:
            return -1
        if self._over:
            return 0
        clock = self._clock
        if not self._since_utc or clock.quality == CLOCK_NEVER_SET:
            return _DAYS
        return max(0, _DAYS - max(0, clock.now_utc() - self._since_utc) // _DAY_S)

    def _judge(self, build: int) -> None:
        since_utc, over = (self._since_utc, self._over) if self._wanted > self._own else (0, 0)
        if self._clock.quality == CLOCK_OK:
            now_utc = self._clock.now_utc()
            if not since_utc or now_utc < since_utc:  # or the switch's own clock was ahead
                since_utc = now_utc
            over = int(now_utc - since_utc >= _DAYS * _DAY_S)
        self._note(build, since_utc, over)

    def _note(self, wanted: int, since_utc: int, over: int) -> None:
        if (wanted, since_utc, over) == (self._wanted, self._since_utc, self._over):
            return
        self._wanted, self._since_utc, self._over = wanted, since_utc, over
        told = "build {} is below {}, {} days left".format(self._own, wanted, self.days_left())
        self._log.fault(_EARNS_ONLY if wanted else "I00", told if wanted else "no build is too old")
        try:
            self._keep(pack(_FORM, wanted, since_utc, over) if wanted else b"")
        except VafaError as error:
            self._log.error(error, "small values")  # until the next start it counts all the same
