"""A 5x4 membrane keypad as an electrical matrix, with contact bounce and ghost keys.

Key index = row * 4 + column. It knows levels of rows and columns, not what a key means; the names are those printed on
the membrane. Times in microseconds.
"""

from __future__ import annotations

from tools.sim.clock import SimClock

ROWS, COLUMNS = 5, 4
KEY_NAMES = (
    ("SALE", "REDEEM", "BALANCE", "MENU")
    + ("1", "2", "3", "UP")
    + ("4", "5", "6", "DOWN")
    + ("7", "8", "9", "CANCEL")
    + ("CLEAR", "0", "000", "OK")
)
_CHATTER_US = 400


class Keypad:
    """Twenty contacts. `bounce_us` is how long a contact chatters after it was pressed or released."""

    def __init__(self, clock: SimClock, bounce_us: int = 3_000) -> None:
        self._clock = clock
        self.bounce_us = bounce_us
        self.pressed: set[int] = set()
        self._moved_us: dict[int, int] = {}
        self.presses = 0

    @staticmethod
    def index(name: str) -> int:
        """The key with this name. Raises ValueError."""
        return KEY_NAMES.index(name)

    def press(self, index: int) -> None:
        """Put a finger on a key."""
        self._move(index, True)

    def release(self, index: int) -> None:
        """Take the finger off."""
        self._move(index, False)

    def tap(self, index: int, hold_us: int = 80_000) -> None:
        """Press now and release after `hold_us` of simulated time."""
        self.press(index)
        self._clock.after(hold_us, lambda: self.release(index))

    def _move(self, index: int, down: bool) -> None:
        if not 0 <= index < ROWS * COLUMNS:
            raise ValueError("no such key")
        if down == (index in self.pressed):
            return
        self._moved_us[index] = self._clock.now_us
        if down:
            self.pressed.add(index)
            self.presses += 1
        else:
            self.pressed.discard(index)

    def closed(self, index: int) -> bool:
        """Whether the contact conducts at this moment."""
        down = index in self.pressed
        since = self._clock.now_us - self._moved_us.get(index, -self.bounce_us)
        if since < self.bounce_us and since // _CHATTER_US & 1:
            return not down
        return down

    def column_low(self, column: int, rows_low: list[bool]) -> bool:
        """Whether a pulled-up column is drawn to ground through closed contacts from a row driven low."""
        if not self._moved_us:
            return False
        closed = {index for index in set(self._moved_us) | self.pressed if self.closed(index)}
        if not closed:
            return False
        columns, rows, fresh = {column}, set(), True
        while fresh:  # three keys of a rectangle connect the fourth: the ghost of a matrix without diodes
            found = {index // COLUMNS for index in closed if index % COLUMNS in columns}
            columns |= {index % COLUMNS for index in closed if index // COLUMNS in found}
            fresh = found != rows
            rows = found
        return any(rows_low[row] for row in rows)
