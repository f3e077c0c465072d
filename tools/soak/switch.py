"""The bench switch of a run: its real message desk and its real ledger on SQLite in memory, restored for each run.

Keeps one open database session, since one task at a time asks; what the desk reads and writes is the same. Writes down
what came and what it answered. Times in whole seconds UTC are the switch's own.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy.orm import Session

from firmware.core.types import CardData
from tools.bench_switch.booking import RC_NOT_FOUND
from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.desk import Desk, Reaction
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.letters import HIGHEST_SEQ
from tools.bench_switch.log import IN, MessageLog
from tools.bench_switch.programme import Programme
from tools.bench_switch.published import Publication
from tools.bench_switch.schema import TerminalRow
from tools.soak import weather
from tools.soak.evidence import Evidence, Sent
from tools.soak.weather import Fate

VALUE = ("0200", "0220", "0221", "0420", "0421")
_MERCHANT = "SOAK-SHOP-00001"
_SCRIPTED = {
    weather.REFUSED: "refuse",
    weather.WRONG_MAC: "wrong_mac",
    weather.REPLAYED: "replay",
    weather.WRONG_CLOCK: "wrong_clock",
}


_PURSE = """
SELECT member_id,
    (SELECT coalesce(sum(points), 0) FROM postings WHERE account = 'member' AND member_id = cards.member_id),
    (SELECT coalesce(sum(points), 0) FROM allowances WHERE state = 'open' AND member_id = cards.member_id)
FROM cards WHERE uid = ?"""


class Purse(NamedTuple):
    """A member's points, and how many of them are reserved."""

    member_id: int
    balance: int
    reserved: int


class Books(Ledger):
    """The ledger with one session for all it is asked: nobody else has the database."""

    def __init__(self) -> None:
        super().__init__("sqlite://", Programme(allowances=True))
        self._one = Session(self._engine, expire_on_commit=False, autoflush=True)
        with self._engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA synchronous = OFF")  # pyright: ignore[reportOptionalMemberAccess]
            self._blank = sqlite3.connect(":memory:", check_same_thread=False)
            connection.connection.driver_connection.backup(self._blank)  # pyright: ignore[reportOptionalMemberAccess]

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        if self._one.in_transaction():  # a row was read again after a refusal by the database
            self._one.rollback()
        with self._one.begin():
            yield self._one

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._session() as session:
            yield session

    def caller(self, terminal_id: str) -> tuple[TerminalRow | None, bool]:
        """Who sends; no other process scripts faults here."""
        with self._session() as session:
            return session.get(TerminalRow, terminal_id, populate_existing=True), False

    def purse(self, uid: str) -> Purse | None:
        """What the member of a card has, asked of the rows alone; None for a card nobody knows."""
        connection = self._engine.raw_connection()
        found = connection.cursor().execute(_PURSE, (uid,)).fetchone()
        connection.close()
        return None if found is None else Purse(*found)

    def publications(self) -> list[Publication]:
        """Nothing is published here; the desk asks with each message."""
        return []

    def restore(self) -> None:
        """Empty, as new."""
        self._one.expunge_all()
        with self._engine.connect() as connection:
            self._blank.backup(connection.connection.driver_connection)  # pyright: ignore[reportArgumentType]


_books: list[Books] = []


def blank_books() -> Books:
    """The process's one ledger, emptied."""
    if not _books:
        _books.append(Books())
    _books[0].restore()
    return _books[0]


