"""The database behind a URL: SQLite in one file or in memory, or PostgreSQL for many terminals and several workers.

What differs between the two is told here and nowhere else. Durations in seconds unless a name says otherwise.
"""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text, update
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.schema import Base, MemberRow

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_MAKING_TABLES = 8_583_1987  # any number of ours: PostgreSQL's name of a lock
_NAMING = 8_583_1988
# A worker that hangs in the middle must not hold its rows for ever; the server ends its transaction.
_POSTGRESQL_BOUNDS_MS = {
    "lock_timeout": 10_000,
    "statement_timeout": 30_000,
    "idle_in_transaction_session_timeout": 20_000,
}
_CONNECT_S = 10
_POOL = 10


def parsed(database_url: str) -> URL:
    """The URL with its driver. Raises LedgerError when it is none of ours."""
    try:
        url = make_url(database_url)
        backend = url.get_backend_name()
    except ArgumentError as error:
        raise LedgerError("B01", "not a database URL; sqlite:///FILE or postgresql://USER@HOST/NAME") from error
    if backend not in (SQLITE, POSTGRESQL):
        raise LedgerError("B01", f"no database of the kind {backend!r}; sqlite and postgresql are")
    if url.drivername == POSTGRESQL:
        url = url.set(drivername=f"{POSTGRESQL}+psycopg")
    return url


def is_shared(database_url: str) -> bool:
    """Whether several processes may book at once."""
    return parsed(database_url).get_backend_name() == POSTGRESQL


def open_engine(database_url: str) -> Engine:
    """An engine with its tables made."""
    url = parsed(database_url)
    if url.get_backend_name() == POSTGRESQL:
        bounds = " ".join(f"-c {name}={value}" for name, value in _POSTGRESQL_BOUNDS_MS.items())
        options = {"options": bounds, "connect_timeout": _CONNECT_S}
        engine = create_engine(url, connect_args=options, pool_size=_POOL, max_overflow=0, pool_timeout=_CONNECT_S)
    else:
        engine = _sqlite(url)
    with engine.begin() as connection:
        _make_tables(connection)
    return engine


def reading_engine(engine: Engine) -> Engine:
    """The same database for single questions: PostgreSQL is spared the round trips of beginning and ending."""
    return engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == POSTGRESQL else engine


def take_turns(session: Session) -> None:
    """Whoever gives a member a name or a number waits here for the one before, until that transaction ends: no
    constraint keeps names apart in books that are older than this rule."""
    if session.get_bind().dialect.name == POSTGRESQL:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _NAMING})
    else:
        session.execute(update(MemberRow).where(MemberRow.id < 0).values(touched=0))  # nobody: takes the write lock


def _make_tables(connection: Connection) -> None:
    """All tables that are not there yet; two processes that open new books at once take turns. Raises LedgerError.

    Later versions put what is new into new tables; only the very first had a table of other columns.
    """
    if connection.dialect.name == POSTGRESQL:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MAKING_TABLES})
    members = inspect(connection)
    if members.has_table(MemberRow.__tablename__):
        columns = {column["name"] for column in members.get_columns(MemberRow.__tablename__)}
        if MemberRow.visits_before.key not in columns:
            raise LedgerError("B08", "these books are of the first version, which this one cannot go on with")
    Base.metadata.create_all(connection)


def _sqlite(url: URL) -> Engine:
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
