"""Screens of what waits for the switch while a person watches it go. Pure: values and a catalogue in, lines out."""

from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE, WRAP, pair
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue


def left(text: "Catalogue", count: int, online: bool) -> "list[Line]":
    """How many are left."""
    return [
        (TITLE, text.get("title_send")),
        (GAP, ""),
        (BIG, text.get("big_left", digits.plain(count))),
        (GAP, ""),
        (TEXT, text.get("idle_online" if online else "send_connecting")),
        (HINT, text.get("hint_back")),
    ]


def sent(text: "Catalogue", count: int, online: bool) -> "list[Line]":
    """The switch has everything: how many went; with none, whether there is a line."""
    went = text.get("send_count", digits.plain(count)) if count else "" if online else text.get("idle_offline")
    return [
        (TITLE, text.get("title_send")),
        (GAP, ""),
        (BIG, text.get("big_sent")),
        (TEXT, went),
        (TEXT, text.get("idle_settled")),
        (HINT, text.get("hint_ok")),
    ]


def failed(text: "Catalogue", count: int, code: str) -> "list[Line]":
    """How many stay, why, and what to do next."""
    what, next_step = text.error(code)
    return [
        (BIG, text.get("big_left", digits.plain(count))),
        (NOTE, what),
        (GAP, ""),
        (WRAP, next_step),
        (HINT, pair(text.get("hint_next"), code)),
    ]
