"""The screens that ask and wait, as lists of lines. Pure: values and a catalogue in, lines out."""

from firmware.screen.lines import (
    ASIDE,
    BESIDE,
    BETWEEN,
    BIG,
    GAP,
    HINT,
    NOTE,
    SPARE,
    TEXT,
    TITLE,
    WRAP,
    ends,
    fitting,
    pair,
    worded,
)
from firmware.text import digits
from firmware.text import money as amounts

MENU_ROWS = 5

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue


class Status:
    """What the idle screen tells of the terminal; times are Tehran's, None while the clock was never set."""

    def __init__(
        self,
        online: bool,
        waiting: int,
        oldest_age_s: int,
        rejected: int,
        time: "tuple[int, int] | None",
        name: str,
        halted: str = "",
        fill: int = 0,
        old: bool = False,
        locked: bool = False,
        clerk: int = 0,
        paper: str = "",
    ) -> None:
        self.online = online
        self.waiting = waiting
        self.oldest_age_s = oldest_age_s
        self.rejected = rejected
        self.time = time
        self.name = name
        self.fill = fill  # per cent of the queue, 0 when there is no need to tell
        self.old = old  # something waits for too long
        self.halted = halted  # code of what forbids value, "" when nothing does
        self.locked = locked  # somebody has to say who they are first
        self.clerk = clerk  # who stands at the till, 0 nobody in particular
        self.paper = paper  # code of what keeps the printer from printing, "" when nothing does
        self.reader = ""  # and the reader from reading


def idle(text: "Catalogue", status: Status) -> "list[Line]":
    """Ready for a sale or a card, or what forbids both."""
    if status.halted:
        return halted(text, status)
    time = digits.clock_time(*status.time) if status.time is not None else text.get("idle_no_time")
    lines = [
        (TITLE, ends(status.name or text.get("idle_name"), time)),
        (GAP, ""),
        (BIG, text.get("big_locked" if status.locked else "big_ready")),
        _hint(text, status),
        (GAP, ""),
        (TEXT if status.online else NOTE, _line_and_clerk(text, status)),
    ]
    if status.fill:
        lines[1] = (NOTE, text.get("idle_full", status.fill))
    elif status.old:
        lines[1] = (NOTE, text.get("idle_old"))
    if status.rejected:
        lines[4] = (NOTE, text.get("idle_dead", digits.plain(status.rejected)))
    if status.paper:
        free = [at for at in (1, 4) if lines[at][0] == GAP]
        if free:  # what waits or was refused is more important
            lines[free[-1]] = _away(text, status.paper)
    if status.waiting:
        count, age = digits.plain(status.waiting), text.age(status.oldest_age_s)
        wordings = [text.get("idle_waiting", count, age), text.get("idle_waiting_short", count, age)]
        lines.append((HINT, fitting(wordings)))
    else:
        lines.append((HINT, text.get("idle_settled")))
    return lines


def _hint(text: "Catalogue", status: Status) -> "Line":
    """What begins a story, or that no card does."""
    if status.reader:
        return _away(text, status.reader)
    return SPARE, text.get("locked_hint" if status.locked else "idle_hint")


def _away(text: "Catalogue", code: str) -> "Line":
    """A part that does not work: what it is, with its code where the row has room for both."""
    what = text.error(code)[0]
    return NOTE, fitting([what + BETWEEN + code, what])


def _line_and_clerk(text: "Catalogue", status: Status) -> str:
    line = text.get("idle_online" if status.online else "idle_offline")
    return pair(line, text.get("idle_clerk", digits.plain(status.clerk))) if status.clerk else line


def halted(text: "Catalogue", status: Status) -> "list[Line]":
    """No value here: what happened, what to do, and how many sales the terminal keeps meanwhile."""
    what, next_step = text.error(status.halted)
    waiting = text.get("idle_kept", digits.plain(status.waiting)) if status.waiting else ""
    lines = [(BIG, text.get("big_stopped")), (NOTE, what), (ASIDE, waiting), (WRAP, next_step)]
    return lines + [(HINT, pair("", status.halted))]


def amount(text: "Catalogue", keyed: str, note: str) -> "list[Line]":
    """An amount being typed; `note` is one line about the last key, or ""."""
    value = text.money.now.keyed(keyed)
    lines = [(TITLE, text.get("title_sale")), (GAP, ""), (BIG, fitting(amounts.numbers(text, value)))]
    lines += unit_of(text, value)
    return lines + [(NOTE if note else SPARE, note or text.get("ask_amount")), (HINT, text.get("hint_amount"))]


def card(text: "Catalogue", title: str, value: "int | None", error_code: str, count: int = 0) -> "list[Line]":
    """Waiting for a card; after a tap that failed, what was wrong with it, or how many cards lie there."""
    lines = [
        (TITLE, title),
        (SPARE if error_code else TEXT, money(text, value) if value is not None else ""),
        (BIG, text.get("big_cards", count) if count else text.get("big_tap")),
    ]
    if error_code:
        what, next_step = text.error(error_code)
        lines += [(NOTE, what), (WRAP, next_step)]
    else:
        lines.append((TEXT, text.get("ask_card")))
    lines.append((HINT, pair(text.get("hint_cancel"), error_code)))
    return lines


