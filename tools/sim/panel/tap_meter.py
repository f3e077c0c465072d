"""What the last tap cost: buses, air and flash, from the counters of the models.

A tap begins when a card comes into the empty field. Figures are kept at the first light or sound and at the last one,
until the cards are pulled away or the wait is over: what the reader polls afterwards is not the tap's. Figures are
modelled hardware; what the processor thinks is not in them. Microseconds and bytes.
"""

from __future__ import annotations

from typing import Any

from tools.sim.terminal import Terminal

_LONGEST_US = 8_000_000


class TapMeter:
    """Call `look` between two slices of the terminal's life."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._began: dict[str, int] | None = None
        self._signs = 0
        self._over = False  # measured to its end, and a card still lies there
        self.cards: list[str] = []
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def look(self, laid: list[str]) -> None:
        """`laid`: names of the cards in the field now."""
        if self._began is None:
            self._over = self._over and bool(laid)
            if laid and not self._over:
                self._begin(laid)
            return
        self._note(laid)
        if not laid or self._since()["us"] > _LONGEST_US:
            self._began, self._over = None, True

    def figures(self) -> dict[str, Any]:
        """For the page: both columns, empty before the first tap and while nothing was seen or heard."""
        return {"first": dict(self.first), "last": dict(self.last)}

    def _begin(self, laid: list[str]) -> None:
        self.cards = list(laid)
        self._began = self._counters()
        self._signs = self._seen()
        self.first, self.last = {}, {}

    def _note(self, laid: list[str]) -> None:
        self.cards += [name for name in laid if name not in self.cards]
        signs = self._seen()
        if signs != self._signs:
            self._signs = signs
            self.last = self._since()
            self.first = self.first or self.last

    def _seen(self) -> int:
        board = self._terminal.board
        return len(board.buzzer.heard) + len(board.leds.seen)

    def _since(self) -> dict[str, int]:
        """Counters since the beginning; one that a power cut set back counts from there."""
        began = self._began or {}
        return {name: max(0, value - began.get(name, 0)) for name, value in self._counters().items()}

    def _counters(self) -> dict[str, int]:
        board, nor = self._terminal.board, self._terminal.nor
        modem = board.rc522.modem
        return {
            "us": self._terminal.clock.now_us,
            "spi_transactions": board.cs_assertions,
            "spi_bytes": board.spi_bytes,
            "exchanges": modem.sent_frames,
            "answers": modem.received_frames,
            "air_us": modem.sent_us + modem.received_us,
            "field_us": board.rc522.field_on_us,
            "i2c_bytes": board.i2c_bytes,
            "flash_programs": nor.programs,
            "flash_bytes": nor.bytes_programmed,
            "flash_erases": nor.erases,
        }
