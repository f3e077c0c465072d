"""The keys by name, and the queue between the keypad task and whoever asks a question.

Index = row * 4 + column of the membrane; the legend under each name is the print on the keypad.
"""

import asyncio

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.ports import Keypad

SALE = 0  # F1
REDEEM = 1  # F2
BALANCE = 2  # #
MENU = 3  # *
UP = 7
DOWN = 11
CANCEL = 15  # Esc
CLEAR = 16  # left
TRIPLE_ZERO = 18  # right
OK = 19  # Ent
NO_KEY = -1
ORDER = 20  # no key: the cash register ordered something

# What a digit key types; "" for the others.
_TYPED = const(("", "", "", "", "1", "2", "3", "", "4", "5", "6", "", "7", "8", "9", "", "", "0", "000", ""))

_SCAN_MS = const(15)
_QUEUE = const(16)  # keys a person can press while the screen is busy


def typed(key: int) -> str:
    """The digits a key types: one, three zeros, or none."""
    return _TYPED[key] if 0 <= key < len(_TYPED) else ""


class Keys:
    """Pressed keys in order. `wake` lets another source (a card) end the same wait."""

    def __init__(self, keypad: "Keypad") -> None:
        self._keypad = keypad
        self._queue: "list[int]" = []
        self._arrived = asyncio.Event()

    async def run(self, beat: "Callable[[], None]") -> None:
        """Scan for ever; a key that finds the queue full is dropped, as on every till."""
        while True:
            key = self._keypad.scan()
            if key != NO_KEY and len(self._queue) < _QUEUE:
                self._queue.append(key)
                self._arrived.set()
            beat()
            await asyncio.sleep_ms(_SCAN_MS)

    def take(self) -> int:
        """The oldest key not yet taken, or NO_KEY."""
        return self._queue.pop(0) if self._queue else NO_KEY

    def give_back(self, key: int) -> None:
        """Put a key that was taken before those not yet taken."""
        self._queue.insert(0, key)

    def forget(self) -> None:
        """Drop what was pressed before a question was on the screen."""
        self._queue.clear()

    def wake(self) -> None:
        """End the wait of `arrival` without a key."""
        self._arrived.set()

    async def arrival(self, timeout_ms: int) -> None:
        """Wait until something arrived, at most so long."""
        if self._queue:
            return
        try:
            await asyncio.wait_for_ms(self._arrived.wait(), timeout_ms)
        except asyncio.TimeoutError:
            return
        self._arrived.clear()
