"""Puts lines on paper while the terminal goes on: jobs wait in turn, and the printer gets what it takes.

Nothing is lost here because nothing is kept here: a receipt that could not be printed whole stands in the journal and
is printed again from there. A failed job takes the waiting ones with it; whoever sees `code` tells it once. Lines of
ASCII go as text, others as pictures; of a right-to-left language only those with Latin letters go as text.
"""

import asyncio

from micropython import const

from firmware.core.refusals import PRINTER_BUSY, PRINTER_NOT_READY, PRINTER_SILENT
from firmware.receipt.lines import BIG, HEADING, PAIR, QR, RULE, STRONG, Form, parts, spelled
from firmware.receipt.raster import BEGIN, MIDDLE, Raster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator, Sequence

    from firmware.core.log import Log
    from firmware.core.ports import Faces, Printer
    from firmware.receipt.lines import Line

_WAITING_MAX = const(2)
_TICK_MS = const(10)
# What the driver's `line` calls sizes and places.
_EMPHASISED = const(1)
_TALL = const(2)
_TALL_AND_WIDE = const(3)
_CENTRED = const(1)
_RIGHT = const(2)


class Spool:
    """`printer` None: there is none, and nothing is missing. `code`: why the newest job is not on paper, "" when it is
    or will be; `faces`: what other than ASCII is drawn with."""

    def __init__(self, printer: "Printer | None", log: "Log", form: Form, faces: "Faces | None" = None) -> None:
        self.form = form
        self.code = ""
        self._printer = printer
        self._log = log
        self._raster = Raster(faces, form.dots) if faces is not None and printer is not None else None
        self._jobs: "list[tuple[Iterable[Line], Sequence[str], bool]]" = []
        self._work: "Iterator[None] | None" = None
        self._closing = False  # everything was given, not everything is printed
        self._wake = asyncio.Event()

    @property
    def fitted(self) -> bool:
        """Whether this terminal has a printer at all."""
        return self._printer is not None

    def hand(self, lines: "Iterable[Line]", marks: "Sequence[str]" = ("",), rtl: bool = False) -> bool:
        """Print the lines once for each mark, which stands at the end. False: not now, `code` says why."""
        printer = self._printer
        if printer is None:
            return True
        if self._work is None:
            if not printer.ready():
                self._failed("printer not ready")
                return False
        elif len(self._jobs) >= _WAITING_MAX:
            self.code = PRINTER_BUSY
            self._log.fault(PRINTER_BUSY, "printer is behind")
            return False
        self.code = ""
        self._jobs.append((lines, marks, rtl))
        self._advance()
        self._wake.set()
        return not self.code

    def printing(self) -> bool:
        """Whether something is on its way to the paper."""
        return self._work is not None

    def look(self) -> None:
        """Forget what kept a job from the paper when it does not any more. Waits for a printer's answer, 60 ms."""
        if self.code and self._work is None and self._printer is not None and self._printer.ready():
            self.code = ""

    async def printed(self, beat: "Callable[[], None]") -> bool:
        """Wait until everything is on paper; False when it will not be. Ends: a printer that stands still is given
        up by its driver."""
        while self._work is not None:
            beat()
            await asyncio.sleep_ms(_TICK_MS)
            self._advance()
        return not self.code

    async def run(self, _beat: "Callable[[], None]") -> None:
        """The task that feeds the printer; for ever."""
        while True:
            self._wake.clear()
            self._advance()
            if self._work is None:
                await self._wake.wait()
            else:
                await asyncio.sleep_ms(_TICK_MS)

    def _advance(self) -> None:
        """Give the printer what it takes now."""
        printer = self._printer
        while printer is not None:
            if self._work is None:
                if not self._jobs:
                    return
                self._closing = False
                self._work = self._pieces(printer, *self._jobs.pop(0))
            try:
                if printer.busy(self._closing):
                    return
                next(self._work)
            except StopIteration:
                self._work = None
            except OSError as error:
                self._failed("printer: {}".format(error))

    def _failed(self, why: str) -> None:
        self._work = None
        self._jobs.clear()
        self.code = PRINTER_NOT_READY if self._printer is not None and self._printer.heard else PRINTER_SILENT
        self._log.fault(self.code, why)

    def _pieces(
        self, printer: "Printer", lines: "Iterable[Line]", marks: "Sequence[str]", rtl: bool
    ) -> "Iterator[None]":
        """One job; each piece is what the printer takes at once when it takes anything."""
        for mark in marks:
            for line in lines:
                yield from self._line(printer, line, rtl)
            if mark:
                yield from self._line(printer, (HEADING, mark), rtl)
            printer.cut()
            yield
        self._closing = True
        yield

    def _line(self, printer: "Printer", line: "Line", rtl: bool) -> "Iterator[None]":
        role, text = line
        columns, raster = self.form.columns, self._raster
        if role == RULE:
            printer.line("-" * columns)
            yield
        elif role == QR:
            if self.form.qr:
                printer.qr(text)
                yield
        elif raster is None or _plain(text, rtl):
            size = _EMPHASISED if role in (STRONG, HEADING) else 0
            if role == BIG:
                size = _TALL_AND_WIDE if 2 * len(text) <= columns else _TALL
            place = _CENTRED if role in (HEADING, BIG) else _RIGHT if rtl else 0
            for row in spelled(text, columns) if role in (PAIR, STRONG) else (text,):
                printer.line(row, size, place)
                yield
        else:
            big = role in (STRONG, BIG)
            if role in (PAIR, STRONG):
                begin, end = parts(text)
                bands = raster.pair(begin, end, big, rtl)
            else:
                bands = raster.text(text, big, MIDDLE if role in (HEADING, BIG) else BEGIN, rtl)
            for band in bands:
                printer.band(raster.width, band)
                yield


def _plain(text: str, rtl: bool) -> bool:
    """Whether the printer's own letters do: ASCII, and where text runs from the right a Latin word and no number."""
    latin = not rtl
    # Bytes are walked, not characters: each new character would stay in the interpreter's table of names.
    for byte in text.encode("utf-8", "surrogatepass"):
        if byte > 0x7E:
            return False
        latin = latin or 0x41 <= byte & 0xDF <= 0x5A  # A to Z, large or small
    return latin
