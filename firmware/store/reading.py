"""Reads the frames of a ring: one wrong bit is put right, the body opened; the cells that lost charge are remembered.

Knows sectors by their generation and frames by their type, not what they mean. Places in a sector are byte offsets.
"""

from micropython import const

from firmware.store import frames
from firmware.store.frames import SECTOR, VERSION, Frame
from firmware.store.repair import repaired
from firmware.store.seal import LINK, TAG, Chain, place_of
from firmware.store.sectors import Sectors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.flash import Flash
    from firmware.store.seal import Sealer

_WEAK_MAX = const(8)  # frames with a faded cell that are remembered


class Reader(Sectors):
    """Every body ends with eight bytes for its tag; bodies of `secret` frame types are encrypted too, those of `linked`
    types begin with four bytes for the link and are one chain."""

    def __init__(
        self,
        flash: "Flash",
        kind: int,
        salt: int,
        sealer: "Sealer",
        secret: "tuple[int, ...]",
        linked: "tuple[int, ...]",
    ) -> None:
        super().__init__(flash, kind, salt, sealer)
        self._secret = secret
        self._linked = linked
        self._weak: "list[tuple[int, int, int]]" = []  # generation, offset and length of frames to be written again
        self._stuck: "list[tuple[int, int, int]]" = []  # those that did not take it
        self.lost = 0  # frames that may have stood in unreadable places of the open sector
        self.repairs = 0  # reads that put a wrong bit right
        self.chain = Chain(sealer)

    def visit(self, generation: int, visit: "Callable[[Frame], bool]") -> None:
        """Give every frame of a sector, oldest first, until `visit` returns True. `visit` must not read the ring."""
        sector = self.sector_of(generation)
        if sector >= 0:
            lost = self.lost
            self._scan(self._flash.read_sector(sector), generation, visit)
            self.lost = lost

    def frame_near(self, generation: int, start: int, end: int, kinds: "tuple[int, ...]") -> "Frame | None":
        """The frame of one of these kinds that begins in the bytes [start, end) of a sector; a small read."""
        sector = self.sector_of(generation)
        if sector < 0:
            return None
        length = min(end - start + 112, SECTOR - start)  # a transaction takes 128 bytes at most
        raw = self._flash.read(sector, start, length)
        for mend in (False, True):
            for at in range(0, min(end - start, length), frames.ALIGN):
                frame = self._frame(raw, at, generation, start, mend)
                if frame is not None and frame.kind in kinds:
                    return frame
        return None

    def gone(self, generation: int, start: int, end: int, kinds: "tuple[int, ...]") -> bool:
        """Whether no such frame begins there any more. Reads that differ say nothing: then the reader errs."""
        sector = self.sector_of(generation)
        if sector < 0:
            return True
        length = min(end - start + 112, SECTOR - start)
        first = bytes(self._flash.read(sector, start, length))
        if self.frame_near(generation, start, end, kinds) is not None:
            return False
        return bytes(self._flash.read(sector, start, length)) == first

    def frame_in_sector(self, sector: int, at: int, slot: int) -> "Frame | None":
        """The frame of known size that begins exactly there; one read."""
        generation = self._generations[sector]
        if not generation or at + slot > SECTOR:
            return None
        return self._frame(self._flash.read(sector, at, slot), 0, generation, at)

    def refresh(self) -> bool:
        """Write one frame again, with the same bits, in which a cell has lost its charge; False when none is known.

        A cell that was cleared by a fault cannot be set without an erase: its frame is put right at each reading.
        """
        while self._weak:
            place = generation, at, length = self._weak.pop()
            sector = self.sector_of(generation)
            if sector < 0 or sector in self._bad or sector in self._kept:
                continue
            raw = self._flash.read(sector, at, length)
            mended = repaired(raw, 0, frames.seed(self.salt, generation))
            if mended is not None and _faded(raw, 0, mended):
                if not self._flash.program(sector, at, mended):
                    self._stuck.append(place)
                return True
        return False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _scan(self, raw: bytearray, generation: int, visit: "Callable[[Frame], bool]") -> int:
        """Returns the offset after the last good frame. After an unreadable place it goes on at the next 16 bytes."""
        at = end = frames.FRAMES_AT
        stop = frames.last_written(raw, frames.FRAMES_AT, SECTOR)
        dirty = 0
        while at < stop:
            frame = self._frame(raw, at, generation)
            if frame is None:
                dirty += not frames.is_blank(raw, at, at + frames.ALIGN)
                at += frames.ALIGN
                continue
            self.lost += (dirty + 1) // 2
            dirty = 0
            at += frames.slot_size(len(frame.body))
            end = at
            if visit(frame):
                break
        self.lost += (dirty + 1) // 2
        return end

    def _frame(
        self, raw: "bytearray | memoryview | bytes", at: int, generation: int, origin: int = 0, mend: bool = True
    ) -> "Frame | None":
        """The committed frame at `raw[at]`, one wrong bit put right, its body opened; None when there is none."""
        crc_seed = frames.seed(self.salt, generation)
        frame = frames.frame_at(raw, at, crc_seed, generation, origin)
        mended: "bytearray | None" = None
        if frame is None and mend:
            mended = repaired(raw, at, crc_seed)
            if mended is not None:
                self.repairs += 1
                frame = frames.frame_at(mended, 0, crc_seed, generation, origin + at)
        if frame is None:
            return None
        body = self._sealer.body_of(self._place(frame), frame, frame.kind in self._secret)
        if body is None:
            self.refused += 1
            return None
        if mended is not None and _faded(raw, at, mended):
            self._note_weak((generation, frame.at, len(mended)))
        if self._linked:
            frame.tag = bytes(body[-TAG:])
        if frame.kind in self._linked:
            frame.link = bytes(body[:LINK])
            body[:LINK] = frame.seq.to_bytes(LINK, "little")  # the SEQ stands in the frame's head
        frame.body = bytes(body)
        if frame.version != VERSION:
            frame.kind = 0  # of later firmware, in a layout nobody here reads
        return frame

    def _place(self, frame: Frame) -> bytes:
        return place_of(self._kind, self.salt, frame.generation, frame.at)

    def _note_weak(self, place: "tuple[int, int, int]") -> None:
        known = place in self._weak or place in self._stuck
        if not known and len(self._weak) + len(self._stuck) < _WEAK_MAX:
            self._weak.append(place)


def _faded(raw: "bytearray | memoryview | bytes", at: int, mended: bytearray) -> bool:
    """Whether a bit reads 1 where 0 was written."""
    return any(raw[at + i] & ~mended[i] for i in range(len(mended)))
