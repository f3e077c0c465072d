"""The card office's report: one JSON object a line, appended and flushed to disk before the next card is asked for.

It is the proof of which card is whose, so it holds whole UIDs and member numbers and is readable by its owner alone
(mode 0600). It is also what a run goes on from: a card is noted as begun before its first write, and as written after
it was verified. A last line cut off by a power loss is left out. Times are UTC.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.device.card_kinds import CardState
from tools.device.errors import DeviceError, ReportUnfit

_FORMAT = 1
BEGUN, WRITTEN, UNCHANGED, REFUSED, FAILED = "begun", "written", "unchanged", "refused", "failed"
DONE = (WRITTEN, UNCHANGED)


@dataclass(frozen=True)
class Entry:
    """What the report last said of a card."""

    member_no: int
    result: str


class Report:
    """`path` None keeps it in memory: nothing is written."""

    def __init__(self, path: Path | None, key_version: int) -> None:
        self._path = path
        self._key_version = key_version
        self._cards: dict[bytes, Entry] = {}
        self._members: dict[int, bytes] = {}
        self.lines: list[dict[str, Any]] = []
        if path is not None and path.exists():
            self._read(path)

    def of_card(self, uid: bytes) -> Entry | None:
        """What was last said of this card."""
        return self._cards.get(uid)

    def card_of(self, member_no: int) -> bytes | None:
        """The card that was last finished for this member with these keys."""
        return self._members.get(member_no)

    def add(self, state: CardState, result: str, member_no: int, way: str, error: DeviceError | None = None) -> None:
        """One line more."""
        line: dict[str, Any] = {
            "v": _FORMAT,
            "event": "card",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "uid": state.uid.hex().upper(),
            "kind": state.kind,
            "member": member_no,
            "key_version": self._key_version,
            "way": way,
            "result": result,
        }
        if error is not None:
            line["code"] = error.code
        self._note(line)
        self.lines.append(line)
        if self._path is not None:
            self.append(self._path, json.dumps(line))

    def _note(self, line: dict[str, Any]) -> None:
        if line["result"] not in (BEGUN, *DONE) or line["key_version"] != self._key_version:
            return
        uid, member_no = bytes.fromhex(line["uid"]), int(line["member"])
        self._cards[uid] = Entry(member_no, line["result"])
        for former in [held for held, card in self._members.items() if card == uid and held != member_no]:
            del self._members[former]  # whose card this was has none any more
        if line["result"] in DONE:
            self._members[member_no] = uid

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ReportUnfit(f"{path}: {error}") from None
        for number, text in enumerate(lines, 1):
            if not text:
                continue
            try:
                line = json.loads(text)
                if line["event"] == "card":
                    self._note(line)
                    self.lines.append(line)
            except (ValueError, KeyError, TypeError):
                if number == len(lines):  # it lacks its line end: the power went while it was written
                    continue
                raise ReportUnfit(f"line {number} of {path} is none of this tool's") from None

    def finished(self) -> list[dict[str, Any]]:
        """The line by which each finished card is bound, the newest of each; a card begun anew has none."""
        newest: dict[str, dict[str, Any]] = {}
        for line in self.lines:
            if line["result"] in (BEGUN, *DONE):
                newest[line["uid"]] = line
        return [line for line in newest.values() if line["result"] in DONE]

    @staticmethod
    def append(path: Path, text: str) -> None:
        """One line more on disk, whole or not at all. Raises ReportUnfit."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a+b") as file:
                file.seek(0)
                kept, _, last = file.read().rpartition(b"\n")
                if last and _is_whole(last):
                    file.write(b"\n")
                elif last:  # the power went while it was written
                    file.truncate(len(kept) + 1 if kept else 0)
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ReportUnfit(f"{path}: {error.strerror or error}") from None


def _is_whole(line: bytes) -> bool:
    with contextlib.suppress(ValueError):
        return isinstance(json.loads(line), dict)
    return False
