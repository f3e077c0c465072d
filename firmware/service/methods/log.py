"""The log: its newest lines, and each new one as an event `log`. It holds no secret and nobody's number.

`level` is `all`, or `faults` for lines that are no plain event (I00).
"""

from micropython import const

from firmware.core.errors import RpcError
from firmware.service.methods import BAD_PARAMS, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"tail": 0, "follow": 0}
ARGUMENTS = {"tail": "count level", "follow": "level"}
_LEVELS = const(("all", "faults"))
_KEPT = const(64)


def tail(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The newest, oldest first: up to `count` of those that are kept and of the level."""
    count, level = whole(params, "count", 1, _KEPT, 20), _level(params)
    lines = rooms.log.newest(_KEPT)
    if level == "faults":
        lines = [line for line in lines if is_fault(line)]
    return {"lines": lines[-count:]}


def follow(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """From now on each line is told as an event; `off` ends it, and so does a person who types a word."""
    level = "" if params.get("level") == "off" else _level(params)
    rooms.console.follow = level
    return {"follow": level or "off"}


def is_fault(line: str) -> bool:
    """`seconds code text`."""
    return line.partition(" ")[2][:4] != "I00 "


def _level(params: "dict[str, object]") -> str:
    level = text(params, "level", 6, _LEVELS[0])
    if level not in _LEVELS:
        raise RpcError(BAD_PARAMS, "level: all or faults")
    return level
