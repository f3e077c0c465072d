"""One terminal at its prompt, as provisioning sees it: what it says of itself, and what is sent to it.

Secrets go as text of the raw prompt over the cable: they stand in no process's arguments, no file and no echo. What the
terminal says is checked by its sum, what it takes by its hash. Decides nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tools.device.errors import TerminalProgram, TerminalSilent
from tools.device.provision_errors import NotTaken, OtherMaster

SETUP = "from firmware.board import this_board\nprovisioning = Provisioning(this_board(), print)"
_PIECE = 384  # bytes a call; half a kilobyte of Base64


class Session(Protocol):
    """The program on the terminal: `run` calls one of its functions and gives the lines it says."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...
    def sell_at_end(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class State:
    """What a terminal said of itself. `keys` is yes, no or damaged, `parts` are of firmware.service.fingerprint."""

    board: str = ""
    serial: str = ""
    version: str = ""
    tid: str = ""
    keys: str = ""
    root: int = 0
    parts: dict[str, str] = field(default_factory=dict)


class ProvisioningSession:
    """`session` is at the prompt with provision_on_terminal.py defined."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def look(self) -> State:
        """Ask, and change nothing. Raises TerminalSilent."""
        state = State()
        for words in self._run("provisioning.look()"):
            if words[0] == "board" and len(words) == 4:
                state.board, state.serial, state.version = words[1:]
            elif words[0] == "terminal" and len(words) == 2:
                state.tid = "" if words[1] == "-" else words[1]
            elif words[0] == "keys" and len(words) == 2:
                state.keys = words[1]
            elif words[0] == "root" and len(words) == 2:
                state.root = int(words[1])
            elif words[0] == "part" and len(words) == 3:
                state.parts[words[1]] = "" if words[2] == "-" else words[2]
        if not (state.serial and state.keys and state.parts.get("whole")):
            raise TerminalSilent("it did not say how it is provisioned")
        return state

    def file(self, name: str, content: bytes) -> None:
        """Send a file; it counts after `commit`."""
        self._run(f"provisioning.begin({name!r})")
        for at in range(0, len(content), _PIECE):
            self._run(f"provisioning.piece({name!r}, {base64.b64encode(content[at : at + _PIECE])!r})")
        said = self._run(f"provisioning.end({name!r}, {hashlib.sha256(content).digest()!r})")
        if ["file", name, "whole"] not in said:
            raise NotTaken(f"{name} arrived damaged")

    def keys(self, given: dict[str, str | int]) -> None:
        """Send keys by name; those that are not named stay."""
        if ["keys", "held"] not in self._run(f"provisioning.keys({json.dumps(given)!r})"):
            raise NotTaken("the keys did not arrive")

    def wifi(self, ssid: str, password: str) -> None:
        """Another access point, and nothing else. Raises NotTaken."""
        if ["keys", "held"] not in self._run(f"provisioning.wifi({ssid!r}, {password!r})"):
            raise NotTaken("the access point did not arrive")

    def commit(self) -> None:
        """Put all of it in its place. Raises OtherMaster, NotTaken."""
        said = self._run("provisioning.commit()")
        if ["refused", "K03"] in said:
            raise OtherMaster("its store is sealed with another master key")
        if ["done"] not in said:
            raise NotTaken(" ".join(said[-1]) if said else "it did not say that it is done")

    def close(self, *, restart: bool) -> None:
        """Leave it at its prompt, or have it start."""
        if restart:
            self._session.sell_at_end()
        self._session.close()

    def _run(self, call: str) -> list[list[str]]:
        """The lines that are whole, as words. What ended the program is told without what was sent."""
        lines: list[list[str]] = []

        def heard(line: str) -> None:
            text, _, total = line.rpartition(" ")
            if text and total == f"{crc32(text.encode()):08x}":
                lines.append(text.split(" "))

        try:
            self._session.run(call, heard)
        except TerminalProgram as error:
            kind = str(error.args[0]).partition(":")[0]
            raise NotTaken(f"its program ended with {kind}") from None
        return lines
