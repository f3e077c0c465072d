"""A ring of flash sectors to which frames are appended: one sector is open, the oldest are erased and used again.

Knows frames, not what they mean: the owner says from which generation on sectors are still needed (`tail_now`), and its
frames make that durable (`tail`). Only a sector below the durable tail is ever erased, so a half-erased one can never
speak again. Places in a sector are byte offsets. Writes raise StoreFull. Opening is the matter of `recovery`, reading
of `reading`, what each sector is of `sectors`.
"""

from micropython import const

from firmware.core.errors import StoreError, StoreFull
from firmware.store import frames
from firmware.store.frames import FRAME_HEAD, FRAMES_AT, PAGE, SECTOR, Header
from firmware.store.recovery import Recovery
from firmware.store.seal import LINK, TAG, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.flash import Flash
    from firmware.store.seal import Sealer

_STRIKES = const(3)  # failed programs after which a sector takes nothing more
_LOOKS = const(16)  # sectors read at a time: 16 ms at 4 MB/s
# Sectors that may fail in one append; the next one goes on behind them. An erase that fails takes as long as one that
# does not (45 ms, at most 400: W25Q64JV 9.6), and the watchdog waits 8 s for all of it.
_FAILURES = const(16)


class _Worn(StoreFull):
    """Full, but of sectors that take nothing: no acknowledgement makes room, so a person is told of a fault."""

    code = StoreError.code


class Ring(Recovery):
    """`salt` is used when a blank partition is taken into use; afterwards the flash's own counts. `secret` and `linked`
    are the frame types that `Reader` tells of."""

    def __init__(
        self,
        flash: "Flash",
        kind: int,
        salt: int,
        sealer: "Sealer",
        secret: "tuple[int, ...]",
        linked: "tuple[int, ...]" = (),
    ) -> None:
        super().__init__(flash, kind, salt, sealer, secret, linked)
        self._strikes = 0
        self._failures = 0  # sectors, since this call began
        self.inline_erases = 0
        self.tail_now: "Callable[[], int]" = lambda: self.tail

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
        self._failures = 0
        for _ in range(self.sectors * _STRIKES):
            if self._at + slot + spare > SECTOR and (self._at + slot > SECTOR or self._free <= keep):
                self._advance(keep)
            elif self._free < keep:
                raise self._full("no room but for acknowledgements")
            at = self._at
            sealed = bytearray(body)
            if linked:
                sealed[:LINK] = self.chain.link()
            place = place_of(self._kind, self.salt, self.generation, at)
            crc_seed = frames.seed(self.salt, self.generation)
            frame = self._sealer.frame(place, kind, seq, sealed, kind in self._secret, crc_seed)
            if self._flash.program(self._head, at, frame):
                self._at = at + slot
                if self._linked:
                    self.chain.wrote(bytes(sealed[-TAG:]), linked)
                return at
            # A frame that is wrong in one bit would be read as a good one, beside the one written next.
            self._flash.program(self._head, at, bytes(FRAME_HEAD))
            self._at = (at + len(frame) - 1) // PAGE * PAGE + PAGE
            self._strikes += 1
            if self._strikes >= _STRIKES:
                self._bad.add(self._head)
                self._at = SECTOR
                self._recount()
                self._failures += 1
        raise StoreError("flash does not take the frame")

    def close_sector(self) -> None:
        """The next frame opens another sector."""
        self._at = SECTOR

    def begin_anew(self) -> None:
        """Open a sector whose header says that nothing older is needed. One erase, and one more for each sector that
        fails; a cut leaves all that was, but for the sector next in turn. Raises StoreFull when none takes it."""
        self.release(max(self.generation, self._tried) + 1)
        self._failures = 0
        self._advance(0)

    def release(self, generation: int) -> None:
        """A durable frame says that nothing below `generation` is needed any more."""
        if generation > self.tail:
            self.tail = generation
            self._recount()

    def erase_ahead(self, want: int) -> bool:
        """Erase one of the next `want` sectors if it is free and not erased yet; True when it tried."""
        ahead = 0
        for step in range(1, self.sectors):
            sector = (self._head + step) % self.sectors
            if sector in self._bad or sector in self._kept:
                continue
            if ahead == want or self._generations[sector] >= self.tail:
                return False
            if sector in self._erased:
                ahead += 1
            else:
                self._erase(sector)
                return True  # one that failed took as long
        return False

    def wipe_free(self) -> bool:
        """Look at some free sectors, and erase the first that still shows what it held; False when none is left."""
        looks = 0
        for sector in range(self.sectors):
            if sector not in self._erased and sector not in self._looked and self._can_be_opened(sector):
                looks += 1
                if not frames.is_blank(self._flash.read_sector(sector), 0, SECTOR):
                    self._erase(sector)
                    return True
                self._looked.add(sector)
                if looks == _LOOKS:
                    break
        return looks > 0

    def _advance(self, keep: int) -> None:
        """Open the next free sector."""
        if self._free - 1 < keep:
            raise self._full("no free sector or no generation left")
        tail = max(self.tail, self.tail_now())
        for step in range(1, self.sectors + 1):
            if self._failures >= _FAILURES:
                raise StoreError("flash takes nothing")
            sector = (self._head + step) % self.sectors
            # One of the copies of a header that failed may be good: no other sector may ever bear its generation.
            generation = max(self.generation, self._tried) + 1
            if generation > frames.LAST_GENERATION or not self._can_be_opened(sector):
                continue
            if sector not in self._erased:
                self.inline_erases += 1
                if not self._erase(sector):
                    self._failures += sector in self._bad
                    continue
            self._erased.discard(sector)
            self._looked.discard(sector)
            behind = generation - tail
            self._tried = generation  # before it is tried: whatever ends this call, it is not forgotten
            header = Header(self._kind, self.sectors, generation, self.salt, behind, self.seq_high, self.seq_ceiling)
            if not self._flash.program(sector, 0, self._sealer.header(header, sector)):
                self._bad.add(sector)
                self._recount()
                self._failures += 1
                continue
            self._head, self.generation, self._at, self._strikes = sector, generation, FRAMES_AT, 0
            self._generations[sector], self._highs[sector] = generation, self.seq_high
            self.tail = tail
            self._recount()
            return
        self._recount()
        raise self._full("no usable sector")

    def _full(self, why: str) -> StoreFull:
        """What to raise when there is no room."""
        return (_Worn if 2 * self.given_up() > self.sectors else StoreFull)(why)
