"""How the last hundred taps ended, and how long they took: what an antenna is judged by.

A tap counts when it was told to somebody who waited for a card; one that fails alike again and again, as a phone does
that has another number at each look, counts once in two seconds. Knows kinds of ends, no card. Milliseconds.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import CardLeft, CardUnreadable, CardUnsupported, TwoCards

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.errors import CardError
    from firmware.core.types import CardData

LAST = const(100)
_AGAIN_MS = const(2000)
OK = const(1)
_LEFT = const(2)
GARBLED = const(3)
_REFUSED = const(4)
_SEVERAL = const(5)
UNSUPPORTED = const(6)


class Taps:
    """`trace`, when somebody follows, is told kind, milliseconds and SAK (-1 without one) of each tap."""

    def __init__(self) -> None:
        self.kinds = bytearray(LAST)  # of tap n at n % 100
        self.count = 0
        self.trace: "Callable[[int, int, int], object] | None" = None
        self._sak = -1
        self._began = self._ended = 0

    def begin(self, sak: int) -> None:
        """A card was selected."""
        self._sak, self._began = sak, ticks_ms()

    def end(self, answer: "CardData | CardError") -> None:
        """This is told of it."""
        sak, self._sak = self._sak, -1
        kind, now = _kind_of(answer), ticks_ms()
        soon = self.count and 0 <= ticks_diff(now, self._ended) < _AGAIN_MS
        self._ended = now
        if soon and kind != OK and kind == self.kinds[(self.count - 1) % LAST]:
            return
        self.kinds[self.count % LAST] = kind
        self.count += 1
        if self.trace is not None:
            self.trace(kind, ticks_diff(now, self._began) if sak >= 0 else 0, sak)

    def of(self, kind: int) -> int:
        """How many of the last hundred ended so."""
        return self.kinds.count(bytes((kind,)))


def _kind_of(answer: "CardData | CardError") -> int:
    for kind, family in ((_LEFT, CardLeft), (_SEVERAL, TwoCards), (UNSUPPORTED, CardUnsupported)):
        if isinstance(answer, family):
            return kind
    if isinstance(answer, CardUnreadable):
        return GARBLED if type(answer) is CardUnreadable else _REFUSED  # one below it is told under keys
    return OK
