"""What `health deep` does besides: tests that take time, or need the reader to themselves. Some seconds all together.

The reader's task lends its chip for one round; nobody can tap a card meanwhile, so the counter has to be
calm. Milliseconds.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from drivers import rc522_health
from drivers.rc522_errors import ChipAbsent, RC522Error
from firmware.core.errors import LinkError
from firmware.service.checks import FAIL, NOT_RUN, OK, WARN, check, judged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Callable

    Check = dict[str, object]

_LEND_MS = const(8000)
_ANSWER_MS = const(7000)
_CONNECT_MS = const(22_000)
_LOOK_MS = const(20)


async def lent(rooms: "Any", work: "Callable[[Any], Awaitable[Any]]") -> "Any":
    """What `work` makes of the reader's chip, between two rounds of the reader's task; None when the chip is absent or
    was not lent in time."""
    done = asyncio.Event()
    out: "list[Any]" = []

    async def guest(chip: "Any") -> None:
        try:
            out.append(await work(chip))
        except (ChipAbsent, RC522Error):
            out.append(None)
        finally:
            done.set()

    rooms.reader.guest = guest
    try:
        await asyncio.wait_for_ms(done.wait(), _LEND_MS)
    except asyncio.TimeoutError:
        rooms.reader.guest = None
        return None
    return out[0] if out else None


async def reader(rooms: "Any") -> "list[Check]":
    """Which chip it is, its wires, its supply, its parts."""
    found = await lent(rooms, _examined)
    if found is None:
        return [check("R09", "bus", NOT_RUN), check("R05", "supply", NOT_RUN)]
    wrong, stands, seen = found
    return [
        judged("R09", "bus", wrong, "wrong of 100"),
        check("R05", "supply", OK if stands else FAIL, "stands the field" if stands else "loses its registers"),
        check("R03", "chip", OK, "{} self-test {}".format(seen.name, seen.self_test)),
        check("R01", "functions", FAIL if seen.functions else OK, " ".join(seen.functions) or "all"),
    ]


async def _examined(chip: "Any") -> "tuple[int, bool, Any]":
    wrong = await rc522_health.bus_errors(chip)
    stands = await rc522_health.stands_field(chip)
    return wrong, stands, await rc522_health.examine(chip)


async def line(rooms: "Any") -> "list[Check]":
    """Step by step; the first that fails is the last that is run."""
    link, session = rooms.link, rooms.session
    found = [check("L01", "wi-fi", OK if link.up() else FAIL, link.signal(), "dBm")]
    if not link.up():
        return found + _not_run("L04", "L05", "L06", "L08")
    began = ticks_ms()
    try:
        address = await link.find()
        found.append(judged("L04", "dns", _since(began), "ms"))
        began = ticks_ms()
        await link.reach(address)
        found.append(judged("L05", "tcp", _since(began), "ms"))
    except LinkError as error:
        left = ("L05", "L06", "L08") if error.code == "L04" else ("L06", "L08")
        return found + [check(error.code, _NAMES.get(error.code, "line"), FAIL, str(error))] + _not_run(*left)
    if not session.online():
        await _until(session.online, _CONNECT_MS, session.hurry)
    if not session.online():
        code = session.fault or "L07"
        done = [check("L06", "tls", OK)] if code in ("L07", "L08", "L09", "L10", "L30", "L32", "S06") else []
        return found + done + [check(code, _NAMES.get(code, "sign-on"), FAIL)] + _not_run("L08")
    found.append(judged("L06", "tls", max(0, session.shaken_ms()), "ms"))
    found.append(check("L07", "sign-on", OK))
    trips = session.trips
    before = trips.total()
    if not await _until(lambda: trips.total() != before, _ANSWER_MS, session.probe):
        return found + [check("L08", "echo", FAIL)]
    return found + [judged("L08", "echo", trips.last, "ms")]


_NAMES = {"L01": "wi-fi", "L04": "dns", "L05": "tcp", "L06": "tls", "L07": "sign-on", "L08": "echo"}


def first_failed(found: "list[Check]") -> "str | None":
    """Its code."""
    for one in found:
        if one["state"] == FAIL:
            return str(one["code"])
    return None


def _not_run(*codes: str) -> "list[Check]":
    return [check(code, _NAMES[code], NOT_RUN) for code in codes]


def _since(began: "Any") -> int:
    return ticks_diff(ticks_ms(), began)


async def _until(holds: "Callable[[], bool]", limit_ms: int, begin: "Callable[[], object]") -> bool:
    """Begin something and wait until it shows."""
    begin()
    deadline = ticks_add(ticks_ms(), limit_ms)
    while not holds():
        if ticks_diff(deadline, ticks_ms()) <= 0:
            return False
        await asyncio.sleep_ms(_LOOK_MS)
    return True


async def display(rooms: "Any") -> "list[Check]":
    """Whether the display and the battery clock answer now."""
    found = []
    for code, name, ask in (("R02", "display", rooms.display.alive), ("T02", "battery clock", rooms.rtc.lost_power)):
        try:
            lost = ask()
            found.append(check(code, name, WARN if lost else OK, "stopped once" if lost else "answers"))
        except OSError:
            found.append(check(code, name, FAIL, "silent"))
    return found
