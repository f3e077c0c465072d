"""A cash register compares its shift with the terminal's (docs/ecr.md)."""

from micropython import const

from firmware.service.methods import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"get": 1}
_LARGEST = const(0xFFFFFFFF)


async def get(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """What the open shift adds up to, by kind and clerk; `shift` names it, of others only their report tells."""
    return await rooms.register().totals(whole(params, "shift", 0, _LARGEST, 0))
