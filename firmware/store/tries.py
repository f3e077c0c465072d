"""Counts tries at a secret so that pulling the plug never gives one back: a bit is cleared before each check.

A sector holds two rows of bits. Row one has a bit for each try, cleared before the check; row two a bit for each
success, cleared after it. What was tried since the last success has failed, or was cut off, which counts the same. A
cleared bit comes back only with its sector's erase, and a sector is erased only when nothing in it counts any more.

Its headers have no tag (zeros): bits cannot be sealed one by one, so whoever can write to the flash at will could as
well erase the sector and put the genuine header back, without a cleared bit. This counter does not keep such a one out.
"""

from micropython import const

from firmware.core.errors import StoreError, StoreForeign
from firmware.store import frames
from firmware.store.flash import Flash
from firmware.store.frames import Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice

KIND = const(5)
_ROW = const(1920)  # bytes of a row, 15,360 tries
_TRIES_AT = const(256)
_SUCCESSES_AT = const(2176)


class TriesDamaged(StoreForeign):
    """There is no counter where one must have been: nobody may get tries from that."""

    code = "S14"


class TryCounter:
    """`first` is the first of two sectors. A row that is full counts as locked until a success, which there is none."""

    def __init__(
        self,
        device: "BlockDevice",
        page_only: bool = False,
        first: int = 0,
        row: int = _ROW,
        buffer: "bytearray | None" = None,
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        self._first = first
        self._row = row
        self._sector = first
        self._generation = 0
        self._tries = 0
        self._settled = 0

    def open(self) -> None:
        """Read; writes only on a blank partition. Raises TriesDamaged when there is no counter where one must have been
        or something else is; StoreError when the flash takes nothing."""
        self._generation = 0
        for sector in (self._first, self._first + 1):
            header = self._header(sector)
            if header is not None:
                frames.admit(header, KIND, 2)
            if header is not None and header.generation > self._generation:
                self._generation, self._sector = header.generation, sector
        if not self._generation:
            for sector in (self._first, self._first + 1):
                raw = self._flash.read_sector(sector)
                # Our own first program may have been cut.
                torn = sector == self._first and frames.may_be_torn_header(raw, KIND, 2)
                if not frames.is_blank(raw, frames.FRAMES_AT if torn else 0, frames.SECTOR):
                    raise TriesDamaged("empty it: maintenance, then python -m tools.device wipe --what vault")
            self._begin_sector()
        self._tries = self._cleared(_TRIES_AT, True)
        self._settled = min(self._tries, self._cleared(_SUCCESSES_AT, False))

    def failures(self) -> int:
        """Tries since the last success, those a power cut ended included."""
        return self._tries - self._settled

    def begin(self) -> None:
        """Before a check; durable on return. Raises StoreError when the try cannot be counted: then do not check."""
        if self._tries >= self._row * 8:
            raise StoreError("no tries left to count")
        self._clear(_TRIES_AT, self._tries)
        self._tries += 1

    def settle(self) -> None:
        """After a success: everything tried so far is forgiven."""
        while self._settled < self._tries:
            self._clear(_SUCCESSES_AT, self._settled)
            self._settled += 1
        if self._tries >= self._row * 8 - 64:
            self._begin_sector()
            self._tries = self._settled = 0

    def _header(self, sector: int) -> "frames.Header | None":
        for copy in (0, frames.HEADER):
            header = frames.parse_header(self._flash.read(sector, copy, frames.HEADER))
            if header is not None:
                return header
        return None

    def _begin_sector(self) -> None:
        other = self._first + (self._sector == self._first and self._generation > 0)
        header = Header(KIND, 2, self._generation + 1, 0, 0, 0, 0)
        if not self._flash.erase(other) or not self._flash.program(other, 0, frames.pack_header(header)):
            raise StoreError("flash takes no counter")
        self._sector, self._generation = other, self._generation + 1

    def _clear(self, row: int, number: int) -> None:
        mask, at = 0xFF >> (number % 8 + 1), row + number // 8
        # A later bit of the byte may be cleared already, by a fault.
        if (
            not self._flash.program(self._sector, at, bytes((mask,)))
            and self._flash.read(self._sector, at, 1)[0] > mask
        ):
            raise StoreError("flash takes no counter")

    def _cleared(self, row: int, to_last: bool) -> int:
        """How many bits of a row are cleared: up to the last one that is, or up to the first that is not. What a fault
        did to a single one never makes more tries."""
        raw = self._flash.read(self._sector, row, self._row)
        count = 0
        for i in range(self._row):
            byte = raw[i]
            if to_last and byte != 0xFF:
                last = 8
                while byte & 1:
                    byte >>= 1
                    last -= 1
                count = i * 8 + last
            if not to_last and byte:
                while not byte & 0x80:
                    byte <<= 1
                    count += 1
                return count
            count += 0 if to_last else 8
        return count
