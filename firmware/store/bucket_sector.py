"""The records of one sector of the small board's cache: read, appended, and what an unreadable one means.

Behind a record that cannot be read nobody knows which card it was of: cards whose newest record stands before it are
not known any more, for it may have been a newer state. Only the last record of a sector may be torn by a cut: the first
look after a start makes such a one zero, and then the states before it count. Knows neither buckets nor free sectors.
"""

from binascii import crc32

from firmware.store import frames
from firmware.store.attempts import ROW_AT
from firmware.store.frames import FRAMES_AT, VERSION, Header
from firmware.store.member_record import MEMBER, SLOT, uid_of
from firmware.store.repair import repaired
from firmware.store.seal import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.store.flash import Flash
    from firmware.store.seal import Sealer


class BucketSectors:
    """Of stores of this kind on this flash."""

    def __init__(self, flash: "Flash", sealer: "Sealer", kind: int) -> None:
        self._flash = flash
        self._sealer = sealer
        self._kind = kind
        self._settled: "set[int]" = set()  # homes whose end was looked at since the start

    def begin(self) -> None:
        """Nothing was looked at: the store is being opened."""
        self._settled = set()

    def bodies(self, sector: int) -> "Iterator[tuple[int, bytes | None]]":
        """(offset, opened body) of each record of a sector, oldest first; None for one that cannot be read."""
        raw = self._flash.read_sector(sector)
        header = _header_of(raw)
        if header is None:
            return
        for at in range(FRAMES_AT, frames.last_written(raw, FRAMES_AT, ROW_AT), SLOT):
            known, body = self._body_at(raw, at, header)
            if body is not None or not known:
                yield at, body

    def find(self, home: int, uid: bytes) -> "bytes | None":
        """The newest record of a card."""
        self._settle(home)
        found: "bytes | None" = None
        for _at, body in self.bodies(home):
            if body is None:
                found = None
            elif uid_of(body) == uid:
                found = body
        return found

    def newest(self, home: int) -> "list[bytes]":
        """The newest record of each card of a sector, those longest unchanged first."""
        self._settle(home)
        kept: "dict[bytes, bytes]" = {}
        for _at, body in self.bodies(home):
            if body is None:
                kept.clear()
            else:
                kept[uid_of(body)] = body
        order: "list[bytes]" = []
        for _at, body in self.bodies(home):
            if body is None:
                order.clear()
            elif kept.get(uid_of(body)) == body and body not in order:
                order.append(body)
        return order

    def append(self, home: int, body: bytes) -> bool:
        """Write one record behind the others of a sector; False when it takes no more."""
        self._settle(home)
        raw = self._flash.read_sector(home)
        header = _header_of(raw)
        used = frames.last_written(raw, FRAMES_AT, ROW_AT) - FRAMES_AT
        at = FRAMES_AT + (used + SLOT - 1) // SLOT * SLOT
        if header is None or at > ROW_AT - SLOT:
            return False
        if self._program(home, at, header, body):
            return True
        self._flash.program(home, at, bytes(SLOT))  # it will be written elsewhere: what stands here is no newer state
        return False

    def fill(self, sector: int, header: Header, bodies: "list[bytes]") -> bool:
        """Write an erased sector, its header last."""
        at = FRAMES_AT
        for body in bodies:
            if not self._program(sector, at, header, body):
                return False
            at += SLOT
        self._settled.add(sector)
        return self._flash.program(sector, 0, self._sealer.header(header, sector))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _body_at(self, raw: bytearray, at: int, header: Header) -> "tuple[bool, bytes | None]":
        """(whether it is known what stands there, the body of a member's record)"""
        crc_seed = frames.seed(header.salt, header.generation)
        frame = frames.frame_at(raw, at, crc_seed, header.generation)
        if frame is None:
            mended = repaired(raw, at, crc_seed)
            if mended is None:
                return frames.silencing(raw, at, at + SLOT) is None, None
            frame = frames.frame_at(mended, 0, crc_seed, header.generation)
            assert frame is not None
        if frame.kind != MEMBER or frame.version != VERSION:
            return True, None
        body = self._sealer.body_of(place_of(self._kind, header.salt, header.generation, at), frame, True)
        return body is not None, bytes(body) if body is not None else None

    def _settle(self, home: int) -> None:
        """Make zero what a cut has left at the end, after a second reading that says the same."""
        if home in self._settled:
            return
        self._settled.add(home)
        raw = self._flash.read_sector(home)
        header, first = _header_of(raw), crc32(raw)
        end = frames.last_written(raw, FRAMES_AT, ROW_AT)
        if header is None or end == FRAMES_AT:
            return
        at = FRAMES_AT + (end - 1 - FRAMES_AT) // SLOT * SLOT
        if self._body_at(raw, at, header)[0]:
            return
        zeros = frames.silencing(raw, at, at + SLOT)
        if zeros is not None and crc32(self._flash.read_sector(home)) == first:
            self._flash.program(home, at, zeros)

    def _program(self, sector: int, at: int, header: Header, body: bytes) -> bool:
        place = place_of(self._kind, header.salt, header.generation, at)
        crc_seed = frames.seed(header.salt, header.generation)
        return self._flash.program(sector, at, self._sealer.frame(place, MEMBER, 0, bytearray(body), True, crc_seed))


def _header_of(raw: bytearray) -> "Header | None":
    return frames.parse_header(raw) or frames.parse_header(memoryview(raw)[frames.HEADER :])
