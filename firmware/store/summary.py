"""What a full sector of the member cache did to its index, kept as one frame at the sector's end.

A start reads these frames, newest first, instead of the sectors: each record's hash, and the place of the record it
replaced, which must not be entered any more. Where there is none, or it cannot be read, the sector itself is. Knows
neither members nor flash. A location is sector * 256 + offset / 16; a slot is one of the 47 places of 80 bytes.
"""

from struct import pack_into, unpack_from

from micropython import const

from firmware.store.frames import FRAMES_AT
from firmware.store.member_record import SLOT
from firmware.store.seal import CLEAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

SUMMARY = const(7)  # frame type
SLOTS = const(47)  # records in a sector
NOWHERE = const(0xFFFF)  # the record replaced none that was known
_NO_RECORD = const(0xFFFE)
_ENTRY = const(5)
_BODY = const(256)
SUMMARY_FRAME = const(268)
SUMMARY_ROOM = const(272)
SUMMARY_AT = const(3824)  # FRAMES_AT + SLOTS * SLOT
_UNITS = const(256)
_PLACES = const(51)  # of 80 bytes begun in a sector


def slot_of(at: int) -> int:
    """The slot at this offset, -1 when none begins there."""
    slot, beside = divmod(at - FRAMES_AT, SLOT)
    return slot if not beside and slot < SLOTS else -1


class Summary:
    """Of the open sector, as it grows."""

    def __init__(self) -> None:
        self._body = bytearray(_BODY)
        self._generation = 0
        self._whole = False

    def begin(self, generation: int) -> None:
        """Another sector is open, and empty."""
        self._generation = generation
        self._whole = True
        for slot in range(SLOTS):
            self._put(slot, 0, _NO_RECORD)

    def of(self, generation: int) -> bool:
        """Whether this is what stands in the sector of this generation, and can be written."""
        return self._whole and generation == self._generation

    def note(self, generation: int, at: int, key_hash: int, old: int) -> None:
        """A record was written there and replaces the one at `old`."""
        if generation != self._generation:
            self.begin(generation)
        slot = slot_of(at)
        if slot < 0:
            self._whole = False
        else:
            self._put(slot, key_hash, old)

    def found(self, generation: int, at: int, old: int) -> None:
        """The record there, written before the start, turns out to have replaced the one at `old`."""
        slot = slot_of(at)
        if generation == self._generation and slot >= 0:
            place = CLEAR + slot * _ENTRY + 3
            if unpack_from("<H", self._body, place)[0] == NOWHERE:
                pack_into("<H", self._body, place, old)

    def read_instead(self, generation: int) -> None:
        """Something stands in this sector that a start must see itself."""
        if generation != self._generation:
            self.begin(generation)
        self._whole = False

    def body(self) -> bytes:
        """What the frame says; the tag's place is left."""
        return bytes(self._body)

    def _put(self, slot: int, key_hash: int, old: int) -> None:
        pack_into("<HBH", self._body, CLEAR + slot * _ENTRY, key_hash & 0xFFFF, key_hash >> 24, old)


def entries(body: "bytes | bytearray", sector: int) -> "Iterator[tuple[int, int, int]]":
    """(location, hash as far as the index needs it, location it replaced) of each record, the latest first."""
    for slot in range(SLOTS - 1, -1, -1):
        low, top, old = unpack_from("<HBH", body, CLEAR + slot * _ENTRY)
        if old != _NO_RECORD:
            yield sector * _UNITS + (FRAMES_AT + slot * SLOT) // 16, low | top << 24, old


class Replaced:
    """Which places hold a record that a newer one replaced: a bit each, needed only while the index is made."""

    def __init__(self, sectors: int) -> None:
        self._bits = bytearray((sectors * _PLACES + 7) // 8)

    def add(self, location: int) -> None:
        place = _place(location)
        if place < len(self._bits) * 8:
            self._bits[place // 8] |= 1 << place % 8

    def __contains__(self, location: int) -> bool:
        place = _place(location)
        return self._bits[place // 8] & 1 << place % 8 != 0


def _place(location: int) -> int:
    return location // _UNITS * _PLACES + (location % _UNITS * 16 - FRAMES_AT) // SLOT
