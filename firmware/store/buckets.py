"""The member cache for a board with little memory: no index, one sector read a look-up, two bytes of memory a sector.

A card's hash names its bucket, and a bucket lives in one sector, where the newest record of a card counts. A full
sector is copied, newest records only, to a free one, whose header is written last and makes it the bucket's home; two
sectors stay free for that, and because they change places with every copy the wear spreads over all. Each attempt to
copy is counted at the end of a home first, so no cut lets two records be sealed at one place. Advisory like the other
cache, with the same records (docs/store.md). A bucket with more cards than a sector holds forgets those longest
unchanged. When dead sectors leave none to copy to, the cache starts anew with fewer buckets. Of two lives of a cache
the one with the later salt counts: what an interrupted drop or a dead sector shows of the other is free.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreFull, StoreOutdated, StoreSealed
from firmware.store import frames
from firmware.store.attempts import attempt, attempts
from firmware.store.bucket_sector import BucketSectors
from firmware.store.flash import Flash
from firmware.store.frames import FRAMES_AT, SECTOR, Header
from firmware.store.member_record import as_of_utc, fits, pack_member, uid_of, unpack_member
from firmware.store.seal import Sealer

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
_DEAD = const(4)  # takes no erase, and was made zero or took not even that
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
        self._records = BucketSectors(self._flash, sealer, KIND)
        self._salt = salt
        self._buckets = sectors - _SPARE
        self._home = bytearray(self._buckets)  # sector of each bucket; of a smaller cache the first ones
        self._taken = bytearray(sectors)  # what each sector is
        self._bad = bytearray((sectors + 7) // 8)  # a bit a sector that takes nothing any more
        self._speaking: "set[int]" = set()  # bad ones that took no zeros either
        self._next = 0  # where the search for a free sector begins
        self._generation = 0  # the highest of all homes
        self._attempts = 0  # to copy any of them: the next copy's generation lies above as many that may have been used
        self._opened = False
        self._keep_since_utc = 0
        self._look_next = self._buckets  # next bucket to be searched for what is too old
        self._waiting: "list[bytes]" = []  # records for which no sector was erased yet; a cut forgets them

    def open(self, bad: bytes = b"", again: bool = False) -> None:
        """Reads a header a sector and the end of each home. `bad`: what `bad_sectors` said before. A cache of earlier
        firmware or of other keys is erased; StoreForeign when it is anything else's."""
        self._opened = False
        self._waiting = []
        generations = [0] * len(self._home)
        self._know_nothing()
        unfit = False  # there is a header of an earlier format or without a fitting tag
        for sector in range(self._flash.sectors):
            header, proved = self._header(sector)
            if header is None:
                continue
            try:
                frames.admit(header, KIND, self._flash.sectors)
            except StoreOutdated:
                proved = False
            if not proved:
                unfit = True
                continue
            if self._generation and header.salt != self._salt:
                if not _is_later(header.salt, self._salt):
                    continue
                generations = [0] * len(self._home)
                self._know_nothing()
            self._salt = header.salt
            bucket = header.behind
            self._buckets = min(header.seq_high, len(self._home)) or len(self._home)
            if bucket < self._buckets and header.generation > generations[bucket]:
                if generations[bucket]:
                    self._taken[self._home[bucket]] = _FREE
                generations[bucket] = header.generation
                self._home[bucket] = sector
                self._taken[sector] = _HOME
            if header.generation > self._generation:
                self._generation = header.generation
                self._next = sector + 1
        if not self._generation and unfit:
            if again:
                raise StoreSealed("no header opens with this terminal's keys")
            self._begin_anew(True)
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
        taken, bad = list(self._taken), self._bad_count()
        return len(taken), len(taken) - taken.count(_HOME) - bad, taken.count(_ERASED), bad, 0

    def worn(self) -> int:
        """As `Care.worn`: a copy goes to the next free sector in turn."""
        return self._generation // max(1, len(self._taken) - self._bad_count())

    def get(self, uid: bytes) -> "Member | None":
        """One sector is read."""
        if not self._opened:
            return None
        for body in self._waiting:
            if uid_of(body) == uid:
                return unpack_member(body)
        sector = self._home[self._bucket(uid)]
        try:
            found = self._records.find(sector, uid) if sector != _NONE else None
        except StoreError:
            self._opened = False  # advisory: a flash that cannot be read stops no sale
            return None
        return unpack_member(found) if found is not None else None

    def put(self, member: "Member", now: bool = False) -> bool:
        """Keep this state; for want of an erased sector, in memory until `idle_work` has one. Erases only when eight
        wait already or it has to be on the flash `now`. False: it is not kept."""
        if not self._opened or not fits(member):
            return False
        self._drop_waiting(member.uid)
        body = pack_member(member)
        try:
            if not self._append(self._home[self._bucket(member.uid)], body):
                if not now and len(self._waiting) < _WAITING and not self._is_next_erased():
                    self._waiting.append(body)
                else:
                    self._copy(body)
            return True
        except StoreFull:
            self._start_smaller()
        except StoreError:
            self._opened = False
        return False

    def forget(self, uid: bytes) -> None:
        """Know this card no more, at once, and erase its bucket's home, also where nobody can read it; `idle_work` then
        erases what earlier homes show. After a cut in it, the card is known, or `idle_work` erases all. When the flash
        does not take that, all cards are forgotten; `speaking` tells how many sectors took nothing at all."""
        bucket = self._bucket(uid)
        self._drop_waiting(uid)
        if self._opened and self._home[bucket] != _NONE:
            self._rewrite(bucket, lambda body: uid_of(body) != uid)

    def retire(self, before_utc: int) -> None:
        """Forget every card of which the switch told nothing since; `idle_work` does it."""
        self._keep_since_utc = before_utc
        self._look_next = 0

    def idle_work(self) -> bool:
        """Write what waits, search one bucket for what is too old, or erase a sector that is free; True: call again."""
        if not self._opened:
            return False
        try:
            return self._work()
        except StoreFull:
            self._start_smaller()
        except StoreError:
            self._opened = False
        return self._opened

    def _work(self) -> bool:
        if self._free_sector() < 0:
            raise StoreFull("no sector to copy to")
        if self._waiting and self._is_next_erased():
            body = self._waiting.pop(0)
            if not self._append(self._home[self._bucket(uid_of(body))], body):
                self._copy(body)
            return True
        if self._look_next < self._buckets and not self._waiting:
            home = self._home[self._look_next]
            if home != _NONE and any([as_of_utc(body) < self._keep_since_utc for _at, body in self._bodies(home)]):
                self._rewrite(self._look_next, lambda body: as_of_utc(body) >= self._keep_since_utc)
            self._look_next += 1
            return True
        sector = self._free_sector()
        if self._taken[sector] != _ERASED:
            self._erase(sector)
            return True
        return self._wipe_one()

    def working(self) -> bool:
        """Whether the cache is open; a flash failure closes it until the next start."""
        return self._opened

    complete = working  # it shows all it holds at once

    def speaking(self) -> int:
        """Sectors that took neither an erase nor zeros: what they held can be read by whoever has flash and keys."""
        return len(self._speaking)

    def waiting(self) -> int:
        """Members that are in memory only."""
        return len(self._waiting)

    def count(self) -> int:
        """Members that are kept; reads everything."""
        total = 0
        for bucket in range(self._buckets):
            if self._opened and self._home[bucket] != _NONE:
                total += len(self._records.newest(self._home[bucket]))
        return total

    def forget_all(self) -> None:
        """Know nobody any more, at once; `idle_work` then erases every trace, a sector a call. A flash that takes
        nothing closes the cache until the next start, which finds what was there."""
        try:
            if self._opened:
                self._begin_anew(False)
        except StoreError:
            self._opened = False

    def _begin_anew(self, again: bool) -> None:
        """Two headers begin another life: two erases, and one more for each sector that fails. No place is ever sealed
        twice, so the salt is another, and later than any that a sector still shows: those are free. As many buckets as
        the sectors not known to be bad have room for."""
        for sector in range(self._flash.sectors):
            header, proved = self._header(sector)
            if header is not None and proved and _is_later(header.salt, self._salt):
                self._salt = header.salt
        self._salt = (self._salt + 1) & 0xFFFFFFFF
        # Those that are no homes first: none of what is known is gone before the new header is there.
        homes = [sector for sector in range(self._flash.sectors) if self._taken[sector] == _HOME]
        for sector in [sector for sector in range(self._flash.sectors) if sector not in homes] + homes:
            if not self._is_bad(sector) and self._erase(sector):
                self._buckets = max(1, self._flash.sectors - self._bad_count() - _SPARE)
                header = Header(KIND, self._flash.sectors, 1, self._salt, 0, self._buckets, 0)
                if self._flash.program(sector, 0, self._sealer.header(header, sector)):
                    break
                self._spoil(sector)
                self._silence(sector)
        else:
            raise StoreFull("no sector takes the members")
        self.open(self.bad_sectors(), again)
        if self._buckets > 1:
            self._move(1, [])  # a second header, so that the loss of one does not bring the earlier life back

    def _start_smaller(self) -> None:
        """No sector is left to copy to: all members are dropped, and fewer buckets leave some free. With more than half
        of the sectors bad the cache rests as it is: no start erases it again."""
        if self._bad_count() <= self._flash.sectors // 2:
            self.forget_all()
        else:
            self._opened = False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _know_nothing(self) -> None:
        self._generation = self._attempts = 0
        self._buckets = len(self._home)
        self._records.begin()
        for sector in range(self._flash.sectors):
            self._taken[sector] = _FREE
        for bucket in range(len(self._home)):
            self._home[bucket] = _NONE

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
        """(offset, opened body) of each record of a sector that can be read, oldest first."""
        for at, body in self._records.bodies(sector):
            if body is not None:
                yield at, body

    def _append(self, home: int, body: bytes) -> bool:
        return home != _NONE and not self._is_bad(home) and self._records.append(home, body)

    def _rewrite(self, bucket: int, wanted: "Callable[[bytes], bool]") -> None:
        """Copy a bucket without what is not wanted, and erase its old home."""
        old = self._home[bucket]
        try:
            self._move(bucket, [body for body in self._records.newest(old) if wanted(body)])
        except StoreError:
            self.forget_all()
            return
        self._erase(old)

    def _drop_waiting(self, uid: bytes) -> None:
        self._waiting = [body for body in self._waiting if uid_of(body) != uid]

    def _copy(self, body: bytes) -> None:
        """Give the bucket of this record a new home with its newest records and this one. Raises StoreError."""
        bucket = self._bucket(uid_of(body))
        old = self._home[bucket]
        records = [] if old == _NONE else [kept for kept in self._records.newest(old) if uid_of(kept) != uid_of(body)]
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
            self._silence(sector)
        raise StoreFull("no sector takes the members")

    def _count_attempt(self, old: int) -> bool:
        """At the end of a home, of `old` if it can be; False when none takes it. That home stays until a copy with a
        higher generation is complete."""
        for sector in [old] + [home for home in self._home if home != old]:
            if sector != _NONE and not self._is_bad(sector) and attempt(self._flash, sector):
                self._attempts += 1
                return True
        return False

    def _fill(self, sector: int, bucket: int, records: "list[bytes]", generation: int) -> bool:
        header = Header(KIND, self._flash.sectors, generation, self._salt, bucket, self._buckets, 0)
        return self._records.fill(sector, header, records)

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
        return sector >= 0 and self._taken[sector] == _ERASED

    def _erase(self, sector: int) -> bool:
        erased = self._flash.erase(sector)
        self._taken[sector] = _ERASED if erased else _FREE
        if not erased:
            self._spoil(sector)
            self._silence(sector)
        return erased

    def _silence(self, sector: int) -> None:
        """A bad sector that is not needed shows nothing any more, if it takes at least zeros."""
        self._taken[sector] = _DEAD
        if self._flash.silence(sector):
            self._speaking.discard(sector)
        else:
            self._speaking.add(sector)

    def _is_bad(self, sector: int) -> bool:
        return self._bad[sector // 8] >> sector % 8 & 1 != 0

    def _spoil(self, sector: int) -> None:
        self._bad[sector // 8] |= 1 << sector % 8

    def _bad_count(self) -> int:
        return len([sector for sector in range(self._flash.sectors) if self._is_bad(sector)])

    def _remember_bad(self, listed: bytes) -> None:
        """A list of another life of the cache is not ours; one that leaves less than half came from a fault that
        passes."""
        self._bad[:] = bytes(len(self._bad))
        if len(listed) == 4 + len(self._bad) and unpack_from("<I", listed, 0)[0] == self._salt:
            bad = [sector for sector in range(self._flash.sectors) if listed[4 + sector // 8] >> sector % 8 & 1]
            if len(bad) <= self._flash.sectors // 2:
                self._bad[:] = listed[4:]

    def _wipe_one(self) -> bool:
        """Look at one free sector and erase it, or make it zero, if it still shows what it held; False when none is
        left to look at."""
        for sector in range(self._flash.sectors):
            if self._taken[sector] == _FREE:
                if self._is_bad(sector):
                    self._silence(sector)
                elif frames.is_blank(self._flash.read_sector(sector), 0, SECTOR):
                    self._taken[sector] = _BLANK
                else:
                    self._erase(sector)
                return True
        return False


def _is_later(salt: int, other: int) -> bool:
    """Whether this life of a cache began after the other: each has the salt of the one before and one more."""
    return 0 < (salt - other) & 0xFFFFFFFF < 1 << 31
