"""Reads the display: text lines from a 1024-byte page buffer, and a PNG of it.

Text is found wherever it stands, in the built-in 8x8 font at scale 1 and 2 or in rows of the Script face (ocr_script),
lit on dark or dark on lit. It knows nothing of screens; pixels that are no such text are ignored. Buffers are 8 pages
of 128 bytes, bit 0 on top.
"""

from __future__ import annotations

import functools
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from tools.sim import ocr_script, onhost

WIDTH, HEIGHT = 128, 64
_INVERT = bytes(255 - i for i in range(256))
_BLANK = bytes(8)
# Strokes that lines and frames are made of: alone on their height they are taken for drawing, not for text.
_STROKES = set("_-=|.,'`:;~^\"")
_WIDEST_GAP = 2


class _Run(NamedTuple):
    """Characters that follow each other on one grid."""

    ink: int
    x: int
    y: int
    scale: int
    text: str

    def overlaps(self, other: _Run) -> bool:
        """Whether two runs claim the same pixels."""
        return (
            self.x < other.x + len(other.text) * 8 * other.scale
            and other.x < self.x + len(self.text) * 8 * self.scale
            and self.y < other.y + 8 * other.scale
            and other.y < self.y + 8 * self.scale
        )


@functools.cache
def _glyphs() -> dict[bytes, str]:
    return {columns: character for character, columns in onhost.font8x8().items() if character != " "}


@functools.cache
def _halves() -> dict[int, int]:
    """For each 16-row column of doubled pixels the 8-row column it stands for."""
    return {sum(0b11 << 2 * i for i in range(8) if half >> i & 1): half for half in range(256)}


def _columns(buffer: bytes) -> list[int]:
    return [sum(buffer[page * WIDTH + x] << page * 8 for page in range(8)) for x in range(WIDTH)]


def _whole_bands(columns: list[int]) -> list[int]:
    """Without the one dark row of pixels that parts two lit bands: it lies in a row of one of them, over no letter's
    body."""

    def lit(y: int) -> bool:
        return sum(column >> y & 1 for column in columns) > WIDTH // 2 and all(columns[x] >> y & 1 for x in (0, -1))

    for y in range(1, HEIGHT - 1):
        if not any(column >> y & 1 for column in columns) and lit(y - 1) and lit(y + 1):
            columns = [column | 1 << y for column in columns]
    return columns


def _cells(columns: list[int], y: int, scale: int) -> dict[int, bytes]:
    """By x the 8x8 pattern that starts there; scale 2 has only those whose pixels are all doubled."""
    if scale == 1:
        row = bytes(column >> y & 0xFF for column in columns)
        return {x: row[x : x + 8] for x in range(WIDTH - 7)}
    halves = _halves()
    same = [not (left ^ right) >> y & 0xFFFF for left, right in zip(columns, columns[1:], strict=False)]
    halved = [halves.get(columns[x] >> y & 0xFFFF, -1) if same[x] else -1 for x in range(WIDTH - 1)]
    return {x: bytes(cell) for x in range(WIDTH - 15) if min(cell := halved[x : x + 16 : 2]) >= 0}


def _runs(cells: dict[int, bytes], y: int, scale: int) -> list[_Run]:
    """Every chain of glyphs, with single spaces inside it, that these cells contain."""
    glyphs = _glyphs()
    found = {x: glyphs[cell] for x, cell in cells.items() if cell in glyphs}
    step = 8 * scale
    out: list[_Run] = []
    taken: set[int] = set()
    for start in sorted(found):
        if start in taken:
            continue
        text, ink, x, gap = "", 0, start, 0
        while True:
            if x in found:
                text += " " * gap + found[x]
                if found[x] not in _STROKES:  # a long line must not outweigh the words beside it
                    ink += scale * scale * sum(byte.bit_count() for byte in cells[x])
                taken.add(x)
                gap = 0
            elif cells.get(x) == _BLANK and gap < _WIDEST_GAP:
                gap += 1
            else:
                break
            x += step
        out.append(_Run(ink, start, y, scale, text))
    return out


def _all_runs(columns: list[int], top: int = 0, bottom: int = HEIGHT) -> list[_Run]:
    runs: list[_Run] = []
    dark = [column ^ (1 << HEIGHT) - 1 for column in columns]
    for scale in (1, 2):
        for y in range(top, bottom - 8 * scale + 1):
            runs += _runs(_cells(columns, y, scale), y, scale)
            runs += _runs(_cells(dark, y, scale), y, scale)
    return runs


