"""The typeface beyond ASCII: Vazirmatn in two sizes, drawn cell by cell from a table that is read where it lies.

A cell is exactly as wide as its glyph and cells do not overlap: a text's width is the sum of its cells. Only widths
and places stay in the heap, drawing makes nothing that does. Units: pixels. The table's format is told in
tools/fonts/table.py; which glyphs a text takes is the business of firmware.text.visual.
"""

from struct import unpack_from

from framebuf import MONO_VLSB, FrameBuffer
from micropython import const

from firmware.core.tables import open_table
from firmware.text.visual import visual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TABLE = const("script.tbl")
_HEAD = const(8)
_RANGE = const(6)
_STEP = const(16)
_WINDOWS = const(8)
_WIDTH = const(31)  # bits of a glyph's width
_WIDEST = const(20)  # columns of the glyph buffer


class Script:
    """Both sizes of the face. Raises OSError when the table is missing."""

    ROW_PX = 12
    BIG_PX = 16
    MARGIN_PX = 2  # at each end of a row: the first letter of an inverse row would hang on its edge

    def __init__(self) -> None:
        self._file = open_table(__file__, _TABLE)
        head = bytearray(_HEAD)
        self._file.readinto(head)
        ranges, count = unpack_from("<HH", head, 4)
        # windows and ranges, then of both sizes the glyphs' widths and windows
        self._count = count
        self._shapes_at = 2 * _WINDOWS + ranges * _RANGE
        self._index = bytearray(self._shapes_at + 2 * count)
        self._file.readinto(self._index)
        self._raw = bytearray(2 * _WIDEST)
        self._cell = bytearray(2 * _WIDEST)
        self._glyph = FrameBuffer(self._cell, _WIDEST, 2 * 8, MONO_VLSB)
        self._flip = self._filled = 0  # what blank columns hold, and how many of the first are not blank

    def width(self, text: str, big: bool, rtl: bool) -> int:
        """How wide this text is drawn."""
        shapes = self._shapes_at + (self._count if big else 0)
        total = 0
        for code in visual(text, rtl):
            total += self._index[shapes + self._slot(code)] & _WIDTH
        return total

    def draw(self, frame: "Any", text: str, x: int, y: int, big: bool, ink: int, rtl: bool) -> None:
        """Draw from the left edge `x` and the top `y` of the row; `ink` 0 is for a row that is filled."""
        for code in visual(text, rtl):
            width = self._fetch(self._slot(code), big, 0 if ink else 0xFF)
            frame.blit(self._glyph, x, y, 1 - ink)  # what is not ink is left as it is
            x += width

    def _slot(self, code: int) -> int:
        """The number of a glyph; the box's when there is none."""
        index = self._index
        for at in range(2 * _WINDOWS, self._shapes_at, _RANGE):
            if code <= index[at + 2] | index[at + 3] << 8:
                first = index[at] | index[at + 1] << 8
                if code >= first:
                    return (index[at + 4] | index[at + 5] << 8) + code - first
        return self._count - 1  # the box has the greatest code

    def _fetch(self, slot: int, big: bool, flip: int) -> int:
        """Bring the columns of a glyph into the glyph buffer, each bit turned by `flip`; its width."""
        index, raw, cell = self._index, self._raw, self._cell
        shapes, windows, step = self._shapes_at, 0, slot // _STEP
        if big:
            shapes += self._count
            windows = _WINDOWS
            step += (self._count + _STEP - 1) // _STEP
        # behind the index stand the places of each 16th glyph
        self._file.seek(_HEAD + len(index) + 2 * step)
        self._file.readinto(raw)
        place = raw[0] | raw[1] << 8
        for before in range(slot - slot % _STEP, slot):
            shape = index[shapes + before]
            place += _size(shape & _WIDTH, index[windows + (shape >> 5)] >> 4)
        self._file.seek(place)
        self._file.readinto(raw)
        shape = index[shapes + slot]
        width, window = shape & _WIDTH, index[windows + (shape >> 5)]
        if flip != self._flip:
            self._flip, self._filled = flip, _WIDEST
        for column in range(width):
            bits = raw[column]
            if window >> 4 == 1:
                bits |= (raw[width + column // 2] >> 4 * (column & 1) & 15) << 8
            elif window >> 4 == 2:
                bits |= raw[width + column] << 8
            bits <<= window & 15
            cell[column] = bits & 0xFF ^ flip
            cell[_WIDEST + column] = bits >> 8 ^ flip
        for column in range(width, self._filled):
            cell[column] = cell[_WIDEST + column] = flip
        self._filled = width
        return width


def _size(width: int, kind: int) -> int:
    """Bytes of so many columns of 8, 12 or 16 rows."""
    return width if kind == 0 else 2 * width if kind == 2 else width + (width + 1) // 2
