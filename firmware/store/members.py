"""The member cache: what the switch last told of each member, on its own ring of raw flash, with a small index.

Advisory: a record that cannot be read is a miss, and the cache may be dropped whole. The newest record of a card
counts. When space runs out the oldest sector is cleaned: its newest records are written again at the head, or forgotten
when the cache holds more members than it is made for. A full sector ends with a summary, from which a start makes the
index. No call reads more than a few sectors. The partition is 1 MB at most.
"""

from binascii import crc32
from struct import pack

from micropython import const

from firmware.core.errors import StoreError, StoreFull, StoreOutdated, StoreSealed
from firmware.core.types import Member
from firmware.store.care import Care
from firmware.store.flash import Flash
from firmware.store.frames import SECTOR, Header
from firmware.store.member_index import MemberIndex
from firmware.store.member_record import (
    MARK,
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
from firmware.store.summary import SUMMARY, SUMMARY_ROOM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice
    from firmware.store.frames import Frame
    from firmware.store.seal import Sealer

KIND = const(2)
_SECRET = (MEMBER, SUMMARY)
_MEANT = const(34)  # members in a sector when the cache is as full as it is made for; fuller would clean all day
_AHEAD = const(2)  # sectors erased ahead of need
_CLEAN_BELOW = const(4)  # free sectors below which cleaning begins, half of all on a small partition
_WIPE = const(-1)  # the value of `_purge` when only what is free already has to be erased
_TWICE = const(2)  # one bad frame must not bring a card back
_MARK_BODY = const(64)  # so that a mark takes a record's place
_STEPS = const(4)  # sectors read or cleaned at a time in a call that somebody waits for


class Members(Care):
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
        self._known = MemberIndex(self._flash.sectors)
        self._index = self._known.table
        self._ring = Ring(self._flash, KIND, salt, sealer, _SECRET)
        self._fit(self._flash.sectors)
        self._opened = False
        self._dropped = False
        self._oldest = 0  # generation not cleaned yet
        self._purge = 0  # up to this generation nothing may stay as it is
        self._keep_since_utc = 0
        self._look_next = 0  # next generation to be searched for what is too old; 0: none

    def open(self, bad: bytes = b"", again: bool = False) -> None:
        """Headers and the newest sector only; `idle_work` makes the index of the others. `bad`: what `bad_sectors`
        said before.

        A cache of earlier firmware, or sealed with other keys, is erased whole, which takes seconds and happens at a
        start, before any watchdog: it is ours, and worth nothing. Raises StoreForeign when the partition holds anything
        else.
        """
        self._opened = False
        self._purge = self._oldest = 0
        ring = self._ring = Ring(self._flash, KIND, self._salt, self._sealer, _SECRET)
        ring.tail_now = lambda: self._oldest
        ring.advisory = True
        self._known.begin(ring)
        try:
            ring.open(self._known.see_newest, bad)
        except (StoreOutdated, StoreSealed):
            if again:
                raise
            header = Header(KIND, self._flash.sectors, self._flash.sectors, self._salt, 0, 0, 0)
            self._flash.start_over(lambda sector: self._sealer.header(header, sector))
            self.open(b"", True)
            return
        self._oldest = ring.tail
        self._known.load_newest(self._oldest)
        # A cut may have come between a card's last record and the erase.
        self._purge = self._known.forgotten_in or _WIPE
        self._opened = True

    def get(self, uid: bytes) -> "Member | None":
        """One read of 80 bytes, rarely a second. A member may be missed until `idle_work` has indexed all."""
        if not self._opened:
            return None
        try:
            frame = self._known.find(uid)[1]
        except StoreError:
            self._opened = False  # advisory: a flash that cannot be read stops no sale
            return None
        return unpack_member(frame.body) if frame is not None and not forgotten(frame.body) else None

    def put(self, member: Member, now: bool = True) -> bool:
        """Keep this state; whether it is on the flash: always at once, `now` is the other cache's. Erases and cleans
        only when `idle_work` was not called enough; a member that finds no room is not known until the next start."""
        if not self._opened or not fits(member):
            return False
        try:
            if self._index.unused * 8 < self._index.live:
                self._known.begin_again()
            self._make_room()
            self._write(pack_member(member), 1)
            return True
        except StoreFull:
            self._index.remove(crc32(member.uid), self._known.place_of(member.uid))
            self._opened = self._ring.free() > 0
        except StoreError:
            self._opened = False
        return False

    def forget(self, uid: bytes) -> None:
        """Know this card no more, at once; `idle_work` then erases every trace of it. Also after a power cut, and when
        no record of it can be found or read. When the flash does not take that, all cards are forgotten; `speaking`
        tells how many sectors took nothing at all."""
        if not self._opened:
            return
        try:
            self._make_room()
            for _ in range(_TWICE):
                self._write(pack_forgotten(uid), 1)
            self._purge = self._ring.generation
        except StoreError:
            self.forget_all()

    def retire(self, before_utc: int) -> None:
        """Forget every card of which the switch told nothing since; `idle_work` does it."""
        self._keep_since_utc = before_utc
        self._look_next = self._oldest

    def idle_work(self) -> bool:
        """Index some sectors, or clean, search or erase one; True: call again."""
        if not self._opened:
            return False
        try:
            return self._work()
        except StoreError:
            self._opened = False
            return False

    def complete(self) -> bool:
        """Whether every record is in the index; after `open` some calls of `idle_work` later."""
        return self._opened and not self._known.loading()

    def working(self) -> bool:
        """Whether the cache is open; a flash failure closes it until the next start."""
        return self._opened

    def count(self) -> int:
        """Members in the index."""
        return self._index.live

    def forget_all(self) -> None:
        """Know nobody any more, at once; `idle_work` then erases every trace, a sector a call. A flash that takes
        nothing closes the cache until the next start, which finds what was there."""
        try:
            if self._opened:
                self._drop()
        except StoreError:
            self._opened = False

    def _drop(self) -> None:
        """A sector is opened whose header says that nothing older is needed, and a mark says so again: neither alone
        brings anything back. The generation goes on, so no place is ever sealed twice, and what stays in a sector that
        takes nothing any more is older than the tail."""
        ring = self._ring
        self._opened = False
        ring.begin_anew()
        self._oldest = ring.generation
        self._mark()
        self._known.begin(ring)
        self._known.load_newest(self._oldest)
        self._purge, self._look_next = _WIPE, 0
        self._opened = True

    # --- inside -----------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """A step early, several when it is late: the sectors next in turn may all be full of what counts."""
        ring = self._ring
        enough = min(_AHEAD + 1, self._clean_below)
        for _ in range(_STEPS):
            if ring.free() >= enough:
                return
            enough = _AHEAD
            if self._known.loading():
                self._load_one()
            elif ring.tail == self._oldest and not self._clean():
                return
            if ring.tail < self._oldest and ring.free() < enough:
                self._mark()

    def _write(self, body: bytes, keep: int, moved_from: int = -1) -> None:
        """Append a record; one that is `moved_from` somewhere only if it is the newest."""
        old = self._known.place_of(uid_of(body))
        if moved_from < 0 or old == moved_from:
            self._known.wrote(self._append(body, keep), body, old)

    def _append(self, body: bytes, keep: int) -> int:
        """A record at the head, with the summary first when it was the open sector's last."""
        ring = self._ring
        generation, room = ring.generation, ring.room()
        if room < SLOT + SUMMARY_ROOM:
            if ring.free() <= keep:
                raise StoreFull("no room but for a mark")
            if room == SUMMARY_ROOM and self._known.summary.of(generation):
                ring.append(SUMMARY, 0, self._known.summary.body(), 0)
            if ring.generation == generation:
                ring.close_sector()
        return ring.append(MEMBER, 0, body, keep)  # no SEQ: the hash would tell a card of four bytes

    def _fit(self, sectors: int) -> None:
        """How full the cache may be when so many sectors can be written: fuller would clean all day."""
        self._clean_below = min(_CLEAN_BELOW, sectors // 2)
        self.limit = (sectors - self._clean_below - 1) * _MEANT

    def _mark(self) -> None:
        """Make durable that what was cleaned is free."""
        self._ring.append(MARK, 0, pack("<I", self._oldest) + bytes(_MARK_BODY - 4), 0)
        self._ring.release(self._oldest)

    def _load_one(self) -> bool:
        whole = self._known.load_one(self._oldest)
        if self._known.forgotten_in > max(0, self._purge):
            self._purge = self._known.forgotten_in
        return whole

    # --- cleaning and forgetting ------------------------------------------------------------------------------------

    def _work(self) -> bool:
        ring = self._ring
        if self._known.loading():
            for _ in range(_STEPS):
                if not self._known.loading() or self._load_one():
                    break
            return True
        if self._look_next:
            self._look_for_old()
            return True
        if self._purge > 0:
            self._purge_some()
            return True
        if ring.free() + self._oldest - ring.tail < self._clean_below and self._clean():
            return True
        if ring.free() < _AHEAD and ring.tail < self._oldest:
            self._mark()
            return True
        if ring.generation in ring.adopted:
            self._mark()  # its header is lost: no other one goes before there is one again
        if ring.erase_ahead(_AHEAD) or (self._purge < 0 and self._wipe_some()):
            return True
        if ring.free() or self._dropped:
            return False
        self._dropped = True  # once a start: with one sector left it would never end
        self._drop()  # nothing can be cleaned or erased
        return True

    def _done_with(self, body: bytes) -> bool:
        """Older records of a forgotten card stand before this one: they were cleaned away already."""
        return forgotten(body) or as_of_utc(body) < self._keep_since_utc

    def _purge_some(self) -> None:
        """A piece of the way to a flash on which nothing stands any more that was to be forgotten."""
        try:
            self._clean_for_purge()
        except StoreFull:  # no way is left but this one
            self._drop()

    def _clean_for_purge(self) -> None:
        ring = self._ring
        if self._purge >= ring.generation:  # the open sector too: go on in another
            ring.close_sector()
            self._mark()
        if not self._clean():
            raise StoreFull("no room for what is to stay")
        if ring.free() < _AHEAD:
            self._mark()
        if self._oldest > self._purge:
            ring.close_sector()  # so the tail stands in a header, twice: no lost mark brings the card back
            self._mark()
            self._purge = _WIPE

    def _wipe_some(self) -> bool:
        """Erase one free sector that still shows what it held, or make it zero; False when there is none."""
        if self._ring.wipe_free() or self._ring.silence_bad():
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
        """Empty the oldest sector; False when there is no room for what it holds. The next mark or header makes that
        durable."""
        ring = self._ring
        if self._oldest >= ring.generation:
            return False
        self._fit(min(ring.sectors, ring.free() + ring.generation - ring.tail + 1))
        live: "list[tuple[int, bytes]]" = []

        def keep_live(frame: "Frame") -> bool:
            if frame.kind == MEMBER:
                key_hash, location = crc32(uid_of(frame.body)), self._known.location(frame.generation, frame.at)
                if self._index.holds(key_hash, location):
                    if self._index.live > self.limit or self._done_with(frame.body):
                        self._index.remove(key_hash, location)
                    else:
                        live.append((location, frame.body))
            return False

        ring.visit(self._oldest, keep_live)
        try:
            for location, body in live:
                self._write(body, 0, location)
        except StoreFull:
            return False
        self._oldest += 1
        return True
