"""Joins the panel to a stage that lives in real time: snapshots for the page, hands for the terminal's thread.

Everything that touches the terminal runs on its own thread, between two slices; the page reads the newest snapshot and
never waits. Numbers and codes go to the page, which has the words. Times in milliseconds.
"""

from __future__ import annotations

import datetime
import threading
import time
from typing import Any

from tools.sim.chips.nor import Nor
from tools.sim.live import LiveTerminal
from tools.sim.ocr import screen_lines
from tools.sim.panel.books import journal_view, message_view
from tools.sim.panel.flash_map import flash_map
from tools.sim.panel.hands import Command, Hands
from tools.sim.panel.tap_meter import TapMeter
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.terminal import Terminal

_BOOKS_EVERY_S = 0.4
_RECEIPTS, _MESSAGES, _SERIAL_CHARACTERS = 12, 60, 6000


class LiveStage(Stage):
    """A stage in real time; `backend` is what the panel talks to, from `open` on."""

    realtime = True
    backend: LiveBackend

    def __init__(self, start: Start) -> None:
        self._later_s = 0
        self.fault = ""  # what the switch was last told to do wrong
        self.cut_asked = 0  # the flash operation at which the power was last told to go
        super().__init__(start)
        self.live: LiveTerminal | None = None

    def now_utc(self) -> int:
        return super().now_utc() + self._later_s

    def open(self) -> None:
        """Start the switch and the terminal; returns at once, the terminal boots on its thread."""
        self.set_up()
        self.live = LiveTerminal(self.terminal, self._after_slice)
        self.backend = LiveBackend(self, self.live)
        self.live.start()
        if self.start.powered:
            self.live.post(Terminal.power_on)

    def close(self) -> None:
        """Stop everything that was started."""
        if self.live is not None:
            self.live.stop()
        super().close()

    def later(self, seconds: int) -> None:
        """Switched off, come back so much later, switched on if it was on: its clock chip and the switch went on."""
        terminal = self.terminal
        powered, rtc = terminal.powered, terminal.board.rtc
        terminal.power_off()
        self._later_s += seconds
        if not rtc.stopped:
            rtc.set_utc((rtc.utc() + datetime.timedelta(seconds=seconds)).timetuple()[:6])
        if powered:
            terminal.power_on()

    def _after_slice(self, _terminal: Terminal) -> None:
        self.backend.look()


def serial_mode(terminal: Terminal) -> str:
    """How a person reaches the serial port now: mpremote waits for ever on a terminal that sells."""
    if not terminal.powered:
        return "off"
    return "selling" if terminal.alive else "prompt"


class LiveBackend:
    """What the page shows and moves (tools.sim.panel.server.Backend)."""

    def __init__(self, stage: LiveStage, live: LiveTerminal) -> None:
        self._stage = stage
        self._hands = Hands(stage, live)
        self._tap = TapMeter(stage.terminal)
        self._lock = threading.Lock()
        self._frame = bytes(1024)
        self._near: dict[str, Any] = {}
        self._tones: list[tuple[int, int]] = []
        self._heard = 0
        self._books: dict[str, Any] = {"ledger": [], "journal": {}, "flash": {}, "messages": []}
        self._books_at = 0.0
        self._flash: tuple[int, bytes, list[int], dict[int, str]] | None = None
        self._flash_at, self._flash_ops = 0.0, -1
        self.look()

    # --- on the terminal's thread -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Take a snapshot."""
        stage = self._stage
        terminal, board = stage.terminal, stage.terminal.board
        frame = terminal.screen() if terminal.powered else bytes(1024)
        heard = board.buzzer.heard
        cards = [
            {"name": c.name, "label": c.label, "kind": c.kind, "on": stage.cards[c.name] in board.field.cards}
            for c in stage.start.cards.values()
        ]
        self._tap.look([card["name"] for card in cards if card["on"]])
        self._copy_flash()
        with self._lock:
            self._tones += [(at_us // 1000, hz) for at_us, hz in heard[self._heard :]]
            self._heard = len(heard)
            if frame != self._frame or "lines" not in self._near:
                self._near["lines"] = screen_lines(frame)
            self._frame = frame
            self._near.update(
                powered=terminal.powered,
                net=terminal.network.cable_up,
                paper=board.printer.paper,
                plugged=board.printer.plugged,
                leds=dict(board.leds.lit),
                cards=cards,
                tap={"cards": list(self._tap.cards), **self._tap.figures()},
                utc=stage.now_utc(),
                receipts=[list(lines) for lines in board.printer.receipts[-_RECEIPTS:]],
                printed=len(board.printer.receipts),
                serial=terminal.serial_output()[-_SERIAL_CHARACTERS:],
                port={"path": terminal.serial_path, "mode": serial_mode(terminal)},
                cut_in=terminal.nor.cut_in if terminal.powered else 0,
                cut_at=stage.cut_asked if terminal.nor.off and not terminal.powered else 0,
                replaced=stage.replaced,
                fault=stage.fault if stage.switch.faults.pending() else "",
            )

    def _copy_flash(self) -> None:
        """Between two slices no operation is half done; the copy is looked at on another thread."""
        nor, now = self._stage.terminal.nor, time.monotonic()
        if nor.ops != self._flash_ops and now - self._flash_at > _BOOKS_EVERY_S:
            self._flash_at, self._flash_ops = now, nor.ops
            copy = (nor.ops, bytes(nor.image), list(nor.wear), dict(nor.bad_blocks))
            with self._lock:
                self._flash = copy

    # --- on the server's threads --------------------------------------------------------------------------------------

    def screen(self) -> bytes:
        with self._lock:
            return self._frame

    def tones(self) -> list[tuple[int, int]]:
        with self._lock:
            tones, self._tones = self._tones, []
        return tones

    def receipt_png(self, number: int) -> bytes:
        """The picture of a receipt that was cut off; they count from 1. Raises IndexError."""
        if number < 1:
            raise IndexError(number)
        return self._stage.terminal.board.printer.receipt_png(number - 1)

    def state(self) -> dict[str, Any]:
        if time.monotonic() - self._books_at > _BOOKS_EVERY_S:
            self._books_at = time.monotonic()
            self._read_books()
        with self._lock:
            return {**self._near, **self._books}

    def _read_books(self) -> None:
        stage = self._stage
        opening = {name: member.points for name, member in stage.start.members.items()}
        ledger = [
            {"member": name, "opening": opening.get(name, 0), "points": points}
            for name, points in stage.ledger().items()
        ]
        entries = stage.switch.log.entries()[-_MESSAGES:]
        books: dict[str, Any] = {"ledger": ledger, "messages": [message_view(entry) for entry in entries]}
        with self._lock:
            flash, self._flash = self._flash, None
        if flash is not None:
            _, image, wear, bad = flash
            nor = Nor(len(image))
            nor.image[:] = image
            books["journal"] = journal_view(nor, stage.terminal)
            books["flash"] = flash_map(image, wear, bad, stage.terminal.layout)
        with self._lock:
            self._books.update(books)

    def do(self, command: Command) -> None:
        """What a hand does (tools.sim.panel.hands)."""
        self._hands.do(command)
