"""A screen as data: a list of (role, text). Composing places it on the panel, in pixels, on as many pages as it needs.

In a text a line break stands between wordings, the fullest first: the first that fits its row is shown. A tab stands
between what belongs to the row's beginning and what belongs to its end. Knows no key, no flow and no language: how wide
a text is and where a row begins is told by the faces.
"""

from micropython import const

PANEL_WIDTH = const(128)
PANEL_HEIGHT = const(64)

TITLE = const(0)  # one inverse row
BIG = const(1)  # the big letters when it fits in them
TEXT = const(2)  # one row
NOTE = const(3)  # one inverse row in the middle of a screen: something needs attention
HINT = const(4)  # pinned to the last row
GAP = const(5)  # an empty row, where there is room for one
WRAP = const(6)  # a paragraph on as many rows as it needs
SPARE = const(7)  # a row that is left out where one page has no room for it
ASIDE = const(8)  # goes to the end of the row above, whatever that is, where one page has no room for it
WITH = const(9)  # one row that stays on the page of the row above
BESIDE = const(10)  # at the end of the row above where both fit, else a row; left out rather than on a second page

BETWEEN = "\t"
ELSE = "\n"
_APART = const(6)  # pixels at least between the two ends of a row
_MAX_ROWS = const(8)  # of a paragraph
_MAX_LETTERS = const(200)  # of a paragraph
_ROW_LETTERS = const(64)  # of a row, two pixels each: what has more does not fit, and is not measured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.core.ports import Face, Faces

    Line = tuple[int, str]


class Band:
    """One placed row: the box from `y` on, `height` high, and in it texts with their left edges."""

    def __init__(self, role: int, face: "Face", big: bool, parts: "list[tuple[int, str]]", height: int) -> None:
        self.role = role
        self.face = face
        self.big = big
        self.parts = parts
        self.height = height
        self.y = 0
        self.inverse = role in (TITLE, NOTE)
        self.joined = False  # shares its row with a neighbour, or must not
        self.wordings: "Sequence[str]" = ()


def pair(label: str, value: str) -> str:
    """Label at the row's beginning, value at its end; a label gives way to a value that needs the room."""
    values = value.split(ELSE)
    beside = [label + BETWEEN + one for one in values] if label else []
    return ELSE.join(beside + [BETWEEN + one for one in values])


def ends(first: str, last: str) -> str:
    """One at the row's beginning, one at its end; the first is cut where there is no room for it."""
    return first + BETWEEN + last if last else first


def fitting(wordings: "Sequence[str]") -> str:
    """The first that fits, else the last: the fullest wording the panel holds."""
    return ELSE.join(wordings)


def fits(text: str, faces: "Faces") -> bool:
    """Whether one row holds it."""
    return _fit(text, faces.of(text), faces.rtl) is not None


def worded(wording: "Callable[[str], str]", text: str) -> str:
    """Each wording of a text put into another text."""
    return ELSE.join([wording(one) for one in text.split(ELSE)])


def compose(lines: "Sequence[Line]", faces: "Faces") -> "list[list[Band]]":
    """The pages of a screen. What does not fit on one gives up its gaps and what can be spared; then short neighbours
    share a row, in shorter wordings if that saves a page; then there are more pages, each with the title, the big line
    and the hint."""
    hint: "Band | None" = None
    bands: "list[Band | None]" = []  # None is a gap
    for role, text in lines:
        if role == HINT:
            hint = _band(role, text, faces)
        elif role == WRAP:
            for row in _wrapped(text, faces):
                band = _band(TEXT, row, faces)
                band.joined = True
                bands.append(band)
        elif role == GAP or not text:
            if role != BESIDE:
                bands.append(None)
        elif role == BESIDE and _joins(bands, _band(role, text, faces), faces):
            continue
        else:
            bands.append(_band(role, text, faces))
    room = PANEL_HEIGHT - (hint.height if hint else 0)
    free = room - _height(bands)
    if free < 0:
        bands = [band for band in bands if band is not None and band.role != SPARE]
        free = room - _height(bands)
    if free < 0:
        shared = _sharing(bands, faces, free, False)
        if _height(shared) > room:
            shorter = _sharing(bands, faces, free, True)
            if len(_pages(shorter, room)) < len(_pages(shared, room)):
                shared = shorter
        bands = shared
        free = room - _height(bands)
    pages = [bands] if free >= 0 else _pages(bands, room)
    if len(pages) > 1 and [band for band in bands if band is not None and band.role == BESIDE]:
        return compose([line for line in lines if line[0] != BESIDE], faces)
    row = faces.of("").ROW_PX
    return [_placed(page, hint, room, row) for page in pages]


