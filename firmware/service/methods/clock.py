"""The clock: what it says and how far it can be trusted; set by hand within what the switch's time allows.

Seconds since 1970 UTC. No decision about value hangs on it, but a register's receipts and the days of offers do.
"""

from micropython import const

from firmware.core.errors import RpcError
from firmware.service.methods import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"get": 0, "set": 3}
CHANGES = ("set",)
WORDS = {"clock": "get"}
ARGUMENTS = {"set": "utc"}
_QUALITIES = const(("never set", "by its battery", "by the switch"))
_TOO_LATE = const(1006)


def get(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """`local` is the time of the shop; `since` is a time that has certainly passed."""
    clock = rooms.clock
    return {
        "utc": clock.now_utc(),
        "local": "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}".format(*clock.now_local()),
        "quality": _QUALITIES[clock.quality],
        "since": clock.floor_utc,
    }


def set_(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Right 3. Where the switch told the time, at most two minutes from it; else not before what has surely passed."""
    correction = rooms.clock.set_by_hand(whole(params, "utc", 0, 0xFFFFFFFF))
    if correction is None:
        raise RpcError(_TOO_LATE, "not before what has passed, and two minutes at most from the switch's time")
    rooms.log.event("clock set by hand, {:+d} s".format(correction))
    return {"corrected_s": correction}
