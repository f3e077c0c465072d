"""Several processes that serve one port from one PostgreSQL: the parent of the workers.

The parent makes one listening socket a worker, all on the same port, and keeps them open: the kernel spreads the
terminals over them, and what waits at the socket of a worker that died is taken by the next one. A worker keeps nothing
that another would miss: books, grants, challenges and scripted faults are in the database, so a terminal may come back
to any of them. Durations in seconds.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tools.bench_switch.database import is_shared
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import Entry, MessageLog
from tools.bench_switch.pki import DEFAULT_FOLDER, DEFAULT_SWITCH_NAME, ensure
from tools.bench_switch.server import wall_clock
from tools.bench_switch.worker import READY, Order, spelt
from tools.issuer.keys import IssuerKeys

ROOT = Path(__file__).resolve().parents[2]
BACKLOG = 1024
START_S = 30
STOP_S = 10
_QUICK_S = 5  # a worker that ends sooner has met something that will not go away by itself
_QUICK_ENDS = 3


class Workers:
    """`count` workers on one port; started by `start` or as a context, as a BenchSwitch is."""

    def __init__(
        self,
        database_url: str,
        count: int,
        pki_folder: Path | str = DEFAULT_FOLDER,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        switch_name: str = DEFAULT_SWITCH_NAME,
        issuer_keys: IssuerKeys | None = None,
    ) -> None:
        if not is_shared(database_url):
            raise LedgerError("B03", "several workers need PostgreSQL: SQLite is one process's; see --database")
        if count < 1:
            raise LedgerError("B03", "there must be a worker")
        self.host = host
        self.port = port
        self.identity = ensure(pki_folder, switch_name)
        self.failed = threading.Event()
        self.restarts = 0
        self.ask_clients = False  # only terminals with a certificate of our CA come in
        self.log = MessageLog(wall_clock)  # of all workers together; it stays empty when nobody listens
        self._database_url = database_url
        self._keys = issuer_keys
        self._telling = False
        self._count = count
        self._stopping = threading.Event()
        self._listeners: list[socket.socket] = []
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._threads: list[threading.Thread] = []
        self._ready: list[threading.Event] = []

    def __enter__(self) -> Workers:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def listen(self, say: Callable[[str], None]) -> None:
        """Let `say` hear each message and what becomes of the workers, from other threads; before `start`."""
        self._telling = True
        self.log.listen(lambda entry: say(entry.line()))

    def keep_log(self) -> None:
        """Let the workers tell what they hear without saying it to anybody; before `start`."""
        self._telling = True

    def start(self) -> None:
        """Listen and start the workers; returns when all of them serve. OSError when the address cannot be had."""
        Ledger(self._database_url).close()  # tables are made and the database is found to work once, here
        self._listen()
        try:
            for number in range(self._count):
                self._ready.append(threading.Event())
                thread = threading.Thread(target=self._keep, args=(number,), name=f"worker-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self) -> None:
        """Return when every worker serves, also after one ended and its successor starts."""
        until = time.monotonic() + START_S
        for ready in self._ready:
            while not ready.wait(0.05):
                if self.failed.is_set() or time.monotonic() > until:
                    raise LedgerError("B04", "a worker does not start; its last words stand above")

    def pids(self) -> list[int]:
        """The processes that run now."""
        return [process.pid for process in list(self._processes.values()) if process.poll() is None]

    def close(self) -> None:
        """End the workers this object started, and the port."""
        self._stopping.set()
        for process in list(self._processes.values()):
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for process in list(self._processes.values()):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join(STOP_S)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _listen(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            # Shared ports would let a second switch in silently: whether the port is free is asked without sharing.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((self.host, self.port))
        for _ in range(self._count):
            listener = socket.socket(family)
            self._listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((self.host, self.port))
            listener.listen(BACKLOG)
            self.port = listener.getsockname()[1]

    def _keep(self, number: int) -> None:
        """Run worker `number`, and another when it ends, until the switch stops."""
        quick = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            process = self._spawn(number)
            self._processes[number] = process
            if self._stopping.is_set() and process.stdin is not None:
                process.stdin.close()
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() == READY:
                    self._ready[number].set()
                elif self._telling:
                    self._hear(line)
            code = process.wait()
            process.stdout.close()
            if self._stopping.is_set():
                return
            self._ready[number].clear()
            self.restarts += 1
            self.log.note(f"worker {number} (process {process.pid}) ended with {code}; another one starts")
            quick = quick + 1 if time.monotonic() - started < _QUICK_S else 0
            if quick >= _QUICK_ENDS:
                self.failed.set()
                return

    def _hear(self, line: str) -> None:
        try:
            self.log.take(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            self.log.note(line.rstrip())  # not its log: what else a worker has to say

    def _spawn(self, number: int) -> subprocess.Popen[str]:
        listener = self._listeners[number].fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench_switch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            pass_fds=[listener],
        )
        order = Order(
            self._database_url,
            str(self.identity.folder.resolve()),
            self.identity.switch_name,
            listener,
            not self._telling,
            spelt(self._keys),
            self.ask_clients,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended already; whoever reads its output sees that
            process.stdin.write(order.line())
            process.stdin.flush()
        return process
