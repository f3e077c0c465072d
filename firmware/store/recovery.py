"""Opens a ring after power-on: the newest header, the sectors still needed, the frames of the newest sector.

What decides has proved itself by its tag: the newest header, which gives tail, ceiling and generation, and every header
where they do not add up (a generation is missing or there twice). A sector without a readable one is placed by its
frames. Writes one program at most, on a blank partition an erase and a header.
"""

from array import array
from binascii import crc32

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreOutdated, StoreSealed
from firmware.store import frames
from firmware.store.frames import FRAME_HEAD, FRAMES_AT, HEADER, PAGE, SECTOR, Frame, Header
from firmware.store.reading import Reader
from firmware.store.repair import repaired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_LEAST_SECTORS = const(4)
_NEWER = const(3)  # so many sectors newer than every header may have lost theirs, bad ones between them included
_FRAMES_MOST = const(126)  # marks that a sector holds
_TORN_SHOWS = const(4)  # bytes, of the eight that name the store, in which a torn first header has cleared a bit
_READS = const(3)  # of the newest sector, until two agree


class Recovery(Reader):
    """`open` comes before anything else."""

    seq_high = 0
    seq_ceiling = 0
    seq_before = 0  # no number above it was handed out before the start
    _at = SECTOR

    def look_back(self, frame: Frame) -> None:
        """A frame from before the newest header that could be read; the owner of numbers puts its own in place."""

    def open(self, visit: "Callable[[Frame], object]", bad: bytes = b"") -> None:
        """Read all headers and the newest sector, whose frames go to `visit`. `bad`: what `bad_sectors` said before.

        Raises StoreForeign, StoreSealed or FlashUnreadable, with nothing written, when the partition holds something
        else or does not say what it holds.
        """
        if self.sectors < _LEAST_SECTORS:
            raise StoreError("partition is too small")
        newest: "Header | None" = None
        outdated: "StoreOutdated | None" = None
        broken: "list[int]" = []
        blank: "list[int]" = []
        salts = array("I", bytes(4 * self.sectors))
        for sector in range(self.sectors):
            header = self._read_header(sector, broken, blank)
            if header is not None:
                try:
                    newest = self._note(sector, header, salts, newest)
                except StoreOutdated as error:
                    outdated = error  # whoever drops an old cache must know first that there is nothing newer
        if outdated is not None:
            raise outdated
        if newest is None:
            self._take_into_use()
            return
        newest = self._proved(newest, salts, broken)
        self.salt = newest.salt
        newest = self._proved(self._look_again(newest, salts, broken, blank), salts, broken)
        for sector in range(self.sectors):
            if salts[sector] != self.salt:
                self._generations[sector] = 0
        self._stand_on(newest)
        self._remember_bad(bad)
        self._doubt(salts, broken)
        proved = self.generation
        headless = self._adopt(broken)
        rivals = self._part_twins()
        self._read_newest(visit, headless, self._look_into(proved))
        if broken and self._missing():  # one of them may be it: nothing is written there any more
            self.unplaced = True
            self._kept.update(broken)
        self.missing += rivals
        self._recount()

    # --- headers ----------------------------------------------------------------------------------------------------

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

    def _note(self, sector: int, header: Header, salts: "array[int]", newest: "Header | None") -> Header:
        """Enter a header; the newer of the two. Raises StoreForeign when it is not of this store."""
        frames.admit(header, self._kind, self.sectors)
        self._enter(sector, header, salts)
        if newest is None or header.generation > newest.generation:
            self._head = sector
            return header
        return newest

    def _enter(self, sector: int, header: Header, salts: "array[int]") -> None:
        self._generations[sector] = header.generation
        self._highs[sector] = header.seq_high
        salts[sector] = header.salt

    def _proved(self, newest: Header, salts: "array[int]", broken: "list[int]") -> Header:
        """The newest header whose tag fits; it stands in the sector `_head`. StoreForeign when the region is not where
        it was, StoreSealed when there is no such header for another reason."""
        claimed, sector = newest, self._head
        if self._sealer.vouches(claimed, sector):
            return claimed
        while True:
            header = self._proved_header(self._head)[0]
            before = self._generations[self._head]
            self._refuse(self._head, header, salts, broken)
            if header is not None and header.generation == before:
                return header
            generation = max(self._generations)
            if not generation:
                for other in range(self.sectors):
                    if self._sealer.vouches(claimed, other):
                        raise StoreForeign("region begins {} sectors from its place".format(other - sector))
                raise StoreSealed("no header opens with this terminal's keys")
            self._head = list(self._generations).index(generation)

    def _refuse(self, sector: int, header: "Header | None", salts: "array[int]", broken: "list[int]") -> None:
        """The header that was read there has no fitting tag: its other copy counts, or the sector has none."""
        self.refused += 1
        if header is not None:
            self._enter(sector, header, salts)
        else:
            self._generations[sector] = 0
            broken.append(sector)

    def _look_again(self, newest: Header, salts: "array[int]", broken: "list[int]", blank: "list[int]") -> Header:
        """A reader that saw a header as blank would give its sector away: where one may stand, it is looked for."""
        held = set(self._generations)
        oldest = max(newest.generation - newest.behind, newest.generation - 2 * self.sectors)
        gap = len([g for g in range(oldest, newest.generation) if g not in held]) > 0
        following = [(self._head + step) % self.sectors for step in range(1, _NEWER + 1)]
        for sector in blank:
            if gap or sector in following:
                header = self._read_header(sector, broken, [], True)
                if header is not None and header.salt == self.salt:
                    newest = self._note(sector, header, salts, newest)
        return newest

    def _doubt(self, salts: "array[int]", broken: "list[int]") -> None:
        """Where the headers do not add up, each has to prove itself, those of another salt too."""
        known = sorted([(self._generations[s], self._highs[s]) for s in range(self.sectors) if self._generations[s]])
        rising = all([known[i][0] < known[i + 1][0] and known[i][1] <= known[i + 1][1] for i in range(len(known) - 1)])
        doubted = list(range(self.sectors))
        if rising and not self._missing():
            # A newer sector whose header was overwritten would not be missed: all is there without it.
            doubted = [(self._head + step) % self.sectors for step in range(1, _NEWER + 1)]
        head = self._head
        for sector in doubted:
            if (salts[sector] or self._generations[sector]) and sector != head:
                header = self._proved_header(sector)[0]
                if header is None or header.salt == self.salt and header.generation != self._generations[sector]:
                    self._refuse(sector, header, salts, broken)
                if header is not None and header.salt == self.salt and header.generation > self.generation:
                    self._head = sector
                    self._stand_on(header)

    def _stand_on(self, newest: Header) -> None:
        self.generation, self.tail = newest.generation, newest.generation - newest.behind
        self.seq_high, self.seq_ceiling = newest.seq_high, newest.seq_ceiling

    def _take_into_use(self) -> None:
        for sector in range(self.sectors):
            raw = self._flash.read_sector(sector)
            # Our own first program may have been cut, in a later sector when those before are bad: then it must show.
            torn = frames.may_be_torn_header(raw, self._kind, self.sectors)
            if sector and sum([raw[at] != 0xFF for at in (0, 1, 2, 3, 32, 33, 34, 35)]) < _TORN_SHOWS:
                torn = False
            if not frames.is_blank(raw, FRAMES_AT if torn else 0, SECTOR):
                raise StoreForeign("partition is not blank and holds no store")
        self._head = self.sectors - 1
        self._recount()
        self._advance(0)

    def _advance(self, keep: int) -> None:
        """Open the next free sector; the ring itself knows how."""
        raise NotImplementedError

    # --- sectors without a header -----------------------------------------------------------------------------------

    def _adopt(self, broken: "list[int]") -> bool:
        """Sectors that lost both header copies: their frames tell which generation they are of, and they leave the
        list. True when one of them is newer than every header."""
        headless = False
        for sector in broken[:]:
            newer = [self.generation + step for step in range(1, _NEWER + 1)]
            raw = self._flash.read_sector(sector)
            generation = self._generation_of(raw, self._missing() + newer)
            if generation or frames.is_blank(raw, FRAMES_AT, SECTOR):  # blank: only a header was tried there
                broken.remove(sector)
            if generation:
                self._generations[sector] = generation
                self.adopted.append(generation)
            if generation > self.generation:
                self._head, self.generation = sector, generation
                headless = True
        return headless

    def _generation_of(self, raw: "bytes | bytearray", generations: "list[int]") -> int:
        """Which of these generations the first frame that opens in a sector belongs to, 0 when none."""
        seeds = [(generation, frames.seed(self.salt, generation)) for generation in generations]
        for at in range(FRAMES_AT, SECTOR, frames.ALIGN):
            for generation, crc_seed in seeds:
                frame = frames.frame_at(raw, at, crc_seed, generation)
                if frame is not None and self._sealer.body_of(self._place(frame), frame, False) is not None:
                    return generation
        return 0

    def _part_twins(self) -> int:
        """Of sectors that bear one generation, all with proved headers, the one with the most frames counts. The others
        are not written before nobody needs that generation; returns how many of them hold frames, which are missing."""
        rivals = 0
        known = sorted([generation for generation in self._generations if generation >= self.tail])
        for generation in {known[i] for i in range(1, len(known)) if known[i] == known[i - 1]}:
            twins = [sector for sector in range(self.sectors) if self._generations[sector] == generation]
            counts = [self._frames_in(sector, generation) for sector in twins]
            best = twins[counts.index(max(counts))]
            for i, sector in enumerate(twins):
                if sector != best:
                    self._generations[sector] = 0
                    self._kept.add(sector)
                    rivals += counts[i] > 0
            if generation == self.generation:
                self._head = best
        return rivals

    def _frames_in(self, sector: int, generation: int) -> int:
        """How many frames stand there; what they say of numbers counts, whichever sector does."""
        header = self._proved_header(sector)[0]
        if header is not None:
            self.seq_high = max(self.seq_high, header.seq_high)
            self.seq_ceiling = max(self.seq_ceiling, header.seq_ceiling)
        found: "list[int]" = []

        def look(frame: Frame) -> bool:
            found.append(frame.at)
            self.look_back(frame)
            return False

        self._scan(self._flash.read_sector(sector), generation, look)
        return len(found)

    # --- the newest sector ------------------------------------------------------------------------------------------

    def _look_into(self, proved: int) -> int:
        """From the newest sector with a header on, what the frames say of numbers: the header of the newest sector,
        which said so too, is lost. Returns how many frames may be lost there. The newest sector is not read."""

        def look(frame: Frame) -> bool:
            self.look_back(frame)
            return False

        self.lost = 0
        for generation in range(proved, self.generation):
            sector = self.sector_of(generation)
            if sector < 0:
                self.lost += _FRAMES_MOST
            else:
                self._scan(self._flash.read_sector(sector), generation, look)
        return self.lost

    def _read_newest(self, visit: "Callable[[Frame], object]", headless: bool, lost: int) -> None:
        newest: "list[Frame]" = []

        def keep(frame: Frame) -> bool:
            newest[:] = [frame]
            visit(frame)
            return False

        raw, end, written = self._flash.sector_buffer, FRAMES_AT, FRAMES_AT
        refused = self.refused
        for _ in range(_READS):
            raw = self._flash.read_sector(self._head)
            first = crc32(raw)
            self.lost = lost
            end = self._scan(raw, self.generation, keep)
            written = frames.last_written(raw, end, SECTOR)
            if written <= end or crc32(self._flash.read_sector(self._head)) == first:
                break  # what looks torn is: it was read twice
        if headless or self._head in self._bad:
            self._at = SECTOR
        elif written > end:
            self._at = (written + PAGE - 1) // PAGE * PAGE  # dirt is never programmed again
            zeros = frames.silencing(raw, end, written)
            if zeros is not None and self.refused == refused:
                self._flash.program(self._head, end, zeros)
        else:
            self._at = end
            if newest:
                self._harden(raw, newest[0])
            else:
                self._harden_header(raw)

    def _harden(self, raw: bytearray, frame: Frame) -> None:
        """Program the newest frame again with the same bits: the cut may have left its cells barely moved. What is
        programmed is what the scan of `raw` took for the frame, never another reading, which may have misread."""
        crc_seed = frames.seed(self.salt, frame.generation)
        seen: "bytearray | None" = bytearray(raw[frame.at : frame.at + FRAME_HEAD + len(frame.body)])
        if not frames.frame_length(raw, frame.at, crc_seed):
            seen = repaired(raw, frame.at, crc_seed)
        if seen is not None:
            self._flash.program(self._head, frame.at, seen)

    def _harden_header(self, raw: bytearray) -> None:
        """Program both copies again with the bits of a good one: the cut may have fallen while they were written."""
        for at in (0, HEADER):
            seen = bytes(raw[at : at + HEADER])
            header = frames.parse_header(seen)
            if header is not None and header.format == frames.FORMAT and self._sealer.vouches(header, self._head):
                self._flash.program(self._head, 0, seen + seen)
                return
