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
from firmware.store.frames import ALIGN, SECTOR
from firmware.store.index import Index
from firmware.store.ring import Ring
from firmware.store.seal import TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice
    from firmware.store.frames import Frame
    from firmware.store.seal import Sealer

KIND = const(2)
_MEMBER = const(2)  # frame types
_MARK = const(5)
_SECRET = (_MEMBER,)
_SLOT = const(80)  # 12 + 64 bytes, aligned
_IN_SECTOR = const(50)
_NAME_MAX = const(24)
_QUARTER_S = const(900)  # last visits are days of Tehran, which begin on a quarter of an hour of UTC
_FIELDS_AT = const(8)  # before it the clear bytes, behind the fields the tag
_AHEAD = const(2)  # sectors erased ahead of need
_CLEAN_BELOW = const(4)  # free sectors below which cleaning begins, half of all on a small partition
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
        self._load_next = 0  # newest generation not in the index yet; 0: all are

    def open(self, again: bool = False) -> None:
        """Headers and the newest sector only; `idle_work` indexes the others.

        A cache of earlier firmware, or sealed with other keys, is erased: it is ours, and worth nothing. Raises
        StoreForeign when the partition holds anything else.
        """
        self._opened = False
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
        self._opened = True

    def get(self, uid: bytes) -> "Member | None":
        """One read of 80 bytes, rarely a second. A member may be missed until `idle_work` has indexed all."""
        if not self._opened:
            return None
        frame = self._find(uid)[1]
        return _unpack(frame.body) if frame is not None else None

    def put(self, member: Member) -> None:
        """Keep this state. Erases and cleans only when `idle_work` was not called enough."""
        if not self._opened or not _fits(member):
            return
        try:
            if self._index.unused * 8 < self._index.live:
                self._index.clear()
                self._load_next = self._ring.generation
            for _ in range(self._flash.sectors):
                if self._ring.free() >= _AHEAD or not self._clean():
                    break
            self._write(member.uid, _pack(member), 1)
        except StoreError:
            self._opened = False

    def idle_work(self) -> bool:
        """Index one sector, or clean one, or erase one; True: call again."""
        if not self._opened:
            return False
        try:
            if self._load_next:
                self._load_one()
                return True
            if self._ring.free() < self._clean_below and self._clean():
                return True
            return self._ring.erase_ahead(_AHEAD)
        except StoreError:
            self._opened = False
            return False

    def count(self) -> int:
        """Members in the index."""
        return self._index.live

    def forget_all(self) -> None:
        """Erase the partition, whatever it holds, and start anew."""
        self._erase_all()
        self.open()

    def _erase_all(self) -> None:
        self._opened = False
        for sector in range(self._flash.sectors - 1, -1, -1):
            self._flash.erase(sector)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _find(self, uid: bytes) -> "tuple[int, Frame | None]":
        """(location, frame) of the newest record of a card."""
        for location in self._index.candidates(crc32(uid)):
            frame = self._ring.frame_in_sector(location // _UNITS, location % _UNITS * ALIGN, _SLOT)
            if frame is not None and frame.kind == _MEMBER and _uid(frame.body) == uid:
                return location, frame
        return -1, None

    def _location(self, frame: "Frame") -> int:
        return self._ring.sector_of(frame.generation) * _UNITS + frame.at // ALIGN

    def _write(self, uid: bytes, body: bytes, keep: int) -> None:
        old = self._find(uid)[0]
        key_hash = crc32(uid)
        at = self._ring.append(_MEMBER, 0, body, keep)  # the hash would tell a card of four bytes
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
        if frame.kind == _MEMBER:
            location = self._location(frame)
            key_hash = crc32(_uid(frame.body))
            old = self._find(_uid(frame.body))[0]
            if old < 0:
                self._index.add(key_hash, location)
            elif old // _UNITS == location // _UNITS and old < location:
                self._index.move(key_hash, old, location)
        return False

    def _load_one(self) -> None:
        self._ring.visit(self._load_next, self._take)
        self._load_next = self._load_next - 1 if self._load_next > self._oldest else 0

    def _clean(self) -> bool:
        """Empty the oldest sector; True when a sector became free."""
        while self._load_next:
            self._load_one()
        ring = self._ring
        if self._oldest >= ring.generation:
            return False
        live: "list[bytes]" = []

        def keep_live(frame: "Frame") -> bool:
            if frame.kind == _MEMBER and self._index.holds(crc32(_uid(frame.body)), self._location(frame)):
                live.append(frame.body)
                if self._index.live > self.limit:
                    self._index.remove(crc32(_uid(frame.body)), self._location(frame))
                    live.pop()
            return False

        ring.visit(self._oldest, keep_live)
        try:
            for body in live:
                self._write(_uid(body), body, 0)
            ring.append(_MARK, 0, pack("<I", self._oldest + 1) + bytes(TAG), 0)
        except StoreFull:
            return False
        self._oldest += 1
        ring.release(self._oldest)
        return True


def _uid(body: bytes) -> bytes:
    return body[_FIELDS_AT + 1 : _FIELDS_AT + 1 + min(10, body[_FIELDS_AT])]


def _fits(m: Member) -> bool:
    """Whether the record can hold it: the device's `pack` would only cut what is too large."""
    return (
        len(m.uid) <= 10
        and 0 <= m.member_no < 1 << 40
        and -(1 << 47) <= m.points < 1 << 47
        and 0 <= m.as_of_utc < 1 << 32
        and 0 <= m.tier < 1 << 3
        and 0 <= m.visits < 1 << 16
        and 0 <= m.last_visit_utc < _QUARTER_S << 24
    )


def _pack(m: Member) -> bytes:
    """64 bytes; a long name is cut at a whole character to 24 bytes of UTF-8, a last visit to a quarter of an hour."""
    name = m.name.encode()
    cut = min(len(name), _NAME_MAX)
    while cut < len(name) and name[cut] & 0xC0 == 0x80:
        cut -= 1
    name = name[:cut]
    return (
        pack("<I", m.as_of_utc)
        + pack("<I", m.last_visit_utc // _QUARTER_S)[:3]
        + bytes((m.tier << 5 | len(name), len(m.uid)))
        + m.uid
        + bytes(10 - len(m.uid))
        + pack("<Q", m.member_no)[:5]
        + pack("<q", m.points)[:6]
        + pack("<H", m.visits)
        + name
        + bytes(_NAME_MAX - len(name) + TAG)
    )


def _unpack(body: bytes) -> Member:
    as_of = unpack_from("<I", body, 0)[0]
    last_visit = unpack_from("<I", body[4:7] + b"\0", 0)[0] * _QUARTER_S
    number = unpack_from("<Q", body[19:24] + b"\0\0\0", 0)[0]
    points = unpack_from("<q", body[24:30] + (b"\xff\xff" if body[29] & 0x80 else b"\0\0"), 0)[0]
    visits = unpack_from("<H", body, 30)[0]
    name = body[32 : 32 + (body[7] & 31)].decode()
    return Member(_uid(body), number, name, points, as_of, body[7] >> 5, visits, last_visit)
