"""What a terminal program caught of a journal's export: its lines checked and put together to the flash they came from.

Log lines, a terminal program's time stamps and line ends of any kind may stand between; a line counts when its CRC
fits. docs/export.md has the lines. Knows no keys and no meaning of what the flash holds.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.device.errors import DeviceError

SECTOR = 4096
_PIECE = 64
_SIZE_MAX = 64_000_000
_SECTORS_MAX = 4096
_LINE_MAX = 256  # an export's longest has 125 bytes; what a terminal program puts before it does not count
_LINE = re.compile(rb"[^\r\n]+")
_START = re.compile(rb"J([0-9a-f]{1,8}) (?=[ -~]+\Z)")
_CRC = re.compile(rb" ([0-9a-f]{8})\Z")
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
    """One export. `missing` counts its lines that did not come; `holes` says between which places they belong, in order
    and apart, where those that the flash did not give are among them; `unread` counts these. `recycled` are generations
    erased while it ran. `ended`: the last line came. `newest` is the generation that was open when it began. All of it
    is what the lines claim: anybody can write such lines."""

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
        first = bisect_left(self.holes, before, key=lambda hole: hole[1])
        return first < len(self.holes) and self.holes[first][0] <= after


def read(path: Path) -> Capture:
    """The newest complete export of a file, else its newest. Raises CaptureUnfit."""
    try:
        raw = bounded(path, _SIZE_MAX)
    except (OSError, ValueError) as error:
        raise CaptureUnfit(f"{path}: {getattr(error, 'strerror', '') or error}") from None
    found = parsed(raw)
    if not found:
        raise CaptureUnfit(str(path))
    return next((capture for capture in reversed(found) if capture.complete), found[-1])


def bounded(path: Path, most: int) -> bytes:
    """A file's content. OSError, or ValueError when there is more of it; some files have no size and no end."""
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ValueError("it is too long")
    return raw


def _lines(raw: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of each line whose CRC fits, at the end of what was recorded as a line."""
    for match in _LINE.finditer(raw):
        line = match.group().rstrip(b" \t")[-_LINE_MAX:]
        crc = _CRC.search(line)
        if crc is None:
            continue
        body, expected = line[: crc.start()], int(crc[1], 16)
        for start in _START.finditer(body):
            if binascii.crc32(body[start.start() :]) == expected:
                yield int(start[1], 16), body[start.end() :].decode("ascii")
                break


def parsed(raw: bytes) -> list[Capture]:
    """Every export in what was recorded, in its order."""
    found: list[_Reading] = []
    for number, text in _lines(raw):
        words = text.split(" ")
        if words[0] == "begin":
            begin = _BEGIN.fullmatch(" ".join(words[1:]))
            if begin is not None and 4 <= int(begin[1]) <= _SECTORS_MAX:
                found.append(_Reading(Capture(int(begin[1]), int(begin[2]))))
        elif found:
            found[-1].take(number, text)
    return [reading.done() for reading in found]


class _Reading:
    """Takes the lines behind a `begin`, watching their numbers."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._next = 1
        self._last: Place = (0, 0)
        self._lives: set[tuple[int, int]] = set()

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
            self._lives.add((sector, generation))
            if len(self._lives) > 2 * self._capture.sectors:  # an export goes round twice at most
                self._lives.discard((sector, generation))
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
        apart: list[tuple[Place, Place]] = []
        for before, after in sorted(self._capture.holes):
            if apart and before <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(after, apart[-1][1]))
            else:
                apart.append((before, after))
        self._capture.holes = apart
        return self._capture
