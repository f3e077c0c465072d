"""A composed screen as text, a string a row, as it stands on the grid of 16 columns."""

from __future__ import annotations

from collections.abc import Sequence

from firmware.screen.faces import Faces
from firmware.screen.lines import BETWEEN, BIG, ELSE, PANEL_HEIGHT, PANEL_WIDTH, SPARE, WRAP, Band, compose
from firmware.screen.lines import TEXT as ROW


class English:
    rtl = False


FACES = Faces(English())


def row_of(band: Band) -> str:
    """What a row says, on the grid with its ends where they stand; a big line without its place."""
    if band.role == BIG:
        return band.parts[0][1]
    if band.face.MARGIN_PX:
        return " ".join(part for _x, part in band.parts)
    text = ""
    for x, part in sorted(band.parts):
        text = text.ljust(round(x / 8)) + part
    return text


def pages_of(lines: Sequence[tuple[int, str]], faces: Faces = FACES) -> list[list[str]]:
    """The rows of each page."""
    return [[row_of(band) for band in page] for page in compose(lines, faces)]


def rows_of(lines: Sequence[tuple[int, str]], faces: Faces = FACES) -> list[str]:
    """The rows of all pages, one after the other."""
    return [row for page in pages_of(lines, faces) for row in page]


def assert_fits(lines: Sequence[tuple[int, str]], faces: Faces = FACES, pages: int = 1, name: str = "") -> None:
    """Everything is on the panel, nothing on top of another, no text cut; a label may give way, what can be spared may
    be missing, and a `name` may be cut."""
    composed = compose(lines, faces)
    assert len(composed) <= pages, f"{len(composed)} pages: {lines}"
    said = []
    for page in composed:
        end = 0
        for band in page:
            assert band.y >= end, f"rows on top of each other: {lines}"
            end = band.y + band.height
            assert end <= PANEL_HEIGHT, f"a row falls off the panel: {lines}"
            right = 0
            for x, text in sorted(band.parts):
                assert x >= right, f"too wide: {text}"
                right = x + band.face.width(text, band.big, faces.rtl)
            assert right <= PANEL_WIDTH, f"too wide: {band.parts}"
            said += [text for _x, text in band.parts]
    whole = " ".join(said).split()
    rows = "".join(text for page in composed for band in page if band.role == ROW for _x, text in band.parts)
    rows = "".join(rows.split())
    for role, text in lines:
        if role == WRAP:
            assert "".join(text.split()) in rows, f"words lost of {text!r}"
        elif text and role != SPARE and BETWEEN not in text and text.lstrip("*") != name:
            shown = [wording for wording in text.split(ELSE) if " ".join(wording.split()) in " ".join(whole)]
            assert shown, f"cut: {text!r} in {said}"
