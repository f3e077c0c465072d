"""The way to the card: a terminal's serial port, its Python prompt, and the relay program running there.

The only importer of mpremote, whose transport promises no interface: what is used of it is tried by
host_tests/terminal/test_personalise.py. A selling terminal is asked before it is disturbed. Every wait is bounded, and
whatever ends a conversation ends it with the field off: the program there sees to it when the cable is gone. Times in
seconds.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tools.device import on_terminal as there
from tools.device.errors import CableLost, PortMissing, SafeMode, TerminalProgram, TerminalSells, TerminalSilent
from tools.device.probing import SAFE, hello
from tools.device.reader import LineSilent
from tools.device.selling import left_alone

BAUD = 115_200
_PROMPT, _SELLS, _LEAVES, _BUSY = b"raw REPL; CTRL-B to exit", b"# Vafa is running", b"restarting", b"not now"
_RESET = "import machine; machine.reset()"
_WHEN_IN_USE = (
    "End what is on its screen (OK or CANCEL), then run again. After a start it shows the last sale: 20 s, or until OK."
)
_WHEN_STOPPED = "It may stand at its prompt now. Press RESET (not BOOT) or plug it in anew: then it sells again."
_PROBE_S = 2.0
_QUIET_S = 25.0  # the page with the last sale stands for 20 s after a start; who takes longer stands at the till
_AGAIN_S = 1.0
_RESTART_S = 20.0  # USB comes and goes with the restart, a name server and a slow flash included
_ENTER_S = 10
_ANSWER_S = 6.0  # the longest the program there takes for one request: an APDU with all its extensions of time
_END_S = 3.0
_LEAVE_S = 0.2  # what was sent last is on its way before the port closes
_SILENCE_S = 30.0  # between two lines of a program: sixteen erases at their slowest


@contextlib.contextmanager
def _cable() -> Iterator[None]:
    """What the transport raises when the other side is gone or says something else, as this tool's errors."""
    quiet = io.StringIO()  # it prints what it did not understand
    try:
        with contextlib.redirect_stdout(quiet):
            yield
    except OSError as error:  # pyserial's SerialException is one
        raise CableLost(str(error.strerror or error)) from None
    except (TransportError, struct.error):
        raise TerminalSilent() from None


class TerminalLine:
    """A `Line` to the relay on the terminal at `port`. `leave_selling` resets the terminal at the end."""

    def __init__(self, transport: SerialTransport, *, leave_selling: bool) -> None:
        self._transport = transport
        self._serial: Any = transport.serial
        self._leave_selling = leave_selling
        self._running = False

    def begin(self) -> None:
        """Send the relay program and start it."""
        program = Path(there.__file__).read_text(encoding="utf-8") + "\nmain()\n"
        with _cable():
            self._transport.enter_raw_repl(soft_reset=True, timeout_overall=_ENTER_S)
            self._transport.exec_raw_no_follow(program)
        self._running = True

    async def ask(self, line: str) -> str:
        """See `Line`."""
        with _cable():
            self._serial.reset_input_buffer()
            self._serial.write(line.encode() + b"\n")
        until = time.monotonic() + _ANSWER_S
        heard = b""
        while time.monotonic() < until:
            with _cable():
                heard += self._serial.read_until(b"\n")
            if b"\x04" in heard:
                self._running = False
                raise TerminalProgram(self._why_it_ended(heard))
            if heard.endswith(b"\n"):
                text, heard = heard.strip().decode("ascii", "replace"), b""
                if text.startswith("="):
                    return text
        raise LineSilent()

    def close(self) -> None:
        """End the program, leave the prompt or sell again, close the port. Never raises for a cable that is gone."""
        with contextlib.suppress(CableLost, TerminalSilent), _cable():
            try:
                if self._running:
                    self._running = False
                    self._serial.write(there.summed("end end").encode() + b"\n")
                    self._transport.follow(timeout=_END_S)
                if self._leave_selling:
                    self._transport.exec_raw_no_follow(_RESET)
                else:
                    self._transport.exit_raw_repl()
                self._serial.flush()
            finally:
                self._transport.close()

    def _why_it_ended(self, heard: bytes) -> str:
        """The last line of its trace, if it left one."""
        with contextlib.suppress(CableLost, TerminalSilent), _cable():
            heard += self._serial.read_until(b"\x04")
        said = heard.replace(b"\x04", b"").decode("ascii", "replace").strip().splitlines()
        return said[-1] if said else "the relay ended"


