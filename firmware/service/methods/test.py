"""Tests that a person looks at: screen, keys, sound, printer. Right 2, and only while the counter is calm.

Each runs as a story of the counter, so no sale can begin in the middle of it, and the person at the keys has the last
word: OK when it was as it should be, CANCEL when not; what was pressed before the question is no answer to it. Ends by
itself, also when nobody listens any more. Milliseconds.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import Cancelled, RpcError, TimedOut
from firmware.screen import keys as key
from firmware.screen import screens
from firmware.screen.signals import ALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Callable

RIGHTS = {"screen": 2, "keys": 2, "sound": 2, "printer": 2}
CHANGES = ("screen", "keys", "sound", "printer")
_BUSY, _OWN = const(1001), const(-32000)
_ASK_MS = const(15_000)
_WHOLE_MS = const(28_000)
_KEYS_MS = const(26_000)  # however many come: the answer has to be ready within the whole
_BEGIN_MS = const(200)  # within it the desk has begun, or does not
_LOOK_MS = const(10)
_LIT_MS = const(1500)
_SOUND_MS = const(900)
_ALL_KEYS = const(20)


async def screen(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Every pixel lit, every second one, none; then the question."""

    async def shown() -> "dict[str, object]":
        display = rooms.display
        for even, odd in ((0xFF, 0xFF), (0x55, 0xAA), (0xAA, 0x55), (0, 0)):
            for at in range(0, len(display.buffer), 2):
                display.buffer[at], display.buffer[at + 1] = even, odd
            display.show()
            await asyncio.sleep_ms(_LIT_MS)
            rooms.panel.beat()
        return {"seen": await _asked(rooms, "test_screen")}

    return await _story(rooms, shown)


async def keys(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Which keys come, until all came or the time is over; CANCEL and OK count as keys, too."""

    async def pressed() -> "dict[str, object]":
        came: "list[int]" = []
        text = rooms.panel.text
        deadline = ticks_add(ticks_ms(), _KEYS_MS)
        while len(came) < _ALL_KEYS:
            left_ms = ticks_diff(deadline, ticks_ms())
            if left_ms <= 0:
                break
            lines = screens.notice(text, text.get("test_keys"), "{} / {}".format(len(came), _ALL_KEYS))
            try:
                one = await rooms.panel.key_or_card(lambda shown=lines: shown, left_ms, with_card=False)
            except TimedOut:
                break
            if one not in came:
                came.append(one)
        return {"came": sorted(came), "missing": [number for number in range(_ALL_KEYS) if number not in came]}

    return await _story(rooms, pressed)


async def sound(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The three patterns, one after the other, with their lamps, also where the terminal was told to be quiet; then
    the question."""

    async def played() -> "dict[str, object]":
        signals = rooms.signals
        chosen, signals.sounds = signals.sounds, ALL
        try:
            for play in (signals.ok, signals.offline_ok, signals.refused):
                play()
                await asyncio.sleep_ms(_SOUND_MS)
                rooms.panel.beat()
        finally:
            signals.sounds = chosen
        return {"heard": await _asked(rooms, "test_sound")}

    return await _story(rooms, played)


async def printer(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """A few lines in both scripts; then the question. `code` says why there is no paper. Raises RpcError."""
    if not rooms.paper.fitted:
        raise RpcError(_OWN, "no printer is fitted: setting printer")

    async def printed() -> "dict[str, object]":
        from firmware.receipt.lines import HEADING, PLAIN

        text, paper = rooms.panel.text, rooms.paper
        lines = ((HEADING, text.get("test_printer")), (PLAIN, "ABCabc 0123456789"), (PLAIN, text.get("test_printer")))
        if not paper.hand(lines, rtl=text.rtl) or not await paper.printed(rooms.panel.beat):
            return {"printed": False, "code": paper.code}
        return {"printed": await _asked(rooms, "test_printer"), "code": ""}

    return await _story(rooms, printed)


async def _asked(rooms: "Any", name: str) -> bool:
    """Whether the person at the keys says it was as it should be."""
    text = rooms.panel.text
    try:
        pressed = await rooms.panel.glance(screens.notice(text, text.get(name), text.get("test_answer")), _ASK_MS)
    except Cancelled:
        return False
    return pressed == key.OK


async def _story(rooms: "Any", play: "Callable[[], Awaitable[dict[str, object]]]") -> "dict[str, object]":
    """Have the counter play it; what came of it. Raises RpcError: the till is in use, or why it begins nothing now."""
    desk = rooms.desk
    if not rooms.calm() or not desk.free():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
    done, begun = asyncio.Event(), asyncio.Event()
    out: "list[dict[str, object]]" = []

    async def story() -> int:
        begun.set()
        try:
            out.append(await play())
        finally:
            done.set()
        return key.NO_KEY

    desk.order(story)
    waited = 0
    while not begun.is_set() and not desk.not_begun and waited < _BEGIN_MS:
        await asyncio.sleep_ms(_LOOK_MS)
        waited += _LOOK_MS
    if not begun.is_set():
        code = desk.not_begun  # else a key was quicker
        desk.order(None)
        if code:
            raise RpcError(_BUSY, rooms.panel.text.error(code)[0], code)
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)
    try:
        await asyncio.wait_for_ms(done.wait(), _WHOLE_MS)
    except asyncio.TimeoutError:
        pass  # whoever is at the keys ends it
    if not out:
        raise RpcError(_BUSY, "the test did not end", retry_ms=1000)
    return out[0]
