"""The card reader: which chip, its self-test, its gain, how the last hundred taps ended, and each tap as it comes.

No number of a card is told. What changes the reader or tests it needs right 2 and a calm counter.
"""

from micropython import const

from firmware.cards import taps
from firmware.core.errors import RpcError
from firmware.service.methods import BAD_PARAMS, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"info": 0, "antenna": 0, "trace": 0, "test": 2, "gain": 2}
CHANGES = ("gain",)
ARGUMENTS = {"trace": "on", "gain": "db keep"}
WORDS = {"reader": "info"}
GAINS = (18, 23, 33, 38, 43, 48)
_KINDS = const(("", "ok", "left early", "crc", "auth", "two cards", "unsupported"))  # as numbered in cards.taps
_BUILT = const(33)
_BUSY, _OWN = 1001, -32000


def info(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """What is known of it without a test."""
    from drivers.rc522_health import name_of

    reader, chip = rooms.reader, rooms.chip
    return {
        "healthy": reader.healthy(), "version": "{:02X}".format(chip.version), "name": name_of(chip.version),
        "interrupt_line": not chip.polls, "gain_db": chip.gain_db(), "set_up_again": reader.reinitialised,
        "bus_faults": chip.bus_faults, "register_faults": chip.register_faults, "stalls": chip.stalls,
    }  # fmt: skip


def antenna(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """How the last hundred taps ended; more cards read with a centimetre less is what tuning is for."""
    seen = rooms.reader.taps
    return {
        "taps": min(seen.count, taps.LAST),
        "ends": {_KINDS[kind]: seen.of(kind) for kind in range(1, len(_KINDS))},
    }


def trace(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Each tap as an event `tap`, until `off` or the terminal starts anew."""
    on = params.get("on", "on")
    if on not in ("on", "off", True, False):
        raise RpcError(BAD_PARAMS, "on: on or off")
    rooms.reader.taps.trace = _Told(rooms.console).tap if on in ("on", True) else None
    return {"trace": "on" if rooms.reader.taps.trace is not None else "off"}


class _Told:
    """Tells a program of taps; what it holds outlives the visit."""

    def __init__(self, console: "Any") -> None:
        self._console = console
        self._kinds = _KINDS

    def tap(self, kind: int, ms: int, sak: int) -> None:
        """One more."""
        sak_told = "{:02X}".format(sak) if sak >= 0 else None
        self._console.event({"event": "tap", "end": self._kinds[kind], "ms": ms, "sak": sak_told})


async def test(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The checks of `health deep` for the reader alone."""
    _need_calm(rooms)
    from firmware.service import checks, deep_checks

    found = await deep_checks.reader(rooms)
    return {"state": checks.worst(found), "checks": found}


async def gain(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Set the receiver's gain in dB and try the field once: a chip that does not stand it gets its former gain back.
    `keep` makes it last over the next start."""
    db = whole(params, "db", 18, 48)
    if db not in GAINS:
        raise RpcError(BAD_PARAMS, "db: 18 23 33 38 43 or 48")
    _need_calm(rooms)
    from drivers.rc522_health import stands_field
    from firmware.service.deep_checks import lent

    before = rooms.chip.gain_db()
    rooms.chip.set_gain(db)
    if not await lent(rooms, stands_field):
        rooms.chip.set_gain(before)
        raise RpcError(_OWN, "the reader does not stand that: {} dB as before".format(before), "R05")
    if params.get("keep"):
        with_slots = rooms.small_values()
        with_slots.open()
        with_slots.put("gain", bytes((db,)))
    return {"gain_db": db, "before_db": before, "kept": bool(params.get("keep"))}


def _need_calm(rooms: "Any") -> None:
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
