"""The person at a terminal: has an errand, reads the screen, presses what the screen asks for, and gives up in time.

Acts on what stands on the screen only, so it copes with errors, time-outs and a power cut like a person. Durations in
milliseconds.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from firmware.core.errors import CardLeft, TwoCards
from firmware.core.types import CardData
from firmware.screen import keys as key
from tools.soak import eyes
from tools.soak.terminal import Terminal

SALE, REDEEM, BALANCE, SEND, SHIFT, VOID = "sale", "redeem", "balance", "send", "shift", "void"
_DIGITS = {digit: index for digit, index in zip("1234567890", (4, 5, 6, 8, 9, 10, 12, 13, 14, 17), strict=True)}
_ITEM = {SHIFT: "5", SEND: "2", VOID: "7"}  # of the menu
ALL = -1
_STANDING = (*eyes.ENDS, eyes.AMOUNT, eyes.MENU)
_STEPS = 60
_PATIENCE_S = 30
_READING_MS = 400


@dataclass(frozen=True)
class Errand:
    """What somebody wants. `steps` of points above the fewest, or ALL there are, chosen for `thinks_s`. `again`: yes to
    the question whether it is the same sale; `cancels`: changes their mind."""

    verb: str
    card: CardData
    amount: int
    steps: int
    again: bool
    cancels: bool
    fumbles: bool
    thinks_s: float = 0.0


class Person:
    """One at a time at each terminal."""

    def __init__(self, terminal: Terminal, chance: random.Random) -> None:
        self._terminal = terminal
        self._chance = chance

    async def do(self, errand: Errand) -> str:
        """From an idle screen to an end; which kind of screen ended it, "" when the person gave up."""
        terminal = self._terminal
        if not await self._ready():
            return ""
        last = terminal.journal.last() if errand.verb == VOID else None  # whose card it was says the paper
        terminal.story = (last.transaction.uid if last is not None else errand.card.uid).hex().upper()
        idle = terminal.eyes.busy
        await self._begin(errand)
        for _ in range(_STEPS):
            await self._look()
            if not terminal.powered:
                return eyes.DARK
            kind = terminal.eyes.kind
            if kind in eyes.ENDS:
                await self._leave()
                return kind
            if kind != eyes.READY:
                await self._act(kind, errand)
            elif terminal.eyes.busy > idle:
                return kind
        return ""

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _ready(self) -> bool:
        """Press the outcome of before away."""
        terminal = self._terminal
        for _ in range(12):
            if not terminal.powered:
                return False
            if terminal.eyes.kind == eyes.READY:
                return True
            await self._pause()
            if terminal.eyes.kind in eyes.ENDS:
                terminal.hands.press(key.OK)
            elif terminal.eyes.kind not in (eyes.WAIT, eyes.DARK, eyes.OTHER):
                terminal.hands.press(key.CANCEL)
            await self._look()
        return False

    async def _begin(self, errand: Errand) -> None:
        hands, tap = self._terminal.hands, self._terminal.tap
        if errand.verb == SALE:
            for digit in str(errand.amount):
                hands.press(_DIGITS[digit])
            hands.press(key.CANCEL if errand.cancels else key.OK)
        elif errand.verb == REDEEM:
            hands.press(key.REDEEM)
        elif errand.verb in (SEND, SHIFT, VOID):
            hands.press(key.MENU)
        elif self._chance.random() < 0.5:
            hands.press(key.BALANCE)
        else:
            tap.lay(errand.card)

    async def _act(self, kind: str, errand: Errand) -> None:
        """What the screen asks for."""
        hands, tap = self._terminal.hands, self._terminal.tap
        if kind == eyes.TAP:
            await self._pause()
            if errand.fumbles and self._chance.random() < 0.5:
                tap.lay(self._chance.choice((TwoCards(2), CardLeft())))
            else:
                tap.lay(errand.card)
        elif kind == eyes.POINTS:
            await self._pause()
            await asyncio.sleep(errand.thinks_s)
            if errand.steps == ALL:  # more than anybody has; from there the key goes to what may be spent at most
                for _ in range(7):
                    hands.press(_DIGITS["9"])
                hands.press(key.UP)
            for _ in range(errand.steps):
                hands.press(key.UP)
            hands.press(key.OK)
        elif kind in (eyes.CONFIRM, eyes.AGAIN):
            await asyncio.sleep(_READING_MS / 1000)
            sure = not errand.cancels if kind == eyes.CONFIRM else errand.again
            hands.press(key.OK if sure else key.CANCEL)
        elif kind == eyes.MENU:
            hands.press(_DIGITS[_ITEM[errand.verb]])
            if errand.verb == SEND:
                hands.press(key.CANCEL)
        elif kind == eyes.UNDO:
            hands.press(_DIGITS["1"])
        elif kind == eyes.AMOUNT and errand.verb != SALE:
            hands.press(key.CANCEL)

    async def _leave(self) -> None:
        """Read the end; press it away, or go and let it stand."""
        await self._pause()
        if self._chance.random() < 0.7 and self._terminal.powered:
            self._terminal.hands.press(key.OK)
            await self._look(1)

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.randint(100, 1_500) / 1000)

    async def _look(self, patience_s: int = _PATIENCE_S) -> None:
        """Until the screen changes."""
        terminal = self._terminal
        seen = terminal.eyes
        seen.changed.clear()
        if seen.kind in _STANDING:  # until its own time-out: nothing else will happen
            terminal.rest(patience_s)
        try:
            async with asyncio.timeout(patience_s):
                await seen.changed.wait()
        except TimeoutError:
            return
        finally:
            terminal.rest(0)
