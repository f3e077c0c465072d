"""Databases for the tests of the bench switch: the same tests run on SQLite and on PostgreSQL.

A machine without PostgreSQL says so in the summary, once for each test that was not run there; a CI run must have it
(`tools/bootstrap.sh` installs it as root).
"""

from __future__ import annotations

import contextlib
import os

import pytest
from sqlalchemy import NullPool, create_engine, text

from tools.postgres import Cluster, PostgresMissing

MISSING = "PostgreSQL is missing: this test ran on SQLite alone. Install it: sudo apt-get install postgresql"


class Spare:
    """Databases of one cluster, emptied after use and used again: making and dropping one costs more than a test."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._free: list[str] = []

    def take(self) -> str:
        return self._free.pop() if self._free else self._cluster.new_database()

    def give_back(self, url: str) -> None:
        engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c lock_timeout=60s"})
        with engine.begin() as connection:
            tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
            if tables:
                connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"))
        self._free.append(url)


@pytest.fixture(scope="session")
def postgres():
    """Databases of a private cluster for this test process."""
    try:
        cluster = Cluster().__enter__()
    except PostgresMissing:
        if os.environ.get("CI"):
            raise
        pytest.skip(MISSING)
    yield Spare(cluster)
    cluster.__exit__()


@pytest.fixture
def postgres_database(postgres):
    """The URL of an empty database on PostgreSQL."""
    url = postgres.take()
    yield url
    postgres.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The URL of an empty database, on each kind in turn; SQLite's is in memory and one ledger's alone."""
    return "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_database(request, tmp_path):
    """The same for several threads at once, or to be opened again: SQLite's is a file."""
    return (
        f"sqlite:///{tmp_path}/books.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request):
    """Empty databases one after the other, for a test that makes its own examples."""
    return Databases(request.getfixturevalue("postgres") if request.param == "postgresql" else None)


class Databases:
    """Called, it opens an empty database as a context; `few`: emptying one costs more than an example."""

    def __init__(self, spare: Spare | None) -> None:
        self._spare = spare
        self.few = spare is not None

    @contextlib.contextmanager
    def __call__(self):
        if self._spare is None:
            yield "sqlite://"
            return
        url = self._spare.take()
        try:
            yield url
        finally:
            self._spare.give_back(url)
