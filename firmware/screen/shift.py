"""The end of a shift on the panel: question, waiting, how it ended, and the figures when there is no paper. Pure."""

from firmware.screen.lines import ASIDE, BIG, GAP, HINT, NOTE, TEXT, TITLE, WRAP, fitting, pair
from firmware.screen.screens import money
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

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
    "RF": "shift_refunds",
    "VD": "shift_voids_sent",
    "EN": "shift_enrolments",
    "VI": "shift_vouchers_issued",
    "VU": "shift_vouchers_used",
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
        (NOTE, what),
        (ASIDE, pair(text.get("shift_batch"), digits.plain(number))),
        (TEXT, text.get("shift_to_send", digits.plain(waiting)) if waiting else ""),
    ]
    return lines + [(WRAP, next_step), (HINT, pair(text.get("hint_next"), code))]


def figures(text: "Catalogue", row: "tuple[str, int, int, int, int]", new_money: bool = False) -> "list[Line]":
    """One row of the report, of totals in old or `new_money`."""
    kind, clerk, count, amount, points = row
    return [
        (TITLE, text.get(NAMES[kind])),
        (TEXT, text.get("shift_clerk", digits.plain(clerk)) if clerk else ""),
        (TEXT, pair(text.get("shift_count"), digits.plain(count))),
        (TEXT, money(text, amount, new_money)),
        (WRAP, digits.signed(points) + " " + text.get("points_word")),
        (HINT, text.get("hint_next")),
    ]


def visits(text: "Catalogue", counts: "Sequence[int]") -> "list[Line]":
    """Visits of new, returning and lapsed members."""
    names = ("shift_new", "shift_returning", "shift_reactivated")
    rows = [(TEXT, pair(text.get(name), digits.plain(counts[at]))) for at, name in enumerate(names)]
    return [(TITLE, text.get("shift_visits")), (GAP, "")] + rows + [(HINT, text.get("hint_next"))]
