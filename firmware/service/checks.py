"""The quick checks of `health`: figures the terminal has anyway, each judged against one table of bounds.

A check is a dict: `code` (docs/troubleshooting.md, the same on screen and log), `text` (what is measured), `state`,
`value`, `unit`. Loaded when somebody asks; changes nothing, waits for nothing, and works where rooms are missing, as in
safe mode: what cannot be measured there is not told. What takes time or needs the reader: service/deep_checks.py.
"""

import os

from micropython import const

from firmware.cards import taps
from firmware.core.types import CLOCK_NEVER_SET
from firmware.service import boot_record
from firmware.service.boot_record import HUNG, POWER_ON, WATCHDOG
from firmware.service.vitals import HOURS
from firmware.version import BUILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Check = dict[str, object]

OK, WARN, FAIL, NOT_RUN = "ok", "warn", "fail", "not run"

NEVER = 1 << 30
# From here on it warns, from here on it has failed; of those in FALLING less is worse. Start values.
FALLING = ("R06", "L02", "M01", "block", "K27")
BOUNDS = {
    "R06": (95, 85),  # % of the last hundred taps that were read
    "R07": (21, 101),  # % of them with cards we do not read: never more than a warning
    "R08": (3, 20),  # set up again, a day
    "R09": (1, 5),  # wrong answers of a hundred
    "L02": (-75, -82),  # dBm, median of a day
    "L03": (3, 10),  # reconnects, the worst hour of a day
    "L04": (2000, NEVER),  # ms; a step that fails has failed, one that is slow warns
    "L05": (3000, NEVER),
    "L06": (5000, NEVER),
    "L07": (5000, NEVER),
    "L08": (3000, 8000),  # ms, 95 of a hundred answers
    "S01": (4, 24),  # hours
    "S02": (NEVER, 1),
    "S03": (70, 90),  # %
    "S04": (50_000, 90_000),  # erases of a sector
    "S05": (1, 10),  # records or sectors that failed
    "X10": (3, 10),  # a day
    "X11": (1, 3),
    "F03": (2, 3),  # within ten minutes
    "X12": (60, 600),  # seconds
    "M01": (15, 8),  # % of what there is; the longest visit takes a tenth
    "block": (48, 32),  # KB, of the system's heap; M01 too
    "M02": (200, 1000),  # ms: the first for 99 of a hundred turns, the second for the worst
    "T04": (120, 600),  # seconds
    "K27": (30, 7),  # days
    "E01": (1, 5),  # %
    "E02": (1, NEVER),
}
# By their names: what a program alone may have done to a terminal that was well under the one before, and from which
# state on. Cable, paper, radio, clock, certificates, flash that wears and what waits in the journal are not its doing;
# each of its crashes costs its trial a start.
TRIED = {"reader": FAIL, "members": WARN, "free heap": FAIL, "largest block": FAIL}
_TAPS = const(20)  # fewer say nothing
_TRIPS = const(10)
_DAY_S = const(86_400)


def check(code: str, text: str, state: str, value: object = None, unit: str = "") -> "Check":
    """One result."""
    return {"code": code, "text": text, "state": state, "value": value, "unit": unit}


def judged(code: str, text: str, value: int, unit: str = "", bounds: str = "") -> "Check":
    """By the table, under the code or another name."""
    warn, fail = BOUNDS[bounds or code]
    if (bounds or code) in FALLING:
        state = FAIL if value <= fail else WARN if value <= warn else OK
    else:
        state = FAIL if value >= fail else WARN if value >= warn else OK
    return check(code, text, state, value, unit)


def quick(rooms: "Any") -> "list[Check]":
    """All of them, in the order of a terminal's parts."""
    found: "list[Check]" = []
    for part, needs in (
        (_starts, "board"),
        (_slot, "board"),
        (_build, "orders"),
        (_reader, "reader"),
        (_panel, "panel"),
        (_line, "session"),
        (_queue, "counter"),
        (_register, "registered"),
        (_stores, "journal"),
        (_memory, "watch"),
        (_time, "clock"),
        (_keys, "master"),
    ):
        if hasattr(rooms, needs):
            found += part(rooms)
    return found


