"""How values spread, in a few bytes: so many lay below each bound. Says what share of them stayed below what.

Counts are halved when one is full, so that what happened lately weighs more. Knows no unit.
"""

from array import array

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

_FULL = const(0xFFFF)


class Spread:
    """`bounds` rise; what lies above the last is counted, too."""

    def __init__(self, bounds: "Sequence[int]") -> None:
        self.bounds = bounds
        self.counts = array("H", bytes(2 * (len(bounds) + 1)))
        self.most = 0  # the largest value of all
        self.last = 0

    def add(self, value: int) -> None:
        """One more."""
        self.last = value
        at = 0
        for bound in self.bounds:
            if value <= bound:
                break
            at += 1
        counts = self.counts
        if counts[at] == _FULL:
            for i in range(len(counts)):
                counts[i] >>= 1
        counts[at] += 1
        self.most = max(self.most, value)

    def total(self) -> int:
        """How many there are."""
        return sum(self.counts)

    def below(self, percent: int) -> int:
        """A bound that so many of a hundred do not exceed, or the largest value where that is less; 0 without any."""
        left = (self.total() * percent + 99) // 100
        for i in range(len(self.bounds)):
            left -= self.counts[i]
            if left <= 0:
                return min(self.bounds[i], self.most)
        return self.most
