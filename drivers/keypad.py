"""A key matrix without diodes: rows driven open-drain and active low, columns read with pull-ups.

`scan` is called regularly (every 10 to 30 ms) and returns each press once. Between presses all rows are low, so that a
quiet scan reads only the columns. Knows no key names. Times in milliseconds.
"""

from time import ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

_LONGEST_MS = const(0x1FFFFFFF)
_SETTLE_MS = const(8)  # membrane contacts chatter for less than 5 ms


class Keypad:
    """`rows` are pins set to open drain, `columns` pins set to input with pull-up; called with or without a value."""

    def __init__(self, rows: "Sequence[Any]", columns: "Sequence[Any]") -> None:
        self._rows = rows
        self._columns = columns
        self._stable = 0  # keys held down, one bit each, index = row * columns + column
        self._candidate = 0  # what the last scans all saw, since when
        self._since = ticks_ms()
        for row in rows:
            row(0)

    def scan(self) -> int:
        """The index of a newly pressed key (row * columns + column), or -1."""
        raw = self._read()
        now = ticks_ms()
        # Each key settles by itself: one that was down, or up, in all scans of that time. To wait until the whole
        # matrix rests would let the next finger of a rolling hand hide which of the two came first.
        before, for_ms = self._candidate, ticks_diff(now, self._since)
        if raw != before:
            self._candidate = raw
            self._since = now
        if raw == self._stable or for_ms < _SETTLE_MS:
            return -1
        if self._is_ambiguous(raw) or self._is_ambiguous(before):
            return -1
        self._stable &= raw | before
        pressed = raw & before & ~self._stable
        if not pressed:
            return -1
        key = 0
        while not pressed >> key & 1:
            key += 1
        self._stable |= 1 << key  # a second new key is reported by the next scan
        return key

    def is_down(self, key: int) -> bool:
        """Whether the last scans found this key held."""
        return bool(self._stable >> key & 1)

    def held_ms(self) -> int:
        """How long the keys that are down now have been so; 0 when none is."""
        if not self._candidate:
            return 0
        return ticks_diff(ticks_ms(), self._since) & _LONGEST_MS  # a key held for days is held all the same

    def _read(self) -> int:
        """All contacts as bits; rows are low before and after."""
        columns = self._columns
        for column in columns:
            if not column():
                break
        else:
            return 0
        rows, raw, bit = self._rows, 0, 1
        for row in rows:
            row(1)
        for row in rows:
            row(0)
            for column in columns:
                if not column():
                    raw |= bit
                bit <<= 1
            row(1)
        for row in rows:
            row(0)
        return raw

    def _is_ambiguous(self, raw: int) -> bool:
        """Whether two rows share two columns: three keys of a rectangle look like four, so nothing new is believed."""
        width = len(self._columns)
        mask = (1 << width) - 1
        for one in range(len(self._rows)):
            for other in range(one):
                shared = raw >> one * width & raw >> other * width & mask
                if shared & (shared - 1):
                    return True
        return False