def tried(rooms: "Any") -> str:
    """What keeps a program on trial from staying, "" for nothing (docs/update.md)."""
    found = _reader(rooms) + _stores(rooms) + _memory(rooms)
    wrong = [one for one in found if one["text"] in TRIED and one["state"] in (FAIL, TRIED[str(one["text"])])]
    return ", ".join(["{} {}".format(one["code"], one["text"]) for one in wrong])


def worst(found: "list[Check]") -> str:
    """`fail`, `warn` or `ok`."""
    states = [one["state"] for one in found]
    return FAIL if FAIL in states else WARN if WARN in states else OK


# --- the parts --------------------------------------------------------------------------------------------------------


def _starts(rooms: "Any") -> "list[Check]":
    record = boot_record.read()
    now = rooms.clock.now_utc() if hasattr(rooms, "clock") else record.starts[-1].utc if record.starts else 0
    hung = record.of_day(now, (WATCHDOG, HUNG))
    crashes = record.crashes() if record.starts else 0
    return [
        judged("X10", "power-ons", record.of_day(now, (POWER_ON,)), "a day"),
        judged("X11", "watchdog", hung, "a day"),
        judged("F03", "crashes", crashes, "in 10 min"),
    ]


def _slot(rooms: "Any") -> "list[Check]":
    from firmware.service import slots

    safe = getattr(rooms, "mode", "normal") == "safe"
    trial = slots.on_trial()
    return [
        check("F01", "slot", WARN if trial else OK, slots.running() or "built in"),
        check("F02", "mode", FAIL if safe else OK, "safe" if safe else "normal"),
    ]


def _build(rooms: "Any") -> "list[Check]":
    """Below the switch's minimum: how many days it still lets points be spent."""
    minimum = rooms.orders.minimum
    days = minimum.days_left()
    if days < 0:
        return [check("U30", "build", OK, BUILD)]
    state = FAIL if minimum.forbids() else WARN
    return [check("U30", "build", state, days, "days left, {} is below {}".format(BUILD, minimum.build))]


