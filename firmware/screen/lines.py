"""A screen as data: a list of (role, text). Composing places them on a grid of 16 columns by 8 rows.

Knows no pixel, no key and no flow.
"""

from micropython import const

COLUMNS = const(16)
ROWS = const(8)

TITLE = const(0)  # one inverse row
BIG = const(1)  # two rows, double size when it fits in 8 characters
TEXT = const(2)  # one row
NOTE = const(3)  # one inverse row in the middle of a screen: something needs attention
HINT = const(4)  # pinned to the last row
GAP = const(5)  # an empty row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    Line = tuple[int, str]


class Row:
    """One placed text: grid `row` and `column`, `scale` 1 or 2, inverse or not."""

    def __init__(self, row: int, column: int, text: str, scale: int, inverse: bool) -> None:
        self.row = row
        self.column = column
        self.text = text
        self.scale = scale
        self.inverse = inverse


def compose(lines: "Sequence[Line]") -> "list[Row]":
    """Place the lines from the top down; what does not fit below is left out, what is too wide is cut at the edge."""
    rows: "list[Row]" = []
    at = 0
    for role, text in lines:
        if role == HINT:
            rows.append(Row(ROWS - 1, 0, text, 1, False))
            continue
        height = 2 if role == BIG else 1
        if at + height > ROWS:
            break
        if role == BIG and 2 * len(text) <= COLUMNS:
            rows.append(Row(at, (COLUMNS - 2 * len(text)) // 2, text, 2, False))
        elif role == BIG:
            rows.append(Row(at, max(0, (COLUMNS - len(text)) // 2), text, 1, False))
        elif role != GAP:
            rows.append(Row(at, 0, text, 1, role in (TITLE, NOTE)))
        at += height
    return rows


def pair(label: str, value: str, width: int = COLUMNS) -> str:
    """Label at the left, value at the right; a label gives way to a value that needs the room."""
    room = width - len(label) - len(value)
    if room >= 1:
        return label + " " * room + value
    return " " * max(0, width - len(value)) + value


def wrap(text: str, width: int = COLUMNS) -> "list[str]":
    """Break at spaces."""
    rows: "list[str]" = []
    for word in text.split():
        if rows and len(rows[-1]) + 1 + len(word) <= width:
            rows[-1] += " " + word
        else:
            rows.append(word)
    return rows


def fitting(candidates: "Sequence[str]", width: int = COLUMNS) -> str:
    """The first that fits, else the last: the fullest wording of a number that the panel holds."""
    for candidate in candidates:
        if len(candidate) <= width:
            return candidate
    return candidates[-1]
