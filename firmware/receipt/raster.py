"""Lines as pictures: drawn with a typeface in a strip of half size, doubled by Scale2x, eight rows of dots at a time.

Scale2x (AdvanceMAME): a pixel becomes four, each of which takes its neighbours' colour where these are alike and the
opposite ones are not; slanted strokes come out smooth and straight ones sharp. Pixels are of the strip, dots of paper.
Knows no printer and no receipt; memory is taken once.
"""

from framebuf import MONO_HLSB, FrameBuffer
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.core.ports import Faces


BEGIN = const(0)
MIDDLE = const(1)
END = const(2)
_STRIP_PX = const(16)  # the highest row of any face
_BAND_PX = const(4)  # eight rows of dots
# The bits of a nibble with a free one behind each.
_SPREAD = const(b"\x00\x02\x08\x0a\x20\x22\x28\x2a\x80\x82\x88\x8a\xa0\xa2\xa8\xaa")


class Raster:
    """Rows of a paper `dots` wide. `width` is that of a row of dots in bytes."""

    def __init__(self, faces: "Faces", dots: int) -> None:
        self._faces = faces
        self._px = dots // 2
        self._stride = self._px // 8
        self._strip = bytearray(self._stride * _STRIP_PX)
        self._frame = FrameBuffer(self._strip, self._px, _STRIP_PX, MONO_HLSB)
        self._band = bytearray(2 * _BAND_PX * 2 * self._stride)
        self.width = 2 * self._stride

    def pair(self, begin: str, end: str, big: bool, rtl: bool) -> "Iterator[bytearray]":
        """Both ends of a row; on rows of their own where one is too narrow."""
        self._face = face = self._faces.of(begin + end)
        if face.width(begin, big, rtl) + face.width(end, big, rtl) + face.ROW_PX // 2 > self._px:
            yield from self._rows(begin, big, BEGIN, rtl)
            yield from self._rows(end, big, END, rtl)
            return
        self._frame.fill(0)
        self._draw(begin, big, BEGIN, rtl)
        self._draw(end, big, END, rtl)
        yield from self._bands(big)

    def text(self, text: str, big: bool, place: int, rtl: bool) -> "Iterator[bytearray]":
        """A text on as many rows as it needs, broken at spaces where there are any."""
        self._face = self._faces.of(text)
        yield from self._rows(text, big, place, rtl)

    def _rows(self, text: str, big: bool, place: int, rtl: bool) -> "Iterator[bytearray]":
        while text:
            size = self._fitting(text, big, rtl)
            self._frame.fill(0)
            self._draw(text[:size].strip(), big, place, rtl)
            yield from self._bands(big)
            text = text[size:].strip()

    def _fitting(self, text: str, big: bool, rtl: bool) -> int:
        """How many characters of it stand on one row, at least one."""
        if self._face.width(text, big, rtl) <= self._px:
            return len(text)
        low, high = 1, len(text)
        while high - low > 1:
            middle = (low + high) // 2
            if self._face.width(text[:middle], big, rtl) <= self._px:
                low = middle
            else:
                high = middle
        space = text.rfind(" ", 1, low + 1)
        return space if space > 0 else low

    def _draw(self, text: str, big: bool, place: int, rtl: bool) -> None:
        free = self._px - self._face.width(text, big, rtl)
        left = free // 2 if place == MIDDLE else free if (place == END) != rtl else 0
        self._face.draw(self._frame, text, left, 0, big, 1, rtl)

    def _bands(self, big: bool) -> "Iterator[bytearray]":
        """The strip in dots; each band is overwritten by the next."""
        height = self._face.BIG_PX if big else self._face.ROW_PX
        for top in range(0, height, _BAND_PX):
            self._double(top, height)
            yield self._band

    def _double(self, top: int, height: int) -> None:
        strip, band, stride, spread = self._strip, self._band, self._stride, _SPREAD
        for y in range(top, top + _BAND_PX):
            at, out = y * stride, (y - top) * 4 * stride
            last = at + stride - 1
            for i in range(at, at + stride):
                e = strip[i]
                b = strip[i - stride] if y else 0
                h = strip[i + stride] if y + 1 < height else 0
                d = e >> 1 | (strip[i - 1] << 7 & 0x80 if i > at else 0)
                f = e << 1 & 0xFE | (strip[i + 1] >> 7 if i < last else 0)
                corners = (b ^ h) & (d ^ f)
                falling = corners & (b ^ d)  # above is alike right, below alike left
                rising = corners ^ falling
                up_left = e & ~rising | d & rising
                up_right = e & ~falling | f & falling
                low_left = e & ~falling | d & falling
                low_right = e & ~rising | f & rising
                band[out] = spread[up_left >> 4] | spread[up_right >> 4] >> 1
                band[out + 1] = spread[up_left & 15] | spread[up_right & 15] >> 1
                band[out + 2 * stride] = spread[low_left >> 4] | spread[low_right >> 4] >> 1
                band[out + 2 * stride + 1] = spread[low_left & 15] | spread[low_right & 15] >> 1
                out += 2
