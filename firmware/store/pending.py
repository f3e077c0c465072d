"""Which places of the ring hold transactions the switch still has to hear of: one byte for each 64 bytes of a sector.

Kept only for sectors that hold any, so an empty queue costs nothing and a full sector of 63 costs 64 bytes. The byte is
a fingerprint of the card, which lets one card's transactions be found without reading all. A place is a position:
generation * 64 + cell, where a cell is 64 bytes of the sector. Knows no flash.
"""

from binascii import crc32

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

CELLS = const(64)
_REVERSAL_BIT = const(0x80)
_FINGERPRINTS = const(127)


class PendingSet:
    """Positions of pending transactions, with reversals told from the rest."""

    def __init__(self) -> None:
        self._marks: "dict[int, bytearray]" = {}
        self._originals: "dict[int, int]" = {}  # for a sector with reversals, the oldest generation they reach back to
        self.count = 0
        self.reversals = 0

    def add(self, position: int, uid: bytes, reversal: bool, original: int = 0) -> None:
        """`original` is the generation a reversal's original stands in, needed as long as any reversal beside it."""
        marks = self._marks.get(position // CELLS)
        if marks is None:
            marks = self._marks[position // CELLS] = bytearray(CELLS)
        marks[position % CELLS] = fingerprint(uid) | (_REVERSAL_BIT if reversal else 0)
        self.count += 1
        self.reversals += reversal
        if 0 < original < self._originals.get(position // CELLS, position // CELLS):
            self._originals[position // CELLS] = original

    def has(self, position: int) -> bool:
        marks = self._marks.get(position // CELLS)
        return marks is not None and marks[position % CELLS] != 0

    def remove(self, position: int) -> bool:
        """False when it was not there."""
        if not self.has(position):
            return False
        marks = self._marks[position // CELLS]
        self.reversals -= marks[position % CELLS] >= _REVERSAL_BIT
        marks[position % CELLS] = 0
        self.count -= 1
        if max(marks) < _REVERSAL_BIT:
            self._originals.pop(position // CELLS, None)
        if not any(marks):
            del self._marks[position // CELLS]
        return True

    def oldest_generation(self, newest: int, generation: int = 0, cells: int = 0) -> int:
        """The oldest generation that holds any or the original of a reversal, else `newest`; as if these `cells` of
        `generation` were removed."""
        oldest = newest
        for held, marks in self._marks.items():
            if held < oldest and (
                held != generation or any(marks[cell] and not cells >> cell & 1 for cell in range(CELLS))
            ):
                oldest = held
        for held, original in self._originals.items():
            if original < oldest and (
                held != generation
                or any(self._marks[held][cell] >= _REVERSAL_BIT and not cells >> cell & 1 for cell in range(CELLS))
            ):
                oldest = original
        return oldest

    def positions(self, reversals: bool, wanted: int = 0) -> "Iterator[int]":
        """By age; of one fingerprint, or 0 for all. What is added or removed between two steps is respected."""
        done = 0
        while True:
            generations = sorted(g for g in self._marks if g > done)
            if not generations:
                return
            for done in generations:
                cell = -1
                while (cell := self._next(done, cell + 1, reversals, wanted)) >= 0:
                    yield done * CELLS + cell

    def _next(self, generation: int, cell: int, reversals: bool, wanted: int) -> int:
        marks = self._marks.get(generation)
        if marks is None:
            return -1
        if wanted:
            return bytes(marks).find(bytes([wanted | (_REVERSAL_BIT if reversals else 0)]), cell)
        while cell < CELLS:
            if marks[cell] and (marks[cell] >= _REVERSAL_BIT) == reversals:
                return cell
            cell += 1
        return -1


def fingerprint(uid: bytes) -> int:
    """1..127, evenly spread over cards."""
    return crc32(uid) % _FINGERPRINTS + 1
