"""A key matrix without diodes: rows driven open-drain and active low, columns read with pull-ups.

`scan` is called regularly (every 10 to 30 ms) and returns each press once. Between presses all rows are low, so that a
quiet scan reads only the columns. Knows no key names. Times in milliseconds.
"""

from time import ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

_SETTLE_MS = const(8)  # membrane contacts chatter for less than 5 ms


class Keypad:
    """`rows` are pins set to open drain, `columns` pins set to input with pull-up; called with or without a value."""

    def __init__(self, rows: "Sequence[Any]", columns: "Sequence[Any]") -> None:
        self._rows = rows
        self._columns = columns
        self._stable = 0  # keys held down, one bit each, index = row * columns + column
        self._candidate = 0
        self._since = ticks_ms()
        for row in rows:
            row(0)

    def scan(self) -> int:
        """The index of a newly pressed key (row * columns + column), or -1."""
        raw = self._read()
        now = ticks_ms()
        if raw != self._candidate:
            self._candidate = raw
            self._since = now
            return -1
        if raw == self._stable or ticks_diff(now, self._since) < _SETTLE_MS:
            return -1
        if self._is_ambiguous(raw):
            return -1
        pressed = raw & ~self._stable
        if not pressed:
            self._stable = raw
            return -1
        key = 0
        while not pressed >> key & 1:
            key += 1
        self._stable = self._stable & raw | 1 << key  # a second new key is reported by the next scan
        return key

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