@functools.lru_cache(maxsize=256)
def _read(buffer: bytes) -> tuple[str, ...]:
    if len(buffer) != WIDTH * HEIGHT // 8:
        raise ValueError("a screen has 1024 bytes")
    columns = _whole_bands(_columns(buffer))
    script = [] if _all_grid(buffer) else _script_rows(columns)
    for band in script:
        clear = ~(((1 << band.height) - 1) << band.y)
        columns = [column & clear for column in columns]
    lines = _grid_lines(columns) if any(columns) else []
    # English is written in the grid; a row of Script among it is there for somebody's Persian name.
    rtl = not lines or any(band.persian_digits for band in script)
    lines += [(band.y, ocr_script.line(band, rtl)) for band in script]
    return tuple(text for _, text in sorted(lines))


def _all_grid(buffer: bytes) -> bool:
    """Whether every page is a row of the grid, or blank: then there is no Script to look for."""
    glyphs, halves = _glyphs(), _halves()
    page = 0
    while page < 8:
        row = buffer[page * WIDTH : (page + 1) * WIDTH]
        cells = [row[x : x + 8] for x in range(0, WIDTH, 8)]
        dark = [cell.translate(_INVERT) for cell in cells]
        if all(cell == _BLANK or cell in glyphs for cell in cells) or all(
            cell == _BLANK or cell in glyphs for cell in dark
        ):
            page += 1
            continue
        below = buffer[(page + 1) * WIDTH : (page + 2) * WIDTH]
        doubled = [halves.get(upper | lower << 8, -1) for upper, lower in zip(row, below, strict=False)]
        if len(doubled) < WIDTH or min(doubled) < 0 or doubled[::2] != doubled[1::2]:
            return False
        page += 2
    return True


def _script_rows(columns: list[int]) -> list[ocr_script.Band]:
    """Rows of Script, without those that are rather a row of the grid."""
    rows: list[ocr_script.Band] = []
    for band in ocr_script.bands(columns):
        mask = ((1 << band.height) - 1) << band.y
        alone = [column & mask for column in columns]
        runs = _kept(_all_runs(alone, band.y, band.y + band.height))
        grid = sum(run.ink for run in runs if not set(run.text) <= _STROKES | {" "})
        if 2 * grid < band.ink:
            rows.append(band)
    return rows


def _kept(runs: list[_Run]) -> list[_Run]:
    """The runs of the grid that can stand together.

    The reading that explains most ink wins; what it covers cannot be read otherwise.
    """
    kept: list[_Run] = []
    for run in sorted(runs, key=lambda run: (-run.ink, run.y % 8, run.x)):
        if not any(run.overlaps(other) for other in kept):
            kept.append(run)
    return kept


def _grid_lines(columns: list[int]) -> list[tuple[int, str]]:
    """Lines of the 8x8 font, each with its height."""
    kept = _kept(_all_runs(columns))
    heights = {run.y for run in kept if not set(run.text) <= _STROKES | {" "}}
    lines: dict[int, list[_Run]] = {}
    for run in kept:
        if run.y in heights:
            lines.setdefault(run.y, []).append(run)
    return [(y, _joined(lines[y])) for y in sorted(lines)]


def _joined(runs: list[_Run]) -> str:
    text, end = "", -1
    for run in sorted(runs, key=lambda run: run.x):
        if text:
            text += " " * max(1, round((run.x - end) / (8 * run.scale)))
        text += run.text
        end = run.x + len(run.text) * 8 * run.scale
    return text


def screen_lines(page_buffer: bytes | bytearray | memoryview) -> list[str]:
    """The text on a screen, one string a line from top to bottom, runs of one line joined by spaces."""
    return list(_read(bytes(page_buffer)))


def to_png(buffer: bytes | bytearray | memoryview, path: str | Path, scale: int = 4) -> None:
    """Write the screen as a black and white PNG, each pixel `scale` by `scale`."""
    columns = _columns(bytes(buffer))
    rows = bytearray()
    for y in range(HEIGHT):
        bits = "".join(("1" if columns[x] >> y & 1 else "0") * scale for x in range(WIDTH))
        rows += (b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big")) * scale

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH * scale, HEIGHT * scale, 1, 0, 0, 0, 0)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 9))
    Path(path).write_bytes(image + chunk(b"IEND", b""))
