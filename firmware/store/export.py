"""Everything a journal's flash holds, as lines of text: sealed as it lies there, for whoever has the terminal's keys.

Each line has a number, a place and a CRC, the last one the counts, so a capture by any terminal program is complete or
known not to be; docs/export.md has the lines. One call reads 256 bytes at most (a sector where nothing is sold) and
keeps nothing, and the ring may be written to between two calls: what was erased meanwhile is told, and the sector that
is open ends the export.
"""

from binascii import b2a_base64, crc32

from micropython import const

from firmware.core.errors import StoreError
from firmware.store.frames import HEADER, SECTOR, is_blank, last_written, parse_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.store.flash import Flash

    class Places(Protocol):
        """What a ring says of its sectors; the newest generation stands in the open one."""

        sectors: int
        generation: int
        tail: int

        def generation_in(self, sector: int) -> int: ...
        def sector_of(self, generation: int) -> int: ...
        def room(self) -> int: ...


FORMAT = const(1)
PIECE = const(64)  # bytes of a line: then it goes out in two of the console's turns
_LOOK = const(4)  # blank pieces passed over in a call
_LOOK_IDLE = const(64)  # the same where nothing is sold: a whole sector


class Raw:
    """The places of a region that need not hold a store this firmware reads; for an `Export` of everything."""

    generation = 0
    tail = 0

    def __init__(self, flash: "Flash") -> None:
        self.sectors = flash.sectors
        self._flash = flash

    def generation_in(self, sector: int) -> int:
        """By its header, which nobody vouches for; 0 when it cannot be read."""
        for copy in (0, HEADER):
            try:
                header = parse_header(self._flash.read(sector, copy, HEADER))
            except StoreError:
                return 0
            if header is not None:
                return header.generation
        return 0

    def sector_of(self, generation: int) -> int:
        """The export begins with the one behind."""
        return self.sectors - 1

    def room(self) -> int:
        """Nothing is being written."""
        return 0


class Export:
    """`everything`: every sector once, those that seem never used too, as for a store that does not open."""

    def __init__(self, flash: "Flash", places: "Places", everything: bool = False) -> None:
        self._flash = flash
        self._places = places
        self._everything = everything
        self._sector = places.sector_of(places.generation)  # the next one is the oldest
        self._generation = 0
        self._at = SECTOR
        self._number = 0  # of the next line
        # Sectors still to be looked at: a ring that turns faster than it is read must not be followed for ever.
        self._left = places.sectors * (1 if everything else 2)
        self._pieces = 0
        self._gone = 0
        self._over = False

    def line(self) -> "str | None":
        """The next line, "" when this call found nothing to tell, None after the last."""
        if self._over:
            return None
        places = self._places
        if not self._number:
            return self._told("begin {} {} {} {}".format(FORMAT, places.sectors, places.generation, places.tail))
        if self._at >= self._end():
            if self._left and not self._is_open():
                self._next_sector()
                return ""
            self._over = True
            if self._is_open() or self._everything:
                return self._told("end {} {} {}".format(self._number, self._pieces, self._gone))
            return self._told("stopped")
        if places.generation_in(self._sector) != self._generation:
            self._at = SECTOR
            self._gone += 1
            return self._told("{:x}.{:x} gone".format(self._sector, self._generation))
        return self._piece()

    def _is_open(self) -> bool:
        return 0 < self._generation == self._places.generation

    def _end(self) -> int:
        """What lies behind it in the open sector is not written yet."""
        return SECTOR - self._places.room() if self._is_open() and self._at < SECTOR else SECTOR

    def _next_sector(self) -> None:
        self._left -= 1
        self._sector = (self._sector + 1) % self._places.sectors
        self._generation = self._places.generation_in(self._sector)
        self._at = 0
        if not (self._generation or self._everything) and self._looks_blank():
            self._at = SECTOR

    def _looks_blank(self) -> bool:
        try:
            return is_blank(self._flash.read(self._sector, 0, PIECE), 0, PIECE)
        except StoreError:
            return False

    def _piece(self) -> str:
        end = self._end()
        for _ in range(_LOOK_IDLE if self._everything else _LOOK):
            at = self._at
            if at >= end:
                break
            self._at = min(at - at % PIECE + PIECE, end)
            try:
                raw = self._flash.read(self._sector, at, self._at - at)
            except StoreError:
                return self._told("{:x}.{:x}.{:x} unread".format(self._sector, self._generation, at))
            length = last_written(raw, 0, len(raw))
            if length:
                self._pieces += 1
                text = b2a_base64(bytes(raw[:length]))[:-1].decode()
                return self._told("{:x}.{:x}.{:x} {}".format(self._sector, self._generation, at, text))
        return ""

    def _told(self, text: str) -> str:
        text = "J{:x} {}".format(self._number, text)
        self._number += 1
        return "{} {:08x}".format(text, crc32(text.encode()))
