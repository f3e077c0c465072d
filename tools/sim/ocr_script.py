"""Reads rows of the Script face off the display: pixels to glyph cells to letters, exactly.

A row of Script is 12 or 16 pixels high and holds nothing but cells side by side, so the only reading of a band is one
that explains all of its ink; where cells of the same pixels leave a choice, letters that join and neighbours of one
alphabet win. Reads the baked table and knows neither the module that draws nor the one that shapes. Units:
pixels; a column is an integer, bit 0 on top.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import NamedTuple

from tools.fonts.table import faces

TABLE = Path(__file__).resolve().parents[2] / "firmware" / "screen" / "script.tbl"
WIDTH, HEIGHT = 128, 64
ROWS = (12, 16)  # heights of the two sizes
BOX = 0xFFFD
_SPACE = 0x20
_WIDE_PX = 8  # a gap no text has inside: what stands on its two sides are two texts

_BEARING = 3  # blank columns a glyph may begin with

# Costs of a reading; only their order matters.
_ODD_GAP, _LAYOUT_GAP, _MIXED, _TORN = 3.0, 1.0, 2.0, 4.0


class Glyph(NamedTuple):
    """One cell: which code, its columns as little-endian pairs of bytes, whether it joins left and right."""

    code: int
    pixels: bytes
    width: int
    left: bool
    right: bool
    kind: str


@dataclass(frozen=True)
class Band:
    """A row of Script that was read: where it lies, how much ink it explains, its texts from left to right."""

    y: int
    height: int
    ink: int
    cost: float
    texts: tuple[tuple[int, ...], ...]

    @property
    def persian_digits(self) -> bool:
        """Whether there are digits as only a Persian screen has them."""
        return any(0x6F0 <= code <= 0x6F9 for text in self.texts for code in text)


def _kind(code: int) -> str:
    character = chr(code)
    if character.isascii():
        return "digit" if character.isdigit() else "latin" if character.isalpha() else "sign"
    if 0x6F0 <= code <= 0x6F9:
        return "persian digit"
    return "persian" if unicodedata.category(character) == "Lo" else "sign"


def _joins(code: int) -> tuple[bool, bool]:
    """Whether a form joins the letter at its left, and the one at its right."""
    if code == 0x640:
        return True, True
    tag = unicodedata.decomposition(chr(code)).split(" ")[0]
    return tag in ("<initial>", "<medial>"), tag in ("<final>", "<medial>")


@functools.cache
def _by_beginning() -> tuple[dict[bytes, list[Glyph]], ...]:
    """For each face the glyphs by their first two columns."""
    out: list[dict[bytes, list[Glyph]]] = []
    for glyphs in faces(TABLE.read_bytes()):
        found: dict[bytes, list[Glyph]] = {}
        for code, columns in sorted(glyphs.items()):
            if any(columns):
                pixels = pack(f"<{len(columns)}H", *columns)
                found.setdefault(pixels[:4], []).append(Glyph(code, pixels, len(columns), *_joins(code), _kind(code)))
        out.append(found)
    return tuple(out)


@functools.cache
def _space_px() -> tuple[int, ...]:
    return tuple(len(glyphs[_SPACE]) for glyphs in faces(TABLE.read_bytes()))


class _Way(NamedTuple):
    """A reading of the columns up to some x: its cost, its last glyph (None after a gap), the way before it."""

    cost: float
    glyph: Glyph | None
    gap: int
    before: _Way | None


def _gap_cost(px: int, space: int) -> float:
    if px % space == 0 and px // space <= 2:
        return 0.1
    return _LAYOUT_GAP if px >= _WIDE_PX else _ODD_GAP


def _step_cost(way: _Way, glyph: Glyph) -> float:
    if way.glyph is None:
        return _TORN if glyph.left and glyph.code != 0x640 and way.before is not None else 0.0
    cost = 0.0
    if way.glyph.right != glyph.left:
        cost += _TORN
    kinds = {way.glyph.kind, glyph.kind} - {"sign"}
    return cost + (_MIXED if len(kinds) > 1 else 0.0)


def _better(ways: dict[int, dict[str, _Way]], x: int, way: _Way) -> None:
    """Keep the cheapest way to this x for each kind of ending."""
    ending = "gap" if way.glyph is None else f"{way.glyph.kind}{way.glyph.right}"
    here = ways.setdefault(x, {})
    if ending not in here or way.cost < here[ending].cost:
        here[ending] = way


def read_band(pixels: bytes, face: int) -> tuple[float, tuple[tuple[int, ...], ...]] | None:
    """The texts of a band, 2 bytes a column, as codes from left to right; None when its ink is no row of this face."""
    columns = len(pixels) // 2
    inked = [x for x in range(columns) if pixels[2 * x] or pixels[2 * x + 1]]
    if not inked:
        return None
    first, last = inked[0], inked[-1]
    table, space = _by_beginning()[face], _space_px()[face]
    nothing = _Way(0.0, None, 0, None)
    ways: dict[int, dict[str, _Way]] = {x: {"gap": nothing} for x in range(max(0, first - _BEARING), first + 1)}
    reach = first + 1
    blank = [not (pixels[2 * x] or pixels[2 * x + 1]) for x in range(columns)]
    for x in range(max(0, first - _BEARING), last + 1):
        for way in list(ways.get(x, {}).values()):
            for glyph in table.get(pixels[2 * x : 2 * x + 4], ()):
                if pixels.startswith(glyph.pixels, 2 * x):
                    reach = max(reach, x + glyph.width)
                    cost = way.cost + 1 + _step_cost(way, glyph)
                    _better(ways, x + glyph.width, _Way(cost, glyph, 0, way))
            if way.glyph is not None and blank[x]:
                torn = _TORN if way.glyph.right and way.glyph.code != 0x640 else 0.0
                end = x
                while end <= last and blank[end]:
                    end += 1
                    reach = max(reach, end)
                    _better(ways, end, _Way(way.cost + torn + _gap_cost(end - x, space), None, end - x, way))
        if x >= reach:
            return None
    ends = [way for x, kept in ways.items() if x > last for way in kept.values() if way.glyph is not None]
    if not ends:
        return None
    best = min(ends, key=lambda way: way.cost)
    return best.cost, _texts(best, space)


def _texts(way: _Way, space: int) -> tuple[tuple[int, ...], ...]:
    """The codes on a way, split at wide gaps."""
    texts: list[list[int]] = [[]]
    at: _Way | None = way
    while at is not None:
        if at.glyph is not None:
            texts[-1].append(at.glyph.code)
        elif at.gap and at.gap >= max(_WIDE_PX, 3 * space):
            texts.append([])
        elif at.gap:
            texts[-1] += [_SPACE] * max(1, round(at.gap / space))
        at = at.before
    return tuple(tuple(reversed(codes)) for codes in reversed(texts))


def bands(columns: list[int]) -> list[Band]:
    """The rows of Script on a display given as 128 columns: those that explain most ink and do not lie on another."""
    found: list[Band] = []
    full = (1 << HEIGHT) - 1
    for face, height in enumerate(ROWS):
        mask = (1 << height) - 1
        for lit in (False, True):
            plane = [column ^ full for column in columns] if lit else columns
            for y in range(HEIGHT - height + 1):
                pixels = pack(f"<{WIDTH}H", *[column >> y & mask for column in plane])
                read = read_band(pixels, face)
                if read is not None:
                    ink = int.from_bytes(pixels, "little").bit_count()
                    found.append(Band(y, height, ink, *read))
    return _apart(found)


def _apart(found: list[Band]) -> list[Band]:
    """The choice of bands side by side with the most ink, the least cost."""
    best: list[tuple[int, float, tuple[Band, ...]]] = [(0, 0.0, ())]
    for end in range(1, HEIGHT + 1):
        options = [best[end - 1]]
        for band in found:
            if band.y + band.height == end:
                ink, cost, before = best[band.y]
                options.append((ink + band.ink, cost + band.cost, (*before, band)))
        best.append(min(options, key=lambda option: (-option[0], option[1])))
    return list(best[HEIGHT][2])


# Runs that go from left to right in a Persian row: Latin words with what stands between them; a number with its sign
# and separators; a number in groups of three and four digits, as telephones are written.
_DIGIT = "[0-9\u06f0-\u06f9]"
_WORD = r"[*#]*(?=[0-9./:@_\-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9@./:_\-]*[A-Za-z0-9])?"
_LATIN = rf"{_WORD}(?:[ .,;!\u00b7/&-]+{_WORD})*"
_NUMBER = rf"[+\-~*#]*{_DIGIT}(?:{_DIGIT}|[,./:*\u066b\u066c\-]+(?={_DIGIT}))*\u066a?"
_GROUPS = rf"{_DIGIT}{{3,4}}(?: {_DIGIT}{{3,4}})+(?!{_DIGIT}|[,./:\u066b\u066c])"
_LTR = re.compile(f"{_LATIN}|{_GROUPS}|{_NUMBER}")
_RTL = re.compile(r"[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff](?:[ .\u060c]*[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff])*")
_SENTENCE = re.compile("[^\u0600-\u06ef\ufb50-\ufeff]*[A-Za-z][^\u0600-\u06ef\ufb50-\ufeff]*[.!?]")
_MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb", ")(][}{><\u00bb\u00ab")
_PERSIAN = str.maketrans({"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9"})


def letters(text: str) -> str:
    """Presentation forms as letters."""
    plain = [unicodedata.normalize("NFKC", c) if 0xFB50 <= ord(c) < 0xFF00 else c for c in text]
    return "".join(plain).translate(_PERSIAN)


def logical(codes: tuple[int, ...], rtl: bool) -> str:
    """A text as it is written, from its glyphs as they stand from left to right."""
    seen = "".join(map(chr, codes))
    if not rtl:
        return letters(_RTL.sub(lambda run: run.group()[::-1].translate(_MIRRORED), seen))
    if _SENTENCE.fullmatch(seen):  # in Latin letters alone: its end stands at its right
        return seen
    out: list[str] = []
    at = 0
    for run in _LTR.finditer(seen):
        out += [seen[at : run.start()].translate(_MIRRORED), run.group()[::-1]]
        at = run.end()
    out.append(seen[at:].translate(_MIRRORED))
    return letters("".join(out)[::-1])


def line(band: Band, rtl: bool) -> str:
    """The texts of a row, joined in the order of reading."""
    texts = [logical(codes, rtl) for codes in band.texts]
    return "  ".join(reversed(texts) if rtl else texts)
