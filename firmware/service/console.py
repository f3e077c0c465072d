"""The serial console while the application runs: words for people, JSON-RPC for programs, log lines, an answer to
control bytes. It keeps bytes, lines and words; a line that begins with `{` is the business of firmware/service/rpc.py.

Never blocks: input is polled and read byte by byte, at most 64 a turn; output goes out in pieces of at most 64 bytes,
one a turn, and what does not fit the queue is counted and dropped. An export is asked for its next line only when the
queue is empty, so nothing of it is dropped. Whatever arrives is bytes: noise is no text, and a line with a byte that is
no printable ASCII character is no command; only Persian and Arabic digits count as the ASCII ones.
"""

import asyncio
import gc
import json
import sys
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from firmware.core.log import Log
    from firmware.core.visiting import Visit

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
_KEEP_MS = const(10_000)  # the code for programs stays so long after the last of their lines
_STALL_MS = const(50)  # an open but unread USB port holds each write up

# Ctrl-A, B, C, D: what mpremote and a person looking for a prompt send.
_CONTROL = const(b"\x01\x02\x03\x04")
_NOISE = const(0x7F)  # stands for every byte that no command has
_PERSIAN = const(0xDB)  # UTF-8 of Persian and Arabic digits: first byte, and the second of their zero
_PERSIAN_ZERO = const(0xB0)
_ARABIC = const(0xD9)
_ARABIC_ZERO = const(0xA0)
_RUNNING = const("Vafa is running. Python prompt: type maintenance")
_BUSY = const("not now: the till is in use; end what is on the screen, then type maintenance again")
_LEAVING = const("restarting to the Python prompt; the next reset sells again")
_STOPPED = const("export stopped")
_UNREAD = const("export stopped: the port was not read")
_NO_ROOM = const("no memory for that now: switch the terminal off and on, then type it before anything is sold")
_FULL = const(
    '{"jsonrpc":"2.0","id":null,"error":{"code":1001,"message":"no memory for that now","data":{"retry_ms":5000}}}'
)
_RPC = const("firmware.service.rpc")
_PARTS = const(("firmware.service.methods", "firmware.service.rpc_frames", _RPC))  # one a turn
_UNKNOWN = const("unknown command; help lists them")
_WORDS = const("help, status, log [count], export, maintenance")
_WITH_RIGHT = const(("right", "answer", "forget", "zeroise", "letters"))


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
        self._rooms: "Any" = None
        self._rpc: "Any" = None
        self._rpc_since = 0
        self._event_seq = 0
        self.programs = False  # the last that spoke was a program: it is told of events
        self.paired = False  # a register was paired, or showed that it is: level 1
        self.lines = self.torn = 0  # of programs, since the start
        self.pairing: "tuple[str, int] | None" = None  # code on the screen, and until when (ticks)
        self.follow = ""  # "all" or "faults": lines of the log that a program wants as events
        self._visit: "Visit | None" = None
        self._due: "tuple[str, bool] | None" = None  # a line for the code that is being loaded
        self._line = bytearray(_LINE_MAX)
        self._length = 0
        self._too_long = False
        self._lead = 0  # the byte before
        self._line_since = 0
        self._out: "list[str]" = []
        self._sent = 0  # of the first of them
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

    def attach_rooms(self, rooms: "Any") -> None:
        """What the methods of programs work on, and the words that are methods, too."""
        self._rooms = rooms

    def event(self, what: "dict[str, object]") -> None:
        """Tell a program that something happened; `event` names it. Nothing when only people listen."""
        if self.programs:
            self._event_seq += 1
            name = what.pop("event")
            what["seq"] = self._event_seq
            self.frame(json.dumps({"jsonrpc": "2.0", "method": name, "params": what}))

    def log_line(self, line: str) -> None:
        """A new line of the log: for people, or for the program that follows it."""
        if not (self.follow and self.programs):
            self.say(line)
        elif self.follow == "all" or line.partition(" ")[2][:4] != "I00 ":
            self.event({"event": "log", "line": line})

    def begin_export(self) -> None:
        """Send what the journal holds, from the next turn on."""
        if self._exportable is not None:
            self._export = self._exportable()

    def restart_soon(self) -> None:
        """A plain restart once the answer went out."""
        self._restarting = True

    def leave_soon(self) -> None:
        """To the Python prompt once the answer went out, unless somebody is at the till then."""
        self._leaving = True

    def frame(self, text: str) -> None:
        """Queue one line for a program."""
        if self._muted or len(self._out) >= _QUEUE_LINES:
            self._dropped += 1
            return
        self._out.append(text + "\r\n")

    def say(self, text: str) -> None:
        """Queue one line for people."""
        self.frame("# " + text)

    async def run(self, beat: "Callable[[], None]") -> None:
        """Serve for ever."""
        while True:
            self.turn()
            beat()
            if self._rpc is not None:
                await self._rpc.finished()
            await asyncio.sleep_ms(_TURN_MS)

    def turn(self) -> None:
        """One bounded piece of work."""
        if self._leaving and not self._out:  # a turn later, so that the last piece is on its way
            self._leaving = False
            self._leave_if_quiet()
        if self._restarting and not self._out and self._restart is not None:
            self._restarting = False
            self._restart()
        if self._due is not None or (self._rpc is not None and self._rpc.planned()):
            self._go_on()
        elif self._visit is not None:
            self._visit.end()
            self._visit = None
        else:
            self._read()
        if self._rpc is not None and self._rpc.idle() and ticks_diff(ticks_ms(), self._rpc_since) > _KEEP_MS:
            self._rpc = None
        if self._length and ticks_diff(ticks_ms(), self._line_since) > _LINE_AGE_MS:
            self._length, self._too_long = 0, False
        if self._control_answered and ticks_diff(ticks_ms(), self._control_since) > _BURST_MS:
            self._control_answered = False
        self._send_piece()

    def _read(self) -> None:
        """What came; one line a turn is carried out: what it costs is all that a turn may cost."""
        for _ in range(_TURN_BYTES):
            if not self._readable():
                return
            byte = self._source.read(1)
            if not byte or self._take(byte[0]):
                return

    def _take(self, byte: int) -> bool:
        """Whether a line was carried out."""
        if self._muted:
            self._muted = False
            self.say("{} lines dropped".format(self._dropped))
            self._dropped = 0
            if self._export_unread:
                self.say(_UNREAD)
                self._export_unread = False
        if self._export is not None and byte not in b"\r\n":
            self._export = None
            self.say(_STOPPED)
            return False
        if byte in _CONTROL:
            # A burst of control bytes and line ends (mpremote sends four) gets one answer.
            self._length, self._too_long = 0, False
            if not self._control_answered:
                self.say(_RUNNING)
                self._control_answered = True
                self._control_since = ticks_ms()
            return False
        if byte in b"\r\n":
            line = str(memoryview(self._line)[: self._length], "ascii").strip()
            self._length = 0
            too_long, self._too_long = self._too_long, False
            if line[:1] == "{" and self._rooms is not None:
                self.programs = True
                self.lines += 1
                self._due = line, too_long
            elif line:
                self.programs, self.follow = False, ""
                self._command(line)
            return bool(line)
        if not self._length:
            self._line_since = ticks_ms()
        zero = _PERSIAN_ZERO if self._lead == _PERSIAN else _ARABIC_ZERO if self._lead == _ARABIC else 0xFF
        digit = byte - zero
        self._lead = byte
        if 0 <= digit <= 9 and self._length and self._line[self._length - 1] == _NOISE:
            self._line[self._length - 1] = 0x30 + digit
        elif self._length < _LINE_MAX:
            self._line[self._length] = byte if 0x20 <= byte < 0x7F else _NOISE
            self._length += 1
        else:
            self._too_long = True
        return False

    def _go_on(self) -> None:
        """One piece of a request of a program, or of words that are a method: its code is loaded piece by piece, a
        sale goes on in between, and kept while more of them come."""
        self._rpc_since = ticks_ms()
        if self._visit is None:
            self._visit = visit().begin()
            if self._rpc is None:
                gc.collect()  # for what will be imported; a turn of its own
                return
        try:
            missing = [name for name in _PARTS if name not in sys.modules] if self._rpc is None else []
            if missing:
                __import__(missing[0])
            elif self._rpc is None:
                self._rpc = __import__(_RPC, None, None, ("Rpc",)).Rpc(self, self._rooms)
            elif self._due is not None:
                due, self._due = self._due, None
                if not self._rpc.take(*due):
                    self.say(_UNKNOWN)
            else:
                self._rpc.go()
        except MemoryError:
            self._rpc = self._due = None
            gc.collect()
            if self.programs:
                self.frame(_FULL)
            else:
                self.say(_NO_ROOM)

    def _command(self, line: str) -> None:
        words = line.split()
        if words[0] == "help":
            self.say(", ".join((_WORDS,) + _WITH_RIGHT) if self._served is not None else _WORDS)
            if self._rooms is not None:
                self._due = line, False
        elif words[0] == "status":
            for text in self._status():
                self.say(text)
        elif words[0] == "log" and self._log is not None and (len(words) == 1 or words[1].isdigit()):
            count = int(words[1]) if len(words) > 1 else 20
            for text in self._log.newest(min(count, 60)):
                self.say(text)
        elif line == "export" and self._exportable is not None:
            self.begin_export()
        elif line == "maintenance":
            self._leaving = self._may_leave()  # after the line that says so went out
            self.say(_LEAVING if self._leaving else _BUSY)
        elif words[0] in _WITH_RIGHT and chr(_NOISE) not in line and self._served is not None:
            self._serve(words)
        elif self._rooms is not None and chr(_NOISE) not in line:
            self._due = line, False
        else:
            self.say(_UNKNOWN)

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
            self.say(_NO_ROOM)

    def _leave_if_quiet(self) -> None:
        """A story may have begun at the counter while the answer went out."""
        if not self._may_leave():
            self.say(_BUSY)
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
        line, end = self._out[0], self._sent + _TURN_BYTES
        piece = line[self._sent : end]
        if len(piece.encode()) > _TURN_BYTES:  # letters of two bytes
            end = self._sent + _TURN_BYTES // 2
            piece = line[self._sent : end]
        started = ticks_ms()
        self._sink.write(piece)
        if end < len(line):
            self._sent = end
        else:
            self._out.pop(0)
            self._sent = 0
        if ticks_diff(ticks_ms(), started) > _STALL_MS:
            self._dropped += len(self._out)
            self._out = []
            self._sent = 0
            self._muted = True
            self._export_unread = self._export is not None
            self._export = None
