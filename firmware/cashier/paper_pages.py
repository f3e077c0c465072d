"""What stands on paper, read on the screen: for a terminal without a printer, or before the roll is changed.

Pages are turned with DOWN and UP; OK or CANCEL ends it, any other key begins the next story. Loaded for a visit.
"""

from firmware.core.errors import Cancelled, TimedOut
from firmware.receipt.lines import BIG, PAIR, QR, RULE, STRONG, parts
from firmware.screen import keys as key
from firmware.screen.lines import HINT, NOTE, TEXT, WRAP, ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from firmware.receipt.lines import Line as Paper
    from firmware.screen.lines import Line
    from firmware.screen.panel import Panel


async def pages(panel: "Panel", lines: "Iterable[Paper]") -> int:
    """The key that ended it, NO_KEY when it begins nothing."""
    rows = [_rows(panel, role, text) for role, text in lines if role not in (RULE, QR)]
    starts = [0]
    while True:
        first = starts[-1]
        count = _fitting(panel, rows, first)
        try:
            pressed = await panel.page(_page(panel, rows, first, count))
        except (Cancelled, TimedOut):
            return key.NO_KEY
        if pressed == key.DOWN:
            if first + count < len(rows):
                starts.append(first + count)
        elif pressed == key.UP:
            if first:
                starts.pop()
        else:
            return key.NO_KEY if pressed in (key.OK, key.CLEAR) else pressed


def _rows(panel: "Panel", role: int, text: str) -> "list[Line]":
    """A line of paper, which stays on one page; of a pair too wide for a row the value follows as a whole."""
    if role == BIG:
        return [(NOTE, text)]
    if role in (PAIR, STRONG):
        begin, end = parts(text)
        if panel.fits(ends(begin, end)):
            return [(TEXT, ends(begin, end))]
        if end and panel.fits(ends("", end)):
            return [(WRAP, begin), (TEXT, ends("", end))]
    return [(WRAP, text.replace("\t", " "))]


def _page(panel: "Panel", rows: "list[list[Line]]", first: int, count: int) -> "list[Line]":
    hint = "hint_more" if count < len(rows) else "hint_ok"
    return [row for line in rows[first : first + count] for row in line] + [(HINT, panel.text.get(hint))]


def _fitting(panel: "Panel", rows: "list[list[Line]]", first: int) -> int:
    """How many lines of paper stand on one page, at least one."""
    count = 1
    while first + count < len(rows) and panel.folds(_page(panel, rows, first, count + 1)) == 1:
        count += 1
    return count
