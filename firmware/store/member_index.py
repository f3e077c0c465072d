"""Which record of a card is its newest: the index in memory, and how a start makes it from the sectors, newest first.

A sector's summary says which records it holds and which they replaced; a sector without one is read whole. When two
records may be of one card, both are read. So a record is entered only if no newer one of its card can be read, and an
older state is never shown while a newer one is there. Reads the ring and writes nothing.
"""

from binascii import crc32
from struct import unpack_from

from micropython import const

from firmware.store.frames import ALIGN
from firmware.store.index import Index
from firmware.store.member_record import MARK, MEMBER, SLOT, forgotten, uid_of
from firmware.store.summary import NOWHERE, SLOTS, SUMMARY, SUMMARY_AT, SUMMARY_FRAME, Replaced, Summary, entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.frames import Frame
    from firmware.store.ring import Ring

_UNITS = const(256)  # of 16 bytes in a sector: a location is sector * 256 + offset / 16


class MemberIndex:
    """Of a partition with so many sectors. `begin` comes before anything else."""

    def __init__(self, sectors: int) -> None:
        slots = 256
        while slots < sectors * SLOTS * 4 // 5:
            slots *= 2
        self.table = Index(slots)
        self.summary = Summary()  # of the open sector
        self.forgotten_in = 0  # newest generation that says a card is to be forgotten
        self._sectors = sectors
        self._newest: "dict[bytes, int]" = {}
        self._load_next = 0  # newest generation not in the index yet; 0: all are
        self._replaced: "Replaced | None" = None  # while sectors are not in the index yet

    def begin(self, ring: "Ring") -> None:
        """With nothing known. The newest sector's frames follow, then `load_newest`."""
        self._ring = ring
        self.table.clear()
        self.forgotten_in = self._load_next = 0
        self._newest = {}

    def see_newest(self, frame: "Frame") -> None:
        """A frame of the newest sector, which may be read up to three times."""
        if frame.kind == MARK:
            self._ring.release(unpack_from("<I", frame.body, 0)[0])
        self._see(frame, self._newest, True)

    def load_newest(self, oldest: int) -> None:
        """Enter what was seen; `load_one` goes on from there."""
        self._start_at(self._ring.generation)
        self._enter(self._newest, self._ring.generation)
        self._newest = {}
        self._older(oldest)

    def begin_again(self) -> None:
        """Forget what is known of the places and make it anew: too many removed entries slow the search."""
        self.table.clear()
        self.forgotten_in = 0
        self._start_at(self._ring.generation)

    def loading(self) -> bool:
        """Whether sectors are not entered yet."""
        return self._load_next > 0

    def load_one(self, oldest: int) -> bool:
        """Enter one more sector; True when it had to be read whole."""
        generation, ring = self._load_next, self._ring
        sector = ring.sector_of(generation)
        summary: "bytes | None" = None
        if self.summary.of(generation):
            summary = self.summary.body()
        elif sector >= 0:
            frame = ring.frame_in_sector(sector, SUMMARY_AT, SUMMARY_FRAME)
            summary = frame.body if frame is not None and frame.kind == SUMMARY else None
        if summary is not None:
            for location, key_hash, old in entries(summary, sector):
                self._enter_one(location, key_hash)
                if self._replaced is not None and old != NOWHERE:
                    self._replaced.add(old)
        elif sector >= 0:
            seen: "dict[bytes, int]" = {}
            ring.visit(generation, lambda frame: self._see(frame, seen, False))
            self._enter(seen, generation)
        self._older(oldest)
        return summary is None

    def find(self, uid: bytes) -> "tuple[int, Frame | None]":
        """(location, frame) of the newest record of a card."""
        for location in self.table.candidates(crc32(uid)):
            frame = self._member_at(location)
            if frame is not None and uid_of(frame.body) == uid:
                return location, frame
        return -1, None

    def place_of(self, uid: bytes) -> int:
        """Where the newest record of a card stands that is to be replaced, or -1. What may be of this card and cannot
        be read is not known any more: read another time, it would count beside the new one."""
        place, key_hash = -1, crc32(uid)
        for location in list(self.table.candidates(key_hash)):
            frame = self._member_at(location)
            if frame is None:
                self.table.remove(key_hash, location)
            elif place < 0 and uid_of(frame.body) == uid:
                place = location
        return place

    def location(self, generation: int, at: int) -> int:
        """Where this offset of a sector is."""
        return self._ring.sector_of(generation) * _UNITS + at // ALIGN

    def wrote(self, at: int, body: bytes, old: int) -> None:
        """This record was written to the open sector and replaces the one at `old`, -1 when none is known."""
        generation, key_hash = self._ring.generation, crc32(uid_of(body))
        new = self.location(generation, at)
        if old >= 0:
            self.table.move(key_hash, old, new)
        else:
            self.table.add(key_hash, new)
        self.summary.note(generation, at, key_hash, old if old >= 0 else NOWHERE)
        if forgotten(body):
            self.summary.read_instead(generation)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _start_at(self, generation: int) -> None:
        self._load_next = generation
        self._replaced = Replaced(self._sectors)

    def _older(self, oldest: int) -> None:
        self._load_next = self._load_next - 1 if self._load_next > oldest else 0
        if not self._load_next:
            self._replaced = None

    def _see(self, frame: "Frame", seen: "dict[bytes, int]", newest: bool) -> bool:
        """Where the last record of each card stands in a sector that is read whole."""
        if frame.kind != MEMBER:
            return False
        uid = uid_of(frame.body)
        before = seen.get(uid, 0)
        if frame.at > before:
            seen[uid] = frame.at
            if newest:
                old = self.location(frame.generation, before) if before else NOWHERE
                self.summary.note(frame.generation, frame.at, crc32(uid), old)
        if forgotten(frame.body):
            self.forgotten_in = max(self.forgotten_in, frame.generation)
            if newest:
                self.summary.read_instead(frame.generation)
        return False

    def _enter(self, seen: "dict[bytes, int]", generation: int) -> None:
        for uid, at in seen.items():
            self._enter_one(self.location(generation, at), crc32(uid), uid)

    def _enter_one(self, location: int, key_hash: int, uid: "bytes | None" = None) -> None:
        """A record found while loading: it counts unless a newer one of the same card does."""
        if self._replaced is not None and location in self._replaced:
            return
        for other in self.table.candidates(key_hash):
            newer = self._member_at(other)
            if newer is None:
                continue
            if uid is None:
                frame = self._member_at(location)
                if frame is None:
                    return
                uid = uid_of(frame.body)
            if uid_of(newer.body) == uid:
                if newer.generation == self._ring.generation:
                    self.summary.found(newer.generation, newer.at, location)
                return
        self.table.add(key_hash, location)

    def _member_at(self, location: int) -> "Frame | None":
        frame = self._ring.frame_in_sector(location // _UNITS, location % _UNITS * ALIGN, SLOT)
        return frame if frame is not None and frame.kind == MEMBER else None
