"""What everyone who works on the books stands on: an open database, its transactions, and how people name things.

Every method is safe from any thread. Knows no rules of the programme.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from tools.bench_switch.database import open_engine, reading_engine
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import CardRow, MemberRow

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
HIGHEST_MEMBER_NO = 2**32 - 1
# Two first taps of one unknown card may collide: the second try finds the first one's member. A connection that the
# database closed is found out the same way. A try that was booked and whose confirmation was lost finds its own row.
_TRIES = 5


def tried_again(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A method that is one database transaction, begun anew when it met another's. Only for what may happen twice: a
    second time it finds what the first one did."""

    @functools.wraps(method)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        for left in reversed(range(_TRIES)):
            try:
                return method(*arguments, **named)
            except (IntegrityError, OperationalError):
                if not left:
                    raise
        raise AssertionError("unreachable")

    return run


class Books:
    """An open database."""

    def __init__(self, database_url: str = "sqlite://", programme: Programme | None = None) -> None:
        self.programme = programme or Programme()
        self._engine = open_engine(database_url)
        # An in-memory SQLite database is one connection: its users take turns.
        self._reader = reading_engine(self._engine)
        in_memory = isinstance(self._engine.pool, StaticPool)
        self._turn = threading.RLock() if in_memory else contextlib.nullcontext()

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        with self._turn, Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Session]:
        """For one question: no transaction around it."""
        with self._turn, Session(self._reader, expire_on_commit=False) as session:
            yield session

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """One database transaction of a module beside the books, tried again as theirs are."""
        return self._retried(work)

    @tried_again
    def _retried(self, work: Callable[[Session], Result]) -> Result:
        with self._session() as session:
            return work(session)


def member_named(session: Session, member: str | int) -> MemberRow:
    """A member by name or number. Raises LedgerError."""
    column = MemberRow.member_no if isinstance(member, int) else MemberRow.name
    row = None
    if not isinstance(member, int) or 1 <= member <= HIGHEST_MEMBER_NO:
        row = session.scalar(select(MemberRow).where(column == member, MemberRow.provisional.is_(False)))
    if row is None:
        raise LedgerError("B10", f"no member {member!r}")
    return row


def card_named(session: Session, uid: bytes | str) -> CardRow:
    """A card by its UID. Raises LedgerError."""
    card = session.get(CardRow, uid_hex(uid))
    if card is None:
        raise LedgerError("B20", f"no card {uid_hex(uid)}")
    return card


def uid_hex(uid: bytes | str) -> str:
    """A UID as the books keep it. Raises LedgerError."""
    try:
        value = bytes.fromhex(uid) if isinstance(uid, str) else uid
    except ValueError as error:
        raise LedgerError("B22", f"{uid!r} is not a UID in hex") from error
    if len(value) not in (4, 7, 10):
        raise LedgerError("B22", f"a UID has 4, 7 or 10 bytes, not {len(value)}")
    return value.hex().upper()
