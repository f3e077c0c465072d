"""A ring of flash sectors to which frames are appended: one sector is open, the oldest are erased and used again.

Knows frames, not what they mean: the owner says from which generation on sectors are still needed (`tail_now`), and its
frames make that durable (`tail`). Only a sector below the durable tail is ever erased, so a half-erased one can never
speak again. A sector's place in time is its generation; places in a sector are byte offsets. Writes raise StoreFull.
"""

from array import array
from binascii import crc32

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreFull, StoreOutdated, StoreSealed
from firmware.store import frames
from firmware.store.flash import Flash
from firmware.store.frames import FRAME_HEAD, FRAMES_AT, HEADER, PAGE, SECTOR, VERSION, Frame, Header
from firmware.store.repair import repaired
from firmware.store.seal import LINK, TAG, Chain, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.seal import Sealer

_STRIKES = const(3)  # failed programs after which a sector takes nothing more
_LEAST_SECTORS = const(4)
_NEWER = const(3)  # so many sectors newer than every header may have lost theirs, bad ones between them included
_READS = const(3)  # of the newest sector, until two agree
_LOOKS = const(16)  # sectors read at a time: 16 ms at 4 MB/s


class Ring:
    """`kind` tells one store's partition from another's. `salt` is used when a blank partition is taken into use;
    afterwards the flash's own counts. Every body ends with eight bytes for its tag; bodies of `secret` frame types are
    encrypted too, those of `linked` types begin with four bytes for the link and are one chain."""

    def __init__(
        self,
        flash: Flash,
        kind: int,
        salt: int,
        sealer: "Sealer",
        secret: "tuple[int, ...]",
        linked: "tuple[int, ...]" = (),
    ) -> None:
        self._flash = flash
        self._kind = kind
        self.salt = salt
        self._sealer = sealer
        self._secret = secret
        self._linked = linked
        self.sectors = flash.sectors
        self._generations = array("I", bytes(4 * self.sectors))  # by sector; 0 holds nothing of ours
        self._highs = array("I", bytes(4 * self.sectors))  # by sector: newest SEQ before it was opened
        self._erased: "set[int]" = set()  # verified blank since power-on
        self._looked: "set[int]" = set()  # free ones that look blank, which an interrupted erase may do too
        self._bad: "set[int]" = set()
        self._head = 0
        self._at = SECTOR
        self._strikes = 0
        self._free = 0
        self.adopted: "list[int]" = []  # generations whose header is lost
        self.generation = 0  # of the open sector
        self.tail = 1  # durable: sectors of older generations are free
        self.seq_high = 0
        self.seq_ceiling = 0
        self.lost = 0  # frames that may have stood in unreadable places of the open sector
        self.inline_erases = 0
        self.missing = 0  # generations still needed of which no sector is known
        self.repairs = 0  # reads that put a wrong bit right
        self.unsealed = 0  # frames whose tag fitted
        self.refused = 0  # frames whose tag did not fit: altered, moved, or sealed with other keys
        self.chain = Chain()
        self.tail_now: "Callable[[], int]" = lambda: self.tail

    # --- recovery ---------------------------------------------------------------------------------------------------

    def open(self, visit: "Callable[[Frame], object]") -> None:
        """Read all headers and the newest sector, whose frames go to `visit`. Writes one program at most.

        Raises StoreForeign, with nothing written, when the partition holds something else.
        """
        if self.sectors < _LEAST_SECTORS:
            raise StoreError("partition is too small")
        newest: "Header | None" = None
        broken: "list[int]" = []
        blank: "list[int]" = []
        salts = array("I", bytes(4 * self.sectors))
        for sector in range(self.sectors):
            header = self._read_header(sector, broken, blank)
            if header is not None:
                salts[sector] = header.salt
                newest = self._note(sector, header, newest)
        if newest is None:
            self._take_into_use()
            return
        self.salt = newest.salt
        # A reader that saw one header as blank would give its sector away: where one may stand, it is looked for again.
        held = set(self._generations)
        gap = len([g for g in range(newest.tail, newest.generation) if g not in held]) > 0
        following = [(self._head + step) % self.sectors for step in range(1, _NEWER + 1)]
        for sector in blank:
            if gap or sector in following:
                header = self._read_header(sector, broken, [], True)
                if header is not None and header.salt == self.salt:
                    salts[sector] = header.salt
                    newest = self._note(sector, header, newest)
        for sector in range(self.sectors):
            if salts[sector] != newest.salt:
                self._generations[sector] = 0
        self.generation, self.tail = newest.generation, newest.tail
        self.seq_high, self.seq_ceiling = newest.seq_high, newest.seq_ceiling
        self._read_newest(visit, self._adopt(broken))
        if broken and self._missing():  # one of them may be it: nothing is written there any more
            self.missing = len(self._missing())
            self._bad.update(broken)
        if self.refused and not self.unsealed:
            raise StoreSealed("no frame opens with this terminal's keys")
        self._recount()

    def _note(self, sector: int, header: Header, newest: "Header | None") -> Header:
        """Enter a header; the newer of the two. Raises StoreForeign when it is not of this store."""
        if header.format < frames.FORMAT and header.kind == self._kind:
            raise StoreOutdated("format {}".format(header.format))
        if header.format != frames.FORMAT or header.kind != self._kind or header.sectors != self.sectors:
            raise StoreForeign("another store or a newer format")
        self._generations[sector] = header.generation
        self._highs[sector] = header.seq_high
        if newest is None or header.generation > newest.generation:
            self._head = sector
            return header
        return newest

    def _read_header(self, sector: int, broken: "list[int]", blank: "list[int]", both: bool = False) -> "Header | None":
        """A sector's header; one that cannot be read is entered in one of the lists. A first copy that looks blank is
        believed (never used, or an erase at least begun), unless `both` are to be read."""
        seen_blank = True
        for copy in (0, HEADER):
            raw = self._flash.read(sector, copy, HEADER)
            header = frames.parse_header(raw)
            if header is not None:
                return header
            seen_blank = seen_blank and frames.is_blank(raw, 0, HEADER)
            if seen_blank and not both:
                break
        (blank if seen_blank else broken).append(sector)
        return None

    def _take_into_use(self) -> None:
        for sector in range(self.sectors):
            raw = self._flash.read_sector(sector)
            torn = sector == 0 and frames.may_be_torn_header(raw)  # our own first program was cut
            if not frames.is_blank(raw, FRAMES_AT if torn else 0, SECTOR):
                raise StoreForeign("partition is not blank and holds no store")
        self._head = self.sectors - 1
        self._recount()
        self._advance(0)

    def _adopt(self, broken: "list[int]") -> bool:
        """Sectors that lost both header copies: their frames tell which generation they are of, and they leave the
        list. True when one of them is newer than every header."""
        headless = False
        for sector in broken[:]:
            newer = [self.generation + step for step in range(1, _NEWER + 1)]
            raw = self._flash.read_sector(sector)
            generation = frames.generation_of(raw, self.salt, self._missing() + newer)
            if generation or frames.is_blank(raw, FRAMES_AT, SECTOR):  # blank: only a header was tried there
                broken.remove(sector)
            if generation:
                self._generations[sector] = generation
                self.adopted.append(generation)
            if generation > self.generation:
                self._head, self.generation = sector, generation
                headless = True
        return headless

    def _missing(self) -> "list[int]":
        """Generations that are still needed and of which no sector is known."""
        held = set(self._generations)
        oldest = max(self.tail, self.generation - 2 * self.sectors)
        return [g for g in range(oldest, self.generation) if g not in held]

    def _read_newest(self, visit: "Callable[[Frame], object]", headless: bool) -> None:
        newest: "list[Frame]" = []

        def keep(frame: Frame) -> bool:
            newest[:] = [frame]
            visit(frame)
            return False

        raw, end, written = self._flash.sector_buffer, FRAMES_AT, FRAMES_AT
        for _ in range(_READS):
            raw = self._flash.read_sector(self._head)
            first = crc32(raw)
            self.lost = 0
            end = self._scan(raw, self.generation, keep)
            written = frames.last_written(raw, end, SECTOR)
            if written <= end or crc32(self._flash.read_sector(self._head)) == first:
                break  # what looks torn is: it was read twice
        if headless:
            self._at = SECTOR
        elif written > end:
            self._at = (written + PAGE - 1) // PAGE * PAGE  # dirt is never programmed again
            zeros = frames.silencing(raw, end, written)
            if zeros is not None and not self.refused:
                self._flash.program(self._head, end, zeros)
        else:
            self._at = end
            if newest:
                self._harden(newest[0])
        if not self.refused and not self.unsealed:
            self.visit(self.generation - 1, lambda _frame: False)  # one more, to see whether the keys fit

    def _harden(self, frame: Frame) -> None:
        """Program the newest frame again with the same bits: the cut may have left its cells barely moved."""
        raw = self._flash.read(self._head, frame.at, FRAME_HEAD + len(frame.body))
        mended = repaired(raw, 0, frames.seed(self.salt, frame.generation))
        self._flash.program(self._head, frame.at, mended or raw)

    # --- reading ----------------------------------------------------------------------------------------------------

    def visit(self, generation: int, visit: "Callable[[Frame], bool]") -> None:
        """Give every frame of a sector, oldest first, until `visit` returns True. `visit` must not read the ring."""
        sector = self.sector_of(generation)
        if sector >= 0:
            lost = self.lost
            self._scan(self._flash.read_sector(sector), generation, visit)
            self.lost = lost

    def _scan(self, raw: bytearray, generation: int, visit: "Callable[[Frame], bool]") -> int:
        """Returns the offset after the last good frame. After an unreadable place it goes on at the next 16 bytes."""
        at = end = FRAMES_AT
        stop = frames.last_written(raw, FRAMES_AT, SECTOR)
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

    def frame_in_sector(self, sector: int, at: int, slot: int) -> "Frame | None":
        """The frame of known size that begins exactly there; one read."""
        generation = self._generations[sector]
        if not generation or at + slot > SECTOR:
            return None
        return self._frame(self._flash.read(sector, at, slot), 0, generation, at)

    def _frame(
        self, raw: "bytearray | memoryview | bytes", at: int, generation: int, origin: int = 0, mend: bool = True
    ) -> "Frame | None":
        """The committed frame at `raw[at]`, one wrong bit put right, its body opened; None when there is none."""
        crc_seed = frames.seed(self.salt, generation)
        frame = frames.frame_at(raw, at, crc_seed, generation, origin)
        if frame is None and mend:
            mended = repaired(raw, at, crc_seed)
            if mended is not None:
                self.repairs += 1
                frame = frames.frame_at(mended, 0, crc_seed, generation, origin + at)
        if frame is None:
            return None
        place = place_of(self._kind, self.salt, generation, frame.at)
        body = self._sealer.body_of(place, frame, frame.kind in self._secret)
        if body is None:
            self.refused += 1
            return None
        self.unsealed += 1
        if frame.kind in self._linked:
            frame.link, frame.tag = bytes(body[:LINK]), bytes(body[-TAG:])
            body[:LINK] = frame.seq.to_bytes(LINK, "little")  # the SEQ stands in the frame's head
        frame.body = bytes(body)
        if frame.version != VERSION:
            frame.kind = 0  # of later firmware, in a layout nobody here reads
        return frame

    def sector_of(self, generation: int) -> int:
        """The sector that holds a generation, or -1."""
        guess = (self._head - (self.generation - generation)) % self.sectors
        if generation > 0 and self._generations[guess] == generation:
            return guess
        for sector in range(self.sectors):
            if self._generations[sector] == generation and generation > 0:
                return sector
        return -1

    def generation_in(self, sector: int) -> int:
        """What a sector holds, 0 when that is nothing of ours."""
        return self._generations[sector]

    def generation_with(self, seq: int) -> int:
        """The generation in which this SEQ was written, by the headers; 0 when it is too old. Not among `adopted`."""
        best = 0
        for sector in range(self.sectors):
            generation = self._generations[sector]
            if generation > best and self._highs[sector] < seq and generation not in self.adopted:
                best = generation
        return best

    # --- writing ----------------------------------------------------------------------------------------------------

    def free(self) -> int:
        """Sectors that can be opened, erased already or not."""
        return self._free

    def room(self) -> int:
        """Bytes left in the open sector."""
        return SECTOR - self._at

    def append(self, kind: int, seq: int, body: bytes, keep: int, spare: int = 0) -> int:
        """Write one frame durably; returns its offset in the sector `self.generation`.

        `keep` sectors stay free afterwards, or StoreFull and nothing written; in the last sector it may use, the frame
        leaves `spare` bytes.
        """
        slot = frames.slot_size(len(body))
        linked = kind in self._linked
        for _ in range(self.sectors * _STRIKES):
            if self._at + slot + spare > SECTOR and (self._at + slot > SECTOR or self._free <= keep):
                self._advance(keep)
            elif self._free < keep:
                raise StoreFull("no room but for acknowledgements")
            at = self._at
            sealed = bytearray(body)
            if linked:
                sealed[:LINK] = self.chain.link()
            place = place_of(self._kind, self.salt, self.generation, at)
            crc_seed = frames.seed(self.salt, self.generation)
            frame = self._sealer.frame(place, kind, seq, sealed, kind in self._secret, crc_seed)
            if self._flash.program(self._head, at, frame):
                self._at = at + slot
                if linked:
                    self.chain.took(bytes(sealed[-TAG:]))
                return at
            # A frame that is wrong in one bit would be read as a good one, beside the one written next.
            self._flash.program(self._head, at, bytes(FRAME_HEAD))
            self._at = (at + len(frame) - 1) // PAGE * PAGE + PAGE
            self._strikes += 1
            if self._strikes >= _STRIKES:
                self._at = SECTOR
        raise StoreError("flash does not take the frame")

    def close_sector(self) -> None:
        """The next frame opens another sector."""
        self._at = SECTOR

    def release(self, generation: int) -> None:
        """A durable frame says that nothing below `generation` is needed any more."""
        if generation > self.tail:
            self.tail = generation
            self._recount()

    def erase_ahead(self, want: int) -> bool:
        """Erase one of the next `want` sectors if it is free and not erased yet; True when it did."""
        ahead = 0
        for step in range(1, self.sectors):
            sector = (self._head + step) % self.sectors
            if sector in self._bad:
                continue
            if ahead == want or self._generations[sector] >= self.tail:
                return False
            if sector in self._erased:
                ahead += 1
            elif self._erase(sector):
                return True
        return False

    def wipe_free(self) -> bool:
        """Look at some free sectors, and erase the first that still shows what it held; False when none is left."""
        looks = 0
        for sector in range(self.sectors):
            seen = sector in self._erased or sector in self._looked or sector in self._bad
            if not seen and self._generations[sector] < self.tail:
                looks += 1
                if not frames.is_blank(self._flash.read_sector(sector), 0, SECTOR):
                    self._erase(sector)
                    return True
                self._looked.add(sector)
                if looks == _LOOKS:
                    break
        return looks > 0

    def _erase(self, sector: int) -> bool:
        if not self._flash.erase(sector):
            self._bad.add(sector)
            self._recount()
            return False
        self._generations[sector] = 0
        self._erased.add(sector)
        return True

    def _advance(self, keep: int) -> None:
        """Open the next free sector."""
        if self._free - 1 < keep or self.generation >= frames.LAST_GENERATION:
            raise StoreFull("no free sector or no generation left")
        tail = max(self.tail, self.tail_now())
        generation = self.generation + 1
        header = Header(self._kind, self.sectors, generation, self.salt, tail, self.seq_high, self.seq_ceiling)
        for step in range(1, self.sectors + 1):
            sector = (self._head + step) % self.sectors
            if sector in self._bad or self._generations[sector] >= self.tail:
                continue
            if sector not in self._erased:
                self.inline_erases += 1
                if not self._erase(sector):
                    continue
            self._erased.discard(sector)
            self._looked.discard(sector)
            if not self._flash.program(sector, 0, frames.pack_header(header)):
                # One of the two copies may be good all the same: no other sector may bear its generation.
                self._bad.add(sector)
                header.generation = generation = generation + 1
                continue
            self._head, self.generation, self._at, self._strikes = sector, generation, FRAMES_AT, 0
            self._generations[sector], self._highs[sector] = generation, self.seq_high
            self.tail = tail
            self._recount()
            return
        self._recount()
        raise StoreFull("no usable sector")

    def _recount(self) -> None:
        free = 0
        for sector in range(self.sectors):
            if self._generations[sector] < self.tail and sector not in self._bad:
                free += 1
        self._free = free
