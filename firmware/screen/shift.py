"""The end of a shift on the panel: question, waiting, how it ended, and the figures when there is no paper. Pure."""

from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE, fitting, pair, wrap
from firmware.screen.screens import money
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.totals import Totals
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

# By the kinds of firmware.loyalty.totals.
NAMES = {
    "AC": "shift_accruals",
    "RE": "shift_redemptions",
    "OA": "shift_offline_accruals",
    "OR": "shift_offline_redemptions",
    "RV": "shift_reversals",
    "VO": "shift_voids",
    "DL": "shift_rejected",
}


def ask(text: "Catalogue", number: int) -> "list[Line]":
    """Whether to end it."""
    return [
        (TITLE, text.get("title_end_shift")),
        (GAP, ""),
        (TEXT, pair(text.get("shift_batch"), digits.plain(number))),
        (TEXT, text.get("shift_ask_1")),
        (TEXT, text.get("shift_ask_2")),
        (HINT, text.get("hint_confirm")),
    ]


def busy(text: "Catalogue", waiting: int, done: int, total: int) -> "list[Line]":
    """What is being done: sending what waits, adding up, or comparing record by record."""
    if waiting:
        now = fitting([text.get("shift_to_send", digits.plain(waiting)), digits.plain(waiting)])
    elif total:
        now = fitting([text.get("shift_compared", digits.plain(done), digits.plain(total)), digits.plain(done)])
    else:
        now = text.get("shift_adding")
    return [
        (TITLE, text.get("title_shift")),
        (GAP, ""),
        (BIG, text.get("big_wait")),
        (TEXT, now),
        (HINT, text.get("hint_cancel")),
    ]


def agreed(text: "Catalogue", number: int, totals: "Totals") -> "list[Line]":
    """Closed, and the switch has the same."""
    earned, used = totals.of("AC")[0] + totals.of("OA")[0], totals.of("RE")[0] + totals.of("OR")[0]
    return [
        (BIG, text.get("big_agreed")),
        (TEXT, pair(text.get("shift_batch"), digits.plain(number))),
        (GAP, ""),
        (TEXT, pair(text.get("shift_accruals"), digits.plain(earned))),
        (TEXT, pair(text.get("shift_redemptions"), digits.plain(used))),
        (TEXT, pair(text.get("shift_rejected"), digits.plain(totals.of("DL")[0]))),
        (HINT, text.get("hint_next")),
    ]


def trouble(text: "Catalogue", big: str, number: int, code: str, waiting: int) -> "list[Line]":
    """Not agreed: why, what to do, and how many records wait when that is the matter."""
    what, next_step = text.error(code)
    lines = [
        (BIG, text.get(big)),
        (TEXT, pair(text.get("shift_batch"), digits.plain(number))),
        (NOTE, what),
        (TEXT, text.get("shift_to_send", digits.plain(waiting)) if waiting else ""),
    ]
    return lines + [(TEXT, row) for row in wrap(next_step)[:2]] + [(HINT, pair(text.get("hint_next"), code))]


def figures(text: "Catalogue", row: "tuple[str, int, int, int, int]") -> "list[Line]":
    """One row of the report."""
    kind, clerk, count, amount, points = row
    return [
        (TITLE, text.get(NAMES[kind])),
        (TEXT, text.get("shift_clerk", digits.plain(clerk)) if clerk else ""),
        (TEXT, pair(text.get("shift_count"), digits.plain(count))),
        (TEXT, money(text, amount)),
        (TEXT, fitting([digits.signed(points), digits.plain(points)])),
        (TEXT, text.get("points_word")),
        (HINT, text.get("hint_next")),
    ]
