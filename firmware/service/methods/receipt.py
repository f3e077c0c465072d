"""A cash register prints the receipt of its sale itself (docs/ecr.md)."""

from firmware.service.methods.sale import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"get": 1}


async def get(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Its lines, in the language of the terminal; many come in pieces (`next`)."""
    return {"lines": await rooms.register().receipt(reference(params))}
