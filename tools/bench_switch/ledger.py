"""The switch's books: one object for the message desk, the panel, the tests and the command line.

Every method is safe from any thread and is one database transaction. It knows no bytes and no sockets. Points are
signed whole points, money is rial, times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import TypeVar

from sqlalchemy import Engine, create_engine, delete, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from tools.bench_switch.audit import audit
from tools.bench_switch.booking import (
    CARD_STATES,
    Booked,
    Standing,
    Value,
    balance_of,
    book,
    lock_member,
    lock_terminal,
    post,
    standing_of,
)
from tools.bench_switch.faults import Fault
from tools.bench_switch.grants import LEGACY, WAYS
from tools.bench_switch.inquiry import Asked, Known, inquire
from tools.bench_switch.programme import TIER_NAMES, Programme
from tools.bench_switch.proof import Verdict
from tools.bench_switch.schema import (
    APPROVED,
    ISSUED,
    OPENING,
    Base,
    CardRow,
    FaultRow,
    GrantRow,
    MemberRow,
    PostingRow,
    ShownRow,
    TerminalRow,
    TransactionRow,
    WayRow,
)

Result = TypeVar("Result")
_TRIES = 5  # two first taps of one unknown card may collide; the second try finds the first one's member


class LedgerError(ValueError):
    """What was asked of the books cannot be done; the text is for a person."""


class Ledger:
    """Members, cards, terminals, transactions and postings behind a database URL."""

    def __init__(self, database_url: str = "sqlite://", programme: Programme | None = None) -> None:
        self.programme = programme or Programme()
        self._engine = _engine(database_url)
        # An in-memory SQLite database is one connection: its users take turns.
        in_memory = isinstance(self._engine.pool, StaticPool)
        self._turn = threading.RLock() if in_memory else contextlib.nullcontext()
        Base.metadata.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        with self._turn, Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _retried(self, work: Callable[[Session], Result]) -> Result:
        for left in reversed(range(_TRIES)):
            try:
                with self._session() as session:
                    return work(session)
            except (IntegrityError, OperationalError):
                if not left:
                    raise
        raise AssertionError("unreachable")

    # What the message desk asks.

    def book(self, value: Value, now_utc: int) -> Booked:
        """Process a value message exactly once, see `booking`."""
        return self._retried(lambda session: book(session, value, self.programme, now_utc))

    def saw(self, terminal_id: str, seq: int) -> None:
        """An authentic value message that is not processed: its SEQ is used all the same."""
        self._retried(lambda session: lock_terminal(session, terminal_id, seq))

    def inquire(self, asked: Asked, verdict: Verdict | None, now_utc: int) -> Known:
        """Answer an inquiry by card, see `inquiry`; `verdict` is what came of its proof, None when it offered none."""
        return self._retried(lambda session: inquire(session, asked, verdict, self.programme, now_utc))

    def terminal(self, terminal_id: str) -> TerminalRow | None:
        with self._session() as session:
            return session.get(TerminalRow, terminal_id)

    # What the office does.

    def add_member(
        self, name: str, member_no: int | None = None, points: int = 0, tier: int = 0, visits: int = 0
    ) -> int:
        """A new member with opening points booked; the member's number (given or the next free one).

        `tier` and `visits` are what the member brings from before these books.
        """
        if not name or len(name.encode()) > 60:
            raise LedgerError("a member's name has 1 to 60 bytes")
        if tier not in range(len(TIER_NAMES)):
            raise LedgerError(f"tier must be 0 to {len(TIER_NAMES) - 1}")
        with self._session() as session:
            if session.scalar(select(MemberRow).where(MemberRow.name == name)) is not None:
                raise LedgerError(f"there is a member {name!r} already")
            if member_no is None:
                member_no = (session.scalar(select(func.max(MemberRow.member_no))) or 1000) + 1
            elif session.scalar(select(MemberRow).where(MemberRow.member_no == member_no)) is not None:
                raise LedgerError(f"there is a member number {member_no} already")
            member = MemberRow(member_no=member_no, name=name, provisional=False, tier_floor=tier, visits_before=visits)
            session.add(member)
            session.flush()
            if points:
                _open(session, member.id, points)
            return member_no

    def add_card(self, uid: bytes | str, member: str | int, way: str = LEGACY) -> None:
        """Bind a card to a member, by name or number; `way` says what it has to show to spend."""
        uid_hex = _uid(uid)
        _check_way(way)
        with self._session() as session:
            row = _member(session, member)
            if session.get(CardRow, uid_hex) is not None:
                raise LedgerError(f"card {uid_hex} is bound already")
            session.add(CardRow(uid=uid_hex, member_id=row.id, state="active"))
            session.flush()
            session.add(WayRow(uid=uid_hex, way=way))

    def set_way(self, uid: bytes | str, way: str) -> None:
        """A card made anew: it goes this way from now on, its counter may begin anywhere, its open grants are gone."""
        uid_hex = _uid(uid)
        _check_way(way)
        with self._session() as session:
            card = session.get(CardRow, uid_hex)
            if card is None:
                raise LedgerError(f"no card {uid_hex}")
            lock_member(session, card.member_id)
            session.merge(WayRow(uid=uid_hex, way=way, counter=-1, terminal_id=None))
            session.execute(delete(GrantRow).where(GrantRow.uid == uid_hex, GrantRow.used_seq.is_(None)))
            session.execute(delete(ShownRow).where(ShownRow.uid == uid_hex))

    def set_card(self, uid: bytes | str, state: str) -> None:
        """Block a card as lost or stolen, or make it active again."""
        if state not in CARD_STATES:
            raise LedgerError(f"a card is {', '.join(CARD_STATES)}, not {state!r}")
        uid_hex = _uid(uid)
        with self._session() as session:
            card = session.get(CardRow, uid_hex)
            if card is None:
                raise LedgerError(f"no card {uid_hex}")
            card.state = state

    def add_terminal(
        self, terminal_id: str, merchant_id: str, mac_out: bytes | str, mac_in: bytes | str, kid: int = 1
    ) -> None:
        """Make a terminal known; keys are named from the terminal's side."""
        out_hex, in_hex = _key(mac_out), _key(mac_in)
        if not (1 <= len(terminal_id) <= 8 and terminal_id.isascii() and terminal_id.isprintable()):
            raise LedgerError("a terminal id has 1 to 8 printable ASCII characters (DE41)")
        if not (1 <= len(merchant_id) <= 15 and merchant_id.isascii() and merchant_id.isprintable()):
            raise LedgerError("a merchant id has 1 to 15 printable ASCII characters (DE42)")
        if out_hex == in_hex:
            raise LedgerError("the two directions need different keys")
        if not 0 <= kid <= 255:
            raise LedgerError("a key id is 0 to 255")
        with self._session() as session:
            if session.get(TerminalRow, terminal_id) is not None:
                raise LedgerError(f"there is a terminal {terminal_id!r} already")
            session.add(
                TerminalRow(terminal_id=terminal_id, merchant_id=merchant_id, kid=kid, mac_out=out_hex, mac_in=in_hex)
            )

    def block_terminal(self, terminal_id: str, blocked: bool = True) -> None:
        with self._session() as session:
            terminal = session.get(TerminalRow, terminal_id)
            if terminal is None:
                raise LedgerError(f"no terminal {terminal_id!r}")
            terminal.blocked = blocked

    # What people and tests ask.

    def balance(self, member: str | int) -> int:
        """Points of a member, by name or number."""
        with self._session() as session:
            return balance_of(session, _member(session, member).id)

    def balance_of_card(self, uid: bytes | str) -> int | None:
        """Points of the member a card belongs to, provisional members included; None for a card never seen."""
        with self._session() as session:
            card = session.get(CardRow, _uid(uid))
            return None if card is None else balance_of(session, card.member_id)

    def standing(self, member: str | int) -> Standing:
        with self._session() as session:
            return standing_of(session, _member(session, member), self.programme)

    def balances(self) -> dict[str, int]:
        """Points by name; a provisional member is named by its card, as `?UID`."""
        totals = {member.id: 0 for member in self.members()}
        with self._session() as session:
            sums = select(PostingRow.member_id, func.sum(PostingRow.points)).group_by(PostingRow.member_id)
            totals.update({member: int(total) for member, total in session.execute(sums) if member is not None})
        cards = {card.member_id: card.uid for card in reversed(self.cards())}
        return {member.name or f"?{cards.get(member.id, member.id)}": totals[member.id] for member in self.members()}

    def accounts(self) -> dict[str, int]:
        """The total of each account; together they are zero."""
        with self._session() as session:
            sums = select(PostingRow.account, func.sum(PostingRow.points)).group_by(PostingRow.account)
            return {account: int(total) for account, total in session.execute(sums)}

    def members(self) -> list[MemberRow]:
        with self._session() as session:
            return list(session.scalars(select(MemberRow).order_by(MemberRow.id)))

    def cards(self) -> list[CardRow]:
        with self._session() as session:
            return list(session.scalars(select(CardRow).order_by(CardRow.uid)))

    def ways(self) -> dict[str, str]:
        """The way of each card, by UID."""
        with self._session() as session:
            known = {row.uid: row.way for row in session.scalars(select(WayRow))}
        return {card.uid: known.get(card.uid, LEGACY) for card in self.cards()}

    def terminals(self) -> list[TerminalRow]:
        with self._session() as session:
            return list(session.scalars(select(TerminalRow).order_by(TerminalRow.terminal_id)))

    def transactions(self, terminal_id: str | None = None, last: int | None = None) -> list[TransactionRow]:
        """Value messages and office bookings, oldest first."""
        query = select(TransactionRow).order_by(TransactionRow.id.desc())
        if terminal_id is not None:
            query = query.where(TransactionRow.terminal_id == terminal_id)
        with self._session() as session:
            return list(session.scalars(query.limit(last)))[::-1]

    def postings(self, member: str | int | None = None) -> list[PostingRow]:
        query = select(PostingRow).order_by(PostingRow.id)
        with self._session() as session:
            if member is not None:
                query = query.where(PostingRow.member_id == _member(session, member).id)
            return list(session.scalars(query))

    def check(self) -> list[str]:
        """Everything that is wrong with the books, in words; an empty list when they are right."""
        with self._session() as session:
            return audit(session)

    # Faults from another process.

    def script_fault(self, fault: Fault) -> None:
        with self._session() as session:
            session.add(FaultRow(turns=fault.count, mti=fault.mti, detail=json.dumps(asdict(fault))))

    def take_fault(self, mti: str) -> Fault | None:
        """The fault another process scripted for this request, one turn of it used up."""
        with self._session() as session:
            row = session.scalar(
                select(FaultRow).where((FaultRow.mti == mti) | FaultRow.mti.is_(None)).order_by(FaultRow.id).limit(1)
            )
            if row is None:
                return None
            row.turns -= 1
            if row.turns <= 0:
                session.delete(row)
            return _fault(row, 1)

    def scripted_faults(self) -> list[Fault]:
        with self._session() as session:
            rows = session.scalars(select(FaultRow).order_by(FaultRow.id))
            return [_fault(row, row.turns) for row in rows]

    def clear_faults(self) -> None:
        with self._session() as session:
            session.execute(delete(FaultRow))


