"""Glyphs drawn by hand where the outline is not clear at this size: `patches.txt`, one picture a glyph.

A picture begins with `small U+0641` or `big U+0641`, then a row of `#` and `.` for each row of the face.
"""

from __future__ import annotations

from pathlib import Path

PATCHES = Path(__file__).with_name("patches.txt")


def pictures(face: str) -> dict[int, list[int]]:
    """The hand-drawn glyphs of a face, "small" or "big", as columns. Raises ValueError for a ragged edge."""
    rows_of: dict[int, list[str]] = {}
    rows: list[str] | None = None
    for line in PATCHES.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("//"):
            continue
        if line[0] in "#.":
            if rows is not None:
                rows.append(line)
            continue
        name, code = line.split()[:2]
        rows = rows_of.setdefault(int(code.removeprefix("U+"), 16), []) if name == face else None
    out: dict[int, list[int]] = {}
    for code, picture in rows_of.items():
        width = len(picture[0])
        if any(len(row) != width for row in picture):
            raise ValueError(f"patch {face} U+{code:04X} has a ragged edge")
        out[code] = [sum(1 << y for y, row in enumerate(picture) if row[x] == "#") for x in range(width)]
    return out


def patched(face: str, glyphs: dict[int, list[int]]) -> dict[int, list[int]]:
    """The glyphs with the hand-drawn ones in place."""
    return glyphs | pictures(face)