class TerminalPrompt:
    """The terminal's Python prompt with a program's functions at hand. `leave_selling` resets it at the end."""

    def __init__(self, transport: SerialTransport, *, leave_selling: bool, silence_s: float = _SILENCE_S) -> None:
        self._transport = transport
        self._serial: Any = transport.serial
        self._leave_selling = leave_selling
        self._silence_s = silence_s
        self._running = False  # a line of ours, over there

    def begin(self, program: str, *, afresh: bool = True) -> None:
        """Send the program, which only defines; `afresh` after a soft reset, which runs boot.py and not main.py."""
        with _cable():
            self._transport.enter_raw_repl(soft_reset=afresh, timeout_overall=_ENTER_S)
        self.run(program, lambda _line: None)

    def leave(self, call: str) -> None:
        """Run a line that does not come back, as `machine.reset()` does, and close the port."""
        with contextlib.suppress(CableLost, TerminalSilent), _cable():
            try:
                self._transport.exec_raw_no_follow(call)
                self._serial.flush()
                time.sleep(_LEAVE_S)
            finally:
                self._transport.close()

    def run(self, call: str, heard: Callable[[str], object] = lambda _line: None) -> None:
        """Run a line of Python there; `heard` gets each line it prints, while this module holds standard output."""
        rest = b""

        def consume(data: bytes) -> None:
            nonlocal rest
            rest += data
            if rest.endswith(b"\n"):
                line, rest = rest.decode("ascii", "replace").strip(), b""
                heard(line)

        self._running = True
        with _cable():
            self._transport.exec_raw_no_follow(call)
            _, trace = self._transport.follow(timeout=self._silence_s, data_consumer=consume)
        self._running = False
        if trace:
            raise TerminalProgram(trace.decode("ascii", "replace").strip().splitlines()[-1])

    def sell_at_end(self) -> None:
        """Have `close` restart it, whatever it did when it was found."""
        self._leave_selling = True

    def close(self) -> None:
        """Leave the prompt or sell again, close the port. Never raises for a cable that is gone."""
        with contextlib.suppress(CableLost, TerminalSilent), _cable():
            try:
                if self._leave_selling:
                    if self._running:  # whoever ended this command did not wait for what runs there
                        self._transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
                    self._transport.exec_raw_no_follow(_RESET)
                else:
                    self._transport.exit_raw_repl()
                self._serial.flush()
            finally:
                self._transport.close()


def connect(port: str, *, maintenance: bool) -> TerminalLine:
    """The relay on the terminal at `port`, running. Raises PortMissing, TerminalSells, TerminalSilent.

    `maintenance` asks a selling terminal to restart to its prompt, and has it sell again at the end.
    """
    transport, asked = _at_prompt(port, maintenance=maintenance)
    with _as_it_was_on_failure(port, transport, asked):
        line = TerminalLine(transport, leave_selling=asked)
        line.begin()
        return line


def prompt(port: str, program: Path, setup: str, *, maintenance: bool) -> TerminalPrompt:
    """The prompt of the terminal at `port`, with the program and the line `setup` run. Raises as `connect` does."""
    return prompt_with(port, program.read_text(encoding="utf-8") + "\n" + setup + "\n", maintenance=maintenance)


def prompt_with(
    port: str,
    program: str,
    *,
    maintenance: bool = False,
    afresh: bool = True,
    stay: bool = False,
    silence_s: float = _SILENCE_S,
) -> TerminalPrompt:
    """As `prompt`, with this program's text; not `afresh` it finds what runs there as it is. `stay`: a terminal that
    was asked to its prompt is left there at the end. `silence_s`: between two lines it may take so long."""
    transport, asked = _at_prompt(port, maintenance=maintenance)
    with _as_it_was_on_failure(port, transport, asked):
        there_now = TerminalPrompt(transport, leave_selling=asked and not stay, silence_s=silence_s)
        there_now.begin(program, afresh=afresh)
        return there_now


