"""Questions as awaits: show, wait for keys or a card, return the answer. Cancel and time-out are exceptions.

A wrong key never ends a question: it gets one line on the screen and a line in the log. Knows no journal and no switch.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import Cancelled, CardError, CardTimeout, ReaderDead, TimedOut
from firmware.core.refusals import (
    AMOUNT_TOO_LARGE,
    AMOUNT_ZERO,
    DISPLAY_DARK,
    POINTS_NOT_ALLOWED,
    TOO_MANY_DIGITS,
    WRONG_KEY,
)
from firmware.screen import keys as key
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol, Sequence

    from firmware.core.log import Log
    from firmware.core.ports import Reader
    from firmware.core.types import CardData
    from firmware.loyalty.rules import Rules
    from firmware.screen.canvas import Canvas
    from firmware.screen.faces import Faces
    from firmware.screen.keys import Keys
    from firmware.screen.lines import Line
    from firmware.screen.signals import Signals
    from firmware.text.catalogue import Catalogue

    class Marks(Protocol):
        """What may be marked beside an amount."""

        def press(self, pressed: int) -> bool: ...
        def line(self, text: Catalogue) -> str: ...


_MAX_DIGITS = const(12)  # DE4 is n12
_SLICE_MS = const(500)  # the longest time without a sign of life while a person thinks
_READING_MS = const(300)  # nobody reads a question faster
_GLITCH_MS = const(100)  # between two looks at a display that does not answer
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
        self._told: "Sequence[Line]" = ()  # an end of story that stands there already
        self.ending = False  # such an end stands there, and a key may begin the next story
        # Told of each look at a question, whether it is one for a card; True: what was asked is wanted no more.
        self.withdrawn: "Callable[[bool], bool]" = _stands

    def through(self, canvas: "Callable[[Canvas], Canvas]", reader: "Callable[[Reader], Reader]") -> "Panel":
        """Another one on the same keys and sounds, which shows and reads through what these make."""
        other = Panel(
            canvas(self._canvas), self._keys, reader(self._reader), self.signals, self.text, self._times, self._log
        )
        other.beat = self.beat
        return other

    @property
    def faces(self) -> "Faces":
        """The letters the panel has, for paper too."""
        return self._canvas.faces

    def show(self, lines: "Sequence[Line]") -> None:
        """Put lines on the screen."""
        self._canvas.draw(lines)

    def folds(self, lines: "Sequence[Line]") -> int:
        """How many pages these lines take."""
        return self._canvas.folds(lines)

    def fits(self, text: str) -> bool:
        """Whether one row holds it."""
        return self._canvas.fits(text)

    def turn(self, pages: int) -> None:
        """To the next page of what is shown, or the one before."""
        self._canvas.turn(pages)

    def dark(self) -> bool:
        """Whether the display does not answer."""
        return self._canvas.dark()

    def reads(self) -> bool:
        """Whether the reader answered when it was last asked."""
        return self._reader.healthy()

    async def key_or_card(
        self,
        redraw: "Callable[[], Sequence[Line]]",
        timeout_ms: int,
        with_card: bool = True,
        prove: bool = False,
        unread: bool = False,
    ) -> "int | CardData":
        """The next key or card. `redraw` is asked for the screen about twice a second. Raises TimedOut, CardError, and
        Cancelled when the display is dark: what nobody can read is no question, unless it may stay `unread`."""
        wait = _CardWait(self._reader, self._keys, timeout_ms, prove) if with_card else None
        deadline = ticks_add(ticks_ms(), timeout_ms)
        try:
            while True:
                self.beat()
                if self.withdrawn(with_card):
                    raise Cancelled()
                self.show(redraw())
                pressed = self._keys.take()
                seen = wait.seen if wait is not None else None
                if not unread and (self.dark() or pressed != key.NO_KEY or seen is not None):
                    await self._readable()
                if pressed != key.NO_KEY:
                    return pressed
                if seen is not None:
                    return seen
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

    async def _readable(self) -> None:
        """An answer counts when the question stands there: a glitch of the display is waited out. Raises Cancelled."""
        while not self._canvas.reaches():
            await asyncio.sleep_ms(_GLITCH_MS)
            self.beat()
            if self.dark():
                self._log.fault(DISPLAY_DARK, "a question ends unread")
                raise Cancelled()

    def give_back(self, pressed: int) -> None:
        """A key that was taken and is meant for who asks next."""
        self._keys.give_back(pressed)

    def look(self, pressed: int = key.NO_KEY) -> None:
        """Something outside has changed, or presses a key: who asks looks at once."""
        if pressed != key.NO_KEY:
            self._keys.give_back(pressed)
        self._keys.wake()

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

    async def amount(self, first_key: int, max_amount: int, marks: "Marks | None" = None) -> int:
        """An amount of money, more than 0 and at most `max_amount` of the settings, in what counts now. `first_key` was
        pressed already, or NO_KEY; `marks` takes keys of its own and has a line of its own."""
        keyed, note, pressed, money = "", "", first_key, self.text.money
        overflowed = False  # digits were lost: what stands there is not what was meant
        while True:
            if pressed == key.NO_KEY:
                marked = marks.line(self.text) if marks is not None else ""
                lines = screens.amount(self.text, keyed, note or marked)
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
                note = "" if marks is not None and marks.press(pressed) else self._wrong(WRONG_KEY)
            elif overflowed:
                pass
            elif not keyed:
                note = self._wrong(AMOUNT_ZERO)
            elif money.now.keyed(keyed) > money.limit(max_amount):
                note = self._wrong(AMOUNT_TOO_LARGE)
            else:
                return money.now.keyed(keyed)
            if overflowed:
                note = self._wrong(TOO_MANY_DIGITS)
            pressed = key.NO_KEY

    async def card(self, title: str, value: "int | None", prove: bool = False, longest_ms: int = 0) -> "CardData":
        """A readable card, with what spending needs when it is to `prove` itself.

        A tap that fails says why and the question stays, and so does a reader that does not answer, once: it may come
        back. `longest_ms` where it is not the time for a card. Raises Cancelled or TimedOut.
        """
        code, count = "", 0
        deadline = ticks_add(ticks_ms(), longest_ms or self._times.card_ms)
        while True:
            left_ms = ticks_diff(deadline, ticks_ms())
            if left_ms <= 0:
                raise TimedOut()
            reads = code != ReaderDead.code or self.reads()
            if reads and code == ReaderDead.code:
                code = ""  # it is back
            lines = screens.card(self.text, title, value, code, count)
            wait_ms = left_ms if reads else min(left_ms, _SLICE_MS)
            try:
                answer = await self.key_or_card(lambda shown=lines: shown, wait_ms, reads, prove)
            except TimedOut:
                if not reads:
                    continue
                raise
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

    async def points(self, rules: "Rules", balance: int, most: "int | None" = None) -> int:
        """How many points to spend of this balance, at most `most`; starts at the fewest that may be spent."""
        self._keys.forget()
        limit = balance if most is None else min(balance, most)
        chosen, keyed, note = rules.fewest(), "", ""
        while True:
            lines = screens.points(self.text, chosen, rules.worth(chosen), balance, note)
            pressed = await self.key(lines, self._times.question_ms)
            note, typed = "", key.typed(pressed)
            if pressed == key.OK:
                if rules.may_redeem(chosen, limit):
                    return chosen
                note = self._wrong(POINTS_NOT_ALLOWED)
                continue
            if typed or pressed == key.CLEAR:
                keyed = (keyed + typed).lstrip("0")[:_MAX_DIGITS] if typed else keyed[:-1]
                chosen = int(keyed) if keyed else 0
                continue
            keyed = ""
            if pressed == key.UP and rules.may_redeem(chosen + rules.redeem_step, limit):
                chosen += rules.redeem_step
            elif pressed == key.DOWN and rules.may_redeem(chosen - rules.redeem_step, limit):
                chosen -= rules.redeem_step
            elif pressed in (key.UP, key.DOWN):
                # From a typed number back onto the ladder of steps; at its ends the key does nothing.
                if not rules.may_redeem(chosen, limit):
                    chosen = rules.spendable(limit) if pressed == key.UP else rules.fewest()
            else:
                note = self._wrong(WRONG_KEY)

    async def confirm(self, lines: "Sequence[Line]") -> None:
        """Returns when OK was pressed; raises Cancelled or TimedOut. Every other key leaves the question standing.

        OK counts only from a hand that had rested since the question stood there: keys pressed before it, or hammered
        on, are no consent. Nor is one to a question of which a page was never shown: that OK turns the page.
        """
        self._keys.forget()
        rested = ticks_ms()
        while True:
            pressed = await self.key(lines, self._times.question_ms)
            if pressed == key.OK and ticks_diff(ticks_ms(), rested) >= _READING_MS:
                if not self._canvas.unread():
                    return
                self._canvas.turn(1)
            else:
                self._log.fault(WRONG_KEY, "confirmation awaited")
            rested = ticks_ms()

    def tell(self, lines: "Sequence[Line]") -> None:
        """Show an end of story before it is asked about: keys from now on are meant for it."""
        self._keys.forget()
        self.show(lines)
        self._told = lines

    async def acknowledge(self, lines: "Sequence[Line]") -> int:
        """Show an end of story until a key or the time ends it; the key, which may begin the next story, or NO_KEY."""
        if lines is not self._told:
            self._keys.forget()
        self._told = ()
        self.ending = True
        try:
            pressed = await self.key(lines, self._times.outcome_ms)
        except (Cancelled, TimedOut):
            return key.NO_KEY
        finally:
            self.ending = False
        return key.NO_KEY if pressed in (key.OK, key.CLEAR) else pressed

    async def glance(self, lines: "Sequence[Line]", timeout_ms: int) -> int:
        """The next key while something is shown that nobody has to answer, NO_KEY when the time is over. Raises
        Cancelled."""
        self._keys.forget()
        try:
            return await self.key(lines, timeout_ms)
        except TimedOut:
            return key.NO_KEY

    async def choice(self, items: "Sequence[str]", note: str, title: str = "title_menu") -> int:
        """The digit an item begins with. More than fit are turned over with UP and DOWN; every digit counts."""
        first = 0
        before: "list[int]" = []  # where the pages turned over began
        while True:
            count = min(screens.MENU_ROWS, len(items) - first)
            lines = self._menu(items, first, count, note, title)
            while count > 1 and self.folds(lines) > 1:
                count -= 1
                lines = self._menu(items, first, count, note, title)
            pressed = await self.key(lines, self._times.question_ms)
            typed = key.typed(pressed)
            if len(typed) == 1 and any(item[0] == typed for item in items):
                return int(typed)
            note = ""
            if pressed == key.DOWN and first + count < len(items):
                before.append(first)
                first += count
            elif pressed == key.UP and before:
                first = before.pop()
            elif pressed not in (key.UP, key.DOWN):
                note = self._wrong(WRONG_KEY)

    def _menu(self, items: "Sequence[str]", first: int, count: int, note: str, title: str) -> "list[Line]":
        more = count < len(items)
        return screens.menu(self.text, items[first : first + count], note, more, title)

    def _wrong(self, code: str) -> str:
        """One line for a key that does not fit, noted in the log."""
        self._log.fault(code, "key not taken")
        return self.text.error(code)[0]


def _nothing() -> None:
    """Nobody counts heartbeats yet."""


def _stands(_with_card: bool) -> bool:
    """Who began a story is at the keys, and ends it there."""
    return False
