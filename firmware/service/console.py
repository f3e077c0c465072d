"""The serial console while the application runs: a few words for people, log lines, and an answer to control bytes.

Never blocks: input is polled and read byte by byte, at most 64 a turn; output goes out in pieces of at most 64 bytes,
one a turn, and what does not fit the queue is counted and dropped.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.core.log import Log

    class Input(Protocol):
        """The serial port's incoming side, a text stream."""

        def read(self, count: int) -> str: ...

    class Output(Protocol):
        """The serial port's outgoing side, a text stream."""

        def write(self, text: str) -> object: ...


_TURN_BYTES = const(64)
_TURN_MS = const(10)  # 64 bytes last 5.6 ms at 115200
_QUEUE_LINES = const(80)
_LINE_MAX = const(240)
_LINE_AGE_MS = const(2000)
_STALL_MS = const(50)  # an open but unread USB port holds each write up

# Ctrl-A, B, C, D: what mpremote and a person looking for a prompt send.
_CONTROL = "\x01\x02\x03\x04"
RUNNING = "Vafa is running. Python prompt: tools.device repl"


class Console:
    """`readable()` says whether a byte can be read now; `status` gives the lines of the command of that name."""

    def __init__(
        self,
        source: "Input",
        sink: "Output",
        readable: "Callable[[], bool]",
        status: "Callable[[], list[str]]",
    ) -> None:
        self._source = source
        self._sink = sink
        self._readable = readable
        self._status = status
        self._log: "Log | None" = None
        self._line = ""
        self._line_since = 0
        self._out: "list[str]" = []
        self._dropped = 0
        self._muted = False
        self._control_answered = False

    def attach(self, log: "Log") -> None:
        """The log that the command `log` shows."""
        self._log = log

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
        for _ in range(_TURN_BYTES):
            if not self._readable():
                break
            byte = self._source.read(1)
            if not byte:
                break
            self._take(byte)
        if self._line and ticks_diff(ticks_ms(), self._line_since) > _LINE_AGE_MS:
            self._line = ""
        self._send_piece()

    def _take(self, byte: str) -> None:
        if self._muted:
            self._muted = False
            self.say("{} lines dropped".format(self._dropped))
            self._dropped = 0
        if byte in _CONTROL:
            # A burst of control bytes (mpremote sends four) gets one answer.
            self._line = ""
            if not self._control_answered:
                self.say(RUNNING)
            self._control_answered = True
            return
        if byte in "\r\n":
            self._control_answered = False
            line, self._line = self._line.strip(), ""
            if line:
                self._command(line)
            return
        if not self._line:
            self._line_since = ticks_ms()
        if len(self._line) < _LINE_MAX:
            self._line += byte

    def _command(self, line: str) -> None:
        words = line.split()
        if words[0] == "help":
            self.say("help, status, log [count]")
        elif words[0] == "status":
            for text in self._status():
                self.say(text)
        elif words[0] == "log" and self._log is not None:
            count = int(words[1]) if len(words) > 1 and words[1].isdigit() else 20
            for text in self._log.newest(min(count, 60)):
                self.say(text)
        else:
            self.say("unknown command; help lists them")

    def _send_piece(self) -> None:
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
