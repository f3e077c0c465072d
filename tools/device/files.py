"""Files onto a terminal at its Python prompt: only what differs, in pieces, each file checked by hash before it counts.

What an earlier run brought over is not sent again, down to the last kept piece of a half-sent file. Decides here,
carried out by tools/device/files_on_terminal.py. Bytes; hashes are SHA-256 in hex digits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.device import files_on_terminal as there
from tools.device.errors import FilesDiffer, TerminalSilent

SETUP = "files = Files(print)\nunmount()\n"
LARGE = 32 * 1024
_MARGIN = 16 * 1024
_NO_ROOM = "Remove what does not belong there at its prompt (`repl`), then run again."
PIECE = 1536  # in base 64 two kilobytes: little enough for a board's heap


class Session(Protocol):
    """The program on the terminal."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...


@dataclass(frozen=True)
class Held:
    """A file that is there."""

    size: int
    sha256: str


def program() -> str:
    """What is sent to the prompt."""
    return Path(there.__file__).read_text(encoding="utf-8") + "\n" + SETUP


def digest(content: bytes) -> str:
    """As the terminal tells it."""
    return hashlib.sha256(content).hexdigest()


def _untold(_name: str, _done: int, _size: int) -> None:
    """Too small to be worth a bar."""


class Filing:
    """The files of one terminal. Of a large one `told(name, done, size)` is called as a file arrives."""

    def __init__(self, session: Session, told: Callable[[str, int, int], object] = lambda *_: None) -> None:
        self._session = session
        self._told = told

    def space(self) -> tuple[int, int]:
        """Size of the file system and what is free. Raises TerminalSilent."""
        words = self._answer("files.space()", "space", 3)
        return int(words[1]), int(words[2])

    def look(self, names: list[str]) -> dict[str, Held]:
        """What is there of these, parts among it."""
        found: dict[str, Held] = {}

        def heard(words: list[str]) -> None:
            if words[0] == "file" and len(words) == 4:
                found[words[1]] = Held(int(words[2]), words[3])

        for name in names:  # one a call: a large file takes its time
            self._run(f"files.look([{name!r}])", heard)
        return found

    def head(self, name: str, size: int) -> tuple[bytes, Held] | None:
        """The first bytes of a file, and what follows them; None for a file that is not so long."""
        pieces: list[bytes] = []
        rest: list[Held] = []

        def heard(words: list[str]) -> None:
            if words[0] == "head" and len(words) == 2:
                pieces.append(base64.b64decode(words[1]))
            elif words[0] == "rest" and len(words) == 3:
                rest.append(Held(int(words[1]), words[2]))

        self._run(f"files.head({name!r}, {size})", heard)
        return (b"".join(pieces), rest[0]) if rest else None

    def put(self, name: str, content: bytes, found: dict[str, Held]) -> int:
        """Bring a file over unless it is there: how many bytes were sent. Raises FilesDiffer, TerminalSilent."""
        wanted = digest(content)
        if name in found and found[name] == Held(len(content), wanted):
            return 0
        at = self._kept(name, content, found)
        self._make_room(name, len(content) - at, found)
        if self._answer(f"files.begin({name!r}, {at})", "", 1)[0] != "ready":
            at = 0
            self._answer("files.begin({!r}, 0)".format(name), "ready", 1)
        sent = 0
        told = self._told if len(content) >= LARGE else _untold
        told(name, at, len(content))
        for start in range(at, len(content), PIECE):
            piece = content[start : start + PIECE]
            self._session.run(f"files.write({base64.b64encode(piece)!r})", lambda _line: None)
            sent += len(piece)
            told(name, start + len(piece), len(content))
        if self._answer(f"files.end({name!r}, {len(content)}, {wanted!r})", "", 1)[0] != "kept":
            self._answer(f"files.remove({name + there.PART!r})", "removed", 1)
            raise FilesDiffer(f"{name} did not arrive as it was sent")
        return sent

    def _make_room(self, name: str, size: int, found: dict[str, Held]) -> None:
        """Where old and new do not fit beside each other, the old one goes first. Raises FilesDiffer."""
        if size < LARGE:
            return
        wanted = size + size // 16 + _MARGIN  # a file system needs something for itself
        if name in found and self.space()[1] < wanted:
            self.remove(name)
        free = self.space()[1]
        if free < size:
            raise FilesDiffer(f"{name} does not fit: {size} bytes to bring over, {free} free", _NO_ROOM)

    def remove(self, name: str) -> None:
        """Away with a file, if it is there."""
        self._answer(f"files.remove({name!r})", "removed", 1)

    def _kept(self, name: str, content: bytes, found: dict[str, Held]) -> int:
        """So much of it came over in an earlier run."""
        part = found.get(name + there.PART)
        if part is None or part.size > len(content) or part.sha256 != digest(content[: part.size]):
            return 0
        return part.size

    def _answer(self, call: str, word: str, length: int) -> list[str]:
        got: list[list[str]] = []
        self._run(call, got.append)
        if not got or (word and got[0][0] != word) or len(got[0]) != length:
            raise TerminalSilent("it did not say what became of its files")
        return got[0]

    def _run(self, call: str, heard: Callable[[list[str]], object]) -> None:
        def checked(line: str) -> None:
            text, _, crc = line.strip().rpartition(" ")
            if f"{binascii.crc32(text.encode()):08x}" == crc:
                heard(text.split(" "))

        self._session.run(call, checked)