def waiting(text: "Catalogue", title: str, value: "int | None") -> "list[Line]":
    """The switch is being asked."""
    return [
        (TITLE, title),
        (TEXT, money(text, value) if value is not None else ""),
        (BIG, text.get("big_wait")),
        (TEXT, text.get("wait_switch")),
        (HINT, text.get("wait_safe")),
    ]


def points(text: "Catalogue", chosen: int, worth: int, balance: int, note: str) -> "list[Line]":
    """Choosing how many points to spend; the money they pay is on the same screen."""
    return [
        (TITLE, text.get("title_points")),
        (BIG, fitting([digits.number(chosen), digits.plain(chosen)])),
        (TEXT, worded(lambda paid: text.get("points_worth", paid), money(text, worth))),
        (TEXT, fitting([text.get("points_have", digits.number(balance)), digits.plain(balance)])),
        (NOTE, note) if note else (GAP, ""),
        (HINT, text.get("hint_points")),
    ]


def confirm(text: "Catalogue", chosen: int, worth: int) -> "list[Line]":
    """The last question before points are spent: price in points and money value."""
    return [
        (TITLE, text.get("title_confirm")),
        (BIG, fitting([digits.number(chosen), digits.plain(chosen)])),
        (SPARE, text.get("points_word")),
        (TEXT, pair(text.get("worth_word"), fitting(amounts.other(text, worth)))),
        (TEXT, money(text, worth)),
        (HINT, text.get("hint_confirm")),
    ]


def again(text: "Catalogue", value: int) -> "list[Line]":
    """The same card paid the same amount a moment ago."""
    return [
        (TITLE, text.get("title_again")),
        (BIG, fitting(amounts.wordings(text, value))),
        (TEXT, text.get("ask_again_1")),
        (TEXT, text.get("ask_again_2")),
        (HINT, text.get("hint_confirm")),
    ]


def menu(
    text: "Catalogue", items: "Sequence[str]", note: str, more: bool = False, title: str = "title_menu"
) -> "list[Line]":
    """Numbered items; `more` than these."""
    lines = [(TITLE, text.get(title))] + [(TEXT, item) for item in items]
    if note:
        lines += [(GAP, "")] * (len(items) < MENU_ROWS) + [(NOTE, note)]
    return lines + [(HINT, text.get("hint_more" if more else "hint_cancel"))]


def info(text: "Catalogue", terminal_id: str, status: Status) -> "list[Line]":
    """What support asks for on the telephone."""
    return [
        (TITLE, text.get("title_info")),
        (TEXT, pair(text.get("info_terminal"), terminal_id)),
        (TEXT, text.get("idle_online" if status.online else "idle_offline")),
        (TEXT, pair(text.get("info_waiting"), digits.plain(status.waiting))),
        (TEXT, pair(text.get("info_rejected"), digits.plain(status.rejected))),
        (HINT, text.get("hint_ok")),
    ]


def error(text: "Catalogue", code: str, count: int = 0) -> "list[Line]":
    """What happened, what to do next, the code; with a `count`, how many cards lie there."""
    what, next_step = text.error(code)
    big = text.get("big_cards", count) if count else text.get(_big_word(code))
    lines = [(BIG, big), (NOTE, what), (GAP, "")]
    return lines + [(WRAP, next_step), (HINT, pair(text.get("hint_next"), code))]


def notice(text: "Catalogue", what: str, next_step: str) -> "list[Line]":
    """Two plain lines: the terminal is not selling."""
    return [(TITLE, text.get("idle_name")), (GAP, ""), (NOTE, what), (GAP, ""), (WRAP, next_step)]


def money(text: "Catalogue", value: int, new: "bool | None" = None) -> str:
    """An amount with its unit, in one letter where the word does not fit; `new` of a record, which has its own."""
    return fitting(amounts.wordings(text, value, new) + amounts.numbers(text, value, new)[1:])


def unit_of(text: "Catalogue", value: int, new: "bool | None" = None) -> "list[Line]":
    """Below an amount: its unit, and the same amount in the other one, small, so that a factor of ten is seen."""
    units = fitting(amounts.units(text, value, new))
    return [(TEXT, units), in_other(text, value, new, "= ")] if value else [(TEXT, units)]


def in_other(text: "Catalogue", value: int, new: "bool | None" = None, sign: str = "") -> "Line":
    """The same amount in the other unit, beside its own or below it."""
    others = amounts.other(text, value, new)
    return BESIDE, fitting([sign + one for one in others[:2]] + others[1:])


def _big_word(code: str) -> str:
    """What stopped nothing a person wanted says so in the largest letters; all else was not done."""
    if code == "R01":
        return "big_fault"
    return "big_no_print" if code in ("P32", "P33", "P34") else "big_not_done"
