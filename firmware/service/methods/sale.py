"""What a cash register orders, and what became of it (docs/ecr.md): thin, the room is firmware/cashier/register.py.

A reference is the register's own: 1 to 24 letters, digits and hyphens. Money in minor units.
"""

from micropython import const

from firmware.core.errors import RpcError
from firmware.service.methods import BAD_PARAMS, codes, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Answer = dict[str, object]

RIGHTS = {"start": 1, "status": 1, "cancel": 1, "void": 1, "booked": 1}
CHANGES = ("start", "cancel", "void", "booked")
USES = ("earn", "burn", "ask")
_LONGEST = const(24)
_MOST = const(10**12 - 1)
_LETTERS = const("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def reference(params: "dict[str, object]", name: str = "ref", default: "str | None" = None) -> str:
    """A register's reference. Raises RpcError."""
    found = text(params, name, _LONGEST, default)
    if [code for code in codes(found) if code > 0x7E or chr(code) not in _LETTERS]:
        raise RpcError(BAD_PARAMS, name + ": letters, digits and hyphens")
    return found


async def start(rooms: "Any", params: "dict[str, object]") -> "Answer":
    """Begin a sale, or tell of the one with this reference."""
    ref, amount, use = reference(params), whole(params, "amount", 1, _MOST), text(params, "use", 4, "earn")
    if use not in USES:
        raise RpcError(BAD_PARAMS, "use: earn, burn or ask")
    return await rooms.register().sale(ref, amount, use)


async def status(rooms: "Any", params: "dict[str, object]") -> "Answer":
    """How far it is and what it came to; without a reference the newest one."""
    return await rooms.register().status(reference(params, "ref", ""))


async def cancel(rooms: "Any", params: "dict[str, object]") -> "Answer":
    """Ask it to end; what became of it tells its status."""
    return rooms.register().cancel(reference(params))


async def void(rooms: "Any", params: "dict[str, object]") -> "Answer":
    """Begin to take back the sale with the reference `of`."""
    return await rooms.register().take_back(reference(params), reference(params, "of"))


async def booked(rooms: "Any", params: "dict[str, object]") -> "Answer":
    """The register has written its outcome down."""
    return await rooms.register().booked(reference(params))
