"""The line to the switch: how it stands, and one test of each step with its time. Milliseconds."""

from micropython import const

from firmware.core.errors import RpcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"info": 0, "test": 2}
WORDS = {"link": "info"}
_BUSY = const(1001)


def info(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """How it stands."""
    session, trips = rooms.session, rooms.session.trips
    return {
        "online": session.online(), "fault": session.fault or None, "signal_dbm": rooms.link.signal() or None,
        "sign_ons": session.sign_ons, "answers": trips.total(), "answer_ms": trips.last,
        "answer_p95_ms": trips.below(95), "handshake_ms": session.shaken_ms(),
    }  # fmt: skip


async def test(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """DNS, TCP, TLS, sign-on, echo; `failed` names the first step that failed."""
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
    from firmware.service import checks, deep_checks

    found = await deep_checks.line(rooms)
    return {"state": checks.worst(found), "failed": deep_checks.first_failed(found), "checks": found}