class Switch:
    """The desk and the books, with what they saw in `evidence`. `up` False: nobody listens."""

    def __init__(self, now_utc: Callable[[], int], evidence: Evidence, heard: Callable[[str, str], None]) -> None:
        self.ledger = blank_books()
        self.faults = FaultScript()
        self.up = True
        self._evidence = evidence
        self._heard = heard
        self._log = _Noted(now_utc)
        self._desk = Desk(self.ledger, self.faults, self._log, now_utc)
        self._scripted = ""
        self._last: dict[str, Answer] = {}  # what a replay brings again: a terminal may still wait for just that
        self._purses: dict[int, Purse] = {}
        self._refused: dict[tuple[str, int], str] = {}  # for good, and so it stays however late a message comes
        self._seen: set[tuple[str, int]] = set()  # (terminal, SEQ) that a decision was made of

    def enrol(self, terminal_id: str, mac_out: bytes, mac_in: bytes, kid: int) -> None:
        """Make a terminal known."""
        self.ledger.add_terminal(terminal_id, _MERCHANT, mac_out, mac_in, kid)

    def points_of(self, wallet: list[CardData]) -> int:
        """What the member of these cards has."""
        purse = self.ledger.purse(wallet[0].uid.hex().upper())
        return 0 if purse is None else purse.balance

    def handle(self, terminal_id: str, raw: bytes, fate: Fate) -> tuple[Reaction, "Answer | None"]:
        """What the switch does with one message that came from this terminal."""
        self._log.incoming, self._log.outgoing, self._scripted = None, None, ""
        if (refused_before := self._refusal(raw)) != "":
            self.faults.next("refuse", rc=refused_before)
        elif fate.kind in _SCRIPTED and not (fate.kind == weather.REFUSED and self._decided(raw, fate.rc)):
            rc = fate.rc or "96"
            self.faults.next(_SCRIPTED[fate.kind], rc=rc, seconds=fate.seconds)
            self._evidence.counts[f"fault: {fate.kind}"] += 1
            if fate.rc:
                self._evidence.counts[f"refused with {rc}"] += 1
                self._scripted = rc
        reaction = self._desk.handle(raw)
        self.faults.clear()
        asked, said = self._log.incoming, self._log.outgoing
        if asked is None:
            self._heard(terminal_id, f"unreadable, {reaction.reason}")
            return reaction, None
        answer = Answer(asked, said)
        if answer.uid:
            self._count_up(terminal_id, answer)
        if asked.mti in VALUE and fate.kind != weather.REQUEST_GARBLED:
            self._evidence.sent.append(Sent(terminal_id, answer.seq, asked.mti, answer.content))
            self._evidence.codes.setdefault((terminal_id, answer.seq), []).append(answer.rc)
            if self._scripted and self._scripted not in weather.UNDECIDED and asked.mti not in ("0420", "0421"):
                self._refused[terminal_id, answer.seq] = self._scripted
            if self._scripted:
                self._evidence.scripted.add((terminal_id, answer.seq, self._scripted))
            if answer.rc and answer.rc not in weather.UNDECIDED and fate.kind != weather.REFUSED:
                self._seen.add((terminal_id, answer.seq))
        self._heard(terminal_id, answer.line(reaction.reason))
        if fate.kind == weather.REPLAYED:  # the log has what was sent again, not what this was answered
            return reaction, self._last.pop(terminal_id, None)
        self._last[terminal_id] = answer
        return reaction, answer

    def _count_up(self, terminal_id: str, answer: Answer) -> None:
        """Whether points that are reserved are still there, and no more of them than may be."""
        now = self.ledger.purse(answer.uid)
        if now is None:
            return
        before = self._purses.get(now.member_id, Purse(now.member_id, now.balance, 0))
        self._purses[now.member_id] = now
        what = (
            f"{terminal_id} {answer.mti} SEQ {answer.seq & HIGHEST_SEQ}: {now.balance} points, {now.reserved} reserved"
        )
        free = now.balance - now.reserved
        undone = answer.mti in ("0420", "0421") and now.reserved == before.reserved
        if free < min(before.balance - before.reserved, 0) and not undone:
            self._evidence.problems.append(f"{what}: reserved points were spent, or granted twice")
        elif (
            now.reserved > before.reserved
            and now.reserved * 100 > now.balance * self.ledger.programme.allowance_percent
        ):
            self._evidence.problems.append(f"{what}: more than may be")
        self._evidence.counts["told of a reserve elsewhere"] += answer.rc == "51" and 0 < free < now.balance

    def _decided(self, raw: bytes, rc: str) -> bool:
        """Whether refusing this would contradict what the switch said of the same SEQ before."""
        named = _named(raw)
        if rc == RC_NOT_FOUND and (raw[:2] == b"04" or raw[5:6] == b"\x04"):
            return True  # of a reversal it says that there is nothing to undo
        return named is None or (rc not in weather.UNDECIDED and named in self._seen)

    def _refusal(self, raw: bytes) -> str:
        """With what the switch has refused this SEQ for good, or ""."""
        named = _named(raw) if self._refused else None
        return self._refused.get(named, "") if named is not None else ""


class Answer:
    """One exchange as the switch saw it; `balance` None when the answer says none."""

    def __init__(self, asked: wire.Split, said: wire.Split | None) -> None:
        self.mti = asked.mti
        tags = _tags(asked)
        self.seq = tlv.number(tags, tlv.SEQ) if tlv.SEQ in tags else 0
        self.uid = tags[tlv.UID].hex().upper() if tlv.UID in tags else ""
        points = tlv.number(tags, tlv.POINTS) if tlv.POINTS in tags else 0
        kind = "reversal" if asked.mti in ("0420", "0421") else asked.fields.get("3", "")
        self.content = f"{kind} {self.uid} {asked.fields.get('4', '')} {points} {asked.fields.get('37', '')}"
        self.rc = said.fields.get("39", "") if said is not None else ""
        self.balance = _available(said.fields.get("54", "")) if said is not None else None
        self.reserved = said is not None and tlv.ALLOWANCE in _tags(said)

    def line(self, reason: str) -> str:
        """For the run's log."""
        return f"{self.mti} SEQ {self.seq & 0x7FFFFFFF} {self.content} -> {self.rc or '-'} {reason}".rstrip()


class _Noted(MessageLog):
    """Keeps the last request and answer whole; the lines a person would read are not needed."""

    incoming: wire.Split | None = None
    outgoing: wire.Split | None = None

    def message(self, direction: str, message: wire.Split, note: str = "") -> None:
        if direction == IN:
            self.incoming = message
        else:
            self.outgoing = message

    def note(self, text: str, terminal_id: str = "") -> None:
        """Nobody reads it."""


def _named(raw: bytes) -> tuple[str, int] | None:
    """(terminal, SEQ) of a message that can be read."""
    try:
        message = wire.split(raw)
        return message.fields.get("41", ""), tlv.number(tlv.read(message.de48), tlv.SEQ)
    except (wire.WireError, tlv.TlvError, KeyError):
        return None


def _tags(message: wire.Split) -> dict[int, bytes]:
    try:
        return tlv.read(message.de48)
    except tlv.TlvError as error:
        return error.found


def _available(amounts: str) -> int | None:
    """The available balance of DE 54."""
    for at in range(0, len(amounts) - 19, 20):
        part = amounts[at : at + 20]
        if part[2:4] == "02":
            return (-1 if part[7] == "D" else 1) * int(part[8:])
    return None
