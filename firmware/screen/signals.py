"""Light and sound: a click when a card is seen and three patterns, told apart without looking.

The patterns are done, done but to be confirmed, and refused; there is no fourth. A terminal may be told to be quiet:
the lamps show the same then. Starting one returns at once; a task plays it. Knows neither PWM nor pins.
"""

import asyncio

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.core.ports import Sounder

    class Lamps(Protocol):
        """A green and a red lamp: light exactly those named."""

        def show(self, green: bool = False, red: bool = False) -> None: ...


# (hertz, milliseconds); 0 hertz is a pause.
_CLICK = const(((2400, 12),))
_TWICE = _CLICK + ((0, 70),) + _CLICK
_OK = const(((1800, 90), (2400, 140)))
_LEVEL_UP = _OK + ((0, 60),) + _OK  # no fourth pattern: the one for "done" once more
_OFFLINE_OK = const(((1800, 90), (0, 60), (1800, 90), (0, 60), (1800, 90)))
_REFUSED = const(((400, 450),))

_SILENT = const(((0, 1),))  # a lamp alone
# Which sounds are heard; the lamps are lit all the same.
ALL = 0
REFUSALS = 1
SILENT = 2

_LIT_MS = const(1500)
_IDLE_BEAT_MS = const(1000)


class Signals:
    """Plays the newest pattern asked for; a newer one ends an older."""

    def __init__(self, sounder: "Sounder", lamps: "Lamps") -> None:
        self._sounder = sounder
        self._lamps = lamps
        self.sounds = ALL
        self._resting_red = False
        self._asked = asyncio.Event()
        self._pattern: "tuple[tuple[int, int], ...]" = ()

    def click(self) -> None:
        """A card was seen."""
        self._ask(_CLICK)

    def twice(self) -> None:
        """A best customer's card was seen."""
        self._ask(_TWICE)

    def level_up(self) -> None:
        """A member has reached a higher tier."""
        self._ask(_LEVEL_UP)

    def ok(self) -> None:
        """Done and confirmed."""
        self._ask(_OK)

    def offline_ok(self) -> None:
        """Done, to be confirmed later."""
        self._ask(_OFFLINE_OK)

    def refused(self) -> None:
        """Not done; the screen says why."""
        self._ask(_REFUSED, bad=True)

    def rest_red(self, red: bool) -> None:
        """Whether the red lamp is lit while nothing is played: nobody can read the screen."""
        if red != self._resting_red:
            self._resting_red = red
            self._lamps.show(red=red)

    def _ask(self, pattern: "tuple[tuple[int, int], ...]", bad: bool = False) -> None:
        # The first tone and the light start here, before any other task gets its turn: a tap is answered at once.
        if self.sounds > (REFUSALS if bad else ALL):
            pattern = _SILENT
        self._pattern = pattern
        self._lamps.show(green=not bad, red=bad)
        self._sounder.tone(pattern[0][0])
        self._asked.set()

    async def run(self, beat: "Callable[[], None]") -> None:
        """Play for ever."""
        try:
            while True:
                beat()
                if await self._asked_within(_IDLE_BEAT_MS):
                    await self._play()
        finally:
            self._sounder.tone(0)

    async def _asked_within(self, timeout_ms: int) -> bool:
        try:
            await asyncio.wait_for_ms(self._asked.wait(), timeout_ms)
        except asyncio.TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _play(self) -> None:
        for hertz, duration_ms in self._pattern:
            self._sounder.tone(hertz)
            if await self._interrupted(duration_ms):
                return
        self._sounder.tone(0)
        if not await self._interrupted(_LIT_MS):
            self._lamps.show(red=self._resting_red)

    async def _interrupted(self, duration_ms: int) -> bool:
        """Wait; True when a newer pattern was asked for meanwhile, which the main loop then plays."""
        if await self._asked_within(duration_ms):
            self._asked.set()
            return True
        return False
