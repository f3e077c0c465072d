"""Who works here on the panel: number, PIN, waits, the list. Pure. A PIN is shown as stars, in every screen."""

from micropython import const

from firmware.screen.lines import BIG, GAP, HINT, NOTE, SPARE, TEXT, TITLE, WRAP, ends, fitting, pair
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_STEP_S = const(5)
ROWS = 5
ROLES = ("staff_roles_1", "staff_roles_2", "staff_roles_3")


def number(text: "Catalogue", title: str, what: str, keyed: str, menu: bool) -> "list[Line]":
    """A clerk's number being typed; `menu`: the way out for who lost a PIN."""
    return [
        (TITLE, title),
        (GAP, ""),
        (BIG, keyed or "-"),
        (TEXT, what),
        (TEXT, text.get("staff_lost") if menu else ""),
        (HINT, text.get("hint_amount")),
    ]


def pin(text: "Catalogue", title: str, what: str, typed: int) -> "list[Line]":
    """A PIN being typed."""
    return [(TITLE, title), (GAP, ""), (BIG, "*" * typed or "-"), (TEXT, what), (HINT, text.get("hint_amount"))]


def checking(text: "Catalogue", title: str) -> "list[Line]":
    """A moment, while a PIN is checked."""
    return [(TITLE, title), (GAP, ""), (BIG, text.get("big_wait")), (TEXT, text.get("one_moment"))]


def paused(text: "Catalogue", code: str, left_s: int) -> "list[Line]":
    """Too many wrong PINs: how long nothing is checked. The figure stands still: whole steps, never too short."""
    what, next_step = text.error(code)
    left = digits.plain(-(-left_s // _STEP_S) * _STEP_S)
    lines = [(BIG, text.get("big_not_done")), (NOTE, what), (TEXT, text.get("staff_wait", left))]
    return lines + [(WRAP, next_step), (HINT, pair(text.get("hint_next"), code))]


def who(text: "Catalogue", clerk: int, role: int) -> "list[Line]":
    """Who stands at the till now."""
    return [
        (TITLE, text.get("title_login")),
        (GAP, ""),
        (BIG, digits.plain(clerk)),
        (TEXT, text.get(ROLES[role - 1])),
        (TEXT, text.get("staff_welcome")),
        (HINT, text.get("hint_next")),
    ]


def supervisor(text: "Catalogue", keyed: str) -> "list[Line]":
    """Somebody with more rights is wanted, here and now."""
    return [
        (TITLE, text.get("staff_needed_1")),
        (SPARE, text.get("staff_needed_2")),
        (BIG, keyed or "-"),
        (TEXT, text.get("staff_ask_number")),
        (TEXT, text.get("staff_needed_3")),
        (HINT, text.get("hint_amount")),
    ]


def listed(text: "Catalogue", rows: "Sequence[tuple[int, int, int, bool]]", first: int) -> "list[Line]":
    """(number, role, own cards, locked) of everybody, from `first` on."""
    lines = [(TITLE, text.get("title_clerks"))]
    for clerk, role, cards, locked in rows[first : first + ROWS]:
        name = "{} {}".format(digits.plain(clerk), text.get(ROLES[role - 1]))
        mark = text.get("staff_locked") if locked else text.get("staff_cards", cards) if cards else ""
        lines.append((TEXT, fitting([ends(name, mark), name])))
    return lines + [(HINT, text.get("hint_more" if len(rows) > ROWS else "hint_ok"))]


def remove(text: "Catalogue", clerk: int) -> "list[Line]":
    """The last question before somebody leaves the list."""
    return [
        (TITLE, text.get("title_remove")),
        (GAP, ""),
        (BIG, digits.plain(clerk)),
        (TEXT, text.get("staff_remove_1")),
        (HINT, text.get("hint_confirm")),
    ]
