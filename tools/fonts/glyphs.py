"""Which glyphs are baked, and how an outline becomes a cell of pixels.

A cell is as wide as the glyph's advance, wider where ink sticks out, and holds all of the ink: no two cells overlap, so
drawing is laying cells side by side, measuring is adding widths, and reading a screen back is exact. Where a letter
joins its neighbour the ink touches the cell's edge on the row just above the baseline; where it does not, the cell ends
with an empty column at its right. Units: pixels; a column is an integer, bit 0 on top.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.fonts.dots import redrawn

BOX = 0xFFFD  # stands for what has no glyph
_FOUR = (0xFB56, 0xFB7A, 0xFB8E, 0xFB92, 0xFBFC)  # peh, tcheh, keheh, gaf, yeh: isolated, final, initial, medial
# Arabic forms in Unicode's order; kaf and yeh are the Persian ones above.
_LETTERS = (*range(0xFE80, 0xFED9), *range(0xFEDD, 0xFEEF), *range(0xFEF5, 0xFEFD))
_JEH = (0xFB8A, 0xFB8B)
_SIGNS = (0x60C, 0x61B, 0x61F, 0x640, 0x66A, 0x66B, 0x66C, 0xAB, 0xB7, 0xBB, 0xD7, 0x2026)
_DIGITS = tuple(range(0x6F0, 0x6FA))
_ASCII = tuple(range(0x20, 0x7F))
TATWEEL = 0x640

CODES = tuple(sorted((*_ASCII, *_SIGNS, *_DIGITS, *_JEH, *(c + i for c in _FOUR for i in range(4)), *_LETTERS, BOX)))


@dataclass(frozen=True)
class Face:
    """One size: `ascent` rows above the baseline, the rest of `height` below."""

    weight: str
    size: int
    ascent: int
    height: int


SMALL = Face("Medium", 10, 9, 12)
BIG = Face("SemiBold", 13, 12, 16)


def joins(code: int) -> tuple[bool, bool]:
    """Whether a form joins the letter at its left, and the one at its right."""
    if code == TATWEEL:
        return True, True
    form = unicodedata.decomposition(chr(code)).split(" ")[0]
    return form in ("<initial>", "<medial>"), form in ("<final>", "<medial>")


def baked(fonts: Path, face: Face) -> dict[int, list[int]]:
    """Columns of every glyph, left to right. Raises ValueError when ink would leave the rows."""
    freetype: Any = import_module("freetype")  # it defines its constants at run time
    font = freetype.Face(str(fonts / f"Vazirmatn-{face.weight}.ttf"))
    font.set_pixel_sizes(0, face.size)
    return {code: _apart(code, redrawn(code, _cell(freetype, font, face, code), face.height)) for code in CODES}


def _apart(code: int, columns: list[int]) -> list[int]:
    """With an empty column at the right, unless the letter joins there: what is not joined must not look so."""
    left, right = joins(code)
    if right or not columns[-1]:
        return columns
    return [*columns[0 if left or columns[0] else 1 :], 0]


def _cell(freetype: Any, font: Any, face: Face, code: int) -> list[int]:
    if code == BOX:
        top, bottom = face.ascent - face.size * 3 // 4, face.ascent
        side = (1 << bottom) - (1 << top)
        ends = 1 << top | 1 << bottom - 1
        return [0, side, *[ends] * (face.size // 2 - 2), side, 0]
    mode = freetype.FT_LOAD_RENDER | freetype.FT_LOAD_TARGET_MONO | freetype.FT_LOAD_NO_HINTING
    font.load_char(chr(code), mode)
    glyph = font.glyph
    bitmap = glyph.bitmap
    if not font.get_char_index(chr(code)):
        raise ValueError(f"the font has no U+{code:04X}")
    advance = round(glyph.linearHoriAdvance / 65536)
    left, right = joins(code)
    first = 0 if left else min(0, glyph.bitmap_left)
    end = advance if right else max(advance, glyph.bitmap_left + bitmap.width)
    columns = [0] * (end - first)
    for row in range(bitmap.rows):
        at = face.ascent - glyph.bitmap_top + row
        for x in range(bitmap.width):
            if bitmap.buffer[row * bitmap.pitch + (x >> 3)] >> (7 - (x & 7)) & 1:
                column = glyph.bitmap_left + x - first
                if not 0 <= at < face.height:
                    raise ValueError(f"U+{code:04X} leaves the rows of {face.size} px")
                if 0 <= column < len(columns):
                    columns[column] |= 1 << at
    return columns
