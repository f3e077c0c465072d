"""The serial console while the application runs: a few words for people, log lines, and an answer to control bytes.

Never blocks: input is polled and read byte by byte, at most 64 a turn; output goes out in pieces of at most 64 bytes,
one a turn, and what does not fit the queue is counted and dropped. An export is asked for its next line only when the
queue is empty, so nothing of it is dropped. Whatever arrives is bytes: noise is no text, and a line with a byte that is
no printable ASCII character is no command.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.core.log import Log

    class Input(Protocol):
        """The serial port's incoming side, a stream of bytes."""

        def read(self, count: int) -> bytes: ...

    class Output(Protocol):
        """The serial port's outgoing side, a text stream."""

        def write(self, text: str) -> object: ...

    class Lines(Protocol):
        """Lines made one a call: "" when a call made none, None after the last."""

        def line(self) -> "str | None": ...

    class Service(Protocol):
        """Carries out the words that need a right; `restart` is set when a restart has to follow the answer."""

        restart: bool

        def take(self, words: "list[str]") -> "list[str]": ...


_TURN_BYTES = const(64)
_TURN_MS = const(10)  # 64 bytes last 5.6 ms at 115200
_QUEUE_LINES = const(80)
_LINE_MAX = const(240)
_LINE_AGE_MS = const(2000)
_BURST_MS = const(500)
_STALL_MS = const(50)  # an open but unread USB port holds each write up

# Ctrl-A, B, C, D: what mpremote and a person looking for a prompt send.
_CONTROL = b"\x01\x02\x03\x04"
_NOISE = "\x7f"  # stands for every byte that no command has
RUNNING = "Vafa is running. Python prompt: type maintenance"
BUSY = "not now: the till is in use; end what is on the screen, then type maintenance again"
LEAVING = "restarting to the Python prompt; the next reset sells again"
STOPPED = "export stopped"
UNREAD = "export stopped: the port was not read"
NO_ROOM = "no memory for that now: switch the terminal off and on, then type it before anything is sold"
WORDS = "help, status, log [count], export, maintenance"
_WITH_RIGHT = ("right", "answer", "forget", "zeroise", "letters")