def _register(rooms: "Any") -> "list[Check]":
    """The cash register's line, where one speaks."""
    register, lines = rooms.registered(), rooms.console.lines
    if register is None:
        return []
    return [
        judged("E01", "register's line", rooms.console.torn * 100 // max(1, lines), "% torn"),
        judged("E02", "references", register.clashes, "clashes"),
    ]


def _reader(rooms: "Any") -> "list[Check]":
    reader, chip = rooms.reader, rooms.chip
    found = [check("R01", "reader", OK if reader.healthy() else FAIL, "{:02X}".format(chip.version), "version")]
    if reader.healthy():
        found.append(check("R04", "interrupt line", WARN if chip.polls else OK, "silent" if chip.polls else "follows"))
    count = min(reader.taps.count, taps.LAST)
    foreign = reader.taps.of(taps.UNSUPPORTED)
    if count - foreign < _TAPS:
        found.append(check("R06", "taps", NOT_RUN, count, "of {} taps".format(_TAPS)))
    else:
        found.append(judged("R06", "taps", reader.taps.of(taps.OK) * 100 // (count - foreign), "% read"))
    if count >= _TAPS:
        found.append(judged("R07", "foreign cards", foreign * 100 // count, "%"))
    found.append(judged("R08", "set up again", a_day(reader.reinitialised, rooms.uptime_s()), "a day"))
    return found


def a_day(count: int, up_s: int) -> int:
    """What happened so often since the start, reckoned for a day."""
    return count * _DAY_S // up_s if up_s > _DAY_S else count


def _panel(rooms: "Any") -> "list[Check]":
    dark, code = rooms.panel.dark(), rooms.paper.code
    found = [check("R02", "display", FAIL if dark else OK, "silent" if dark else "answers")]
    if code:
        found.append(check(code, "printer", WARN))
    found.append(judged("X12", "key held", rooms.keypad.held_ms() // 1000, "s"))
    return found


def _line(rooms: "Any") -> "list[Check]":
    session, vitals = rooms.session, rooms.watch.vitals
    online = session.online()
    found = [check("L01", "wi-fi", OK if rooms.link.up() else FAIL)]
    if session.fault and session.fault != "L01":
        found.append(check(session.fault, "session", FAIL))
    elif not online:
        found.append(check("L05", "session", WARN, "not signed on"))
    day = _of_day(vitals.signals, vitals.hour())
    heard = sorted([-value for value in day if value])
    signal = heard[len(heard) // 2] if heard else rooms.link.signal()
    found.append(judged("L02", "signal", signal, "dBm") if signal else check("L02", "signal", NOT_RUN))
    found.append(judged("L03", "reconnects", max(_of_day(vitals.breaks, vitals.hour())), "an hour"))
    if session.trips.total() < _TRIPS:
        found.append(check("L08", "answers", NOT_RUN, session.trips.total(), "answers"))
    else:
        found.append(judged("L08", "answers", session.trips.below(95), "ms"))
    return found


def _of_day(ring: bytearray, hour: int) -> "list[int]":
    """The newest 24 hours, the present one first; fewer after a start."""
    return [ring[(hour - back) % HOURS] for back in range(min(24, hour + 1))]


def _queue(rooms: "Any") -> "list[Check]":
    if rooms.journal.loading():
        return [check("S01", "oldest unsent", NOT_RUN, rooms.journal.loading(), "sectors to read")]
    now = rooms.counter.status()
    return [
        judged("S01", "oldest unsent", now.oldest_age_s // 3600, "h"),
        judged("S02", "rejected", now.rejected),
    ]


def _stores(rooms: "Any") -> "list[Check]":
    sectors, free, _, given_up, _ = rooms.journal.care()
    lost = rooms.journal.gaps()
    found = [
        judged("S03", "journal filled", (sectors - free) * 100 // sectors, "%"),
        judged("S04", "journal worn", rooms.journal.worn(), "erases"),
        judged("S05", "journal damage", given_up + rooms.journal.mended(), "failed"),
    ]
    if lost:
        found[-1] = check("S05", "journal damage", FAIL, lost, "missing or altered")
    if rooms.members.working():
        found.append(judged("S04", "members worn", rooms.members.worn(), "erases"))
    else:
        found.append(check("S05", "members", WARN, "closed"))
    if rooms.key_copies < 2:
        found.append(check("S05", "key store", FAIL, "one copy"))
    return found


def _memory(rooms: "Any") -> "list[Check]":
    lag = rooms.watch.vitals.lag
    free = rooms.watch.vitals.free_percent
    found = [judged("M01", "free heap", free, "%") if free >= 0 else check("M01", "free heap", NOT_RUN)]
    blocks = rooms.board.heap_blocks()
    if blocks:
        found.append(judged("M01", "largest block", max([block[2] for block in blocks]) // 1024, "KB", "block"))
    late, longest = lag.below(99), lag.most
    warn, fail = BOUNDS["M02"]
    state = FAIL if longest >= fail else WARN if late >= warn else OK
    found.append(check("M02", "loop lag", state, late, "ms, worst {} {}".format(longest, rooms.watch.vitals.lag_task)))
    return found


def _time(rooms: "Any") -> "list[Check]":
    unset = rooms.clock.quality == CLOCK_NEVER_SET
    found = [check("T02", "clock", FAIL if unset else OK, rooms.clock.quality, "quality")]
    drift = rooms.clock.drift_s
    if drift is not None:
        found.append(judged("T04", "clock drift", abs(drift), "s"))
    return found


def _keys(rooms: "Any") -> "list[Check]":
    from firmware.service.certificate import days_left

    found = [check("K28", "keys", OK, rooms.master.tag(bytes(16))[:3].hex(), "check value")]
    for name in ("ca.der", "client.der"):
        days = days_left("/config/" + name, rooms.clock.now_utc())
        if days is not None:
            found.append(judged("K27", name, days, "days"))
    lacking = [name for name in ("release", "config") if not _has("/config/" + name + "-keys.bin")]
    found.append(
        check("K29", "signing keys", WARN if lacking else OK, "no " + ", ".join(lacking) if lacking else "there")
    )
    return found


def _has(path: str) -> bool:
    """Whether something lies there; whether it is a key is told when it is used."""
    try:
        return os.stat(path)[6] > 0
    except OSError:
        return False
