"""Pictures of one bit a pixel: rows as integers, written as PNG, read back, and put beside each other.

A picture is (width, rows); the highest of `width` bits of a row is its leftmost pixel. Reads only the PNG it writes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"\x89PNG\r\n\x1a\n"


class Picture(NamedTuple):
    """`rows` from top to bottom."""

    width: int
    rows: tuple[int, ...]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scaled(picture: Picture, scale: int) -> Picture:
    """Each pixel `scale` by `scale`."""
    rows: list[int] = []
    for row in picture.rows:
        bits = f"{row:0{picture.width}b}"
        rows += [int("".join(bit * scale for bit in bits), 2)] * scale
    return Picture(picture.width * scale, tuple(rows))


def framed(picture: Picture, margin: int) -> Picture:
    """With so many dark pixels around it."""
    rows = tuple(row << margin for row in picture.rows)
    return Picture(picture.width + 2 * margin, (0,) * margin + rows + (0,) * margin)


def png(picture: Picture) -> bytes:
    """As a PNG of one bit a pixel, 1 is white."""
    size = (picture.width + 7) // 8
    spare = 8 * size - picture.width
    raw = b"".join(b"\x00" + (row << spare).to_bytes(size, "big") for row in picture.rows)
    header = struct.pack(">IIBBBBB", picture.width, len(picture.rows), 1, 0, 0, 0, 0)
    return _MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(raw, 9)) + _chunk(b"IEND", b"")


def read(path: Path) -> Picture:
    """The pixels of such a PNG. Raises ValueError for any other file."""
    content = path.read_bytes()
    chunks: dict[bytes, bytes] = {}
    at = len(_MAGIC)
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        chunks[kind] = chunks.get(kind, b"") + content[at + 8 : at + 8 + length]
        at += 12 + length
    if content[: len(_MAGIC)] != _MAGIC or b"IHDR" not in chunks or b"IDAT" not in chunks:
        raise ValueError(f"{path} is no PNG")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if (depth, colour, interlaced) != (1, 0, 0):
        raise ValueError(f"{path} is not of one bit a pixel")
    raw = zlib.decompress(chunks[b"IDAT"])
    size = (width + 7) // 8
    rows: list[int] = []
    for y in range(height):
        line = raw[y * (size + 1) : (y + 1) * (size + 1)]
        if line[0]:
            raise ValueError(f"{path} has filtered rows")
        rows.append(int.from_bytes(line[1:], "big") >> 8 * size - width)
    return Picture(width, tuple(rows))


def differing(one: Picture, other: Picture) -> Picture:
    """White where they differ; what only one of them has differs."""
    width, height = max(one.width, other.width), max(len(one.rows), len(other.rows))

    def padded(picture: Picture) -> list[int]:
        rows = [row << width - picture.width for row in picture.rows]
        return rows + [0] * (height - len(rows))

    rows = [left ^ right for left, right in zip(padded(one), padded(other), strict=True)]
    outside = (1 << width - min(one.width, other.width)) - 1
    lowest = min(len(one.rows), len(other.rows))
    return Picture(width, tuple(row | outside if y < lowest else (1 << width) - 1 for y, row in enumerate(rows)))


def sheet(pictures: Sequence[Picture], columns: int, gap: int = 6) -> Picture:
    """Many pictures on one, in rows of so many."""
    lines: list[list[Picture]] = [list(pictures[at : at + columns]) for at in range(0, len(pictures), columns)]
    cell = max(picture.width for picture in pictures) + gap
    rows: list[int] = []
    for line in lines:
        for y in range(max(len(picture.rows) for picture in line) + gap):
            row = 0
            for place in range(columns):
                picture = line[place] if place < len(line) else None
                shown = picture.rows[y] << cell - picture.width if picture and y < len(picture.rows) else 0
                # What is not a picture is grey: every second pixel.
                free = 0 if picture and y < len(picture.rows) else cell
                grey = int(("10" if y % 2 else "01") * cell, 2) & (1 << (free or gap)) - 1
                row = row << cell | shown | grey
            rows.append(row)
    return Picture(cell * columns, tuple(rows))
