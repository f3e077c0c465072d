"""SSD1306 OLED, 128x64 on I2C: sends only what changed since the last `show`.

`buffer` is MONO_VLSB (8 pages of 128 bytes, bit 0 on top), drawn by whoever owns it, for example a
`framebuf.FrameBuffer`. Knows no text. Section numbers are of the SSD1306 datasheet, revision 1.1. Raises OSError when
the display does not acknowledge; the next `show` then sets the controller up anew, which may have lost its power, and
sends everything.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WIDTH = const(128)
_PAGES = const(8)
_COMMANDS = const(0x00)  # control byte: only commands follow (8.1.5.2)
_DATA = const(0x40)
_COLUMN_RANGE = const(0x21)
_PAGE_RANGE = const(0x22)
_SET_CONTRAST = const(0x81)
_DISPLAY_OFF = const(0xAE)
_DISPLAY_ON = const(0xAF)
_NOP = const(b"\x00\xe3")

_SETUP = const(
    b"\x00"
    b"\xae"  # off while it is set up
    b"\xd5\x80"  # clock as after reset
    b"\xa8\x3f"  # 64 rows
    b"\xd3\x00\x40"  # no offset, start line 0
    b"\x8d\x14"  # charge pump on (application note, 2.1)
    b"\x20\x00"  # horizontal addressing
    b"\xa1\xc8"  # upright on the common module
    b"\xda\x12"  # pin layout of a 64-row panel
    b"\xd9\xf1\xdb\x30"  # precharge and level for the charge pump
    b"\xa4\xa6"  # show the RAM, not inverted
)


class SSD1306:
    """The display. Call `init` once before `show`."""

    def __init__(self, i2c: "Any", address: int = 0x3C) -> None:
        self.width = _WIDTH
        self.height = _PAGES * 8
        self.buffer = bytearray(_WIDTH * _PAGES)
        self._i2c = i2c
        self._address = address
        self._shown = bytearray(_WIDTH * _PAGES)
        here, there = memoryview(self.buffer), memoryview(self._shown)
        self._pages = [here[i * _WIDTH : (i + 1) * _WIDTH] for i in range(_PAGES)]
        self._shown_pages = [there[i * _WIDTH : (i + 1) * _WIDTH] for i in range(_PAGES)]
        self._window = bytearray((_COMMANDS, _COLUMN_RANGE, 0, 0, _PAGE_RANGE, 0, 0))
        self._line = bytearray(1 + _WIDTH)
        self._line[0] = _DATA
        self._line_view = memoryview(self._line)
        self._contrast = bytearray((_COMMANDS, _SET_CONTRAST, 0x7F))  # as after its reset
        self._all = True  # after power-up the display is dark and its RAM is noise

    def init(self) -> None:
        """Set the controller up and light the panel with what `buffer` holds."""
        self._all = True
        self.show()

    def show(self) -> None:
        """Send the changed column range of every changed page; nothing when nothing changed."""
        everything = self._all
        self._all = True  # stays set when an acknowledge is missing half way
        if everything:
            self._i2c.writeto(self._address, _SETUP)
            self._i2c.writeto(self._address, self._contrast)
        for number in range(_PAGES):
            page, shown = self._pages[number], self._shown_pages[number]
            if everything:
                self._send(number, 0, _WIDTH - 1)
            elif page != shown:
                first = 0
                while page[first] == shown[first]:
                    first += 1
                last = _WIDTH - 1
                while page[last] == shown[last]:
                    last -= 1
                self._send(number, first, last)
        if everything:
            self.power(True)
        self._all = False

    def alive(self) -> None:
        """Two bytes that change nothing. Raises OSError when the display does not acknowledge them."""
        try:
            self._i2c.writeto(self._address, _NOP)
        except OSError:
            self._all = True  # its power may have gone
            raise

    def contrast(self, level: int) -> None:
        """Brightness, 0 to 255; one that does not answer gets it when it is set up again."""
        self._contrast[2] = level
        self._i2c.writeto(self._address, self._contrast)

    def power(self, on: bool) -> None:
        """Light or darken the panel; its content stays."""
        self._i2c.writeto(self._address, bytes((_COMMANDS, _DISPLAY_ON if on else _DISPLAY_OFF)))

    def _send(self, number: int, first: int, last: int) -> None:
        window, count = self._window, last - first + 1
        window[2] = first
        window[3] = last
        window[5] = window[6] = number
        page = self._pages[number]
        self._line_view[1 : 1 + count] = page[first : last + 1]
        self._i2c.writeto(self._address, window)
        self._i2c.writeto(self._address, self._line_view[: 1 + count])
        self._shown_pages[number][first : last + 1] = page[first : last + 1]
