"""Joins the panel to a stage that lives in real time: snapshots for the page, hands for the terminal's thread.

Everything that touches the terminal runs on its own thread, between two slices; the page reads the newest snapshot and
never waits. Times in milliseconds.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from tools.bench_switch.log import IN, NOTE, Entry
from tools.sim.live import LiveTerminal
from tools.sim.ocr import screen_lines
from tools.sim.scenario_act import FAULTS, KEY_NAMES
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.terminal import KEY_HELD_MS, Terminal

_BOOKS_EVERY_S = 0.4
_RECEIPTS, _MESSAGES, _SERIAL_CHARACTERS = 12, 60, 4000
_LATE_MS = 8000
_REPLACED = "wrong-certificate"


class LiveStage(Stage):
    """A stage in real time; `backend` is what the panel talks to, from `open` on."""

    realtime = True
    backend: LiveBackend

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.live: LiveTerminal | None = None

    def _now_utc(self) -> int:
        return int(time.time())

    def open(self) -> None:
        """Start the switch and the terminal; returns at once, the terminal boots on its thread."""
        self.set_up()
        self.live = LiveTerminal(self.terminal, self._after_slice)
        self.backend = LiveBackend(self)
        self.live.start()
        if self.start.powered:
            self.live.post(Terminal.power_on)

    def close(self) -> None:
        """Stop everything that was started."""
        if self.live is not None:
            self.live.stop()
        super().close()

    def _after_slice(self, _terminal: Terminal) -> None:
        self.backend.look()


def serial_hint(terminal: Terminal) -> str:
    """How a person reaches the serial port now: mpremote waits for ever on a terminal that sells."""
    path = terminal.serial_path
    if not terminal.powered:
        return "switched off"
    if terminal.alive:
        return f".venv/bin/python -m serial.tools.miniterm -e {path}, then help; maintenance leads to the Python prompt"
    return f"at the Python prompt: .venv/bin/mpremote connect {path}"


class LiveBackend:
    """What the page shows and moves (tools.sim.panel.server.Backend)."""

    def __init__(self, stage: LiveStage) -> None:
        self._stage = stage
        self._lock = threading.Lock()
        self._frame = bytes(1024)
        self._near: dict[str, Any] = {}
        self._tones: list[tuple[int, int]] = []
        self._heard = 0
        self._books: dict[str, Any] = {"ledger": [], "journal": {}, "messages": []}
        self._books_at = 0.0
        self._flash_ops = -1
        self.look()

    # --- on the terminal's thread -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Take a snapshot."""
        stage = self._stage
        terminal, board = stage.terminal, stage.terminal.board
        frame = terminal.screen() if terminal.powered else bytes(1024)
        heard = board.buzzer.heard
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
                leds=dict(board.leds.lit),
                cards=[
                    {"name": c.name, "label": c.label, "kind": c.kind, "on": stage.cards[c.name] in board.field.cards}
                    for c in stage.start.cards.values()
                ],
                receipts=[list(lines) for lines in board.printer.receipts[-_RECEIPTS:]],
                serial=terminal.serial_output()[-_SERIAL_CHARACTERS:],
                serial_path=terminal.serial_path,
                serial_hint=serial_hint(terminal),
                cut_in=terminal.nor.cut_in if terminal.powered else 0,
                replaced=stage.replaced,
            )

    # --- on the server's thread ---------------------------------------------------------------------------------------

    def screen(self) -> bytes:
        with self._lock:
            return self._frame

    def tones(self) -> list[tuple[int, int]]:
        with self._lock:
            tones, self._tones = self._tones, []
        return tones

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
        books: dict[str, Any] = {
            "ledger": ledger,
            "messages": [readable(entry) for entry in stage.switch.log.entries()[-_MESSAGES:]],
        }
        if stage.terminal.nor.ops != self._flash_ops:
            self._flash_ops = stage.terminal.nor.ops
            books["journal"] = {"waiting": (counts := stage.journal())["pending"], "rejected": counts["dead"]}
        with self._lock:
            self._books.update(books)

    def do(self, command: dict[str, Any]) -> None:
        """What a hand does; see panel.js. Raises ValueError or KeyError for what cannot be done."""
        stage, what = self._stage, command["do"]
        assert stage.live is not None
        if stage.live.failure is not None:
            raise ValueError(f"the terminal has stopped: {stage.live.failure}")
        if what == "press":
            self._press(command["key"])
        elif what in ("lay", "remove"):
            name = command["card"]
            if name not in stage.cards:
                raise ValueError(f"no card {name}")
            stage.live.post(lambda _: stage.lay(name) if what == "lay" else stage.remove(name))
        elif what == "net":
            up = bool(command["up"])
            stage.live.post(lambda _: stage.net(up))
        elif what == "power":
            stage.live.post(Terminal.power_on if command["on"] else Terminal.power_off)
        elif what == "reset":
            stage.live.post(Terminal.reset)
        elif what == "cut":
            n, torn = int(command["op"]), str(command.get("torn") or "")
            if n < 1:
                raise ValueError("the next operation is number 1")
            if not stage.terminal.powered:
                raise ValueError("the power is off; switch it on first")
            stage.live.call(lambda _: stage.cut_at(n, torn or None))
        elif what == "printer":
            act = command["what"]
            if act not in ("plug", "unplug", "paper-in", "paper-out"):
                raise ValueError("what of the printer?")
            stage.live.post(lambda _: stage.printer(act))
        elif what == "switch":
            fault = command["fault"]
            if fault and fault not in (*FAULTS, _REPLACED):
                raise ValueError(f"no fault {fault}")
            stage.live.post(lambda _: self._fault(fault))
        else:
            raise ValueError(f"nothing is called {what}")

    def _press(self, key: str) -> None:
        if key not in KEY_NAMES:
            raise ValueError(f"no key {key}")
        # The whole press passes before the next command, so that fast fingers do not become two keys at once.
        assert self._stage.live is not None
        self._stage.live.post(lambda terminal: _press(terminal, key))

    def _fault(self, fault: str) -> None:
        if fault == _REPLACED:
            self._stage.switch_replaced()
        elif fault:
            self._stage.switch_fault(fault, 1, "0200", "51", _LATE_MS)
        else:
            self._stage.switch_normal()


def _press(terminal: Terminal, key: str) -> None:
    terminal.key_down(key)
    terminal.run(KEY_HELD_MS)
    terminal.key_up(key)
    terminal.run(KEY_HELD_MS // 2)


def readable(entry: Entry) -> str:
    """A message on one line."""
    if entry.direction == NOTE:
        return f"· {entry.note}"
    arrow = ">" if entry.direction == IN else "<"
    fields = " ".join(
        f"{de}={value.strip()}" for de, value in entry.fields.items() if de in ("3", "4", "11", "37", "39", "38")
    )
    tags = " ".join(f"{name}={value}" for name, value in entry.tags.items())
    return f"{arrow} {entry.mti} {fields} {tags} {entry.note}".strip()
