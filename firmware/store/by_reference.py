"""Finds a transaction by the cash register's own reference: newest sector first, one a call, without opening frames
that do not bear its mark.

A transaction with a reference has two clear bytes made of it (`records.clear_mark`), so what has to be decrypted is the
one that is meant and one in 65,535 of the others; and the voids of what was never sent, which are few. Every frame's
CRC is checked all the same: a wrong bit must not hide a sale that was made. Keeps nothing and needs the shared sector
buffer inside one call only.
"""

from struct import unpack_from

from micropython import const

from firmware.core.types import ACCRUAL, REDEMPTION
from firmware.store import frames, records
from firmware.store.frames import ALIGN, FRAME_HEAD, FRAMES_AT, SECTOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.flash import Flash
    from firmware.store.ring import Ring

KEPT_SALES = const(2_000)  # of so many the reference is known at least, if the partition holds them ...
KEPT_S = const(7 * 86_400)  # ... and for so long
_VERB_AT = const(4)  # in the body
_MARK_AT = const(6)


class Search:
    """One search. `reference` "" stands for the newest order, whatever it is called; it is the one that was found then.
    `seq` is what it found, 0 nothing (yet); `taken_back`: the reference is that of the order by which it
    was, before it was sent. `since_utc`: what is older need not be found, once enough
    sales were seen; 0 for a search to the end."""

    def __init__(self, flash: "Flash", ring: "Ring", reference: str, since_utc: int = 0) -> None:
        self._flash = flash
        self._ring = ring
        self.reference = reference
        self._mark = records.clear_mark(reference) if reference else b""
        self._since_utc = since_utc
        self._next = ring.generation
        self._last = max(1, ring.generation - ring.sectors + 1)
        self._sales = 0
        self.seq = 0
        self.taken_back = False

    def piece(self) -> bool:
        """Read one more sector, at most; True: call again."""
        if self.seq or self._next < self._last:
            return False
        generation = self._next
        self._next -= 1
        sector = self._ring.sector_of(generation)
        if sector < 0:
            return True
        found, first = self._marked(self._flash.read_sector(sector), generation)
        for at in reversed(found):
            if self._is_meant(generation, at):
                return False
        if self._since_utc and first and self._sales >= KEPT_SALES:
            frame = self._ring.frame_near(generation, first, first + ALIGN, (records.TRANSACTION,))
            return frame is None or records.time_of(frame.body) >= self._since_utc
        return True

    def _marked(self, raw: bytearray, generation: int) -> "tuple[list[int], int]":
        """(where something stands that bears the mark or cannot be read as it is, where the first transaction does)"""
        found: "list[int]" = []
        first, at = 0, FRAMES_AT
        stop = frames.last_written(raw, FRAMES_AT, SECTOR)
        crc_seed = frames.seed(self._ring.salt, generation)
        while at < stop:
            length = frames.frame_length(raw, at, crc_seed)
            if not length:
                if not frames.is_blank(raw, at, at + ALIGN) and any(raw[at : at + ALIGN]):
                    found.append(at)
                at += ALIGN
                continue
            kind = unpack_from("<IHB", raw, at)[2]
            if kind == records.VOID:
                found.append(at)
            elif kind == records.TRANSACTION:
                first = first or at
                body = at + FRAME_HEAD
                self._sales += raw[body + _VERB_AT] & 15 in (ACCRUAL, REDEMPTION)
                mark = raw[body + _MARK_AT : body + _MARK_AT + 2]
                if mark == self._mark or (not self._mark and any(mark)):
                    found.append(at)
            at += frames.slot_size(length - FRAME_HEAD)
        return found, first

    def _is_meant(self, generation: int, at: int) -> bool:
        """Open it, with one wrong bit put right, and look."""
        kinds = (records.TRANSACTION, records.VOID)
        frame = self._ring.frame_near(generation, at, min(at + ALIGN, SECTOR), kinds)
        if frame is None:
            return False
        voids = frame.kind == records.VOID
        named = records.ordered_as(frame.body) if voids else records.unpack_transaction(frame.body).reference
        if not named or (self.reference and named != self.reference):
            return False
        self.reference = named
        self.seq, self.taken_back = frame.seq, voids
        return True