def _engine(database_url: str) -> Engine:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    if url.database in (None, "", ":memory:"):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})

    @event.listens_for(engine, "connect")
    def keep_references(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # pyright: ignore[reportAttributeAccessIssue]
        # SQLite checks foreign keys only when told so; WAL lets the command line read while the switch writes.
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()

    return engine


def _fault(row: FaultRow, count: int) -> Fault:
    return replace(Fault(**json.loads(row.detail)), count=count)


def _open(session: Session, member_id: int, points: int) -> None:
    row = TransactionRow(
        terminal_id=None,
        seq=None,
        mti="",
        verb=OPENING,
        stan=0,
        de7="",
        rrn="",
        merchant_id="",
        member_id=member_id,
        uid="",
        auth=0,
        amount=0,
        points=points,
        rc=APPROVED,
        approval="",
        business_day="",
        booked_utc=0,
        content="",
    )
    session.add(row)
    session.flush()
    post(session, row, member_id, points, ISSUED)


def _member(session: Session, member: str | int) -> MemberRow:
    column = MemberRow.member_no if isinstance(member, int) else MemberRow.name
    row = session.scalar(select(MemberRow).where(column == member, MemberRow.provisional.is_(False)))
    if row is None:
        raise LedgerError(f"no member {member!r}")
    return row


def _uid(uid: bytes | str) -> str:
    try:
        value = bytes.fromhex(uid) if isinstance(uid, str) else uid
    except ValueError as error:
        raise LedgerError(f"{uid!r} is not a UID in hex") from error
    if len(value) not in (4, 7, 10):
        raise LedgerError(f"a UID has 4, 7 or 10 bytes, not {len(value)}")
    return value.hex().upper()


def _check_way(way: str) -> None:
    if way not in WAYS:
        raise LedgerError(f"a card goes the way {', '.join(WAYS)}, not {way!r}")


def _key(key: bytes | str) -> str:
    # The text of the error must not repeat what was given: it is a secret.
    try:
        value = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raise LedgerError("a MAC key is 32 hex digits") from None
    if len(value) != 16:
        raise LedgerError("a MAC key has 16 bytes")
    return value.hex()
