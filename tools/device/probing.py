"""What answers at a serial port: our program, the Python prompt, the ROM loader, or nothing.

The order disturbs least: a request that a selling terminal answers, repeated with growing patience, then the prompt,
then the loader. Nothing that resets a board is sent, and the two control lines are left as opening the port sets them.
Seconds.
"""

from __future__ import annotations

import enum
import errno
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import serial

from tools.device.errors import CableLost, NoPortRight, PortBusy, PortMissing
from tools.device.ports import ROM_LOADER, Port, holder

BAUD = 115_200
HELLO = b'\r\n{"jsonrpc":"2.0","id":1,"method":"hello","params":{}}\r\n'
SAFE = "safe"  # the mode in its hello of a terminal that started and sells nothing
# A busy computer, or a till amid something, may be late for one question; an answer to the one before counts, too.
_HELLO_S = (0.7, 1.1, 1.7)
_BRIEFLY_S = (1.0,)
_PROMPT_S, _ROM_S = 0.7, 0.3
_WORDS_ONLY = b"# unknown command"  # a program that refuses to start sells nothing and takes words of people alone
_HEARD_MAX = 16_384
_BANNER = re.compile(rb"MicroPython (\S+)[^\r\n]*; ([^\r\n]*)")
# Ctrl-C is a byte to our program; Ctrl-B leaves the raw prompt and makes the friendly one say what it is.
PROMPT = b"\r\x03\x02"
# Espressif's serial protocol: command 08, 36 bytes, no checksum; the answer has direction 01 and the same command.
SYNC = b"\xc0\x00\x08\x24\x00\x00\x00\x00\x00\x07\x07\x12\x20" + b"\x55" * 32 + b"\xc0"
_SYNCED = b"\xc0\x01\x08"


class Answers(enum.Enum):
    """What is there, as it is shown."""

    APPLICATION = "application"
    PROMPT = "Python prompt"
    ROM = "ROM loader"
    BOOTSEL = "BOOTSEL"
    BUSY = "in use"
    DENIED = "no right"
    SILENT = "silent"


