"""What a running terminal says of its provisioning, over JSON-RPC, without disturbing a sale; and waiting for one.

Nothing but our own lines is sent, no control byte: between a reset and the first line of boot.py a Ctrl-C would end the
start. Seconds.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field

from tools.device.probing import SAFE
from tools.rpc.client import Line, NoAnswer, RpcError

_HELLO_S = 1.5
_ASK_S = 10.0
_AGAIN_S = 0.3
_UNKNOWN = -32601
_CODE = re.compile(r"([KS]\d\d) ")


@dataclass
class Running:
    """`parts` as firmware.service.fingerprint tells them, empty from a program that does not tell."""

    tid: str = ""
    board: str = ""
    serial: str = ""
    version: str = ""
    safe: bool = False  # started, and sells nothing
    parts: dict[str, str] = field(default_factory=dict)


def asked(port: str, *, hello_s: float = _HELLO_S) -> Running | None:
    """None when no program answers, or the port is not there."""
    try:
        with Line.open(port) as line:
            return _told(line, hello_s)
    except (NoAnswer, OSError):
        return None


def _told(line: Line, hello_s: float) -> Running:
    said = line.call("hello", timeout=hello_s, tries=1)
    tid, board, serial, version = (str(said.get(name) or "") for name in ("tid", "board", "serial", "fw"))
    found = Running(tid, board, serial, version, said.get("mode") == SAFE)
    try:
        parts = line.call("config.fingerprint", timeout=_ASK_S)
    except RpcError as error:
        if error.number != _UNKNOWN:
            raise NoAnswer(error.text) from None
        return found
    found.parts = {name: str(value) for name, value in parts.items()}
    return found


def waited_for(port: str, tid: str, seconds: float) -> tuple[Running | None, str]:
    """The program of this terminal, once it answers under this name; else the code it gave for not starting."""
    until, code = time.monotonic() + seconds, ""
    while time.monotonic() < until and not code:
        # The port of its own USB is away while it starts.
        with contextlib.suppress(OSError), Line.open(port) as line:
            try:
                found = _told(line, _HELLO_S)
            except NoAnswer:
                code = _why_not(line.said())
            else:
                code = "F02" if found.safe else ""
                if found.tid == tid:
                    return found, ""
        time.sleep(_AGAIN_S)
    return None, code


def _why_not(said: list[str]) -> str:
    """The code of keys and settings, or of a store under others, with which a start gives up."""
    for text in said:
        found = _CODE.match(text)
        if found:
            return found.group(1)
    return ""
