"""The whole terminal: start anew, or give the Python prompt to tools until the next start. Never in the middle of
something at the counter.
"""

from micropython import const

from firmware.core.errors import RpcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"reboot": 0, "maintenance": 0}
CHANGES = ("reboot", "maintenance")
WORDS = {"reboot": "reboot"}
_BUSY = const(1001)
_REPEATS_S = const(5)  # a line that comes again because its answer was lost may come after the restart it asked for


def reboot(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The answer goes out first. What started just now has been restarted."""
    if rooms.uptime_s() < _REPEATS_S:
        return {"restarts": False}
    _need_calm(rooms)
    rooms.console.restart_soon()
    return {"restarts": True}


def maintenance(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """As the word of that name: the next start is the Python prompt, the one after it sells again."""
    _need_calm(rooms)
    rooms.console.leave_soon()
    return {"restarts": True, "prompt": True}


def _need_calm(rooms: "Any") -> None:
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
