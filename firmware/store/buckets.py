"""The member cache for a board with little memory: no index, one sector read a look-up, two bytes of memory a sector.

A card's hash names its bucket, and a bucket lives in one sector, where the newest record of a card counts. A full
sector is copied, newest records only, to a free one, whose header is written last and makes it the bucket's home; two
sectors stay free for that, and because they change places with every copy the wear spreads over all. Each attempt to
copy is counted at the end of a home first, so no cut lets two records be sealed at one place. Advisory like the other
cache, with the same records (docs/store.md). A bucket with more cards than a sector holds forgets those longest
unchanged.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreOutdated, StoreSealed
from firmware.store import frames
from firmware.store.attempts import ROW_AT, attempt, attempts
from firmware.store.flash import Flash
from firmware.store.frames import FRAMES_AT, SECTOR, VERSION, Header
from firmware.store.member_record import MEMBER, SLOT, as_of_utc, fits, pack_member, uid_of, unpack_member
from firmware.store.repair import repaired
from firmware.store.seal import Sealer, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from firmware.core.ports import BlockDevice
    from firmware.core.types import Member

KIND = const(6)
_NONE = const(0xFF)
_SPARE = const(2)  # sectors free at any time
# What a sector is. Only one erased since power-on is written to: an interrupted erase may leave one that looks blank.
_FREE = const(0)  # and may show what it held
_HOME = const(1)
_BLANK = const(2)
_ERASED = const(3)
_IN_SECTOR = const(50)
_ROOM = const(4)  # records a fresh copy has room for at least
_SECTORS_MAX = const(250)
_WAITING = const(8)  # members that may wait in memory for a sector to be erased


class Buckets:
    """Same calls as `Members`. Before `open`, or after the flash failed, `get` knows nobody and `put` keeps nothing."""

    def __init__(
        self,
        device: "BlockDevice",
        sealer: Sealer,
        salt: int,
        page_only: bool = False,
        buffer: "bytearray | None" = None,
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        sectors = self._flash.sectors
        if not 2 * _SPARE < sectors <= _SECTORS_MAX:
            raise StoreError("member cache has a wrong size")
        self._sealer = sealer
        self._salt = salt
        self._buckets = sectors - _SPARE
        self._home = bytearray(self._buckets)  # sector of each bucket
        self._taken = bytearray(sectors)  # what each sector is
        self._bad = bytearray((sectors + 7) // 8)  # a bit a sector that takes nothing any more
        self._next = 0  # where the search for a free sector begins
        self._generation = 0  # the highest of all homes
        self._attempts = 0  # to copy any of them: the next copy's generation lies above as many that may have been used
        self._opened = False
        self._keep_since_utc = 0
        self._look_next = self._buckets  # next bucket to be searched for what is too old
        self._waiting: "list[bytes]" = []  # records for which no sector was erased yet; a cut forgets them

    def open(self, bad: bytes = b"", again: bool = False) -> None:
        """Reads a header a sector and the end of each home. `bad`: what `bad_sectors` said before. A cache of earlier
        firmware, of other keys, or half dropped is erased; StoreForeign when it is anything else's."""
        self._opened = False
        self._waiting = []
        self._generation = self._attempts = 0
        generations = [0] * self._buckets
        unfit = False  # there is a header of an earlier format, without a fitting tag, or of another life of the cache
        for sector in range(self._flash.sectors):
            self._taken[sector] = _FREE
        for bucket in range(self._buckets):
            self._home[bucket] = _NONE
        for sector in range(self._flash.sectors):
            header, proved = self._header(sector)
            if header is None:
                continue
            unfit = unfit or not proved
            try:
                frames.admit(header, KIND, self._flash.sectors)
            except StoreOutdated:
                continue
            if not proved:
                continue
            if self._generation and header.salt != self._salt:
                self._salt = max(self._salt, header.salt)
                self._generation, unfit = 0, True
                break
            bucket = header.behind
            if bucket < self._buckets and header.generation > generations[bucket]:
                if generations[bucket]:
                    self._taken[self._home[bucket]] = _FREE
                generations[bucket] = header.generation
                self._home[bucket] = sector
                self._taken[sector] = _HOME
            self._salt = header.salt
            if header.generation > self._generation:
                self._generation = header.generation
                self._next = sector + 1
        if not self._generation and unfit:
            if again:
                raise StoreSealed("no header opens with this terminal's keys")
            self._erase_all()
            self.open(b"", True)
            return
        self._remember_bad(bad)
        if not self._generation:
            self._take_into_use()
        for home in self._home:
            self._attempts += attempts(self._flash, home) if home != _NONE else 0
        self._opened = True

    def bad_sectors(self) -> bytes:
        """Salt u32 and a bit a sector that takes nothing any more; `open` takes it back."""
        return pack("<I", self._salt) + bytes(self._bad)

    def care(self) -> "tuple[int, int, int, int, int]":
        """As `Care.care`; what a copy waited for is not counted."""
        taken = list(self._taken)
        bad = len([sector for sector in range(len(taken)) if self._is_bad(sector)])
        return len(taken), len(taken) - taken.count(_HOME) - bad, taken.count(_ERASED), bad, 0

    def get(self, uid: bytes) -> "Member | None":
        """One sector is read."""
        if not self._opened:
            return None
        for body in self._waiting:
            if uid_of(body) == uid:
                return unpack_member(body)
        sector = self._home[self._bucket(uid)]
        found: "bytes | None" = None
        if sector != _NONE:
            for _at, body in self._bodies(sector):
                if uid_of(body) == uid:
                    found = body
        return unpack_member(found) if found is not None else None

    def put(self, member: "Member") -> None:
        """Keep this state; for want of an erased sector, in memory until `idle_work` has one. Erases only when eight
        wait already."""
        if not self._opened or not fits(member):
            return
        self._drop_waiting(member.uid)
        body = pack_member(member)
        try:
            if not self._append(self._home[self._bucket(member.uid)], body):
                if len(self._waiting) < _WAITING and not self._is_next_erased():
                    self._waiting.append(body)
                else:
                    self._copy(body)
        except StoreError:
            self._opened = False

    def forget(self, uid: bytes) -> None:
        """Know this card no more and erase every trace of it, also where nobody can read it. After a cut in it, the
        card is known, or `idle_work` erases the traces. When the flash does not take that, all cards are forgotten."""
        bucket = self._bucket(uid)
        self._drop_waiting(uid)
        if self._opened and self._home[bucket] != _NONE:
            self._rewrite(bucket, lambda body: uid_of(body) != uid)
        if self._opened:
            while self._wipe_one():
                pass

    def retire(self, before_utc: int) -> None:
        """Forget every card of which the switch told nothing since; `idle_work` does it."""
        self._keep_since_utc = before_utc
        self._look_next = 0

    def idle_work(self) -> bool:
        """Write what waits, search one bucket for what is too old, or erase a sector that is free; True: call again."""
        if not self._opened:
            return False
        if self._waiting and self._is_next_erased():
            body = self._waiting.pop(0)
            try:
                if not self._append(self._home[self._bucket(uid_of(body))], body):
                    self._copy(body)
            except StoreError:
                self._opened = False
            return True
        if self._look_next < self._buckets and not self._waiting:
            home = self._home[self._look_next]
            if home != _NONE and any([as_of_utc(body) < self._keep_since_utc for _at, body in self._bodies(home)]):
                self._rewrite(self._look_next, lambda body: as_of_utc(body) >= self._keep_since_utc)
            self._look_next += 1
            return True
        sector = self._free_sector()
        if sector >= 0 and self._taken[sector] != _ERASED:
            self._erase(sector)
            return True
        return self._wipe_one()

    def working(self) -> bool:
        """Whether the cache is open; a flash failure closes it until the next start."""
        return self._opened

    def waiting(self) -> int:
        """Members that are in memory only."""
        return len(self._waiting)

    def count(self) -> int:
        """Members that are kept; reads everything."""
        total = 0
        for bucket in range(self._buckets):
            if self._opened and self._home[bucket] != _NONE:
                total += len(self._newest(self._home[bucket]))
        return total

    def forget_all(self) -> None:
        """Erase the partition, whatever it holds, and start anew."""
        self._erase_all()
        self.open()

    def _erase_all(self) -> None:
        """No place is ever sealed twice, so the salt is another afterwards."""
        self._opened = False
        self._salt = (self._salt + 1) & 0xFFFFFFFF
        self._bad[:] = bytes(len(self._bad))
        header = Header(KIND, self._flash.sectors, 1, self._salt, 0, 0, 0)
        self._flash.start_over(lambda sector: self._sealer.header(header, sector))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _bucket(self, uid: bytes) -> int:
        return crc32(uid) % self._buckets

    def _header(self, sector: int) -> "tuple[Header | None, bool]":
        """(a sector's header, whether its tag fits); one with a fitting tag when there is any."""
        claimed: "Header | None" = None
        for copy in (0, frames.HEADER):
            header = frames.parse_header(self._flash.read(sector, copy, frames.HEADER))
            if header is not None and header.format == frames.FORMAT and self._sealer.vouches(header, sector):
                return header, True
            claimed = claimed or header
        return claimed, False

    def _take_into_use(self) -> None:
        """A blank partition gets the header of the first bucket, by which it is known as ours from now on."""
        for sector in range(self._flash.sectors):
            raw = self._flash.read_sector(sector)
            # Our own first program may have been cut.
            torn = sector == 0 and frames.may_be_torn_header(raw, KIND, self._flash.sectors)
            if not frames.is_blank(raw, FRAMES_AT if torn else 0, SECTOR):
                raise StoreForeign("partition is not blank and holds no store")
        self._next = 0
        self._move(0, [])

    def _bodies(self, sector: int) -> "Iterator[tuple[int, bytes]]":
        """(offset, opened body) of each record of a sector, oldest first."""
        raw = self._flash.read_sector(sector)
        header = frames.parse_header(raw) or frames.parse_header(memoryview(raw)[frames.HEADER :])
        if header is None:
            return
        crc_seed = frames.seed(header.salt, header.generation)
        for at in range(FRAMES_AT, FRAMES_AT + _IN_SECTOR * SLOT, SLOT):
            frame = frames.frame_at(raw, at, crc_seed, header.generation)
            if frame is None:
                mended = repaired(raw, at, crc_seed)
                if mended is None:
                    continue
                frame = frames.frame_at(mended, 0, crc_seed, header.generation)
                assert frame is not None
            if frame.kind == MEMBER and frame.version == VERSION:
                body = self._sealer.body_of(place_of(KIND, header.salt, header.generation, at), frame, True)
                if body is not None:
                    yield at, bytes(body)

    def _append(self, sector: int, body: bytes) -> bool:
        """Write one record behind the others of this sector; False when it takes no more."""
        if sector == _NONE or self._is_bad(sector):
            return False
        raw = self._flash.read_sector(sector)
        header = frames.parse_header(raw) or frames.parse_header(memoryview(raw)[frames.HEADER :])
        used = frames.last_written(raw, FRAMES_AT, ROW_AT) - FRAMES_AT
        at = FRAMES_AT + (used + SLOT - 1) // SLOT * SLOT
        return header is not None and at <= ROW_AT - SLOT and self._program(sector, at, header, body)

    def _program(self, sector: int, at: int, header: Header, body: bytes) -> bool:
        place = place_of(KIND, header.salt, header.generation, at)
        crc_seed = frames.seed(header.salt, header.generation)
        return self._flash.program(sector, at, self._sealer.frame(place, MEMBER, 0, bytearray(body), True, crc_seed))

    def _newest(self, sector: int) -> "list[bytes]":
        """The newest record of each card of a sector, those longest unchanged first."""
        kept: "dict[bytes, bytes]" = {}
        for _at, body in self._bodies(sector):
            kept.pop(uid_of(body), None)
            kept[uid_of(body)] = body
        order = []
        for _at, body in self._bodies(sector):
            if kept.get(uid_of(body)) == body:
                order.append(body)
                del kept[uid_of(body)]
        return order

    def _rewrite(self, bucket: int, wanted: "Callable[[bytes], bool]") -> None:
        """Copy a bucket without what is not wanted, and erase its old home."""
        old = self._home[bucket]
        try:
            self._move(bucket, [body for body in self._newest(old) if wanted(body)])
        except StoreError:
            self._erase_all()
            return
        if not self._erase(old):
            self._opened = False

    def _drop_waiting(self, uid: bytes) -> None:
        self._waiting = [body for body in self._waiting if uid_of(body) != uid]

    def _copy(self, body: bytes) -> None:
        """Give the bucket of this record a new home with its newest records and this one. Raises StoreError."""
        bucket = self._bucket(uid_of(body))
        old = self._home[bucket]
        records = [] if old == _NONE else [kept for kept in self._newest(old) if uid_of(kept) != uid_of(body)]
        records = records[-(_IN_SECTOR - _ROOM - 1) :]
        records.append(body)
        self._move(bucket, records)

    def _move(self, bucket: int, records: "list[bytes]") -> None:
        old = self._home[bucket]
        for _ in range(self._flash.sectors):
            sector = self._free_sector()
            if sector < 0:
                break
            if self._taken[sector] != _ERASED and not self._erase(sector):
                continue
            if records and not self._count_attempt(old):
                break
            generation = self._generation + self._attempts + (not records)
            if self._fill(sector, bucket, records, generation):
                self._home[bucket], self._taken[sector], self._next = sector, _HOME, sector + 1
                self._generation = generation
                if old != _NONE:
                    self._taken[old] = _FREE
                    self._attempts -= attempts(self._flash, old)
                return
            self._spoil(sector)
        raise StoreError("no sector takes the members")

    def _count_attempt(self, old: int) -> bool:
        """At the end of a home, of `old` if it can be; False when none takes it. That home stays until a copy with a
        higher generation is complete."""
        for sector in [old] + [home for home in self._home if home != old]:
            if sector != _NONE and not self._is_bad(sector) and attempt(self._flash, sector):
                self._attempts += 1
                return True
        return False

    def _fill(self, sector: int, bucket: int, records: "list[bytes]", generation: int) -> bool:
        header = Header(KIND, self._flash.sectors, generation, self._salt, bucket, 0, 0)
        at = FRAMES_AT
        for body in records:
            if not self._program(sector, at, header, body):
                return False
            at += SLOT
        return self._flash.program(sector, 0, self._sealer.header(header, sector))

    def _free_sector(self) -> int:
        """The next sector in the round in which no bucket lives, -1 when there is none."""
        sectors = self._flash.sectors
        for step in range(sectors):
            sector = (self._next + step) % sectors
            if self._taken[sector] != _HOME and not self._is_bad(sector):
                return sector
        return -1

    def _is_next_erased(self) -> bool:
        sector = self._free_sector()
        return sector < 0 or self._taken[sector] == _ERASED

    def _erase(self, sector: int) -> bool:
        erased = self._flash.erase(sector)
        self._taken[sector] = _ERASED if erased else _FREE
        if not erased:
            self._spoil(sector)
        return erased

    def _is_bad(self, sector: int) -> bool:
        return self._bad[sector // 8] >> sector % 8 & 1 != 0

    def _spoil(self, sector: int) -> None:
        self._bad[sector // 8] |= 1 << sector % 8

    def _remember_bad(self, listed: bytes) -> None:
        """A list of another life of the cache is not ours; one that leaves no sector to copy to is not believed."""
        self._bad[:] = bytes(len(self._bad))
        if len(listed) == 4 + len(self._bad) and unpack_from("<I", listed, 0)[0] == self._salt:
            bad = [sector for sector in range(self._flash.sectors) if listed[4 + sector // 8] >> sector % 8 & 1]
            if len(bad) < _SPARE:
                self._bad[:] = listed[4:]

    def _wipe_one(self) -> bool:
        """Look at one free sector and erase it if it still shows what it held; False when none is left to look at."""
        for sector in range(self._flash.sectors):
            if self._taken[sector] == _FREE and not self._is_bad(sector):
                if frames.is_blank(self._flash.read_sector(sector), 0, SECTOR):
                    self._taken[sector] = _BLANK
                else:
                    self._erase(sector)
                return True
        return False
