"""What stands on a printed receipt, row by row: text as it was sent, pictures read back letter by letter.

Doubling by Scale2x changes at most one of the four dots of a pixel, so three alike tell which it was: the picture gives
back exactly the strip it was made of, and the reader of the panel's letters reads it. Dots of paper, pixels of a strip.
"""

from __future__ import annotations

import functools
from struct import pack

from tools.sim import ocr_script
from tools.sim.chips.paper import Picture, Strip, Text

_BAND = 8  # dots a command of the driver carries


def rows(strip: Strip, rtl: bool = True) -> list[str]:
    """Every row that can be read; a code is none."""
    found: list[str] = []
    for piece in strip.pieces:
        if isinstance(piece, Text):
            found.append(piece.text)
        elif isinstance(piece, Picture):
            found += _picture(piece, rtl)
    return found


@functools.lru_cache(maxsize=512)
def _picture(piece: Picture, rtl: bool) -> tuple[str, ...]:
    """The rows of a picture: cut where the most of them can be read."""
    high = len(piece.dots) // piece.width
    best: dict[int, tuple[float, tuple[str, ...]]] = {high: (0.0, ())}
    for top in range(high - _BAND, -1, -_BAND):
        options = []
        for face, px in enumerate(ocr_script.ROWS):
            below = best.get(top + 2 * px)
            read = _row(piece, top, face, rtl) if below is not None else None
            if below is not None and read is not None:
                options.append((read[0] + below[0], (read[1], *below[1])))
        if options:
            best[top] = min(options)
    return best.get(0, (0.0, ("?",)))[1]


def _row(piece: Picture, top: int, face: int, rtl: bool) -> tuple[float, str] | None:
    """(cost, text) of a row of this face that begins at `top`; None when it is none."""
    px, wide = ocr_script.ROWS[face], piece.width * 4
    columns = [0] * wide
    for y in range(px):
        start = (top + 2 * y) * piece.width
        upper = int.from_bytes(piece.dots[start : start + piece.width], "big")
        lower = int.from_bytes(piece.dots[start + piece.width : start + 2 * piece.width], "big")
        for x in range(wide):
            shift = 2 * (wide - 1 - x)
            if ((upper >> shift & 3).bit_count() + (lower >> shift & 3).bit_count()) > 2:
                columns[x] |= 1 << y
    read = ocr_script.read_band(pack(f"<{wide}H", *columns), face)
    if read is None:
        return None
    cost, texts = read
    parts = [ocr_script.logical(codes, rtl) for codes in texts]
    return cost, " ".join(reversed(parts) if rtl else parts)
