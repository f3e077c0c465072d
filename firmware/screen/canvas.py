"""Draws a composed screen into the display's buffer and turns its pages. The only module that draws."""

from time import ticks_diff, ticks_ms

from framebuf import MONO_VLSB, FrameBuffer
from micropython import const

from firmware.screen.faces import Faces
from firmware.screen.lines import compose, fits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.core.log import Log
    from firmware.core.ports import Display
    from firmware.screen.faces import Language
    from firmware.screen.lines import Band, Line

_TURN_MS = const(2_500)  # a page of a screen that has several is read in this time
_TOUCH_MS = const(1_000)  # a screen that stands still is asked this often whether anybody sees it
_DARK_MS = const(2_000)  # longer than a glitch on the bus lasts


class Canvas:
    """The panel. `language` tells the letters and where a row begins; paper is drawn with the same `faces`."""

    def __init__(self, display: "Display", log: "Log", language: "Language") -> None:
        self._display = display
        self._log = log
        self._frame = FrameBuffer(display.buffer, display.width, display.height, MONO_VLSB)
        self.faces = Faces(language)
        self._lines: "list[Line] | None" = None
        self._rtl = False
        self._pages: "list[list[Band]]" = []
        self._page = 0
        self._unread = 0  # one bit for each page that was never shown
        self._since_ms = 0
        self._sent = True
        self._touched_ms = 0
        self._dark_since_ms = 0

    def dark(self) -> bool:
        """Whether the display has not answered for so long that nobody can read what is drawn."""
        return not self._sent and ticks_diff(ticks_ms(), self._dark_since_ms) >= _DARK_MS

    def draw(self, lines: "Sequence[Line]") -> None:
        """Show these lines; the same ones again cost two bytes a second, and turn the page when it was read."""
        if self._lines is None or self._rtl != self.faces.rtl or list(lines) != self._lines:
            self._pages = compose(lines, self.faces)
            self._lines = list(lines)
            self._rtl = self.faces.rtl
            self._unread = (1 << len(self._pages)) - 1
            self._show(0)
        elif len(self._pages) > 1 and ticks_diff(ticks_ms(), self._since_ms) >= _TURN_MS:
            self.turn(1)
        elif not self._sent or ticks_diff(ticks_ms(), self._touched_ms) >= _TOUCH_MS:
            self.reaches()

    def reaches(self) -> bool:
        """Whether the display takes what is sent, asked now; one that lost the picture gets it again."""
        if self._sent:
            self._send(self._display.alive)
        elif self._pages:
            self._show(self._page)
        return self._sent

    def folds(self, lines: "Sequence[Line]") -> int:
        """How many pages these lines take."""
        return len(compose(lines, self.faces))

    def fits(self, text: str) -> bool:
        """Whether one row holds it."""
        return fits(text, self.faces)

    def unread(self) -> bool:
        """Whether what is shown has pages that nobody can have seen yet."""
        return self._unread != 0

    def turn(self, pages: int) -> None:
        """To the next page, or the one before, for who does not wait."""
        if self._pages:
            self._show((self._page + pages) % len(self._pages))

    def _show(self, page: int) -> None:
        self._page = page
        self._unread &= ~(1 << page)
        self._since_ms = ticks_ms()
        frame, rtl = self._frame, self._rtl
        frame.fill(0)
        edge = 0  # where an inverse row above ends
        for band in self._pages[page]:
            if band.inverse:
                frame.fill_rect(0, band.y, self._display.width, band.height, 1)
            top = band.y if band.big else band.y + (band.height - band.face.ROW_PX) // 2
            for x, text in band.parts:
                band.face.draw(frame, text, x, top, band.big, 0 if band.inverse else 1, rtl)
            if band.inverse and edge == band.y != 0:
                self._part(edge)
            edge = band.y + band.height if band.inverse else 0
        self._send(self._display.show)

    def _part(self, edge: int) -> None:
        """A dark line between two inverse rows that touch, where no letter has ink: Script's top, the grid's bottom."""
        for y in (edge, edge - 1):
            if all([self._frame.pixel(x, y) for x in range(self._display.width)]):
                self._frame.fill_rect(0, y, self._display.width, 1, 0)
                return

    def _send(self, what: "Callable[[], None]") -> None:
        self._touched_ms = ticks_ms()
        try:
            what()
            if not self._sent:
                self._sent = True
                self._log.event("display answers")
        except OSError as error:
            # A glitch on the display's bus must not end a sale; the next drawing sends everything again.
            if self._sent:
                self._sent, self._dark_since_ms = False, ticks_ms()
                self._log.fault("R02", "display: {}".format(error))
