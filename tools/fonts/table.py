"""The file of glyphs that `firmware/screen/script.py` reads in place.

Little-endian. "VSC2"; ranges u16, glyphs u16; 8 windows of the small face and 8 of the big one, u8 each; a range: first
code u16, last code u16, number of its first glyph u16, the most used first; a byte for each small glyph, then for each
big one: width, and which window from bit 5 on; for each face and each 16th glyph the place of its columns in the file
u16; then the columns. A window tells which rows a glyph's columns are of: the first one in bits 0 to 3, and from bit 4
on 0 for 8 rows, 1 for 12, 2 for 16. A glyph of n columns: n bytes with the first 8 rows of its window; then, of 12, a
nibble a column with the rest, two a byte, the first column low; of 16, n bytes with the rest. At the end stands the
notice the licence asks for; a reader may read into it.
"""

from __future__ import annotations

from itertools import combinations
from struct import pack, unpack_from

from tools.fonts.glyphs import BOX

MAGIC = b"VSC2"
STEP = 16
NOTICE = b"Vazirmatn, (c) 2015 The Vazirmatn Project Authors, SIL Open Font License 1.1"
_WINDOWS = 8
_ROWS = (8, 12, 16)
_HEAD = 8 + 2 * _WINDOWS
_MOST_USED = (0xFE80, 0x20, 0xFEDD, 0xFBFC, 0x6F0, 0xFB8A, 0xFEF5)

Glyphs = dict[int, list[int]]


def _ranges(codes: list[int]) -> list[tuple[int, int, int]]:
    out: list[tuple[int, int, int]] = []
    for number, code in enumerate(codes):
        if out and code == out[-1][1] + 1:
            out[-1] = (out[-1][0], code, out[-1][2])
        else:
            out.append((code, code, number))
    return sorted(out, key=lambda entry: _MOST_USED.index(entry[0]) if entry[0] in _MOST_USED else len(_MOST_USED))


def _size(window: int, width: int) -> int:
    return width + (0, (width + 1) // 2, width)[window >> 4]


def _fits(window: int, ink: int) -> bool:
    rows = _ROWS[window >> 4]
    return ink & ~(((1 << rows) - 1) << (window & 15)) == 0


def _ink(columns: list[int]) -> int:
    ink = 0
    for column in columns:
        ink |= column
    return ink


def _windows(glyphs: Glyphs, height: int) -> tuple[int, ...]:
    """The windows that make a face smallest; one of them has all rows."""
    whole = _ROWS.index(height) << 4
    shapes: dict[tuple[int, int], int] = {}
    for columns in glyphs.values():
        shape = _ink(columns), len(columns)
        shapes[shape] = shapes.get(shape, 0) + 1
    parts = [_ROWS.index(rows) << 4 | first for rows in _ROWS if rows < height for first in range(height - rows + 1)]
    best = min(
        combinations(parts, min(_WINDOWS - 1, len(parts))),
        key=lambda some: sum(
            count * min(_size(window, width) for window in (whole, *some) if _fits(window, ink))
            for (ink, width), count in shapes.items()
        ),
    )
    return (whole, *best, *[whole] * (_WINDOWS - 1 - len(best)))


def _packed(columns: list[int], window: int) -> bytes:
    shifted = [column >> (window & 15) for column in columns]
    upper, rest = bytes(column & 0xFF for column in shifted), [column >> 8 for column in shifted]
    if window >> 4 == 0:
        return upper
    if window >> 4 == 2:
        return upper + bytes(rest)
    rest.append(0)
    return upper + bytes(rest[x] | rest[x + 1] << 4 for x in range(0, len(columns), 2))


def table(small: Glyphs, big: Glyphs, heights: tuple[int, int]) -> bytes:
    """The file of two faces with the same glyphs, and so many rows."""
    codes = sorted(small)
    if codes != sorted(big) or BOX not in small:
        raise ValueError("the faces differ in their glyphs")
    ranges = _ranges(codes)
    windows, shapes, packed = b"", b"", []
    for face, height in zip((small, big), heights, strict=True):
        own = _windows(face, height)
        windows += bytes(own)
        for code in codes:
            columns = face[code]
            fitting = [number for number, window in enumerate(own) if _fits(window, _ink(columns))]
            chosen = min((_size(own[number], len(columns)), number) for number in fitting)[1]
            shapes += bytes([chosen << 5 | len(columns)])
            packed.append(_packed(columns, own[chosen]))
    head = MAGIC + pack("<HH", len(ranges), len(codes)) + windows + b"".join(pack("<HHH", *entry) for entry in ranges)
    at = len(head) + len(shapes) + 2 * 2 * -(-len(codes) // STEP)
    places, columns_of_all = b"", b""
    for number, piece in enumerate(packed):
        if number % len(codes) % STEP == 0:
            places += pack("<H", at + len(columns_of_all))
        columns_of_all += piece
    return head + shapes + places + columns_of_all + NOTICE


def _column(raw: bytes, window: int, width: int, x: int) -> int:
    if window >> 4 == 0:
        return raw[x]
    return raw[x] | (raw[width + x // 2] >> 4 * (x & 1) & 15 if window >> 4 == 1 else raw[width + x]) << 8


def faces(content: bytes) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
    """The columns of every glyph of the small and of the big face, by code. Raises ValueError for another format."""
    if content[:4] != MAGIC:
        raise ValueError("no table of glyphs")
    ranges, count = unpack_from("<HH", content, 4)
    codes = [0] * count
    for entry in range(ranges):
        first, last, number = unpack_from("<HHH", content, _HEAD + 6 * entry)
        codes[number : number + last - first + 1] = range(first, last + 1)
    shapes_at = _HEAD + 6 * ranges
    place = unpack_from("<H", content, shapes_at + 2 * count)[0]
    out: list[dict[int, tuple[int, ...]]] = []
    for face in (0, 1):
        glyphs: dict[int, tuple[int, ...]] = {}
        for number, code in enumerate(codes):
            shape = content[shapes_at + face * count + number]
            window, width = content[8 + face * _WINDOWS + (shape >> 5)], shape & 31
            raw = content[place : place + _size(window, width)]
            place += len(raw)
            glyphs[code] = tuple(_column(raw, window, width, x) << (window & 15) for x in range(width))
        out.append(glyphs)
    return out[0], out[1]
