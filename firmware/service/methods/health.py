"""The terminal's health: each check with its code, what it measured and what to do (docs/troubleshooting.md).

`quick` uses figures that are there anyway. `deep` tests reader, line and display besides; it needs right 2 and a calm
counter. `fault` is the newest fault record, `starts` why the terminal started last, `week` the radio and the reconnects
of each hour of the last seven days. Results are lists of checks as in service/checks.py; the worst state stands before.
"""

from micropython import const

from firmware.core.errors import RpcError
from firmware.service import checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"quick": 0, "deep": 2, "tell": 0, "tell_deep": 2, "fault": 2, "forget_fault": 2, "starts": 0, "week": 0}
CHANGES = ("forget_fault",)
WORDS = {"health": "tell", "deep": "tell_deep"}
_BUSY = const(1001)
_PIECE = const(600)


def quick(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """What is known without a test."""
    return _result(checks.quick(rooms))


async def deep(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """And what tests show."""
    return _result(await _deep(rooms))


def tell(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """As a person reads it."""
    return _lines(rooms, checks.quick(rooms))


async def tell_deep(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """As a person reads it."""
    return _lines(rooms, await _deep(rooms))


def fault(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The newest fault record, "" when nothing ever was recorded."""
    from firmware.service import faults

    return {"record": faults.newest()}


def forget_fault(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Somebody has read it: the records are removed, all of them."""
    from firmware.service import faults

    faults.forget()
    return {"record": ""}


def starts(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The last twelve, oldest first."""
    from firmware.service import boot_record

    record = boot_record.read()
    told = [
        {"utc": one.utc, "kind": boot_record.KINDS[one.kind], "before": boot_record.told(one)}
        for one in record.starts
        if one.kind < len(boot_record.KINDS)
    ]
    return {"name": record.name, "starts": told}


def week(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Oldest hour first; a signal of 0 was not measured."""
    vitals = rooms.watch.vitals
    hour, size = vitals.hour(), len(vitals.signals)
    back = range(min(size - 1, hour), -1, -1)
    return {
        "signal_dbm": [-vitals.signals[(hour - n) % size] for n in back],
        "reconnects": [vitals.breaks[(hour - n) % size] for n in back],
    }


async def _deep(rooms: "Any") -> "list[dict[str, object]]":
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
    from firmware.service import deep_checks

    tested = await deep_checks.reader(rooms) + await deep_checks.line(rooms) + await deep_checks.display(rooms)
    known = {(one["code"], one["text"]) for one in tested}
    return [one for one in checks.quick(rooms) if (one["code"], one["text"]) not in known] + tested


def _result(found: "list[dict[str, object]]") -> "dict[str, object]":
    return {"state": checks.worst(found), "checks": found}


def _lines(rooms: "Any", found: "list[dict[str, object]]") -> "dict[str, object]":
    """What is wrong stands last, with the words of the screen."""
    text = rooms.panel.text if hasattr(rooms, "panel") else None
    good, bad = [], []
    for one in found:
        value = "" if one["value"] is None else " {} {}".format(one["value"], one["unit"])
        line = "{} {} {}{}".format(one["code"], one["state"], one["text"], value)
        if one["state"] not in (checks.WARN, checks.FAIL):
            good.append(line)
        else:
            said = text.error(one["code"]) if text is not None else ()
            bad.append(line + ": " + ". ".join([word for word in said if word]) if said else line)
    return {"checks": good + bad, "state": checks.worst(found)}