@contextlib.contextmanager
def _closed_on_failure(transport: SerialTransport) -> Iterator[None]:
    """Nobody else can close a port that its opener never handed on, whatever ended that: an error or Ctrl-C."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            transport.close()
        raise


@contextlib.contextmanager
def _as_it_was_on_failure(port: str, transport: SerialTransport, asked: bool) -> Iterator[None]:
    """As above, and a terminal that was asked to its prompt sells again."""
    try:
        with _closed_on_failure(transport):
            yield
    except BaseException:
        if asked:
            _sell_again(port)
        raise


def _sell_again(port: str) -> None:
    """A terminal that stands at its prompt, or is on its way there, because of a command that ended early. One that
    still sells is not asked for anything."""
    with contextlib.suppress(CableLost, PortMissing, SafeMode, TerminalSells, TerminalSilent):
        transport = _after_restart(port, _opened(port), ask=False)
        with _closed_on_failure(transport), _cable():
            transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
            transport.exec_raw_no_follow(_RESET)
            port_there: Any = transport.serial
            port_there.flush()
            time.sleep(_LEAVE_S)
            transport.close()


def _at_prompt(port: str, *, maintenance: bool) -> tuple[SerialTransport, bool]:
    """The open port of a terminal that does not sell, and whether it was asked to stop."""
    transport = _opened(port)
    with _closed_on_failure(transport):
        if not _sells(transport.serial):
            return transport, False
        if not maintenance:
            raise left_alone()
        try:
            _ask_for_prompt(transport.serial, _patience_s())
            return _after_restart(port, transport), True
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):
                transport.close()
            _sell_again(port)
            raise
        except (CableLost, TerminalSilent) as error:  # it was told to stop, and may still do so
            error.next_step = _WHEN_STOPPED
            raise


def _opened(port: str) -> SerialTransport:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            # The name itself: a link to a pseudo-terminal is not known as one.
            transport = SerialTransport(os.path.realpath(port), baudrate=BAUD, timeout=0.5)
    except (TransportError, OSError, ValueError):
        why = "something else has it open, or you may not use it" if Path(port).exists() else "there is no such port"
        raise PortMissing(f"{port}: {why}") from None
    port_there: Any = transport.serial
    port_there.write_timeout = _PROBE_S
    return transport


def _heard(line: Any, words: tuple[bytes, ...], seconds: float) -> bytes:
    """The first of these words to arrive, empty for none in time."""
    until, heard = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        heard += line.read(max(1, line.in_waiting))
        for word in words:
            if word in heard:
                return word
    return b""


def _sells(line: Any) -> bool:
    """Whether the application answers rather than a prompt. Ctrl-A is a byte to it and stops nothing."""
    with _cable():
        line.write(b"\r\x01")
        return _heard(line, (_PROMPT, _SELLS), _PROBE_S) == _SELLS


def _patience_s() -> float:
    """How long the command waits for a till in use: its --timeout, where it has one, at most."""
    context = click.get_current_context(silent=True)
    return min(_QUIET_S, float(context.params.get("timeout_s", _QUIET_S))) if context else _QUIET_S


def _ask_for_prompt(line: Any, patience_s: float = 0.0) -> None:
    until, told = time.monotonic() + patience_s, False
    while True:
        with _cable():
            line.reset_input_buffer()
            line.write(b"\rmaintenance\r")
            said = _heard(line, (_LEAVES, _BUSY), _PROBE_S)
        if said == _LEAVES:
            return
        if not said:
            raise TerminalSilent("it does not go to its prompt")
        if time.monotonic() >= until:
            raise TerminalSells("the till is in use", _WHEN_IN_USE)
        if not told:
            told = True
            click.echo(
                f"The till is in use: waiting up to {patience_s:.0f} s. OK on the terminal ends its page.", err=True
            )
        time.sleep(_AGAIN_S)


def _after_restart(port: str, transport: SerialTransport, *, ask: bool = True) -> SerialTransport:
    """The same terminal at its prompt. A port of its own USB goes away and comes back. Raises SafeMode, TerminalSilent;
    TerminalSells for one that goes on selling, which with `ask` is asked for its prompt again before."""
    until, sold = time.monotonic() + _RESTART_S, False
    try:
        time.sleep(0.5)
        while True:
            try:
                with _cable():
                    transport.serial.write(b"\r\x01")
                    heard = _heard(transport.serial, (_PROMPT, _SELLS), _PROBE_S)
                if heard == _PROMPT:
                    return transport
                if heard == _SELLS and not ask:
                    if sold:
                        raise TerminalSells()
                    sold = True
                    time.sleep(_AGAIN_S)  # it may have answered on its way out
                elif heard == _SELLS:  # something began at the counter before it left
                    with contextlib.suppress(TerminalSilent):  # it leaves just now
                        _ask_for_prompt(transport.serial)
            except CableLost:
                with contextlib.suppress(OSError):
                    transport.close()
                with contextlib.suppress(PortMissing):
                    transport = _opened(port)
            if time.monotonic() > until:
                if _safe(transport.serial):
                    raise SafeMode("that is where it came back from its restart")
                raise TerminalSilent("it did not come back from its restart")
            time.sleep(0.2)
    except BaseException:
        with contextlib.suppress(OSError):
            transport.close()
        raise


def _safe(line: Any) -> bool:
    """Whether the program of safe mode answers: it takes the byte that looks for a prompt for a line end."""
    with contextlib.suppress(CableLost), _cable():
        return (hello(line) or {}).get("mode") == SAFE
    return False
