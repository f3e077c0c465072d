"""DE 70 901 to 906: files in chunks, and the newest versions for every sign-on and echo (docs/lt87.md section 14).

Reads what was published and signs nothing. The list of what there is stands in memory and is read again every few
seconds, or at once when it was published through these very books; the rules the switch computes by follow it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from tools.bench_switch import rules_file
from tools.bench_switch.codec import tlv
from tools.bench_switch.programs import PROGRAM_FUNCTIONS, ProgramDesk, Programs
from tools.bench_switch.published import DIGEST_SIZE, Publication, digest_of
from tools.bench_switch.schema import TerminalRow
from tools.release.files import CONFIG, HOTLIST, RULES

MEMBERS = 4
FUNCTIONS = {"901": CONFIG, "902": RULES, "903": HOTLIST, "904": MEMBERS, **PROGRAM_FUNCTIONS}
VERSION_TAGS = {CONFIG: tlv.CFG, RULES: tlv.RULESET, HOTLIST: tlv.HOTLIST}
CHUNK = 240
_READ_AGAIN_S = 5
_KEPT_FILES = 8
_FORMAT = "30"


class Downloads:
    """Answers for one desk; safe from several threads."""

    def __init__(self, ledger: Programs, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._list: list[Publication] = []
        self._read_at: int | None = None
        self._changed = -1
        self._files: OrderedDict[int, bytes] = OrderedDict()
        self._programs = ProgramDesk(ledger, clock)

    def follow(self) -> None:
        """Let the books compute by the newest rules there are."""
        with self._lock:
            self._refresh()

    def newest(self, terminal: TerminalRow, said: dict[int, bytes]) -> dict[int, bytes]:
        """Tags of the newest versions there are for a terminal that `said` this."""
        programs = self._programs.newest(terminal, said)
        return programs | {VERSION_TAGS[role]: tlv.u(found.version, 2) for role, found in self._for(terminal).items()}

    def answer(self, terminal: TerminalRow, function: str, tags: dict[int, bytes]) -> tuple[str, dict[int, bytes]]:
        """The code and the tags of one chunk."""
        role = FUNCTIONS[function]
        if tlv.CHUNK not in tags or (role == MEMBERS and tlv.SINCE not in tags):
            return _FORMAT, {}
        offset = int.from_bytes(tags[tlv.CHUNK][:4], "big")
        if function in PROGRAM_FUNCTIONS:
            return self._programs.chunk(terminal, function, tags, offset)
        digest = tags.get(tlv.DIGEST, b"")
        said: dict[int, bytes] = {}
        if role == MEMBERS:
            content = self._delta(terminal.terminal_id, digest, offset, tlv.number(tags, tlv.SINCE))
        else:
            found = self._for(terminal).get(role)
            content = self._content(found.id) if found is not None else b""
            if found is not None:
                said[VERSION_TAGS[role]] = tlv.u(found.version, 2)
        if not content:
            return "00", {**said, tlv.CHUNK: bytes(8)}
        if digest != digest_of(content) or offset >= len(content):
            offset = 0  # another file than the one begun
        said[tlv.CHUNK] = tlv.u(offset, 4) + tlv.u(len(content), 4)
        said[tlv.DIGEST] = digest_of(content)
        said[tlv.BLOB] = content[offset : offset + CHUNK]
        return "00", said

    def _delta(self, terminal_id: str, digest: bytes, offset: int, since: int) -> bytes:
        kept = self._ledger.kept_delta(terminal_id, digest) if offset and len(digest) == DIGEST_SIZE else b""
        return kept or self._ledger.new_delta(terminal_id, since, self._clock())

    def _for(self, terminal: TerminalRow) -> dict[int, Publication]:
        """The newest file of each role."""
        with self._lock:
            self._refresh()
            found: dict[int, Publication] = {}
            for one in self._list:
                newer = one.role not in found or one.version > found[one.role].version
                if newer and one.is_for(terminal.merchant_id, terminal.terminal_id):
                    found[one.role] = one
            return found

    def _refresh(self) -> None:
        now, changed = self._clock(), self._ledger.publications_changed
        if self._read_at is not None and changed == self._changed and 0 <= now - self._read_at < _READ_AGAIN_S:
            return
        self._list, self._read_at, self._changed = self._ledger.publications(), now, changed
        rules = [one for one in self._list if one.role == RULES]
        if rules:
            programme = rules_file.of_source(max(rules, key=lambda one: one.version).source)
            if programme.version >= self._ledger.programme.version:
                self._ledger.programme = programme

    def _content(self, number: int) -> bytes:
        with self._lock:
            if number not in self._files:
                self._files[number] = self._ledger.publication_content(number)
                while len(self._files) > _KEPT_FILES:
                    self._files.popitem(last=False)
            return self._files[number]
