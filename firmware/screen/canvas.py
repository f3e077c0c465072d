"""Draws composed rows into the display's buffer. The only module that touches pixels; one font engine behind `_text`.

Grid cells are 8x8 pixels, so every character lies on a page boundary of the MONO_VLSB buffer and doubling is a table
look-up.
"""

from framebuf import MONO_VLSB, FrameBuffer
from micropython import const

from firmware.screen.lines import COLUMNS, compose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.core.log import Log
    from firmware.core.ports import Display
    from firmware.screen.lines import Line

_CELL = const(8)
# Each of the four bits twice: the lower half of a column of 8 pixels becomes a column of 8.
_DOUBLED = b"\x00\x03\x0c\x0f\x30\x33\x3c\x3f\xc0\xc3\xcc\xcf\xf0\xf3\xfc\xff"


class Canvas:
    """The panel as a grid of characters."""

    def __init__(self, display: "Display", log: "Log") -> None:
        self._display = display
        self._log = log
        self._frame = FrameBuffer(display.buffer, display.width, display.height, MONO_VLSB)
        self._glyph_bytes = bytearray(_CELL)
        self._glyph = FrameBuffer(self._glyph_bytes, _CELL, _CELL, MONO_VLSB)
        self._shown: "list[Line] | None" = None

    def draw(self, lines: "Sequence[Line]") -> None:
        """Show these lines; the same lines again cost nothing."""
        if self._shown is not None and list(lines) == self._shown:
            return
        self._frame.fill(0)
        for row in compose(lines):
            if row.inverse:
                self._frame.fill_rect(0, row.row * _CELL, self._display.width, _CELL, 1)
            self._text(row.text[: (COLUMNS - row.column) // row.scale], row.column, row.row, row.scale, row.inverse)
        try:
            self._display.show()
        except OSError as error:
            # A glitch on the display's bus must not end a sale; the next drawing sends everything again.
            self._log.fault("R02", "display: {}".format(error))
            self._shown = None
            return
        self._shown = list(lines)

    def _text(self, text: str, column: int, row: int, scale: int, inverse: bool) -> None:
        """The one place where characters become pixels."""
        if scale == 1:
            self._frame.text(text, column * _CELL, row * _CELL, 0 if inverse else 1)
            return
        buffer, width = self._display.buffer, self._display.width
        upper = row * width + column * _CELL
        for character in text:
            self._glyph.fill(0)
            self._glyph.text(character, 0, 0, 1)
            for bits in self._glyph_bytes:
                buffer[upper] = buffer[upper + 1] = _DOUBLED[bits & 15]
                buffer[upper + width] = buffer[upper + width + 1] = _DOUBLED[bits >> 4]
                upper += 2
