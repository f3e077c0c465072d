"""What a terminal program caught of a journal's export: its lines checked and put together to the flash they came from.

Log lines, a terminal program's time stamps and line ends of any kind may stand between; a line counts when its CRC
fits. docs/export.md has the lines. Knows no keys and no meaning of what the flash holds.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.device.errors import DeviceError

SECTOR = 4096
_PIECE = 64
_SIZE_MAX = 64_000_000
_SECTORS_MAX = 4096
_LINE = re.compile(rb"J([0-9a-f]{1,8}) ([ -~]+?) ([0-9a-f]{8})(?=[ \t]*(?:[\r\n]|\Z))")
_BEGIN = re.compile(r"1 ([0-9]{1,5}) ([0-9]{1,10}) [0-9]{1,10}")  # 1 is the format of the lines
_END = re.compile(r"end ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10})")
_PLACE = re.compile(r"([0-9a-f]{1,4})\.([0-9a-f]{1,8})(?:\.([0-9a-f]{1,3}) (?:(unread)|([A-Za-z0-9+/=]+))| (gone))")
Place = tuple[int, int]  # generation, byte offset in its sector
_BEHIND: Place = (1 << 32, 0)


class CaptureUnfit(DeviceError):
    """Not there, or not what `export` sends."""

    code, title, exit_code = "D50", "The file holds no journal export", 9
    next_step = "Record what the console's command `export` sends, from the command to the line with `end`."


@dataclass(frozen=True)
class Piece:
    """Bytes of one line, where they lie on the flash."""

    sector: int
    generation: int
    at: int
    data: bytes


@dataclass
class Capture:
    """One export. `missing` counts its lines that did not come; `holes` says between which places they belong, where
    those that the flash did not give are among them; `unread` counts these. `recycled` are generations erased while it
    ran. `ended`: the last line came. `newest` is the generation that was open when it began. All of it is what the
    lines claim: anybody can write such lines."""

    sectors: int
    newest: int = 0
    pieces: list[Piece] = field(default_factory=list)
    holes: list[tuple[Place, Place]] = field(default_factory=list)
    recycled: list[int] = field(default_factory=list)
    missing: int = 0
    unread: int = 0
    ended: bool = False

    @property
    def complete(self) -> bool:
        """Whether all that lies on the flash is here."""
        return self.ended and not self.missing and not self.unread

    def lives(self) -> dict[tuple[int, int], bytearray]:
        """(Sector, generation it was sent with) -> its bytes, FF where nothing was sent."""
        lives: dict[tuple[int, int], bytearray] = {}
        for piece in self.pieces:
            raw = lives.setdefault((piece.sector, piece.generation), bytearray(b"\xff" * SECTOR))
            raw[piece.at : piece.at + len(piece.data)] = piece.data
        return lives

    def image(self) -> bytearray:
        """The flash; FF where nothing was sent. Of a sector sent twice its newest life counts."""
        image = bytearray(b"\xff" * (self.sectors * SECTOR))
        for (sector, _generation), raw in sorted(self.lives().items()):
            image[sector * SECTOR : (sector + 1) * SECTOR] = raw
        return image

    def in_hole(self, before: Place, after: Place) -> bool:
        """Whether something between these two places did not come."""
        return any(start <= after and end >= before for start, end in self.holes)


def read(path: Path) -> Capture:
    """The newest complete export of a file, else its newest. Raises CaptureUnfit."""
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise CaptureUnfit(f"{path} is too long")
        raw = path.read_bytes()
    except OSError as error:
        raise CaptureUnfit(f"{path}: {error.strerror or error}") from None
    found = parsed(raw)
    if not found:
        raise CaptureUnfit(str(path))
    return next((capture for capture in reversed(found) if capture.complete), found[-1])


def parsed(raw: bytes) -> list[Capture]:
    """Every export in what was recorded, in its order."""
    found: list[_Reading] = []
    for match in _LINE.finditer(raw):
        number, text, crc = match.groups()
        if binascii.crc32(b"J" + number + b" " + text) != int(crc, 16):
            continue
        words = text.decode("ascii").split(" ")
        if words[0] == "begin":
            begin = _BEGIN.fullmatch(" ".join(words[1:]))
            if begin is not None and 4 <= int(begin[1]) <= _SECTORS_MAX:
                found.append(_Reading(Capture(int(begin[1]), int(begin[2]))))
        elif found:
            found[-1].take(int(number, 16), text.decode("ascii"))
    return [reading.done() for reading in found]


class _Reading:
    """Takes the lines behind a `begin`, watching their numbers."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._next = 1
        self._last: Place = (0, 0)

    def take(self, number: int, text: str) -> None:
        """The next line whose CRC fits."""
        if number < self._next or self._capture.ended:
            return  # a line sent once, recorded twice
        match = _PLACE.fullmatch(text)
        place: Place = _BEHIND
        if match is not None:
            sector, generation = int(match[1], 16), int(match[2], 16)
            place = (generation, int(match[3] or "0", 16))
            try:
                data = binascii.a2b_base64(match[5] or "", strict_mode=True)
            except binascii.Error:
                return
            if sector >= self._capture.sectors or place[1] + len(data) > SECTOR:
                return
            if match[6]:
                self._capture.recycled.append(generation)
            elif match[4]:
                self._capture.unread += 1
                self._hole(place, (generation, place[1] + _PIECE - 1))
            else:
                self._capture.pieces.append(Piece(sector, generation, place[1], data))
        if number > self._next:
            self._capture.missing += number - self._next
            self._hole(self._last, place)
        self._next, self._last = number + 1, place
        end = _END.fullmatch(text)
        if end is not None:
            self._capture.ended = True
            told = (number, len(self._capture.pieces), len(self._capture.recycled))
            if not self._capture.missing and told != tuple(int(count) for count in end.groups()):
                self._capture.missing += 1  # lines of no meaning stand where others stood
                self._hole((0, 0), _BEHIND)

    def _hole(self, before: Place, after: Place) -> None:
        """Lines are missing there. A region that does not open is sent by place, so times go up and down."""
        if before <= after:
            self._capture.holes.append((before, after))
        else:
            self._capture.holes += [(before, _BEHIND), ((0, 0), after)]

    def done(self) -> Capture:
        """When no more lines come."""
        if not self._capture.ended:
            self._hole(self._last, _BEHIND)
        return self._capture