class Console:
    """`readable()` says whether a byte can be read now; `status` gives the lines of the command of that name.

    `may_leave()` says whether the terminal may stop selling now, `leave()` ends in the Python prompt and does not come
    back; it raises OSError when it cannot.
    """

    def __init__(
        self,
        source: "Input",
        sink: "Output",
        readable: "Callable[[], bool]",
        status: "Callable[[], list[str]]",
        may_leave: "Callable[[], bool]",
        leave: "Callable[[], None]",
    ) -> None:
        self._source = source
        self._sink = sink
        self._readable = readable
        self._status = status
        self._may_leave = may_leave
        self._leave = leave
        self._leaving = False
        self._log: "Log | None" = None
        self._exportable: "Callable[[], Lines] | None" = None
        self._export: "Lines | None" = None
        self._export_unread = False
        self._served: "Callable[[], Service] | None" = None
        self._restart: "Callable[[], object] | None" = None
        self._restarting = False
        self._line = ""
        self._line_since = 0
        self._out: "list[str]" = []
        self._dropped = 0
        self._muted = False
        self._control_answered = False
        self._control_since = 0

    def attach(self, log: "Log") -> None:
        """The log that the command `log` shows."""
        self._log = log

    def attach_export(self, begin: "Callable[[], Lines]") -> None:
        """What the command `export` sends."""
        self._exportable = begin

    def attach_service(self, service: "Callable[[], Service]", restart: "Callable[[], object]") -> None:
        """What carries out the words that need a right, made when the first of them is typed; and a plain restart."""
        self._served, self._restart = service, restart

    def say(self, text: str) -> None:
        """Queue one line for people."""
        if self._muted or len(self._out) >= _QUEUE_LINES:
            self._dropped += 1
            return
        self._out.append("# " + text + "\r\n")

    async def run(self, beat: "Callable[[], None]") -> None:
        """Serve for ever."""
        while True:
            self.turn()
            beat()
            await asyncio.sleep_ms(_TURN_MS)

    def turn(self) -> None:
        """One bounded piece of work."""
        if self._leaving and not self._out:  # a turn later, so that the last piece is on its way
            self._leaving = False
            self._leave_if_quiet()
        if self._restarting and not self._out and self._restart is not None:
            self._restarting = False
            self._restart()
        for _ in range(_TURN_BYTES):
            if not self._readable():
                break
            byte = self._source.read(1)
            if not byte:
                break
            self._take(byte[0])
        if self._line and ticks_diff(ticks_ms(), self._line_since) > _LINE_AGE_MS:
            self._line = ""
        if self._control_answered and ticks_diff(ticks_ms(), self._control_since) > _BURST_MS:
            self._control_answered = False
        self._send_piece()

    def _take(self, byte: int) -> None:
        if self._muted:
            self._muted = False
            self.say("{} lines dropped".format(self._dropped))
            self._dropped = 0
            if self._export_unread:
                self.say(UNREAD)
                self._export_unread = False
        if self._export is not None and byte not in b"\r\n":
            self._export = None
            self.say(STOPPED)
            return
        if byte in _CONTROL:
            # A burst of control bytes and line ends (mpremote sends four) gets one answer.
            self._line = ""
            if not self._control_answered:
                self.say(RUNNING)
                self._control_answered = True
                self._control_since = ticks_ms()
            return
        if byte in b"\r\n":
            line, self._line = self._line.strip(), ""
            if line:
                self._command(line)
            return
        if not self._line:
            self._line_since = ticks_ms()
        if len(self._line) < _LINE_MAX:
            self._line += chr(byte) if 0x20 <= byte < 0x7F else _NOISE

    def _command(self, line: str) -> None:
        words = line.split()
        if words[0] == "help":
            self.say(", ".join((WORDS,) + _WITH_RIGHT) if self._served is not None else WORDS)
        elif words[0] == "status":
            for text in self._status():
                self.say(text)
        elif words[0] == "log" and self._log is not None:
            count = int(words[1]) if len(words) > 1 and words[1].isdigit() else 20
            for text in self._log.newest(min(count, 60)):
                self.say(text)
        elif line == "export" and self._exportable is not None:
            self._export = self._exportable()
        elif line == "maintenance":
            self._leaving = self._may_leave()  # after the line that says so went out
            self.say(LEAVING if self._leaving else BUSY)
        elif words[0] in _WITH_RIGHT and _NOISE not in line and self._served is not None:
            self._serve(words)
        else:
            self.say("unknown command; help lists them")

    def _serve(self, words: "list[str]") -> None:
        """A word that needs a right. Its code is loaded for it, into what the day has left of the heap."""
        assert self._served is not None
        try:
            with visit():
                service = self._served()
                for text in service.take(words):
                    self.say(text)
                self._restarting = service.restart
        except MemoryError:
            gc.collect()
            self.say(NO_ROOM)

    def _leave_if_quiet(self) -> None:
        """A story may have begun at the counter while the answer went out."""
        if not self._may_leave():
            self.say(BUSY)
            return
        try:
            self._leave()
        except OSError as error:
            self.say("cannot write the flag: errno {}".format(error.errno))

    def _export_line(self) -> None:
        assert self._export is not None
        line = self._export.line()
        if line is None:
            self._export = None
        elif line:
            self._out.append(line + "\r\n")

    def _send_piece(self) -> None:
        if not self._out and self._export is not None:
            self._export_line()
        if not self._out:
            return
        piece = self._out[0][:_TURN_BYTES]
        started = ticks_ms()
        self._sink.write(piece)
        rest = self._out[0][_TURN_BYTES:]
        if rest:
            self._out[0] = rest
        else:
            self._out.pop(0)
        if ticks_diff(ticks_ms(), started) > _STALL_MS:
            self._dropped += len(self._out)
            self._out = []
            self._muted = True
            self._export_unread = self._export is not None
            self._export = None
