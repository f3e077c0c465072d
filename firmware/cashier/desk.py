"""The cashier's desk: idle screen, which key or tap begins which flow, and how a flow that failed is told.

One story at a time owns the screen. The flows themselves live in sale, redeem, balance and menu.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.menu import menu
from firmware.cashier.sale import sale
from firmware.core.errors import Cancelled, CardError, ReaderDead, Refused, StoreError, TimedOut, VafaError
from firmware.core.refusals import DISPLAY_DARK, TILL_LOCKED, WRONG_KEY
from firmware.core.types import OPEN, REVERSED
from firmware.core.visiting import visit
from firmware.screen import keys as key
from firmware.screen import outcomes, screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable

    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData, JournalEntry
    from firmware.screen.lines import Line

_IDLE_WAIT_MS = const(600_000)
_DEAD_LOOK_MS = const(1_000)  # how soon a reader that answers again is waited for again
_PAPER_LOOK_MS = const(30_000)  # asking a printer that is away keeps the processor for 60 ms
_SHOW_EVERY = const(16)  # sectors of the journal between two drawings of how many are left
# What a key at the idle screen does besides selling: also while the till is locked, it tells nothing of anybody.
_ALWAYS = {key.UP: "firmware.cashier.sync", key.DOWN: "firmware.cashier.choices"}
_LOGIN = const(
    (
        "firmware.store.slots",
        "firmware.store.staff",
        "firmware.core.pin",
        "firmware.screen.staff",
        "firmware.cashier.asking",
        "firmware.cashier.login",
    )
)
_RECENT_S = const(86_400)  # its end may not have been seen before the power went; a day later nobody asks


class Desk:
    """Runs for ever; `quiet` tells housekeeping when it may keep the processor for a flash erase."""

    def __init__(self, counter: "Counter") -> None:
        self._counter = counter
        self._busy = True
        self._last_activity = ticks_ms()
        self._paper_looked = ticks_ms()
        self._dark = False  # the display does not answer
        self._reader_dead = False  # and the person at the till knows it
        self._untold: "JournalEntry | None" = None  # how the last transaction ended, for who comes to the till
        self._order: "Callable[[], Awaitable[int]] | None" = None  # of the cash register, not begun yet
        self.not_begun = ""  # code of what keeps it from that, besides a key that was quicker

    def quiet(self, for_ms: int) -> bool:
        """Whether no story runs and none ended or began within the last `for_ms`."""
        return not self._busy and ticks_diff(ticks_ms(), self._last_activity) >= for_ms

    def free(self) -> bool:
        """Whether an order of the cash register would begin now: at the idle screen, or where a story's end stands."""
        return not self._busy or self._counter.panel.ending

    def order(self, story: "Callable[[], Awaitable[int]] | None") -> None:
        """Begin this story as a key would, if the till is free still when it is looked at; None: take it back."""
        self._order, self.not_begun = story, ""
        if story is not None:
            self._counter.panel.look(key.ORDER)

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
            self._counter.new_day()
            pressed = await self._told(self._story(event))
            if pressed in _ALWAYS:
                pressed = key.NO_KEY  # on other screens these two turn pages
            self._last_activity = ticks_ms()
            if self._counter.staff is not None and event != key.NO_KEY:
                self._counter.staff.touch()
            gc.collect()  # the one place: nobody waits now

    async def _idle(self) -> "int | CardData":
        """The next key or card; a tap that fails is told and forgotten. A reader that does not answer is told once,
        then the keys alone are waited for until it does."""
        counter, reads = self._counter, True
        while True:
            if self._reader_dead:
                reads = counter.panel.reads()
                self._reader_dead = not reads
            wait_ms = _IDLE_WAIT_MS if reads else _DEAD_LOOK_MS
            try:
                return await counter.panel.key_or_card(self._idle_lines, wait_ms, reads, unread=True)
            except TimedOut:
                if reads:
                    return key.NO_KEY
            except CardError as error:
                self._busy = True
                self._reader_dead = isinstance(error, ReaderDead)
                counter.log.error(error, "idle")
                return await counter.teller.refusal(error.code, error.count)

    def _idle_lines(self) -> "list[Line]":
        if self._counter.staff is not None:
            self._counter.staff.rest()
        if ticks_diff(ticks_ms(), self._paper_looked) >= _PAPER_LOOK_MS:
            self._paper_looked = ticks_ms()
            self._counter.teller.spool.look()
        self._look_at_display()
        told = self._counter.notice() if self._counter.notice is not None else None
        if told is not None:
            return screens.notice(self._counter.panel.text, *told)
        status = self._counter.status()
        status.reader = ReaderDead.code if self._reader_dead else ""
        return screens.idle(self._counter.panel.text, status)

    def _look_at_display(self) -> None:
        """Nobody sees that it is dark from the screen: one low tone, and the red lamp as long as it lasts."""
        panel, dark = self._counter.panel, self._counter.panel.dark()
        panel.signals.rest_red(dark)
        if dark and not self._dark:
            panel.signals.refused()
        self._dark = dark

    async def _story(self, event: "int | CardData") -> int:
        staff = self._counter.staff
        ordered, self._order = self._order, None
        if event == key.ORDER and ordered is None:
            return key.NO_KEY  # it was taken back
        if self._dark and event != key.NO_KEY:
            self.not_begun = DISPLAY_DARK
            self._counter.log.fault(DISPLAY_DARK, "nobody can read the screen")
            self._counter.panel.signals.refused()
            return key.NO_KEY
        if staff is not None:
            staff.rest()
            if staff.locked() and event not in _ALWAYS:
                self.not_begun = TILL_LOCKED
                return await self._login(event) if event not in (key.NO_KEY, key.ORDER) else key.NO_KEY
        if isinstance(event, int) and event in _ALWAYS:
            with visit(_ALWAYS[event]):
                return await __import__(_ALWAYS[event], None, None, ("run",)).run(self._counter)
        if event not in (key.NO_KEY, key.MENU):
            self.not_begun = self._counter.switch.halted()
            self._counter.books.need_members()  # whoever holds a terminal that is blocked learns nothing of them
        if not isinstance(event, int):
            return await self._balance(event)
        if event == key.ORDER and ordered is not None:
            return await ordered()
        if event == key.SALE:
            return await sale(self._counter, key.NO_KEY)
        if key.typed(event):
            return await sale(self._counter, event)
        if event == key.REDEEM:
            with visit("firmware.cashier.redeem"):
                from firmware.cashier.redeem import redeem

                return await redeem(self._counter)
        if event == key.BALANCE:
            return await self._balance(None)
        if event == key.MENU:
            return await menu(self._counter)
        if event not in (key.NO_KEY, key.CANCEL, key.CLEAR, key.OK):
            self._counter.log.fault(WRONG_KEY, "idle")
        return key.NO_KEY

    async def _login(self, event: "int | CardData") -> int:
        """Whoever pressed a key or laid a card on says who they are; that a card was there is forgotten."""
        with visit(*_LOGIN):
            from firmware.cashier.login import login

            pressed = await login(self._counter, event if isinstance(event, int) else key.NO_KEY)
        if self._untold is None or not self._counter.books.clerk:
            return pressed
        entry, self._untold = self._untold, None
        return await self._recalled(entry)

    async def _balance(self, card: "CardData | None") -> int:
        with visit("firmware.cashier.balance"):
            from firmware.cashier.balance import balance

            return await balance(self._counter, card)

    async def _told(self, story: "Awaitable[int]") -> int:
        """Run one story to its end. A refusal or fault is told; an intent that may lack its answer is put right."""
        counter = self._counter
        doubted = counter.books.in_doubt()
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
            return await self._failed(error, doubted)

    async def _failed(self, error: VafaError, doubted: int) -> int:
        """Tell a fault; of a sale that was sent, the switch may have booked it, no code that says nothing was. What was
        in doubt before this story is not its own."""
        books = self._counter.books
        doubt = books.in_doubt()
        if doubt > doubted:
            try:
                told = books.outcome(doubt)
            except StoreError as unread:  # its code says nothing of what is booked
                return await self._counter.teller.refusal(unread.code)
            return await self._counter.teller.outcome(told)
        return await self._counter.teller.refusal(error.code)

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
        if counter.staff is not None and counter.staff.locked():
            self._untold = entry
            return key.NO_KEY
        return await self._recalled(entry)

    async def _recalled(self, entry: "JournalEntry") -> int:
        counter = self._counter
        counter.books.need_members()
        told = counter.books.outcome_of_entry(entry)
        return await counter.panel.acknowledge(outcomes.recall(counter.panel.text, told))
