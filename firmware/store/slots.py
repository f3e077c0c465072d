"""Small values that change while the terminal lives: settings and counters, in two sectors of raw flash.

Each change is a frame in the sector in use. When that is full, all values are written to the other sector, whose head
is programmed last: it is what makes the new sector count. So every cut leaves the old value or the new one. Bodies are
sealed, none at a place that was used before: each attempt to move is counted in the sector in use first. Values are
held in memory; a name has 24 bytes at most, a value 160, all together 3 KB.
"""

from struct import pack

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreSealed
from firmware.store import frames
from firmware.store.attempts import ROW_AT, attempt, attempts
from firmware.store.flash import Flash
from firmware.store.frames import FRAMES_AT, SECTOR, Header
from firmware.store.repair import repaired
from firmware.store.seal import CLEAR, TAG, Sealer, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice

KIND = const(3)
_VALUE = const(9)  # frame type
_NAME_MAX = const(24)
_VALUE_MAX = const(160)
_ALL_MAX = const(3072)


class Slots:
    """`first` is the first of the two sectors. `open` comes before anything else."""

    def __init__(
        self,
        device: "BlockDevice",
        sealer: Sealer,
        salt: int,
        page_only: bool = False,
        first: int = 0,
        buffer: "bytearray | None" = None,
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        self._sealer = sealer
        self._salt = salt
        self._first = first
        self._values: "dict[str, bytes]" = {}
        self._sector = first
        self._generation = 0
        self._at = SECTOR

    def open(self) -> None:
        """Read the sector in use. Writes nothing. Raises StoreForeign when the place holds something else or lost both
        headers, StoreSealed when other keys wrote it."""
        self._values = {}
        self._generation, self._at = 0, SECTOR
        newest: "Header | None" = None
        claimed = False
        for sector in (self._first, self._first + 1):
            for copy in (0, frames.HEADER):
                header = frames.parse_header(self._flash.read(sector, copy, frames.HEADER))
                if header is None:
                    continue
                frames.admit(header, KIND, 2)
                claimed = True
                if self._sealer.vouches(header, sector - self._first):
                    if newest is None or header.generation > newest.generation:
                        newest, self._sector = header, sector
                    break
        if newest is not None:
            self._generation, self._salt = newest.generation, newest.salt
            self._read()
        elif claimed:
            raise StoreSealed("no header opens with this board's key")
        else:
            for sector in (self._first, self._first + 1):
                # A move keeps the header that counts until the new one is whole: only the very first can be torn.
                raw = self._flash.read_sector(sector)
                torn = frames.may_be_torn_header(raw, KIND, 2)
                if not frames.is_blank(raw, FRAMES_AT if torn else 0, SECTOR):
                    raise StoreForeign("small values are damaged")

    def start_anew(self) -> None:
        """Leave what other keys wrote, after StoreSealed: from now on an empty sector counts. Until then one of their
        headers is there, so a cut is followed by StoreSealed again. Raises StoreError when the flash takes nothing."""
        self._values = {}
        self._generation, self._at = 0, SECTOR
        first = self._headed(self._first)
        other = self._first + 1 if first else self._first
        if not self._flash.erase(other) or not self._begin(other, 1):
            raise StoreError("flash takes no value")
        self._at = FRAMES_AT

    def _headed(self, sector: int) -> bool:
        return any(
            [frames.parse_header(self._flash.read(sector, at, frames.HEADER)) is not None for at in (0, frames.HEADER)]
        )

    def get(self, name: str) -> "bytes | None":
        """A value, None when it was never put."""
        return self._values.get(name)

    def worn(self) -> int:
        """Erases of each of the two sectors."""
        return self._generation // 2

    def names(self) -> "list[str]":
        """Every name that has a value."""
        return sorted(self._values)

    def put(self, name: str, value: bytes) -> None:
        """Change one value; durable on return. Raises StoreError, then the old value is still there."""
        if self._values.get(name) == value:
            return
        if not 0 < len(name.encode()) <= _NAME_MAX or len(value) > _VALUE_MAX:
            raise StoreError("name or value too long: " + name)
        new = dict(self._values)
        new[name] = bytes(value)
        if sum([_slot(*item) for item in new.items()]) > _ALL_MAX:
            raise StoreError("no room for " + name)
        if not self._append(self._sector, self._generation, name, value) and not self._move(new):
            raise StoreError("flash takes no value")
        self._values = new

    def _read(self) -> None:
        raw = self._flash.read_sector(self._sector)
        crc_seed = frames.seed(self._salt, self._generation)
        at = end = FRAMES_AT
        while at < ROW_AT:
            frame = frames.frame_at(raw, at, crc_seed, self._generation)
            if frame is None:
                mended = repaired(raw, at, crc_seed, _VALUE)
                frame = frames.frame_at(mended, 0, crc_seed, self._generation) if mended is not None else None
            if frame is None:
                at += frames.ALIGN
                continue
            place = place_of(KIND, self._salt, self._generation, at)
            at += frames.slot_size(len(frame.body))
            end = at
            body = self._sealer.body_of(place, frame, True) if frame.kind == _VALUE else None
            if body is not None:
                name_length, length = body[CLEAR], body[CLEAR + 1]
                name = bytes(body[CLEAR + 2 : CLEAR + 2 + name_length]).decode()
                self._values[name] = bytes(body[CLEAR + 2 + name_length : CLEAR + 2 + name_length + length])
        # Behind dirt nothing is written: the next change moves to the other sector.
        self._at = end if frames.is_blank(raw, end, ROW_AT) else SECTOR

    def _append(self, sector: int, generation: int, name: str, value: bytes) -> bool:
        at = self._at
        plain = pack("<BB", len(name.encode()), len(value)) + name.encode() + value
        body = bytearray(_slot(name, value) - frames.FRAME_HEAD)
        if at + _slot(name, value) > ROW_AT:
            return False
        body[CLEAR : CLEAR + len(plain)] = plain
        place = place_of(KIND, self._salt, generation, at)
        frame = self._sealer.frame(place, _VALUE, 0, body, True, frames.seed(self._salt, generation))
        if not self._flash.program(sector, at, frame):
            self._at = SECTOR
            return False
        self._at = at + frames.slot_size(len(body))
        return True

    def _move(self, values: "dict[str, bytes]") -> bool:
        """All values to the other sector; the head, written last, makes it the one in use."""
        other = self._first + 1 - (self._sector - self._first)
        if not self._generation:  # nothing is in use yet: an empty sector is, before anything is sealed
            # An erase that is cut may leave anything, which `open` could not tell from a store that was damaged.
            blank = frames.is_blank(self._flash.read_sector(other), 0, SECTOR)
            return (blank or self._flash.erase(other)) and self._begin(other, 1) and self._fill(other, 1, values)
        if not attempt(self._flash, self._sector) or not self._flash.erase(other):
            return False
        generation = self._generation + attempts(self._flash, self._sector)
        if not self._fill(other, generation, values):
            return False
        if not self._begin(other, generation):
            self._at = SECTOR
            return False
        return True

    def _fill(self, sector: int, generation: int, values: "dict[str, bytes]") -> bool:
        self._at = FRAMES_AT
        for name in sorted(values):
            if not self._append(sector, generation, name, values[name]):
                self._at = SECTOR
                return False
        return True

    def _begin(self, sector: int, generation: int) -> bool:
        """A header makes this the sector in use."""
        header = Header(KIND, 2, generation, self._salt, 0, 0, 0)
        if not self._flash.program(sector, 0, self._sealer.header(header, sector - self._first)):
            return False
        self._sector, self._generation = sector, generation
        return True


def _slot(name: str, value: bytes) -> int:
    """Flash a value takes: its encrypted part is a multiple of 16."""
    return frames.FRAME_HEAD + CLEAR + (2 + len(name.encode()) + len(value) + 15 & -16) + TAG
