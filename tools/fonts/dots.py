"""Dots of letters, drawn anew: at this size an outline's dots run into bars and blobs that nobody can count.

A letter is told from its sisters by how many dots it has and where. Dots that stand free of the letter's body are taken
away and set as a pattern of their number in the same place, with an empty row between them and the body. Dots inside a
bowl, and where the pattern has no room, stay as they were. Units: pixels; a column is an integer, bit 0 on top.
"""

from __future__ import annotations

import unicodedata

_ABOVE = {"خ": 1, "ذ": 1, "ز": 1, "ض": 1, "غ": 1, "ف": 1, "ن": 1, "ت": 2, "ق": 2, "ة": 2, "ث": 3, "ژ": 3, "ش": 3}
_BELOW = {"ب": 1, "ج": 1, "ی": 2, "پ": 3, "چ": 3}
# Patterns by height of the face and number of dots, the widest first: (least width of the glyph, rows). Above, the last
# row is the nearest to the body; below they are turned over.
_PATTERNS = {
    12: {1: ((0, ("#",)),), 2: ((0, ("#.#",)),), 3: ((0, (".#.", "#.#")),)},
    16: {
        1: ((0, ("##", "##")),),
        2: ((7, ("##.##", "##.##")), (0, ("#.#", "#.#"))),
        3: ((7, ("..##..", "......", "##..##")), (0, (".#.", "...", "#.#"))),
    },
}

Pixels = set[tuple[int, int]]


def _pieces(pixels: Pixels) -> list[Pixels]:
    """Groups of pixels that touch, the largest first."""
    left, pieces = set(pixels), []
    while left:
        piece, edge = set(), [left.pop()]
        while edge:
            x, y = edge.pop()
            piece.add((x, y))
            near = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & left
            left -= near
            edge += near
        pieces.append(piece)
    return sorted(pieces, key=len, reverse=True)


def _rows_near(body: Pixels, first: int, end: int) -> list[int]:
    return [y for x, y in body if first - 1 <= x <= end]


def redrawn(code: int, columns: list[int], height: int) -> list[int]:
    """The glyph with its free dots as patterns; as it was when it has none."""
    letter = unicodedata.normalize("NFKC", chr(code))
    above = letter in _ABOVE
    count = _ABOVE.get(letter) or _BELOW.get(letter)
    if count is None:
        return columns
    pixels = {(x, y) for x, column in enumerate(columns) for y in range(height) if column >> y & 1}
    body, *others = _pieces(pixels)
    for piece in others:
        near = _rows_near(body, min(x for x, _ in piece), max(x for x, _ in piece) + 1)
        ends = [y for _, y in piece]
        if near and not (max(ends) < min(near) if above else min(ends) > max(near)):
            return columns
    dots = set().union(*others)
    if not dots:
        return columns
    pattern = next(rows for least, rows in _PATTERNS[height][count] if len(columns) >= least)
    if not above:
        pattern = pattern[::-1]
    width = len(pattern[0])
    middle = min(x for x, _ in dots) + max(x for x, _ in dots) + 1  # doubled
    first = min(max(0, (middle - width) // 2), len(columns) - width)
    near = _rows_near(body, first, first + width)
    if above:
        top = min(min(near, default=height) - 2, max(y for _, y in dots)) + 1 - len(pattern)
        if top < 0:
            pattern, top = pattern[-top:], 0
    else:
        top = max(max(near, default=0) + 2, min(y for _, y in dots))
        top = min(top, height - len(pattern))
    if first < 0 or not any(near) or (not above and top < max(near) + 2):
        return columns
    new = body | {(first + x, top + y) for y, row in enumerate(pattern) for x, sign in enumerate(row) if sign == "#"}
    return [sum(1 << y for x, y in new if x == column) for column in range(len(columns))]
