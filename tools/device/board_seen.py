"""A board at its Python prompt as `flash`, `info` and `verify` see it; and a raw copy of a store nobody can read.

Decides nothing. What runs there is tools/device/board_on_terminal.py. Bytes.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.device import board_on_terminal as there
from tools.device.errors import TerminalSilent
from tools.sim.layout import LAYOUTS

_REGION_MAX = 2 * 1024 * 1024


class Session(Protocol):
    """The program on the terminal."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...


@dataclass
class Seen:
    """`store` is "absent", "blank" or "written"; `store_at` its offset on an ESP32, else -1. `program` is "" when none
    can be imported."""

    board: str = ""
    unique: str = ""
    python: str = ""
    program: str = ""
    build: int = 0
    mode: str = ""
    slot: str = ""
    files_size: int = 0
    files_free: int = 0
    store: str = ""
    store_at: int = -1
    store_size: int = 0


def program() -> str:
    """What is sent to the prompt."""
    places = dict(LAYOUTS["pico"].partitions)
    return Path(there.__file__).read_text(encoding="utf-8") + f"\nlooking = Looking(print, {places!r})\n"


def look(session: Session) -> Seen:
    """Ask, and change nothing. Raises TerminalSilent."""
    seen = Seen()

    def heard(words: list[str]) -> None:
        match words:
            case ["board", board, unique]:
                seen.board, seen.unique = board, unique
            case ["python", version]:
                seen.python = version.replace("_", " ")
            case ["program", version, build]:
                seen.program, seen.build = "" if version == "-" else version, int(build)
            case ["mode", mode, slot]:
                seen.mode, seen.slot = mode, slot.strip("-")
            case ["space", size, free]:
                seen.files_size, seen.files_free = int(size), int(free)
            case ["store", kind, start, size]:
                seen.store, seen.store_at, seen.store_size = kind, int(start), int(size)
            case _:
                pass

    run(session, "looking.about()", heard)
    run(session, "looking.store()", heard)
    if not seen.board or not seen.store:
        raise TerminalSilent("it did not say what it is")
    return seen


def interpreter(session: Session, start: int, size: int) -> str:
    """Hash of the running interpreter's bytes, "" where the board cannot read them."""
    found: list[str] = []
    run(session, f"looking.interpreter({start}, {size})", lambda words: found.append(words[-1]))
    return found[0].strip("-") if found else ""


def raw_store(session: Session) -> bytes:
    """The journal's region as it lies there. Raises TerminalSilent."""
    room, sums = bytearray(), [""]
    pieces: list[tuple[int, bytes]] = []

    def heard(words: list[str]) -> None:
        if words[0] == "raw" and len(words) == 3:
            pieces.append((int(words[1]), base64.b64decode(words[2])))
        elif words[0] == "over" and len(words) == 3 and int(words[1]) <= _REGION_MAX:
            room.extend(b"\xff" * int(words[1]))
            sums[0] = words[2]

    run(session, "looking.dump()", heard)
    for at, piece in pieces:
        room[at : at + len(piece)] = piece
    if not room or hashlib.sha256(room).hexdigest() != sums[0]:
        raise TerminalSilent("it did not send all of its store")
    return bytes(room)


def run(session: Session, call: str, heard: Callable[[list[str]], object]) -> None:
    """A call over there; `heard` gets the words of each line whose sum fits."""

    def checked(line: str) -> None:
        text, _, crc = line.strip().rpartition(" ")
        with contextlib.suppress(ValueError):
            if binascii.crc32(text.encode()) == int(crc, 16):
                heard(text.split(" "))

    session.run(call, checked)
