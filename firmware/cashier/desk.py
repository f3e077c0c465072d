"""The cashier's desk: idle screen, which key or tap begins which flow, and how a flow that failed is told.

One story at a time owns the screen. The flows themselves live in sale, redeem, balance and menu.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.balance import balance
from firmware.cashier.menu import menu
from firmware.cashier.redeem import redeem
from firmware.cashier.sale import sale
from firmware.core.errors import Cancelled, CardError, Refused, TimedOut, VafaError
from firmware.core.refusals import WRONG_KEY
from firmware.core.types import OPEN, REVERSED
from firmware.screen import keys as key
from firmware.screen import outcomes, screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable

    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData
    from firmware.screen.lines import Line

_IDLE_WAIT_MS = const(600_000)
_SHOW_EVERY = const(16)  # sectors of the journal between two drawings of how many are left
_RECENT_S = const(86_400)  # its end may not have been seen before the power went; a day later nobody asks


class Desk:
    """Runs for ever; `quiet` tells housekeeping when it may keep the processor for a flash erase."""

    def __init__(self, counter: "Counter") -> None:
        self._counter = counter
        self._busy = True
        self._last_activity = ticks_ms()

    def quiet(self, for_ms: int) -> bool:
        """Whether no story runs and none ended or began within the last `for_ms`."""
        return not self._busy and ticks_diff(ticks_ms(), self._last_activity) >= for_ms

    async def run(self, beat: "Callable[[], None]") -> None:
        """Stories, one after the other."""
        self._counter.panel.beat = beat
        self._busy = True
        pressed = await self._told(self._last_story())
        while True:
            self._busy = False
            event: "int | CardData" = pressed
            if isinstance(event, int) and event == key.NO_KEY:
                event = await self._idle()
            self._busy = True
            pressed = await self._told(self._story(event))
            self._last_activity = ticks_ms()
            gc.collect()  # the one place: nobody waits now

    async def _idle(self) -> "int | CardData":
        """The next key or card; a tap that fails is told and forgotten."""
        try:
            return await self._counter.panel.key_or_card(self._idle_lines, _IDLE_WAIT_MS)
        except TimedOut:
            return key.NO_KEY
        except CardError as error:
            self._busy = True
            self._counter.log.error(error, "idle")
            return await self._counter.teller.refusal(error.code, error.count)

    def _idle_lines(self) -> "list[Line]":
        return screens.idle(self._counter.panel.text, self._counter.status())

    async def _story(self, event: "int | CardData") -> int:
        if event not in (key.NO_KEY, key.MENU):
            self._counter.books.need_members()  # whoever holds a terminal that is blocked learns nothing of them
        if not isinstance(event, int):
            return await balance(self._counter, event)
        if event == key.SALE:
            return await sale(self._counter, key.NO_KEY)
        if key.typed(event):
            return await sale(self._counter, event)
        if event == key.REDEEM:
            return await redeem(self._counter)
        if event == key.BALANCE:
            return await balance(self._counter, None)
        if event == key.MENU:
            return await menu(self._counter)
        if event not in (key.NO_KEY, key.CANCEL, key.CLEAR, key.OK):
            self._counter.log.fault(WRONG_KEY, "idle")
        return key.NO_KEY

    async def _told(self, story: "Awaitable[int]") -> int:
        """Run one story to its end. A refusal or fault is told; an intent that may lack its answer is put right."""
        counter = self._counter
        try:
            return await story
        except (Cancelled, TimedOut) as ended:
            counter.log.event("story ended {}".format(ended.code))
            return key.NO_KEY
        except Refused as refusal:
            counter.log.fault(refusal.code, "refused")
            return await counter.teller.refusal(refusal.code)
        except VafaError as error:
            counter.log.error(error, "story")
            counter.books.recover_if_due()
            return await counter.teller.refusal(error.code)

    async def _read_journal(self) -> None:
        """After a start: all the journal holds, a sector at a time, then what a cut left open. No story before."""
        counter = self._counter
        pieces = 0
        while counter.journal.load():
            if pieces % _SHOW_EVERY == 0 and counter.journal.loading() > _SHOW_EVERY:
                text = counter.panel.text
                left = text.get("left_to_read", counter.journal.loading())
                counter.panel.show(screens.notice(text, text.get("one_moment"), left))
            pieces += 1
            counter.panel.beat()
            await asyncio.sleep_ms(0)
        if not counter.books.started and counter.books.allowances is not None:
            for _ in counter.books.allowances.recall():
                counter.panel.beat()
                await asyncio.sleep_ms(0)
        if not counter.books.started:
            counter.books.start()

    async def _last_story(self) -> int:
        """After a start: put the journal right, and tell how the last transaction ended if nobody may have seen it."""
        counter = self._counter
        await self._read_journal()
        spending = counter.books.policy.spending
        if spending is not None and spending.risk:
            text = counter.panel.text
            await counter.panel.acknowledge(screens.notice(text, text.get("start_risk"), text.get("start_risk_next")))
        reversed_count = counter.books.reversed_at_start
        if counter.books.recovery_due():
            reversed_count += counter.books.recover()
        entry = counter.books.last_entry()
        if entry is None:
            return key.NO_KEY
        age_s = counter.clock.now_utc() - entry.transaction.time_utc
        unseen = reversed_count > 0 and entry.state in (OPEN, REVERSED)
        if not unseen and not 0 <= age_s < _RECENT_S:
            return key.NO_KEY
        counter.books.need_members()
        told = counter.books.outcome_of_entry(entry)
        return await counter.panel.acknowledge(outcomes.recall(counter.panel.text, told))
