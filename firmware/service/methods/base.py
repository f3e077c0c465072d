"""What a tool asks first: who is there, is it alive, how is it. Works in safe mode, too, where most rooms are missing.

Never a secret, a member or a name of a person. Seconds.
"""

from firmware.service import slots
from firmware.version import BUILD, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"hello": 0, "ping": 0, "status": 0, "health": 0}
PROTOCOL = 1
MAX_LINE = 240


def hello(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Who is there. `unsent` is None where nobody can count it: then nothing may be erased on its account."""
    board = rooms.board
    found: "dict[str, object]" = {
        "proto": PROTOCOL, "fw": VERSION, "build": BUILD, "board": board.name, "serial": board.serial_number(),
        "max_line": MAX_LINE, "mode": getattr(rooms, "mode", "normal"), "slot": slots.running(),
        "tid": "", "boot": getattr(rooms, "start_number", 0), "unsent": None,
    }  # fmt: skip
    if hasattr(rooms, "identity"):
        found["tid"] = rooms.identity.terminal.strip()
    if hasattr(rooms, "journal") and not rooms.journal.loading():
        found["unsent"] = unsent(rooms.journal)
    if "ecr" in params and hasattr(rooms, "register"):
        found["last"] = rooms.register().last()
    return found


def ping(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Alive."""
    return {"up": rooms.uptime_s()}


def status(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The lines that the word `status` shows."""
    return {"lines": rooms.status()}


def health(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """As `health.quick`: each check with its code."""
    from firmware.service.methods.health import quick

    return quick(rooms, params)


def unsent(journal: "Any") -> int:
    """Transactions the switch has not settled: waiting, without an answer, refused for good."""
    return journal.pending_count() + len(list(journal.unanswered())) + journal.dead_count()
