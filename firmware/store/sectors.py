"""The sectors of a ring: which generation each holds, which are free, which take nothing any more.

A header that was only read is a claim: its CRC says that it is whole, its tag that this terminal wrote it there. What
is erased has proved to be free, by its tag or by having no header; what is bad is never written again. Knows headers,
no frames. A sector's place in time is its generation.
"""

from array import array
from struct import pack, unpack_from

from firmware.store import frames
from firmware.store.frames import HEADER, Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.flash import Flash
    from firmware.store.seal import Sealer


class Sectors:
    """`kind` tells one store's partition from another's."""

    def __init__(self, flash: "Flash", kind: int, salt: int, sealer: "Sealer") -> None:
        self._flash = flash
        self._kind = kind
        self._sealer = sealer
        self.salt = salt
        self.sectors = flash.sectors
        self._generations = array("I", bytes(4 * self.sectors))  # by sector; 0 holds nothing of ours
        self._highs = array("I", bytes(4 * self.sectors))  # by sector: newest SEQ before it was opened
        self._erased: "set[int]" = set()  # verified blank since power-on
        self._looked: "set[int]" = set()  # free ones that look blank, which an interrupted erase may do too
        self._bad: "set[int]" = set()  # took no erase, header or frame: never written again
        self._kept: "set[int]" = set()  # may hold what is needed, nobody can tell: not written until the next start
        self._silenced: "set[int]" = set()  # bad ones at which `silence_bad` has looked
        self.speaking = 0  # of those, how many took no zeros: what they held can be read
        self._head = 0
        self._free = 0
        self.adopted: "list[int]" = []  # generations whose header is lost
        self.generation = 0  # of the open sector
        self._tried = 0  # highest generation a header was ever programmed with, well or not
        self.advisory = False  # what a header without its tag may still hold is worth nothing
        self.tail = 1  # durable: sectors of older generations are free
        self.unplaced = False  # some sector may hold one of them, nobody can tell which
        self.missing = 0  # generations still needed of which no sector is known
        self.refused = 0  # frames and headers whose tag did not fit: altered, moved, or sealed with other keys

    def free(self) -> int:
        """Sectors that can be opened, erased already or not."""
        return self._free

    def erased(self) -> int:
        """Sectors verified blank since power-on: opening one waits for no erase."""
        return len(self._erased)

    def given_up(self) -> int:
        """Sectors that are not written any more: they failed, or may hold what nobody can tell."""
        return len(self._bad) + len(self._kept)

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
        """The generation in which this SEQ was written, by the headers, which those in `adopted` lack: it may as well
        stand in one of them, from the one returned on. 0 when it is too old.

        What one header knows was written before all newer ones, though they may know less: see `raise_highs`.
        """
        best, too_new = 0, frames.LAST_GENERATION + 1
        for sector in range(self.sectors):
            generation = self._generations[sector]
            if 0 < generation < too_new and self._highs[sector] >= seq and generation not in self.adopted:
                too_new = generation
        for sector in range(self.sectors):
            generation = self._generations[sector]
            if best < generation < too_new and generation not in self.adopted:
                best = generation
        for generation in sorted(self.adopted) if not best else ():
            if generation < too_new and self.sector_of(generation) >= 0:
                return generation
        return best

    def high_above(self, generation: int) -> int:
        """The newest SEQ that the headers of all newer sectors know. Not of those in `adopted`."""
        least = 0xFFFFFFFF
        for sector in range(self.sectors):
            newer = self._generations[sector]
            if newer > generation and newer not in self.adopted:
                least = min(least, self._highs[sector])
        return least

    def raise_highs(self, generation: int, seq: int) -> None:
        """This SEQ was written there: the newer sectors were opened later, whatever their headers say."""
        for sector in range(self.sectors):
            if self._generations[sector] > generation:
                self._highs[sector] = max(self._highs[sector], seq)

    def bad_sectors(self) -> bytes:
        """Salt u32 and a bit a sector that takes nothing any more; `open` takes it back."""
        out = bytearray(pack("<I", self.salt)) + bytearray((self.sectors + 7) // 8)
        for sector in self._bad:
            out[4 + sector // 8] |= 1 << sector % 8
        return bytes(out)

    def silence_bad(self) -> bool:
        """Make one sector zero that takes no erase and holds nothing that is needed; False when none is left."""
        for sector in self._bad:
            if sector not in self._silenced and self._generations[sector] < self.tail:
                self._silenced.add(sector)
                self.speaking += not self._flash.silence(sector)
                return True
        return False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _remember_bad(self, listed: bytes) -> None:
        """A list of another store is not ours; one that leaves less than half came from a fault that passes."""
        if len(listed) != 4 + (self.sectors + 7) // 8 or unpack_from("<I", listed, 0)[0] != self.salt:
            return
        bad = [sector for sector in range(self.sectors) if listed[4 + sector // 8] >> sector % 8 & 1]
        if len(bad) <= self.sectors // 2:
            self._bad.update(bad)

    def _can_be_opened(self, sector: int) -> bool:
        return self._generations[sector] < self.tail and sector not in self._bad and sector not in self._kept

    def _missing(self) -> "list[int]":
        """Generations that are still needed and of which no sector is known."""
        held = set(self._generations)
        oldest = max(self.tail, self.generation - 2 * self.sectors)
        return [g for g in range(oldest, self.generation) if g not in held]

    def _proved_header(self, sector: int) -> "tuple[Header | None, bool]":
        """(the header this terminal wrote there, whether there is any whole header at all)."""
        claimed = False
        for copy in (0, HEADER):
            header = frames.parse_header(self._flash.read(sector, copy, HEADER))
            if header is not None:
                claimed = True
                if header.format == frames.FORMAT and self._sealer.vouches(header, sector):
                    return header, True
        return None, claimed

    def _proved_free(self, sector: int) -> bool:
        """Whether nothing there is needed. What a header without its tag says counts for nothing: the sector stays, but
        in a cache, where it may be what a cut left of one with other keys."""
        header, claimed = self._proved_header(sector)
        if header is None:
            self.refused += claimed
            return self.advisory or not claimed
        return header.salt != self.salt or header.generation < self.tail

    def _erase(self, sector: int) -> bool:
        if not self._proved_free(sector):
            self._kept.add(sector)
        elif not self._flash.erase(sector):
            self._bad.add(sector)
        else:
            self._generations[sector] = 0
            self._erased.add(sector)
            return True
        self._recount()
        return False

    def _recount(self) -> None:
        free = 0
        for sector in range(self.sectors):
            free += self._can_be_opened(sector)
        # At the end of the generations the last ones are kept for acknowledgements, as the last sectors are.
        self._free = min(free, frames.LAST_GENERATION - max(self.generation, self._tried))
