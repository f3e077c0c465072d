"""A hash table from a 32-bit hash to a 16-bit location: open addressing, three bytes a slot, no keys kept.

The fingerprint only narrows the search; the caller compares the key with the record on the flash. Size is fixed at
construction. Knows no flash.
"""

from array import array

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_EMPTY = const(0xFFFF)
_REMOVED = const(0xFFFE)


class Index:
    """`slots` is a power of two. Locations are below FFFE."""

    def __init__(self, slots: int) -> None:
        self._mask = slots - 1
        self._locations = array("H", b"\xff\xff" * slots)  # all empty; a list would take four times as much meanwhile
        self._fingerprints = bytearray(slots)
        self.live = 0
        self.unused = slots  # slots that were never taken; searches end at one

    def clear(self) -> None:
        for slot in range(self._mask + 1):
            self._locations[slot] = _EMPTY
        self.live, self.unused = 0, self._mask + 1

    def candidates(self, key_hash: int) -> "Iterator[int]":
        """Locations whose fingerprint fits; the caller looks which is the one."""
        for slot in self._slots(key_hash):
            if self._locations[slot] < _REMOVED and self._fingerprints[slot] == key_hash >> 24:
                yield self._locations[slot]

    def holds(self, key_hash: int, location: int) -> bool:
        """Whether this location is in the table under this hash."""
        return any([place == location for place in self.candidates(key_hash)])

    def add(self, key_hash: int, location: int) -> bool:
        """Add a key that is not there; False when only one free slot is left, which every search needs."""
        for slot in self._slots(key_hash, True):
            if self._locations[slot] == _EMPTY:
                if self.unused <= 1:
                    return False
                self.unused -= 1
            self._locations[slot] = location
            self._fingerprints[slot] = key_hash >> 24
            self.live += 1
            return True
        return False

    def move(self, key_hash: int, old: int, new: int) -> None:
        """The key at location `old` now stands at `new`."""
        for slot in self._slots(key_hash):
            if self._locations[slot] == old:
                self._locations[slot] = new
                return

    def remove(self, key_hash: int, location: int) -> None:
        for slot in self._slots(key_hash):
            if self._locations[slot] == location:
                self._locations[slot] = _REMOVED
                self.live -= 1
                return

    def _slots(self, key_hash: int, to_take: bool = False) -> "Iterator[int]":
        """The slots in which a key with this hash may stand, or, `to_take`, those it may take."""
        for step in range(self._mask + 1):
            slot = (key_hash + step) & self._mask
            location = self._locations[slot]
            if to_take:
                if location >= _REMOVED:
                    yield slot
            elif location == _EMPTY:
                return
            else:
                yield slot
