"""The screens that ask and wait, as lists of lines. Pure: values and a catalogue in, lines out."""

from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE, fitting, pair, wrap
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def idle(text: "Catalogue", status: Status) -> "list[Line]":
    """Ready for a sale or a card, or what forbids both."""
    if status.halted:
        return halted(text, status)
    time = digits.clock_time(*status.time) if status.time is not None else text.get("idle_no_time")
    name = (status.name or text.get("idle_name"))[:10]
    lines = [
        (TITLE, pair(name, time)),
        (GAP, ""),
        (BIG, text.get("big_ready")),
        (TEXT, text.get("idle_hint")),
        (GAP, ""),
        (TEXT if status.online else NOTE, text.get("idle_online" if status.online else "idle_offline")),
    ]
    if status.fill:
        lines[1] = (NOTE, text.get("idle_full", status.fill))
    elif status.old:
        lines[1] = (NOTE, text.get("idle_old"))
    if status.rejected:
        lines[4] = (NOTE, text.get("idle_dead", digits.plain(status.rejected)))
    if status.waiting:
        count, age = digits.plain(status.waiting), text.age(status.oldest_age_s)
        wordings = [text.get("idle_waiting", count, age), text.get("idle_waiting_short", count, age)]
        lines.append((HINT, fitting(wordings)))
    else:
        lines.append((HINT, text.get("idle_settled")))
    return lines


def halted(text: "Catalogue", status: Status) -> "list[Line]":
    """No value here: what happened, what to do, and how many sales the terminal keeps meanwhile."""
    what, next_step = text.error(status.halted)
    waiting = text.get("idle_kept", digits.plain(status.waiting)) if status.waiting else ""
    lines = [(BIG, text.get("big_stopped")), (NOTE, what)] + [(TEXT, row) for row in wrap(next_step)[:2]]
    return lines + [(TEXT, waiting), (HINT, pair("", status.halted))]


def amount(text: "Catalogue", keyed: str, note: str) -> "list[Line]":
    """An amount being typed; `note` is one line about the last key, or ""."""
    value = int(keyed) if keyed else 0
    return [
        (TITLE, text.get("title_sale")),
        (GAP, ""),
        (BIG, fitting([digits.number(value), digits.plain(value)])),
        (TEXT, pair("", text.get("currency"))),
        (NOTE if note else TEXT, note or text.get("ask_amount")),
        (HINT, text.get("hint_amount")),
    ]


def card(text: "Catalogue", title: str, value: "int | None", error_code: str, count: int = 0) -> "list[Line]":
    """Waiting for a card; after a tap that failed, what was wrong with it, or how many cards lie there."""
    lines = [
        (TITLE, title),
        (TEXT, money(text, value) if value is not None else ""),
        (BIG, text.get("big_cards", count) if count else text.get("big_tap")),
    ]
    if error_code:
        what, next_step = text.error(error_code)
        lines.append((NOTE, what))
        lines += [(TEXT, row) for row in wrap(next_step)[:2]]
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
        (TEXT, text.get("points_worth", money(text, worth, 14))),
        (TEXT, fitting([text.get("points_have", digits.number(balance)), digits.plain(balance)])),
        (NOTE, note) if note else (GAP, ""),
        (HINT, text.get("hint_points")),
    ]


def confirm(text: "Catalogue", chosen: int, worth: int) -> "list[Line]":
    """The last question before points are spent: price in points and money value."""
    return [
        (TITLE, text.get("title_confirm")),
        (BIG, fitting([digits.number(chosen), digits.plain(chosen)])),
        (TEXT, text.get("points_word")),
        (TEXT, text.get("worth_word")),
        (TEXT, money(text, worth)),
        (HINT, text.get("hint_confirm")),
    ]


def again(text: "Catalogue", value: int) -> "list[Line]":
    """The same card paid the same amount a moment ago."""
    return [
        (TITLE, text.get("title_again")),
        (BIG, fitting([digits.number(value), digits.plain(value)])),
        (TEXT, text.get("ask_again_1")),
        (TEXT, text.get("ask_again_2")),
        (HINT, text.get("hint_confirm")),
    ]


def menu(text: "Catalogue", items: "list[str]", note: str) -> "list[Line]":
    """Numbered items."""
    lines = [(TITLE, text.get("title_menu"))] + [(TEXT, item) for item in items]
    if note:
        lines += [(GAP, "")] * (len(items) < 5) + [(NOTE, note)]
    return lines + [(HINT, text.get("hint_cancel"))]


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
    lines = [(BIG, text.get("big_cards", count) if count else text.get("big_not_done")), (NOTE, what), (GAP, "")]
    lines += [(TEXT, row) for row in wrap(next_step)[:3]]
    return lines + [(HINT, pair(text.get("hint_next"), code))]


def notice(text: "Catalogue", what: str, next_step: str) -> "list[Line]":
    """Two plain lines: the terminal is not selling."""
    return [(TITLE, text.get("idle_name")), (GAP, ""), (NOTE, what), (GAP, "")] + [
        (TEXT, row) for row in wrap(next_step)[:3]
    ]


def money(text: "Catalogue", value: int, width: int = 16) -> str:
    """An amount with its currency as far as it fits."""
    full = digits.number(value)
    return fitting([full + " " + text.get("currency"), full, digits.plain(value)], width)
