"""A cash register asks for the points of the card that is laid on the reader (docs/ecr.md)."""

from firmware.service.methods.sale import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"start": 1}
CHANGES = ("start",)


async def start(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Begin; the figures come with `sale.status`."""
    return await rooms.register().balance(reference(params))
