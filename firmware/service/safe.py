"""Safe mode: nothing is sold. The screen says F02; the console knows status, export, update, maintenance and reboot.

Runs from a program of its own (`/safe.vfu`), which holds what this needs and nothing else: it has to start when no slot
does. The journal is read as it lies, whatever the keys are, and never written. Ctrl-C ends it and gives the Python
prompt, with this program to import from. Switching off and on leaves it: the failed starts are counted anew.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

import micropython

from firmware.core.log import Log
from firmware.screen.canvas import Canvas
from firmware.screen.safe import CODE, safe_mode
from firmware.service.console import Console
from firmware.service.refused import PlainInput, raw_export
from firmware.text import spoken
from firmware.version import BUILD, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.board import Board

ABSENT = '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"not in safe mode","data":{"code":"F02"}}}'
WORDS = "help, status, export, update, maintenance, reboot"


class SafeConsole(Console):
    """The console, with the words of safe mode. `rooms` is what methods of programs work on."""

    def __init__(self, rooms: "SafeRooms", board: "Board") -> None:
        source, sink, readable = board.serial()
        super().__init__(PlainInput(source), sink, readable, rooms.status, rooms.calm, board.restart_to_prompt)
        self._board = board
        self._restart = board.reset
        self.attach_rooms(rooms)
        self.attach_export(lambda: raw_export(board, self.say))

    def _command(self, line: str) -> None:
        if line == "help":
            self.say(WORDS)
        elif line == "update":
            if _update(self._board, self.say):
                self.restart_soon()
        elif line == "reboot":
            self.restart_soon()
            self.say("restarting")
        else:
            super()._command(line)

    def _go_on(self) -> None:
        try:
            super()._go_on()
        except (ImportError, AttributeError):  # a method of a room, or of a module, that there is none of here
            self._rpc = self._due = None
            if self.programs:
                self.frame(ABSENT)
            else:
                self.say("not in safe mode; help lists what can be asked")


class SafeRooms:
    """What is left of a terminal."""

    mode, slot = "safe", ""

    def __init__(self, board: "Board", why: str) -> None:
        self.board = board
        self._why = why
        self._started = ticks_ms()
        self.console: "Any" = None

    def status(self) -> "list[str]":
        """The lines of the word `status`."""
        return [
            "safe mode {} {} build {}: nothing is sold".format(CODE, VERSION, BUILD),
            "because: {}".format(self._why or "no reason was kept"),
            "board {}, nothing is written to the journal".format(self.board.name),
        ]

    def calm(self) -> bool:
        """Nobody is at the counter."""
        return True

    def uptime_s(self) -> int:
        """Since the start; the counter of milliseconds goes round after days."""
        return ticks_diff(ticks_ms(), self._started) // 1000


def _update(board: "Board", say: "Any") -> bool:
    """Install what a tool has put there. Whether a restart has to follow."""
    from firmware.service.over_usb import lying_there

    return lying_there(board, say)


def _unwatched() -> None:
    """Nobody counts heartbeats here."""


def show(board: "Board") -> None:
    """The screen; one that does not answer keeps nobody from the console."""
    text = spoken.as_set()
    Canvas(board.display(), Log(4), text).draw(safe_mode(text))


def serve(board: "Board", why: str) -> None:
    """Answer until Ctrl-C."""
    show(board)
    rooms = SafeRooms(board, why)
    rooms.console = console = SafeConsole(rooms, board)
    for line in rooms.status():
        console.say(line)
    console.say("help lists what can be asked; Ctrl-C gives the Python prompt")
    gc.collect()
    micropython.kbd_intr(3)
    try:
        asyncio.run(console.run(_unwatched))
    except KeyboardInterrupt:
        return
