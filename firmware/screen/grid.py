"""The letters of the built-in font of `framebuf`: 8x8 pixels each, ASCII, doubled where they are to be big."""

from framebuf import MONO_VLSB, FrameBuffer
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CELL = const(8)
# Each of the four bits twice: the lower half of a column of 8 pixels becomes a column of 8.
_DOUBLED = const(b"\x00\x03\x0c\x0f\x30\x33\x3c\x3f\xc0\xc3\xcc\xcf\xf0\xf3\xfc\xff")


class Grid:
    """One size of letters and its double."""

    ROW_PX = 8
    BIG_PX = 16
    MARGIN_PX = 0

    def __init__(self) -> None:
        self._glyph_bytes = bytearray(_CELL)
        self._glyph = FrameBuffer(self._glyph_bytes, _CELL, _CELL, MONO_VLSB)
        self._large_bytes = bytearray(4 * _CELL)
        self._large = FrameBuffer(self._large_bytes, 2 * _CELL, 2 * _CELL, MONO_VLSB)

    def width(self, text: str, big: bool, rtl: bool) -> int:
        """Pixels."""
        return len(text) * (2 * _CELL if big else _CELL)

    def draw(self, frame: "Any", text: str, x: int, y: int, big: bool, ink: int, rtl: bool) -> None:
        """From `x` on, top of the letters at `y`, in 1 or 0 on what is there."""
        if not big:
            frame.text(text, x, y, ink)
            return
        large = self._large_bytes
        for character in text:  # ASCII, see `Faces.of`: letters that the interpreter has kept since the start anyway
            self._glyph.fill(0)
            self._glyph.text(character, 0, 0, 1)
            at = 0
            for bits in self._glyph_bytes:
                large[at] = large[at + 1] = _DOUBLED[bits & 15]
                large[at + 16] = large[at + 17] = _DOUBLED[bits >> 4]
                at += 2
            frame.blit(self._large, x, y, 0)
            x += 2 * _CELL
