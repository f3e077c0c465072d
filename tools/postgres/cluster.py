"""A private PostgreSQL as a context manager, for tests and bench.

The server is watched by a process of its own, `python -m tools.postgres`, which ends it and removes its folder as soon
as the pipe to this process closes: also when this process is killed or runs into a time limit.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tools.postgres.server import STOP_S, PostgresError, PostgresMissing, binaries

__all__ = ["Cluster", "PostgresError", "PostgresMissing"]

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """A throw-away cluster; `fast` gives up surviving a power cut. Raises PostgresMissing where there is none."""

    def __init__(self, *, fast: bool = True) -> None:
        self._fast = fast
        self._watcher: subprocess.Popen[str] | None = None
        self._numbers = itertools.count(1)
        self.url = ""
        self.pid = 0

    def __enter__(self) -> Cluster:
        binaries()
        command = [sys.executable, "-m", "tools.postgres", "--for-parent", *(["--fast"] if self._fast else [])]
        self._watcher = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
        )
        assert self._watcher.stdout is not None
        line = self._watcher.stdout.readline()
        said = json.loads(line) if line else {"error": "the watcher of PostgreSQL ended without a word"}
        if "error" in said:
            self.__exit__()
            raise PostgresError(said["error"])
        self.url, self.pid = said["url"], said["pid"]
        return self

    def __exit__(self, *_exception: object) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        for pipe in (watcher.stdin, watcher.stdout):
            if pipe is not None:
                pipe.close()
        try:
            watcher.wait(3 * STOP_S)
        except subprocess.TimeoutExpired:
            watcher.kill()
            watcher.wait()

    def new_database(self) -> str:
        """The URL of a database nobody has used."""
        name = f"books_{os.getpid()}_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE template0")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Forget a database of `new_database`, whoever is still connected to it."""
        self._administer(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()
