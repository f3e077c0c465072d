"""One PostgreSQL server in a folder of its own: made, started on a loopback port, and that very process ended.

PostgreSQL refuses to run as root: then the account `postgres`, which Debian's package makes, owns folder and process.
Knows nothing of what is stored. Durations in seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

USER = "vafa"
ACCOUNT = "postgres"
START_S = 30
STOP_S = 20
_PORT_TRIES = 5

# What the demo and the figures run with is PostgreSQL's own care for a power cut. A test that ends after a second
# needs none: its database is thrown away.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(RuntimeError):
    """The server cannot be made or started; the text is for a person."""


class PostgresMissing(PostgresError):
    """There is no PostgreSQL on this machine."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL is missing. Install it: sudo apt-get install postgresql")


def binaries() -> Path:
    """The folder of `initdb` and `postgres`: Debian keeps them out of the PATH. Raises PostgresMissing."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: [int(part) for part in re.findall(r"\d+", path.parts[-3])],
    )
    found = packaged[-1] if packaged else shutil.which("initdb")
    if found is None:
        raise PostgresMissing
    return Path(found).resolve().parent


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A cluster in `folder` (None: a temporary one that is removed at the end); `fast` gives up surviving a power cut.

    An existing cluster is started again as it is. `url` is right once `start` has returned.
    """

    def __init__(self, folder: Path | None = None, port: int = 0, *, fast: bool = False) -> None:
        self.port = port
        self.password = secrets.token_urlsafe(18)
        self._keep = folder is not None
        self._wanted_port = port
        self._settings = FAST if fast else {}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the cluster's first database."""
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise PostgresError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Make the cluster when there is none and serve it; returns when it takes connections."""
        programs = binaries()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="vafa-postgres-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        account = self._account()
        if account is not None:
            shutil.chown(self._folder, account, account)
        try:
            self._make(programs)
            for left in reversed(range(_PORT_TRIES)):
                self.port = self._wanted_port or _free_port()
                if self._serve(programs):
                    return
                if self._wanted_port or not left:
                    raise PostgresError(f"PostgreSQL did not start: {self._last_words()}")
        except BaseException:
            self.stop()
            raise

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server that `start` started, and only it; a temporary folder goes with it."""
        process, self._process = self._process, None
        if process is not None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, no choice
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                    break
        if self._folder is not None and not self._keep:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @staticmethod
    def _account() -> str | None:
        """Who runs the server: this process's own user (None) unless that is root."""
        return ACCOUNT if os.geteuid() == 0 else None

    def _popen(self, command: list[str], **more: object) -> subprocess.Popen[bytes]:
        account = self._account()
        groups = {} if account is None else {"user": account, "group": account, "extra_groups": []}
        # A folder every account may stand in: the caller's may be closed to `postgres`.
        options = {"cwd": "/", "stdin": subprocess.DEVNULL, "start_new_session": True, **groups, **more}
        try:
            return subprocess.Popen(command, **options)  # type: ignore[call-overload]
        except (LookupError, ValueError) as error:
            raise PostgresError(f"the account {account!r} is missing; Debian's package postgresql makes it") from error

    def _data(self) -> Path:
        if self._folder is None:
            raise PostgresError("the server has no folder")
        return self._folder / "data"

    def _make(self, programs: Path) -> None:
        """`initdb` with one account whose password nobody else knows: a loopback port is open to every local user."""
        secret = self._data().parent / "password"
        if (self._data() / "PG_VERSION").exists():
            self.password = secret.read_text()
            return
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.password)
        account = self._account()
        if account is not None:
            shutil.chown(secret, account, account)
        command = [str(programs / "initdb"), "--pgdata", str(self._data()), "--username", USER, "--encoding", "UTF8"]
        command += ["--locale", "C", "--auth", "scram-sha-256", "--pwfile", str(secret), "--no-sync"]
        making = self._popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = making.communicate()
        if making.returncode:
            raise PostgresError(f"initdb failed: {said.decode(errors='replace').strip().splitlines()[-1]}")

    def _serve(self, programs: Path) -> bool:
        """Start the process; False when it ended at once, as it does when somebody took the port."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            **self._settings,
        }
        command = [str(programs / "postgres"), "-D", str(self._data())]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._data().parent / "log"
        with log.open("wb") as out:
            self._process = self._popen(command, stdout=out, stderr=subprocess.STDOUT)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                self._process = None
                return False
            if b"ready to accept connections" in log.read_bytes():
                return True
            time.sleep(0.02)
        raise PostgresError(f"PostgreSQL was not ready within {START_S} s: {self._last_words()}")

    def _last_words(self) -> str:
        log = self._data().parent / "log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return lines[-1] if lines else "it said nothing"