@dataclass(frozen=True)
class Found:
    """One board. `hello` is what the program said of itself, `detail` what a person is told beside the state."""

    answers: Answers
    port: str
    board: str = ""
    serial: str = ""
    terminal: str = ""
    firmware: str = ""
    detail: str = ""
    hello: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As it is asked for with --id."""
        return self.terminal or self.serial or self.port


def opened(path: str, *, read_s: float = 0.05) -> serial.Serial:
    """The port, for nobody else meanwhile. Raises PortMissing, NoPortRight, PortBusy."""
    port = Port(path)
    if not port.rights:
        raise NoPortRight(path)
    # Two programs on one port each get half of what the terminal says.
    held = holder(path)
    if held:
        raise PortBusy(f"{path} is open in {held}")
    try:
        return serial.Serial(path, BAUD, timeout=read_s, write_timeout=2, exclusive=True)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.EBUSY):  # locked, or taken
            raise PortBusy(f"{path} is open in another program") from None
        raise PortMissing(f"{path}: it cannot be opened" if Path(path).exists() else f"{path}: not there") from None


def probe(port: Port, *, briefly: bool = False) -> Found:
    """What is at this port. Raises nothing for a port that cannot be used: that is an answer, too.

    `briefly`: for whoever asks again anyway, as while a board restarts.
    """
    try:
        with opened(port.path) as line:
            return _asked(line, port, _BRIEFLY_S if briefly else _HELLO_S)
    except NoPortRight as error:
        return _unusable(Answers.DENIED, port, str(error.args[0]))
    except PortBusy as error:
        return _unusable(Answers.BUSY, port, str(error.args[0]))
    except (PortMissing, OSError) as error:
        return _unusable(Answers.SILENT, port, str(error.args[0]) if isinstance(error, PortMissing) else "it went away")


def _unusable(answers: Answers, port: Port, why: str) -> Found:
    return Found(answers, port.path, port.board, port.serial, detail=why)


def _asked(line: serial.Serial, port: Port, patience: tuple[float, ...]) -> Found:
    found = _recognised(line, port, patience)
    return found or Found(Answers.SILENT, port.path, port.board, port.serial, detail="it answers nothing we know")


def hello(line: serial.Serial) -> dict[str, Any] | None:
    """What the program at this open port says of itself, as `hello_of`."""
    return hello_of(_greeted(line, _HELLO_S))


def _greeted(line: serial.Serial, patience: tuple[float, ...]) -> bytes:
    """What came upon `hello`, asked again until a program said what it is or a prompt showed itself."""
    heard = b""
    for seconds in patience:
        line.write(HELLO)
        # Said once, it may be about what another tool left in the line.
        words_only = (_WORDS_ONLY,) if _WORDS_ONLY in heard else ()
        heard += _listen(line, (b">>> ", b'"result"', *words_only), seconds)
        if b">>> " in heard or hello_of(heard) or heard.count(_WORDS_ONLY) > 1:
            break
    return heard


def _recognised(line: serial.Serial, port: Port, patience: tuple[float, ...]) -> Found | None:
    """The whole sequence once; None when nothing known was heard."""
    loader = port.usb == ROM_LOADER
    heard = _greeted(line, patience[:2] if loader else patience)
    if b">>> " in heard:
        return _at_prompt(line, port)
    said = hello_of(heard)
    if said is not None:
        return _application(port, said)
    if not loader:
        heard = _listen_after(line, PROMPT, (b">>> ", b"# Vafa is running"), _PROMPT_S)
        if b"# Vafa is running" in heard:
            return _application(port, {})
        if b">>> " in heard:
            return _prompt_found(heard, port)
    heard = _listen_after(line, SYNC, (_SYNCED,), _ROM_S)
    if _SYNCED in heard:
        return Found(Answers.ROM, port.path, "s3", port.serial)
    return None


def _at_prompt(line: serial.Serial, port: Port) -> Found:
    return _prompt_found(_listen_after(line, b"\r\x02", (b">>> ",), _PROMPT_S), port)


def _prompt_found(heard: bytes, port: Port) -> Found:
    banner = _BANNER.search(heard)
    version, machine = (part.decode("ascii", "replace") for part in banner.groups()) if banner else ("", "")
    board = port.board or _board_of(machine)
    return Found(
        Answers.PROMPT, port.path, board, port.serial, firmware=f"MicroPython {version}".strip(), detail=machine
    )


def _board_of(machine: str) -> str:
    for word, board in (("ESP32S3", "s3"), ("ESP32-S3", "s3"), ("RP2040", "pico"), ("Pico", "pico")):
        if word in machine:
            return board
    return ""


def hello_of(heard: bytes) -> dict[str, Any] | None:
    """What the program answered: the members of its hello, none from an older one without it; None for no program."""
    refused = False
    for line in heard.splitlines():
        text = line.strip()
        if text.startswith(b"{"):
            # A sum `*hhhh` may follow the brace.
            try:
                said = json.loads(text[: text.rfind(b"}") + 1])
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("id") == 1 and isinstance(said.get("result"), dict):
                return dict(said["result"])
            refused = refused or (isinstance(said, dict) and "error" in said)
    return {} if refused or b"# " in heard else None


def _application(port: Port, said: dict[str, Any]) -> Found:
    def text(*names: str) -> str:
        return next((str(said[name]) for name in names if said.get(name)), "")

    return Found(
        Answers.APPLICATION,
        port.path,
        text("board") or port.board,
        port.serial or text("serial"),
        text("tid"),
        text("fw"),
        text("mode"),
        said,
    )


def _listen_after(line: serial.Serial, sent: bytes, words: tuple[bytes, ...], seconds: float) -> bytes:
    line.reset_input_buffer()
    line.write(sent)
    return _listen(line, words, seconds)


def _listen(line: serial.Serial, words: tuple[bytes, ...], seconds: float) -> bytes:
    """Until a word came and its line is whole, at most so long and so much."""
    until, heard = time.monotonic() + seconds, b""
    while time.monotonic() < until and len(heard) < _HEARD_MAX:
        try:
            heard += line.read(max(1, line.in_waiting))
        except OSError as error:
            raise CableLost(str(error.strerror or error)) from None
        if any(word in heard and (word == b">>> " or b"\n" in heard[heard.index(word) :]) for word in words):
            break
    return heard
