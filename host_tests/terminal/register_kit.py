"""A cash register at the serial port of a simulated terminal, on simulated time: its program and its cable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import serial

from host_tests.terminal.stage_time import waits_with
from tools.ecr.register import CashRegister
from tools.rpc.client import Line
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

SLICE_MS = 10
LOOK_SLICES = 10


class Cable:
    """A port that is really opened; `drop(line)` decides which lines of the terminal get lost on it."""

    def __init__(self, path: str) -> None:
        self._port = serial.Serial(path, timeout=0, write_timeout=5)
        self.drop: Callable[[bytes], bool] = lambda line: False
        self.lose: Callable[[bytes], bool] = lambda line: False
        self._half = b""
        self._ready = b""

    def _pump(self) -> None:
        *lines, self._half = (self._half + self._port.read(4096)).split(b"\n")
        self._ready += b"".join(line + b"\n" for line in lines if not self.drop(line))

    @property
    def in_waiting(self) -> int:
        self._pump()
        return len(self._ready)

    def read(self, size: int = 1, /) -> bytes:
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def write(self, data: bytes, /) -> int:
        if not self.lose(data):
            self._port.write(data)
        return len(data)

    def close(self) -> None:
        self._port.close()


class Till:
    """A stage with a cash register. Simulated time passes while the register waits."""

    def __init__(self, **settings: Any) -> None:
        self.stage = Stage(Start(settings=settings)) if settings else Stage(Start())
        self.cable: Cable | None = None
        self.on_slice: Callable[[], object] = lambda: None
        self.opened = 0
        self._slices = 0

    def open(self) -> Till:
        self.stage.open()
        return self

    def now(self) -> float:
        """Simulated seconds."""
        return self.stage.terminal.clock.now_us / 1_000_000

    def run(self, ms: int) -> None:
        for _ in range(max(1, ms // SLICE_MS)):
            self.stage.run(SLICE_MS)
            self._slices += 1
            if self._slices % LOOK_SLICES == 0:  # reading the screen takes longer than the slice
                self.on_slice()

    def line(self) -> Line:
        self.opened += 1
        self.cable = Cable(self.stage.terminal.serial_path)
        return Line(self.cable, idle=lambda: self.run(SLICE_MS))

    def register(self, token: str = "") -> CashRegister:
        return CashRegister(
            "", token=token, name="till 1", open_line=self.line, sleep=lambda s: self.run(round(s * 1000)), now=self.now
        )

    def code(self) -> str:
        """The six digits on the idle screen."""
        assert self.stage.run_until(lambda: any(self._digits()), 5_000), self.stage.screen_lines()
        return next(self._digits())

    def _digits(self) -> Iterator[str]:
        for row in self.stage.screen_lines():
            for word in row.split():
                if len(word) == 6 and word.isdigit():
                    yield word


def simulated_time(till: Till, monkeypatch: Any) -> None:
    """The library waits in simulated time."""
    waits_with(till.stage, monkeypatch, till.run)
