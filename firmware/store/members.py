"""The member cache: what the switch last told of each member, on its own ring of raw flash, with a small index.

Advisory: a record that cannot be read is a miss, and the cache may be dropped whole. The newest record of a card
counts. When space runs out the oldest sector is cleaned: its newest records are written again at the head, or forgotten
when the cache holds more members than it is made for. The partition is 1 MB at most.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from firmware.core.errors import StoreError, StoreFull, StoreOutdated, StoreSealed
from firmware.core.types import Member
from firmware.store.flash import Flash
from firmware.store.frames import ALIGN, SECTOR, Header
from firmware.store.index import Index
from firmware.store.member_record import (
    MEMBER,
    SLOT,
    as_of_utc,
    fits,
    forgotten,
    pack_forgotten,
    pack_member,
    uid_of,
    unpack_member,
)
from firmware.store.ring import Ring
from firmware.store.seal import TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice
    from firmware.store.frames import Frame
    from firmware.store.seal import Sealer

KIND = const(2)
_MARK = const(5)
_SECRET = (MEMBER,)
_IN_SECTOR = const(50)
_AHEAD = const(2)  # sectors erased ahead of need
_CLEAN_BELOW = const(4)  # free sectors below which cleaning begins, half of all on a small partition
_WIPE = const(-1)  # the value of `_purge` when only what is free already has to be erased
_UNITS = const(256)  # of 16 bytes in a sector: a location is sector * 256 + offset / 16


class Members:
    """One cache. Before `open`, or after the flash failed, `get` knows nobody and `put` keeps nothing."""

    def __init__(
        self,
        device: "BlockDevice",
        sealer: "Sealer",
        salt: int,
        page_only: bool = False,
        buffer: "bytearray | None" = None,
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        self._sealer = sealer
        if self._flash.sectors * SECTOR > 1 << 20:
            raise StoreError("member cache is larger than its locations")
        self._salt = salt
        slots = 256
        while slots < self._flash.sectors * _IN_SECTOR * 4 // 5:
            slots *= 2
        self._index = Index(slots)
        self._clean_below = min(_CLEAN_BELOW, self._flash.sectors // 2)
        self.limit = (self._flash.sectors - self._clean_below - 1) * _IN_SECTOR * 17 // 25  # fuller would clean all day
        self._ring = Ring(self._flash, KIND, salt, sealer, _SECRET)
        self._opened = False
        self._oldest = 0  # generation not cleaned yet
        self._purge = 0  # up to this generation nothing may stay as it is
        self._keep_since_utc = 0
        self._look_next = 0  # next generation to be searched for what is too old; 0: none
        self._load_next = 0  # newest generation not in the index yet; 0: all are

    def open(self, again: bool = False) -> None:
        """Headers and the newest sector only; `idle_work` indexes the others.

        A cache of earlier firmware, or sealed with other keys, is erased: it is ours, and worth nothing. Raises
        StoreForeign when the partition holds anything else.
        """
        self._opened = False
        self._purge = 0
        self._index.clear()
        ring = self._ring = Ring(self._flash, KIND, self._salt, self._sealer, _SECRET)
        ring.tail_now = lambda: self._oldest
        try:
            ring.open(self._take_newest)
        except (StoreOutdated, StoreSealed):
            if again:
                raise
            self._erase_all()
            self.open(True)
            return
        self._oldest = ring.tail
        self._load_next = ring.generation - 1 if ring.generation > ring.tail else 0
        if not self._purge:
            self._purge = _WIPE  # a cut may have come between a card's last record and the erase
        self._opened = True

    def get(self, uid: bytes) -> "Member | None":
        """One read of 80 bytes, rarely a second. A member may be missed until `idle_work` has indexed all."""
        if not self._opened:
            return None
        frame = self._find(uid)[1]
        return unpack_member(frame.body) if frame is not None and not forgotten(frame.body) else None

    def put(self, member: Member) -> None:
        """Keep this state. Erases and cleans only when `idle_work` was not called enough."""
        if not self._opened or not fits(member):
            return
        try:
            if self._index.unused * 8 < self._index.live:
                self._index.clear()
                self._load_next = self._ring.generation
            self._make_room()
            self._write(member.uid, pack_member(member), 1)
        except StoreError:
            self._opened = False

    def forget(self, uid: bytes) -> None:
        """Know this card no more, at once; `idle_work` then erases every trace of it. Also after a power cut. When the
        flash does not take that, all cards are forgotten."""
        if not self._opened:
            return
        try:
            self._load_all()
            if self._find(uid)[1] is not None:
                self._make_room()
                self._write(uid, pack_forgotten(uid), 1)
                self._purge = self._ring.generation
        except StoreError:
            self._erase_all()

    def retire(self, before_utc: int) -> None:
        """Forget every card of which the switch told nothing since; `idle_work` does it."""
        self._keep_since_utc = before_utc
        self._look_next = self._oldest

    def idle_work(self) -> bool:
        """Index one sector, or clean, search or erase one; True: call again."""
        if not self._opened:
            return False
        try:
            if self._load_next:
                self._load_one()
                return True
            if self._look_next:
                self._look_for_old()
                return True
            if self._purge > 0 and self._purge_some():
                return True
            if self._ring.free() < self._clean_below and self._clean():
                return True
            return self._ring.erase_ahead(_AHEAD) or (self._purge < 0 and self._purge_some())
        except StoreError:
            self._opened = False
            return False

    def working(self) -> bool:
        """Whether the cache is open; a flash failure closes it until the next start."""
        return self._opened

    def count(self) -> int:
        """Members in the index."""
        return self._index.live

    def forget_all(self) -> None:
        """Erase the partition, whatever it holds, and start anew."""
        self._erase_all()
        self.open()

    def _erase_all(self) -> None:
        """No place is ever sealed twice, so the salt is another afterwards."""
        self._opened = False
        self._salt = (self._ring.salt + 1) & 0xFFFFFFFF
        header = Header(KIND, self._flash.sectors, 1, self._salt, 0, 0, 0)
        self._flash.start_over(lambda sector: self._sealer.header(header, sector))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _find(self, uid: bytes) -> "tuple[int, Frame | None]":
        """(location, frame) of the newest record of a card."""
        for location in self._index.candidates(crc32(uid)):
            frame = self._ring.frame_in_sector(location // _UNITS, location % _UNITS * ALIGN, SLOT)
            if frame is not None and frame.kind == MEMBER and uid_of(frame.body) == uid:
                return location, frame
        return -1, None

    def _location(self, frame: "Frame") -> int:
        return self._ring.sector_of(frame.generation) * _UNITS + frame.at // ALIGN

    def _make_room(self) -> None:
        for _ in range(self._flash.sectors):
            if self._ring.free() >= _AHEAD or not self._clean():
                return

    def _write(self, uid: bytes, body: bytes, keep: int) -> None:
        old = self._find(uid)[0]
        key_hash = crc32(uid)
        at = self._ring.append(MEMBER, 0, body, keep)  # the hash would tell a card of four bytes
        new = self._ring.sector_of(self._ring.generation) * _UNITS + at // ALIGN
        if old >= 0:
            self._index.move(key_hash, old, new)
        else:
            self._index.add(key_hash, new)

    def _take_newest(self, frame: "Frame") -> None:
        if frame.kind == _MARK:
            self._ring.release(unpack_from("<I", frame.body, 0)[0])
        else:
            self._take(frame)

    def _take(self, frame: "Frame") -> bool:
        """Index a frame that was read at start: newer sectors come first, in a sector the later frame counts."""
        if frame.kind == MEMBER:
            location = self._location(frame)
            key_hash = crc32(uid_of(frame.body))
            old = self._find(uid_of(frame.body))[0]
            if old < 0:
                self._index.add(key_hash, location)
            elif old // _UNITS == location // _UNITS and old < location:
                self._index.move(key_hash, old, location)
            if forgotten(frame.body):
                self._purge = max(self._purge, frame.generation)
        return False

    def _load_one(self) -> None:
        self._ring.visit(self._load_next, self._take)
        self._load_next = self._load_next - 1 if self._load_next > self._oldest else 0

    def _load_all(self) -> None:
        while self._load_next:
            self._load_one()

    def _done_with(self, body: bytes) -> bool:
        """Older records of a forgotten card stand before this one: they were cleaned away already."""
        return forgotten(body) or as_of_utc(body) < self._keep_since_utc

    def _purge_some(self) -> bool:
        """A piece of the way to a flash that shows nothing any more that was to be forgotten; False at its end."""
        ring = self._ring
        if self._purge >= ring.generation:  # the open sector too: go on in another
            ring.close_sector()
            ring.append(_MARK, 0, pack("<I", self._oldest) + bytes(TAG), 0)
        if (self._oldest <= self._purge and self._clean()) or ring.wipe_free():
            return True
        self._purge = 0
        return False

    def _look_for_old(self) -> None:
        generation = max(self._look_next, self._oldest)

        def look(frame: "Frame") -> bool:
            if frame.kind == MEMBER and self._done_with(frame.body):
                self._purge = max(self._purge, generation)
            return False

        self._ring.visit(generation, look)
        self._look_next = generation + 1 if generation < self._ring.generation else 0

    def _clean(self) -> bool:
        """Empty the oldest sector; True when a sector became free."""
        self._load_all()
        ring = self._ring
        if self._oldest >= ring.generation:
            return False
        live: "list[bytes]" = []

        def keep_live(frame: "Frame") -> bool:
            if frame.kind == MEMBER and self._index.holds(crc32(uid_of(frame.body)), self._location(frame)):
                live.append(frame.body)
                if self._index.live > self.limit or self._done_with(frame.body):
                    self._index.remove(crc32(uid_of(frame.body)), self._location(frame))
                    live.pop()
            return False

        ring.visit(self._oldest, keep_live)
        try:
            for body in live:
                self._write(uid_of(body), body, 0)
            ring.append(_MARK, 0, pack("<I", self._oldest + 1) + bytes(TAG), 0)
        except StoreFull:
            return False
        self._oldest += 1
        ring.release(self._oldest)
        return True
