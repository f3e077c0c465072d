"""Programs and release keys that terminals load: DE 70 905 and 906 (docs/lt87.md section 14, docs/update.md).

The switch signs none of it and reads only what a file says of itself; each terminal judges for itself. A terminal says
which build, which release keys and which board it has, and is told of the newest build for that board signed under
those keys, and of the root file after its own. Times in UTC seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Integer, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.codec import tlv
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.published import Published, digest_of
from tools.bench_switch.schema import Base, TerminalRow
from tools.release.program import ProgramError, summary

PROGRAM, ROOT = 5, 6
PROGRAM_FUNCTIONS = {"905": PROGRAM, "906": ROOT}
CHUNK = 240
_READ_AGAIN_S = 5
_SAID = 6  # build and root, before the board
_KEPT = 4
_FORMAT = "30"


class ProgramRow(Base):
    """A signed program of a board, or a root file, whose board is "" and whose build is its version; with `terminal_id`
    "" it is for every terminal."""

    __tablename__ = "programs"
    __table_args__ = (UniqueConstraint("role", "build", "board", "terminal_id", name="one_program_per_build"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    role: Mapped[int] = mapped_column(Integer)
    build: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[int] = mapped_column(Integer)
    board: Mapped[str] = mapped_column(String(12))
    terminal_id: Mapped[str] = mapped_column(String(8))
    published_utc: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class Program:
    """What is known of one without reading it."""

    id: int
    role: int
    build: int
    root: int
    board: str
    terminal_id: str


class Programs(Published):
    """The books' part that holds them."""

    programs_changed = 0

    def programs(self) -> list[Program]:
        """Every one, oldest first."""
        row = ProgramRow
        query = select(row.id, row.role, row.build, row.root, row.board, row.terminal_id).order_by(row.id)
        with self._reading() as session:
            return [Program(*found) for found in session.execute(query)]

    def program_content(self, number: int) -> bytes:
        """Its bytes."""
        with self._reading() as session:
            return session.get_one(ProgramRow, number).content

    def publish_program(self, content: bytes, terminal: str, now_utc: int) -> Program:
        """Keep a signed file; terminals hear of it with their next sign-on or echo. Raises LedgerError."""
        try:
            said = summary(content)
        except ProgramError as error:
            raise LedgerError("B91", str(error)) from error
        row = ProgramRow(
            role=PROGRAM if said.board else ROOT,
            build=said.build,
            root=said.root,
            board=said.board,
            terminal_id=terminal,
            published_utc=now_utc,
            content=content,
        )
        try:
            with self._session() as session:
                if terminal and session.get(TerminalRow, terminal) is None:
                    raise LedgerError("B30", f"no terminal {terminal!r}")
                session.add(row)
        except IntegrityError as error:
            raise LedgerError("B90", f"build {said.build} is published; give this one a higher number") from error
        self.programs_changed += 1
        return next(one for one in reversed(self.programs()) if one.build == said.build and one.board == said.board)

    def withdraw_program(self, build: int, board: str) -> int:
        """Offer it no longer; how many files that were. What is installed stays."""
        with self._session() as session:
            rows = session.scalars(select(ProgramRow).where(ProgramRow.build == build, ProgramRow.board == board)).all()
            for row in rows:
                session.delete(row)
        self.programs_changed += 1
        return len(rows)


class ProgramDesk:
    """Answers for one desk; safe from several threads."""

    def __init__(self, ledger: Programs, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._list: list[Program] = []
        self._read_at: int | None = None
        self._changed = -1
        self._files: dict[int, bytes] = {}

    def newest(self, terminal: TerminalRow, said: dict[int, bytes]) -> dict[int, bytes]:
        """PROGRAM and ROOT for a terminal that says what it has."""
        tags: dict[int, bytes] = {}
        program, root = self._for(terminal, said, PROGRAM), self._for(terminal, said, ROOT)
        if program is not None:
            tags[tlv.PROGRAM] = tlv.u(program.build, 4)
        if root is not None:
            tags[tlv.ROOT] = tlv.u(root.build, 2)
        return tags

    def chunk(
        self, terminal: TerminalRow, function: str, said: dict[int, bytes], offset: int
    ) -> tuple[str, dict[int, bytes]]:
        """The code and the tags of one chunk."""
        role = PROGRAM_FUNCTIONS[function]
        if len(said.get(tlv.PROGRAM, b"")) <= _SAID:
            return _FORMAT, {}
        found = self._for(terminal, said, role)
        if found is None:
            return "00", {tlv.CHUNK: bytes(8)}
        content = self._content(found.id)
        digest = digest_of(content)
        if said.get(tlv.DIGEST, b"") != digest or offset >= len(content):
            offset = 0
        version = {tlv.PROGRAM: tlv.u(found.build, 4)} if role == PROGRAM else {tlv.ROOT: tlv.u(found.build, 2)}
        return "00", {
            **version,
            tlv.CHUNK: tlv.u(offset, 4) + tlv.u(len(content), 4),
            tlv.DIGEST: digest,
            tlv.BLOB: content[offset : offset + CHUNK],
        }

    def _for(self, terminal: TerminalRow, said: dict[int, bytes], role: int) -> Program | None:
        """The newest program for a terminal, or the root file after its own."""
        words = said.get(tlv.PROGRAM, b"")
        if len(words) <= _SAID:
            return None
        root, board = int.from_bytes(words[4:6], "big"), words[_SAID:].decode("ascii", "replace")
        with self._lock:
            self._refresh()
            mine = [one for one in self._list if one.role == role and one.terminal_id in ("", terminal.terminal_id)]
        if role == ROOT:
            return next((one for one in mine if one.build == root + 1), None)
        fit = [one for one in mine if one.board == board and one.root == root]
        return max(fit, key=lambda one: one.build, default=None)

    def _refresh(self) -> None:
        now, changed = self._clock(), self._ledger.programs_changed
        if self._read_at is None or changed != self._changed or not 0 <= now - self._read_at < _READ_AGAIN_S:
            self._list, self._read_at, self._changed = self._ledger.programs(), now, changed

    def _content(self, number: int) -> bytes:
        with self._lock:
            if number not in self._files:
                if len(self._files) >= _KEPT:
                    self._files.clear()
                self._files[number] = self._ledger.program_content(number)
            return self._files[number]
