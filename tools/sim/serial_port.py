"""The terminal's USB serial port: two pseudo-terminals, so that an unmodified mpremote or a person can talk to it.

Line A is the interpreter's controlling terminal, port B is what the host opens (`path`). Bytes are pumped between
them; Ctrl-C is taken out of the stream while a program runs, because the machine hands it over in a safe way. After a
Ctrl-C the host's bytes are held until the interpreter waits at its prompt: its switch to raw mode discards input.
Knows nothing of the link. Real time in seconds (time.monotonic), never simulated time.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
import time
from collections.abc import Callable

_CTRL_A, _CTRL_C = 1, 3
_RAW, _FRIENDLY = b"raw REPL; CTRL-B to exit", b'Type "help()" for'
_HISTORY_BYTES = 65536
_BACKLOG_BYTES = 65536
_HOLD_S = 2.0  # a program may catch the interrupt and never come to the prompt
_MERGE_S = 0.15  # a second SIGINT while one is pending ends the interpreter
_SETTLE_S = 0.005  # until the kernel has carried bytes from one end of a line to the other


def _raw(fd: int, *, signals: bool) -> None:
    attributes = termios.tcgetattr(fd)
    attributes[0] = 0  # input: nothing translated
    attributes[1] = 0  # output: no CR added to LF, the interpreter does that itself
    attributes[2] |= termios.CS8 | termios.CREAD
    attributes[3] = termios.ISIG if signals else 0
    attributes[6][termios.VMIN] = 1
    attributes[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


class SerialPort:
    """`interrupt_wanted` asks the machine to interrupt the program; `input_came` that an idle program be woken.

    `program_runs` says whether the interpreter executes something that an interrupt would end.
    """

    def __init__(self, program_runs: Callable[[], bool] = lambda: False) -> None:
        self._program_runs = program_runs
        self._a, self.line_fd = pty.openpty()
        self._b, host_end = pty.openpty()
        self.path = os.ttyname(host_end)
        _raw(self.line_fd, signals=True)
        _raw(host_end, signals=False)
        os.close(host_end)  # its closing is how we see whether somebody listens
        for fd in (self._a, self._b):
            os.set_blocking(fd, False)
        self._polled = select.poll()
        self._polled.register(self._a, select.POLLIN)
        self._polled.register(self._b, select.POLLIN)
        self._line_output = select.poll()
        self._line_output.register(self._a, select.POLLIN)
        self._line_input = select.poll()
        self._line_input.register(self.line_fd, select.POLLIN)
        self._history = bytearray()
        self._to_host = bytearray()
        self._to_line = bytearray()
        self._held_until = 0.0
        self._interrupted_at = -1.0
        self._program_takes_ctrl_c = False
        self._signals_before = True
        self._recent = b""
        self._enter_raw = False
        self.raw_prompt = False
        self.interrupt_wanted = False
        self.input_came = False
        self.listening = False

    @property
    def fds(self) -> tuple[int, int]:
        return self._a, self._b

    @property
    def at_prompt(self) -> bool:
        """The interpreter itself waits for input: it switched the line's signals off and executes nothing.

        The signals alone do not tell: a program that came by raw-paste, as mpremote sends it, runs with them off.
        """
        return not self._program_takes_ctrl_c and not self._signals() and not self._program_runs()

    def _signals(self) -> bool:
        return bool(termios.tcgetattr(self.line_fd)[3] & termios.ISIG)

    def program_takes_ctrl_c(self, takes: bool) -> None:
        """micropython.kbd_intr: Ctrl-C arrives as a byte, or interrupts again."""
        if takes == self._program_takes_ctrl_c:
            return
        if takes:
            self._signals_before = self._signals()
        self._program_takes_ctrl_c = takes
        _raw(self.line_fd, signals=not takes and self._signals_before)

    def restart(self, *, soft: bool) -> None:
        """A new processor start. After a soft reset the prompt is again the kind the host was using."""
        self.pump()
        with contextlib.suppress(termios.error):
            termios.tcflush(self.line_fd, termios.TCIFLUSH)
        self._program_takes_ctrl_c = False
        _raw(self.line_fd, signals=True)
        self.interrupt_wanted = False
        self._recent = b""
        if soft:
            self._say(b"MPY: soft reboot\r\n")
            self._enter_raw = self.raw_prompt
        else:
            self.raw_prompt = self._enter_raw = False

    def output(self) -> bytes:
        """What the terminal wrote of late."""
        return bytes(self._history)

    def type(self, data: bytes) -> None:
        """Bytes as if the host had sent them."""
        self._to_line += data

    def echo(self, data: bytes) -> None:
        """Have what a hand typed stand among what the terminal wrote: its console does not say it back."""
        self._history += data
        del self._history[:-_HISTORY_BYTES]

    def _say(self, data: bytes) -> None:
        self._history += data
        del self._history[:-_HISTORY_BYTES]
        if self.listening:
            self._to_host += data
            del self._to_host[:-_BACKLOG_BYTES]

    def pump(self) -> bool:
        """Move what can be moved; True when anything did."""
        ready = dict(self._polled.poll(0))
        listening = not ready.get(self._b, 0) & select.POLLHUP
        if listening != self.listening:
            self.listening = listening
            self._to_host.clear()
        moved = False
        if ready.get(self._a, 0) & select.POLLIN:
            data = self._read_line()
            self._say(data)
            self._watch_prompt(data)
            moved = bool(data)
        if ready.get(self._b, 0) & select.POLLIN:
            data = self._read(self._b)
            self._to_line += data
            moved |= bool(data)
        if self._to_host and listening:
            moved |= self._write(self._b, self._to_host, len(self._to_host)) > 0
        if self._to_line or self._enter_raw:
            moved |= self._feed_line()
        return moved

    def _watch_prompt(self, data: bytes) -> None:
        """Which prompt the interpreter is at, by what it says when it changes."""
        self._recent = (self._recent + data)[-4096 - len(_RAW) :]
        raw, friendly = self._recent.rfind(_RAW), self._recent.rfind(_FRIENDLY)
        if raw != friendly:
            self.raw_prompt = raw > friendly

    def _read_line(self) -> bytes:
        """All that was written up to now: only asking when there is nothing left makes the kernel carry the rest."""
        data = self._read(self._a)
        while self._line_output.poll(0) and (more := self._read(self._a)):
            data += more
        return data

    @staticmethod
    def _read(fd: int) -> bytes:
        try:
            return os.read(fd, 4096)
        except OSError:  # EIO: the other end is closed
            return b""

    @staticmethod
    def _write(fd: int, data: bytearray, n: int) -> int:
        try:
            written = os.write(fd, data[:n])
        except OSError:  # full, or closed
            return 0
        del data[:written]
        return written

    def _feed_line(self) -> bool:
        at_prompt = self.at_prompt
        if self._enter_raw:
            if not at_prompt:
                return False
            self._enter_raw = False
            os.write(self._a, bytes([_CTRL_A]))
            self._settle()
        if self._held_until:
            if not at_prompt and time.monotonic() < self._held_until:
                return False
            self._held_until = 0.0
        n = len(self._to_line)
        if not at_prompt and not self._program_takes_ctrl_c:
            n = self._to_line.find(_CTRL_C)
            if n == 0:
                del self._to_line[0]
                now = time.monotonic()
                if now - self._interrupted_at > _MERGE_S:
                    self._interrupted_at = now
                    self.interrupt_wanted = True
                self._held_until = now + _HOLD_S
                return True
            n = len(self._to_line) if n < 0 else n
        if not n:
            return False
        written = self._write(self._a, self._to_line, n)
        if written:
            self._settle()
            self.input_came = True
        return written > 0

    def _settle(self) -> None:
        self._line_input.poll(round(_SETTLE_S * 1000))

    def close(self) -> None:
        for fd in (self._a, self.line_fd, self._b):
            os.close(fd)
