"""Questions as awaits: show, wait for keys or a card, return the answer. Cancel and time-out are exceptions.

A wrong key never ends a question: it gets one line on the screen and a line in the log. Knows no journal and no switch.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import Cancelled, CardError, CardTimeout, TimedOut
from firmware.core.refusals import AMOUNT_TOO_LARGE, AMOUNT_ZERO, POINTS_NOT_ALLOWED, TOO_MANY_DIGITS, WRONG_KEY
from firmware.screen import keys as key
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.core.log import Log
    from firmware.core.ports import Reader
    from firmware.core.types import CardData
    from firmware.loyalty.rules import Rules
    from firmware.screen.canvas import Canvas
    from firmware.screen.keys import Keys
    from firmware.screen.lines import Line
    from firmware.screen.signals import Signals
    from firmware.text.catalogue import Catalogue

_MAX_DIGITS = const(12)  # DE4 is n12
_SLICE_MS = const(500)  # the longest time without a sign of life while a person thinks
_READING_MS = const(300)  # nobody reads a question faster
_AFTER_CARD_ERROR_MS = const(300)  # a reader that fails at once must not keep the processor


class Times:
    """How long a person may take, in milliseconds."""

    def __init__(self, question_ms: int, card_ms: int, outcome_ms: int) -> None:
        self.question_ms = question_ms
        self.card_ms = card_ms
        self.outcome_ms = outcome_ms


class _CardWait:
    """One wait for a card running beside the keys; `seen` or `error` is set when it has ended."""

    def __init__(self, reader: "Reader", keys: "Keys", timeout_ms: int, prove: bool) -> None:
        self.seen: "CardData | None" = None
        self.error: "CardError | None" = None
        self._keys = keys
        self.task = asyncio.create_task(self._run(reader, timeout_ms, prove))

    async def _run(self, reader: "Reader", timeout_ms: int, prove: bool) -> None:
        try:
            self.seen = await reader.wait_card(timeout_ms, prove)
        except CardError as error:
            self.error = error
        finally:
            self._keys.wake()

    async def end(self) -> None:
        """Stop waiting; the reader is free for the next wait when this returns."""
        if self.task.done():
            return
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            return


class Panel:
    """The person's side of the terminal: one screen, one keypad, one reader, one question at a time."""

    def __init__(
        self,
        canvas: "Canvas",
        keys: "Keys",
        reader: "Reader",
        signals: "Signals",
        text: "Catalogue",
        times: Times,
        log: "Log",
    ) -> None:
        self._canvas = canvas
        self._keys = keys
        self._reader = reader
        self._times = times
        self._log = log
        self.signals = signals
        self.text = text
        self.beat: "Callable[[], None]" = _nothing

    def show(self, lines: "Sequence[Line]") -> None:
        """Put lines on the screen."""
        self._canvas.draw(lines)

    async def key_or_card(
        self, redraw: "Callable[[], Sequence[Line]]", timeout_ms: int, with_card: bool = True, prove: bool = False
    ) -> "int | CardData":
        """The next key or card. `redraw` is asked for the screen about twice a second. Raises TimedOut, CardError."""
        wait = _CardWait(self._reader, self._keys, timeout_ms, prove) if with_card else None
        deadline = ticks_add(ticks_ms(), timeout_ms)
        try:
            while True:
                self.beat()
                self.show(redraw())
                pressed = self._keys.take()
                if pressed != key.NO_KEY:
                    return pressed
                if wait is not None and wait.seen is not None:
                    return wait.seen
                if wait is not None and wait.error is not None and not isinstance(wait.error, CardTimeout):
                    raise wait.error
                if wait is not None and wait.task.done() and wait.error is None and wait.seen is None:
                    await wait.task  # the reader failed in a way no port allows: let the supervisor see it
                left_ms = ticks_diff(deadline, ticks_ms())
                if left_ms <= 0:
                    raise TimedOut()
                await self._keys.arrival(min(left_ms, _SLICE_MS))
        finally:
            if wait is not None:
                await wait.end()

    async def key(self, lines: "Sequence[Line]", timeout_ms: int) -> int:
        """The next key while these lines are shown. Raises TimedOut, and Cancelled for the cancel key."""
        pressed = await self.key_or_card(lambda: lines, timeout_ms, with_card=False)
        assert isinstance(pressed, int)
        if pressed == key.CANCEL:
            raise Cancelled()
        return pressed

    async def page(self, lines: "Sequence[Line]") -> int:
        """The next key while these lines are shown, as long as a question lasts. Raises Cancelled, TimedOut."""
        return await self.key(lines, self._times.question_ms)

    async def amount(self, first_key: int, max_amount: int) -> int:
        """An amount of money, more than 0 and at most `max_amount`. `first_key` was pressed already, or NO_KEY."""
        keyed, note, pressed = "", "", first_key
        overflowed = False  # digits were lost: what stands there is not what was meant
        while True:
            if pressed == key.NO_KEY:
                lines = screens.amount(self.text, keyed, note)
                pressed = await self.key(lines, self._times.question_ms)
            note, typed = "", key.typed(pressed)
            if typed:
                longer = (keyed + typed).lstrip("0")
                if len(longer) <= _MAX_DIGITS:
                    keyed = longer
                else:
                    overflowed = True
            elif pressed == key.CLEAR:
                keyed = "" if overflowed else keyed[:-1]
                overflowed = False
            elif pressed != key.OK:
                note = self._wrong(WRONG_KEY)
            elif overflowed:
                pass
            elif not keyed:
                note = self._wrong(AMOUNT_ZERO)
            elif int(keyed) > max_amount:
                note = self._wrong(AMOUNT_TOO_LARGE)
            else:
                return int(keyed)
            if overflowed:
                note = self._wrong(TOO_MANY_DIGITS)
            pressed = key.NO_KEY

    async def card(self, title: str, value: "int | None", prove: bool = False) -> "CardData":
        """A readable card, with what spending needs when it is to `prove` itself.

        A tap that fails says why and the question stays; raises Cancelled or TimedOut.
        """
        code, count = "", 0
        deadline = ticks_add(ticks_ms(), self._times.card_ms)
        while True:
            left_ms = ticks_diff(deadline, ticks_ms())
            if left_ms <= 0:
                raise TimedOut()
            lines = screens.card(self.text, title, value, code, count)
            try:
                answer = await self.key_or_card(lambda shown=lines: shown, left_ms, prove=prove)
            except CardError as error:
                self._log.error(error, "card")
                self.signals.refused()
                code, count = error.code, error.count
                await asyncio.sleep_ms(_AFTER_CARD_ERROR_MS)
                continue
            if not isinstance(answer, int):
                return answer
            if answer == key.CANCEL:
                raise Cancelled()
            code, count = WRONG_KEY, 0
            self._log.fault(code, "card awaited")

    async def points(self, rules: "Rules", balance: int) -> int:
        """How many points to spend of this balance; starts at the fewest that may be spent."""
        self._keys.forget()
        chosen, keyed, note = rules.fewest(), "", ""
        while True:
            lines = screens.points(self.text, chosen, rules.worth(chosen), balance, note)
            pressed = await self.key(lines, self._times.question_ms)
            note, typed = "", key.typed(pressed)
            if pressed == key.OK:
                if rules.may_redeem(chosen, balance):
                    return chosen
                note = self._wrong(POINTS_NOT_ALLOWED)
                continue
            if typed or pressed == key.CLEAR:
                keyed = (keyed + typed).lstrip("0")[:_MAX_DIGITS] if typed else keyed[:-1]
                chosen = int(keyed) if keyed else 0
                continue
            keyed = ""
            if pressed == key.UP and rules.may_redeem(chosen + rules.redeem_step, balance):
                chosen += rules.redeem_step
            elif pressed == key.DOWN and rules.may_redeem(chosen - rules.redeem_step, balance):
                chosen -= rules.redeem_step
            elif pressed in (key.UP, key.DOWN):
                # From a typed number back onto the ladder of steps; at its ends the key does nothing.
                if not rules.may_redeem(chosen, balance):
                    chosen = rules.spendable(balance) if pressed == key.UP else rules.fewest()
            else:
                note = self._wrong(WRONG_KEY)

    async def confirm(self, lines: "Sequence[Line]") -> None:
        """Returns when OK was pressed; raises Cancelled or TimedOut. Every other key leaves the question standing.

        OK counts only from a hand that had rested since the question stood there: keys pressed before it, or hammered
        on, are no consent.
        """
        self._keys.forget()
        rested = ticks_ms()
        while True:
            pressed = await self.key(lines, self._times.question_ms)
            if pressed == key.OK and ticks_diff(ticks_ms(), rested) >= _READING_MS:
                return
            self._log.fault(WRONG_KEY, "confirmation awaited")
            rested = ticks_ms()

    async def acknowledge(self, lines: "Sequence[Line]") -> int:
        """Show an end of story until a key or the time ends it; the key, which may begin the next story, or NO_KEY."""
        self._keys.forget()
        try:
            pressed = await self.key(lines, self._times.outcome_ms)
        except (Cancelled, TimedOut):
            return key.NO_KEY
        return key.NO_KEY if pressed in (key.OK, key.CLEAR) else pressed

    async def choice(self, items: "list[str]", note: str) -> int:
        """The number of a menu item, from 1."""
        while True:
            pressed = await self.key(screens.menu(self.text, items, note), self._times.question_ms)
            typed = key.typed(pressed)
            if typed and 1 <= int(typed) <= len(items):
                return int(typed)
            note = self._wrong(WRONG_KEY)

    def _wrong(self, code: str) -> str:
        """One line for a key that does not fit, noted in the log."""
        self._log.fault(code, "key not taken")
        return self.text.error(code)[0]


def _nothing() -> None:
    """Nobody counts heartbeats yet."""
