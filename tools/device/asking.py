"""One running terminal, asked over JSON-RPC by the commands of support: what it does not tell is told, not guessed.

What the wire raises becomes this tool's errors; a method an older program does not know, or one that needs a right, is
an answer, too (`Unasked`). Seconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.device.contact import Contact
from tools.device.errors import CableLost, DeviceError, TerminalSilent
from tools.device.probing import Answers, Found
from tools.rpc.client import Line, NoAnswer, RpcError

_UNKNOWN, _BUSY, _RIGHT, _LOCKED = -32601, 1001, 1002, 1003


class Refused(DeviceError):
    """It heard, and does not do it now."""

    code, title, exit_code = "D93", "The terminal does not do that now", 4
    next_step = "Finish what is on its screen, or wait, and run again."


class RightNeeded(DeviceError):
    """The switch's word is missing."""

    code, title, exit_code = "D94", "A right is missing", 7
    next_step = "Type `right support` in `console`, then `answer` and the digits the operator of the switch has for it."


@dataclass(frozen=True)
class Unasked:
    """Why there is no answer, in words."""

    why: str


class Terminal:
    """The open line to a running terminal."""

    def __init__(self, line: Line, found: Found) -> None:
        self.line = line
        self.found = found

    def ask(self, method: str, params: dict[str, Any] | None = None, *, timeout: float = 35.0) -> dict[str, Any]:
        """Raises RightNeeded, Refused, TerminalSilent, CableLost."""
        try:
            return self.line.call(method, params, timeout=timeout)
        except RpcError as error:
            if error.number == _RIGHT:
                raise RightNeeded(f"{method}: {error.text}") from None
            step = error.next_step or (f"Wait {error.retry_ms // 1000 + 1} s and run again." if error.retry_ms else "")
            known = f"{method}: {error.text}" if error.number != _UNKNOWN else f"its program does not know {method}"
            raise Refused(known, step) from None
        except NoAnswer as error:
            raise TerminalSilent(str(error)) from None
        except OSError as error:
            raise CableLost(str(error.strerror or error)) from None

    def perhaps(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any] | Unasked:
        """The answer, or why there is none; only a terminal that is gone raises."""
        try:
            return self.ask(method, params)
        except (RightNeeded, Refused) as error:
            return Unasked(str(error.args[0]))


@contextlib.contextmanager
def asked(contact: Contact) -> Iterator[Terminal]:
    """The running terminal that is meant. Raises as `Contact.one` does."""
    found = contact.one(Answers.APPLICATION)
    try:
        line = Line.open(found.port)
    except OSError as error:
        raise CableLost(str(error.strerror or error)) from None
    with line:
        yield Terminal(line, found)
