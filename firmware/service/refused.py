"""The console when the store does not open: nothing is sold, `status` says why, `export` saves what lies there.

Everything in the journal's region leaves as lines, whatever it holds and whatever the keys are; nothing is written.
Ctrl-C ends it and gives the Python prompt, so that tools find there what they expect. Times are milliseconds.
"""

from time import sleep_ms

from micropython import const

from firmware.core.errors import StoreError
from firmware.service.console import Console
from firmware.store.export import Export, Raw
from firmware.store.flash import Flash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.board import Board

_TURN_MS = const(10)
_CONTROL = const(b"\x01\x02\x04")


class PlainInput:
    """What arrives, with a line end for each control byte: a tool that looks for a prompt is not told of a till that
    sells, and goes on to Ctrl-C."""

    def __init__(self, source: "Any") -> None:
        self._source = source

    def read(self, count: int) -> bytes:
        """See `Input` of the console."""
        byte = self._source.read(count)
        return b"\r" if byte and byte in _CONTROL else byte


class Nothing:
    """An export of a region that is not there."""

    def line(self) -> "str | None":
        """See `Lines` of the console."""
        return None


def made(board: "Board", code: str, why: str) -> Console:
    """The console, which knows `status`, `export` and `maintenance`."""
    source, sink, readable = board.serial()
    told = ["not selling: {} {}".format(code, why), "board {}, nothing is written to the journal".format(board.name)]
    console = Console(PlainInput(source), sink, readable, lambda: told, lambda: True, board.restart_to_prompt)
    console.attach_export(lambda: raw_export(board, console.say))
    return console


def raw_export(board: "Board", say: "Callable[[str], object]") -> "Export | Nothing":
    """All that lies in the journal's region, as it lies."""
    try:
        flash = Flash(board.transaction_flash(), board.page_only)
    except StoreError as error:
        say("{} {}".format(error.code, error))
        return Nothing()
    return Export(flash, Raw(flash), True)


def serve(board: "Board", code: str, why: str) -> None:
    """Answer until Ctrl-C, which must be armed."""
    console = made(board, code, why)
    console.say("not selling: {}. help lists what can be asked; Ctrl-C gives the Python prompt".format(code))
    try:
        while True:
            console.turn()
            sleep_ms(_TURN_MS)
    except KeyboardInterrupt:
        return
