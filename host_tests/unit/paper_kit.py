"""A printer of the model on a line of its own, and lines of paper as the rows a printer would print as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from drivers import escpos
from drivers.escpos import EscPos
from firmware.core.log import Log
from firmware.receipt.lines import QR, RULE, Form, spelled
from firmware.receipt.spool import Spool
from firmware.screen.script import Script
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock


def texts(lines: Iterable[tuple[int, str]], columns: int = 32) -> list[str]:
    """Every row; a rule as dashes, no code."""
    rows: list[str] = []
    for role, text in lines:
        if role == RULE:
            rows.append("-" * columns)
        elif role != QR:
            rows += spelled(text, columns)
    return rows


class Letters:
    """The panel's faces, as far as paper needs them."""

    def __init__(self) -> None:
        self._script = Script()

    def of(self, text: str) -> Script:
        return self._script


class Line:
    """A UART that counts what it carries and can be cut after so many bytes."""

    def __init__(self, board: SimBoard) -> None:
        self._uart = board.uart()
        self._board = board
        self.sent = bytearray()
        self.cut_after = -1
        self.on_cut = lambda: None

    def init(self, baud: int) -> None:
        self._uart.init(baud)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        data = bytes(data)
        if 0 <= self.cut_after <= len(self.sent) + len(data):
            at = self.cut_after - len(self.sent)
            self._uart.write(data[:at])
            self._board.clock.advance(at * 10_000_000 // self._board.printer.baud + 1)
            self.on_cut()
            self.cut_after = -1
            self._uart.write(data[at:])
        else:
            self._uart.write(data)
        self.sent += data
        return len(data)

    def any(self) -> int:
        return self._uart.any()

    def read(self, n: int) -> bytes | None:
        return self._uart.read(n)


class Bench:
    """Printer, line, driver and spool; `run` lets time pass until the spool has nothing left."""

    def __init__(self, paper_mm: int = 58, baud: int = 115_200, copies: int = 1) -> None:
        self.clock = SimClock(1_000_000)
        self.board = SimBoard("s3", self.clock)
        self.printer = self.board.printer
        self.printer.paper_mm, self.printer.baud = paper_mm, baud
        self.line = Line(self.board)
        self.line.init(baud)
        self.log = Log(100)
        self.form = Form(paper_mm, copies)
        self.baud = baud
        self.restart()

    def restart(self) -> None:
        """The terminal starts: whatever driver and spool knew is gone."""
        self.driver = EscPos(self.line, self.baud)
        self.spool = Spool(self.driver, self.log, self.form, Letters())

    def run(self, seconds: int = 60) -> int:
        """Milliseconds it took."""
        began = self.clock.now_us
        while self.spool._work is not None and self.clock.now_us - began < seconds * 1_000_000:
            self.clock.advance(10_000)
            self.spool._advance()
        self.clock.advance(100_000)
        return (self.clock.now_us - began) // 1000

    def faults(self) -> list[str]:
        return [line.split()[1] for line in self.log.newest(100)]


@contextmanager
def bench(paper_mm: int = 58, baud: int = 115_200, copies: int = 1) -> Iterator[Bench]:
    """A bench on simulated time."""
    made = Bench(paper_mm, baud, copies)
    ticks, sleep = onhost.ticks_source, escpos.sleep_ms
    onhost.ticks_source = lambda: made.clock.now_us
    escpos.sleep_ms = lambda ms: made.clock.advance(ms * 1000)  # type: ignore[assignment]
    try:
        made.restart()
        yield made
    finally:
        onhost.ticks_source, escpos.sleep_ms = ticks, sleep