def _band(role: int, text: str, faces: "Faces") -> Band:
    """The wording that fits, with the places of its ends."""
    big = role == BIG
    wordings = (text.replace(BETWEEN, " ") if big else text).split(ELSE)
    for wording in wordings:
        face = faces.of(wording)
        parts = _fit(wording, face, faces.rtl)
        if parts is not None:
            break
    else:
        face = faces.of(wordings[-1])
        wording = _cut(wordings[-1], face, faces.rtl)
        parts = _fit(wording, face, faces.rtl) or []
    if big:
        width = face.width(wording, True, faces.rtl)
        large = width <= PANEL_WIDTH
        if not large:
            width = face.width(wording, False, faces.rtl)
        return Band(role, face, large, [(max(0, (PANEL_WIDTH - width) // 2), wording)], face.BIG_PX)
    band = Band(role, face, False, parts, face.ROW_PX)
    band.wordings = wordings
    return band


def _fit(wording: str, face: "Face", rtl: bool) -> "list[tuple[int, str]] | None":
    """(left edge, text) of the ends, None when they do not fit side by side."""
    if len(wording) > _ROW_LETTERS:
        return None
    first, _, last = wording.partition(BETWEEN)
    begins, closes = face.width(first, False, rtl), face.width(last, False, rtl) if last else 0
    apart = _APART if first and last else 0
    left, right = face.MARGIN_PX, PANEL_WIDTH - face.MARGIN_PX
    if begins + apart + closes > right - left:
        return None
    parts = [(right - begins if rtl else left, first)] if first else []
    return parts + [(left if rtl else right - closes, last)] if last else parts


def _cut(wording: str, face: "Face", rtl: bool) -> str:
    """The wording less letters of its beginning part, then of its end part, until it fits."""
    first, tab, last = wording.partition(BETWEEN)
    if last and _fit(tab + last, face, rtl) is None:
        return tab + last[: _most(last, lambda part: tab + part, face, rtl)]
    return first[: _most(first, lambda part: part + tab + last, face, rtl)] + tab + last


def _most(text: str, put: "Callable[[str], str]", face: "Face", rtl: bool) -> int:
    """How many of its letters fit where they are `put`, found by halving: each try shapes and measures anew."""
    fit, least = 0, min(len(text), _ROW_LETTERS) + 1  # so many fit; so many do not
    while least - fit > 1:
        tried = (fit + least) // 2
        if _fit(put(text[:tried]), face, rtl) is None:
            least = tried
        else:
            fit = tried
    return fit


def _wrapped(text: str, faces: "Faces") -> "list[str]":
    """Broken at spaces; a word that is wider than the panel is broken where its row ends."""
    rows: "list[str]" = []
    for whole in text[:_MAX_LETTERS].split():
        word = whole
        longer = rows[-1] + " " + word if rows else word
        if rows and _fit(longer, faces.of(longer), faces.rtl) is not None:
            rows[-1] = longer
            continue
        while word and len(rows) < _MAX_ROWS:
            row = _cut(word, faces.of(word), faces.rtl)
            rows.append(row)
            word = word[len(row) :] if row else ""
    return rows


def _height(bands: "Sequence[Band | None]") -> int:
    """Without the gaps."""
    return sum([band.height for band in bands if band is not None])


def _sharing(bands: "Sequence[Band | None]", faces: "Faces", free: int, shorter: bool) -> "list[Band | None]":
    """Plain neighbours that are short enough side by side in one row, as many as are needed, from the top down."""
    kept: "list[Band | None]" = []
    for band in bands:
        before = kept[-1] if kept else None
        if band is None:
            continue
        if free < 0 and before is not None and _neighbours(before, band):
            parts = _beside(before, band, faces.rtl, shorter)
            if parts is not None:
                both = Band(before.role, before.face, False, parts, before.height)
                both.joined = True
                kept[-1] = both
                free += band.height
                continue
        kept.append(band)
    return kept


def _joins(bands: "list[Band | None]", band: Band, faces: "Faces") -> bool:
    """Whether it stands at the end of the plain row above now."""
    before = bands[-1] if bands else None
    if before is None or before.role != TEXT or before.joined or before.face is not band.face:
        return False
    parts = _beside(before, band, faces.rtl, True)
    if parts is not None:
        before.parts, before.joined = parts, True
    return parts is not None


def _neighbours(before: Band, band: Band) -> bool:
    """Whether they may share a row."""
    if before.joined or band.joined or before.face is not band.face:
        return False
    if band.role == ASIDE:
        return before.role != BIG
    return before.role in (TEXT, ASIDE) and band.role in (TEXT, WITH)


def _beside(before: Band, band: Band, rtl: bool, shorter: bool) -> "list[tuple[int, str]] | None":
    """Both in one row, in the fullest wordings that fit or in the fullest there are, None when they do not fit."""
    firsts, lasts = _shareable(before.wordings), _shareable(band.wordings)
    for lost in range(len(firsts) + len(lasts) - 1 if shorter else 1):
        for at in range(max(0, lost - len(lasts) + 1), min(lost + 1, len(firsts))):
            parts = _fit(firsts[at] + BETWEEN + lasts[lost - at], band.face, rtl)
            if parts is not None:
                return parts
    return None


def _shareable(wordings: "Sequence[str]") -> "list[str]":
    """Wordings that say the same beside another text, without their gap: none of a row that has two values of its own,
    no value without its label, not the last of several, which is for a row too narrow for any other, and no number
    without the separators it could have: it would be misread by a factor of ten."""
    found: "list[str]" = []
    grouped = "," in wordings[0]
    for wording in wordings[: max(2, len(wordings) - 1)]:
        if grouped and "," not in wording and _numbered(wording):
            continue
        first, gap, last = wording.partition(BETWEEN)
        if not gap:
            found.append(first)
        elif first and not _numbered(first):
            found.append(first + " " + last)
        elif not found:
            break
    return found


def _numbered(text: str) -> bool:
    """Whether it has a digit. Bytes are walked: each new character would stay in the interpreter's table of names."""
    return len([byte for byte in text.encode("utf-8", "surrogatepass") if 0x30 <= byte <= 0x39]) > 0


def _pages(bands: "Sequence[Band | None]", room: int) -> "list[list[Band | None]]":
    """Title and big line stand on each page where they stand on the first; the others follow each other."""
    always = [band for band in bands if band is not None and band.role in (TITLE, BIG)]
    least = room - _height(always)
    pages: "list[list[Band | None]]" = []
    page: "list[Band | None]" = []
    left = least
    for band in bands:
        if band is None or band in always:
            continue
        if band.height > left and page:
            # An inverse line is a heading of what follows, and a row may belong to the one above: they go together.
            together = band.role == WITH or page[-1] is not None and page[-1].role == NOTE
            heading = [page.pop()] if len(page) > 1 and together else []
            pages.append(page)
            page, left = heading, least - _height(heading)
        page.append(band)
        left -= band.height
    pages.append(page)
    first = [band for band in bands if band in always or band in pages[0]]
    return [first] + [list(always) + page for page in pages[1:]]


def _end(band: Band) -> int:
    return band.y + band.height


def _placed(page: "Sequence[Band | None]", hint: "Band | None", room: int, row: int) -> "list[Band]":
    """From the top down, the hint in the last row; what is free is shared out among the gaps, a `row` each at most."""
    gaps = len([band for band in page if band is None])
    free = max(0, room - _height(page))
    lit = [band is not None and band.inverse for band in page]
    apart = min(free, len([at for at in range(1, len(lit)) if lit[at - 1] and lit[at]]))  # they melt into one block
    free -= apart
    placed: "list[Band]" = []
    y = 0
    for band in page:
        if apart and band is not None and band.inverse and placed and placed[-1].inverse and y == _end(placed[-1]):
            apart -= 1
            y += 1
        if band is None:
            gap = min(row, free // gaps)
            gaps -= 1
            free -= gap
            y += gap
            continue
        if y + band.height > room:
            break
        copy = Band(band.role, band.face, band.big, band.parts, band.height)
        copy.y = y
        placed.append(copy)
        y += band.height
    if hint is not None:
        hint.y = PANEL_HEIGHT - hint.height
        placed.append(hint)
    return placed
