"""UP at the idle screen, and MENU 2: what waits for the switch goes now, and how many are left stands on the screen.

Sending is store-and-forward's work and goes on whether anybody looks or not: this only ends every pause it makes, and
tells what comes of it. Milliseconds.
"""

import asyncio

from micropython import const

from firmware.core.errors import LinkDown, TimedOut
from firmware.core.refusals import STILL_WAITING
from firmware.screen import keys as key
from firmware.screen import sending as screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_LOOK_MS = const(250)
_AWAY_MS = const(20_000)  # a connection with its sign-on takes no longer when there is one to be had
_FAULT_MS = const(6_000)  # a try that may succeed has: what the last one failed of holds
_STILL_MS = const(20_000)  # so long nothing may leave the queue: three unanswered messages


async def run(counter: "Counter") -> int:
    """Until all is sent or it does not get on; the key that ended it. With nothing to send it says so at once, and the
    line is tried meanwhile. Raises StoreError."""
    counter.books.recover_if_due()
    counter.books.let_go()
    counter.switch.hurry()
    first = left = _left(counter)
    away_ms = still_ms = 0
    while left:
        code = _stopped(counter, away_ms, still_ms)
        if code:
            return await _failed(counter, left, code)
        pressed = await _watched(counter, left)
        if pressed != key.NO_KEY:
            return key.NO_KEY if pressed in (key.CANCEL, key.CLEAR, key.OK) else pressed
        before, left = left, _left(counter)
        away_ms = 0 if counter.switch.online() else away_ms + _LOOK_MS
        still_ms = 0 if left < before else still_ms + _LOOK_MS
    counter.panel.signals.ok()
    return await counter.panel.acknowledge(screens.sent(counter.panel.text, first, counter.switch.online()))


def _left(counter: "Counter") -> int:
    """What the switch does not have yet, and what has to be put right first."""
    return counter.journal.pending_count() + counter.books.recovery_due()


def _stopped(counter: "Counter", away_ms: int, still_ms: int) -> str:
    """Code of what keeps it from getting on, "" when nothing does."""
    if away_ms > (_FAULT_MS if counter.switch.fault else _AWAY_MS):
        return counter.switch.fault or LinkDown.code
    if still_ms > _STILL_MS:
        return counter.switch.halted() or STILL_WAITING
    return ""


async def _watched(counter: "Counter", left: int) -> int:
    """Show how many are left for a moment; the key that was pressed meanwhile."""
    lines = screens.left(counter.panel.text, left, counter.switch.online())
    await asyncio.sleep_ms(0)
    try:
        pressed = await counter.panel.key_or_card(lambda: lines, _LOOK_MS, with_card=False)
    except TimedOut:
        return key.NO_KEY
    assert isinstance(pressed, int)
    return pressed


async def _failed(counter: "Counter", left: int, code: str) -> int:
    counter.log.fault(code, "{} left unsent".format(left))
    counter.panel.signals.refused()
    return await counter.panel.acknowledge(screens.failed(counter.panel.text, left, code))
