"""The bench switch as a server: LT-87 frames over TLS on a loopback port, in a thread with a loop of its own.

`BenchSwitch` is what the simulated terminal, the panel, the tests and the command line start. Durations in
milliseconds unless a name says otherwise, times in seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from tools.bench_switch.codec import wire
from tools.bench_switch.desk import Desk, Reaction
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.pki import DEFAULT_FOLDER, DEFAULT_SWITCH_NAME, ensure
from tools.bench_switch.programme import Programme
from tools.bench_switch.proof import Prover
from tools.issuer.keys import IssuerKeys

IDLE_S = 15 * 60  # LT-87 section 1: the terminal sends an echo after 5 minutes
HANDSHAKE_S = 30  # a thousand terminals that come back at once take turns
BACKLOG = 1024
START_S = 10


def wall_clock() -> int:
    """This machine's time."""
    return int(time.time())


class BenchSwitch:
    """A loyalty switch for bench and demo.

    `clock` gives the switch's time (a simulation puts its own here). One hook serves a network whose time is simulated:
    `on_reaction(client_port, reaction)` is called from the switch's thread once for each request, when the books are
    done with it and before anything is sent. When it is set a late answer goes out at once: the holding back is the
    network's business. Without `issuer_keys` no card can prove itself, and cards that have to do not spend. A
    `listener` that somebody else made is served instead of `host` and `port`. `ask_clients`: only a terminal with a
    certificate of this CA comes in.
    """

    def __init__(
        self,
        database_url: str = "sqlite://",
        pki_folder: Path | str = DEFAULT_FOLDER,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        switch_name: str = DEFAULT_SWITCH_NAME,
        programme: Programme | None = None,
        clock: Callable[[], int] = wall_clock,
        issuer_keys: IssuerKeys | None = None,
        listener: socket.socket | None = None,
        ask_clients: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.identity = ensure(pki_folder, switch_name)
        self.ledger = Ledger(database_url, programme)
        self.faults = FaultScript(other=self.ledger.take_fault)
        self.log = MessageLog(clock)
        self.desk = Desk(self.ledger, self.faults, self.log, clock, Prover(issuer_keys, self.ledger))
        self._listener = listener
        self._ask_clients = ask_clients
        self.on_reaction: Callable[[int, Reaction], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._refuse_connections = False

    def __enter__(self) -> BenchSwitch:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def listen(self, say: Callable[[str], None]) -> None:
        """Let `say` hear each message as a line, from the switch's threads."""
        self.log.listen(lambda entry: say(entry.line()))

    def start(self) -> None:
        """Listen; returns when `port` is the real one. Raises OSError when the address cannot be had, and whatever
        else kept it from listening.

        After `stop` a switch can be started again; it keeps its books and its port.
        """
        if self._thread is not None:
            raise RuntimeError("the switch is running")
        started = threading.Event()
        failure: list[Exception] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(started))
            except Exception as error:  # noqa: BLE001 (whatever it was, who waits in start hears of it)
                if started.is_set():
                    raise
                failure.append(error)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="bench-switch", daemon=True)
        self._thread.start()
        started.wait(START_S)
        if failure:
            self._thread.join()
            self._thread = None
            raise failure[0]

    def stop(self) -> None:
        """Close every connection and end the thread; the books stay open. Stopping twice is no fault."""
        if self._thread is None:
            return
        self._call(lambda: self._stopping.set() if self._stopping is not None else None)
        self._thread.join()
        self._thread = None
        self._loop = None

    def close(self) -> None:
        """Stop, and let go of the database: an in-memory one is gone with it."""
        self.stop()
        self.ledger.close()

    def drop_connections(self) -> None:
        """Cut every connection as a failing network would; new ones are taken."""
        self._call(self._abort_all)

    def set_down(self, down: bool) -> None:
        """While down, connections are cut and new ones closed at once."""
        self._refuse_connections = down
        if down:
            self.drop_connections()

    def _call(self, action: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(action)

    def _abort_all(self) -> None:
        for writer in self._connections.values():
            writer.transport.abort()

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(
            self._connected,
            host=self.host if self._listener is None else None,
            port=self.port if self._listener is None else None,
            sock=self._listener,
            backlog=BACKLOG,
            ssl=self.identity.server_context(ask_clients=self._ask_clients),
            ssl_handshake_timeout=HANDSHAKE_S,
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        try:
            await self._stopping.wait()
        finally:
            server.close()
            self._abort_all()
            tasks = [*self._connections, *self._late]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._refuse_connections:
            writer.transport.abort()
            return
        self._connections[task] = writer
        self.log.note("connection opened")
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the terminal went away, which terminals may do at any byte
        except asyncio.CancelledError:
            pass  # the switch stops; the connection is aborted below
        except (asyncio.TimeoutError, SQLAlchemyError) as error:
            self.log.note(f"connection given up: {type(error).__name__}")
        finally:
            self._connections.pop(task, None)
            self.log.note("connection closed")
            # Not a polite close: a close_notify that waits for a peer who is gone would keep the loop from ending.
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            header = await asyncio.wait_for(reader.readexactly(wire.HEADER_SIZE), IDLE_S)
            size = int.from_bytes(header, "big")
            if not wire.SHORTEST <= size <= wire.LONGEST + wire.TPDU_SIZE:
                self._tell(writer, Reaction(close=True, reason=f"a frame of {size} bytes"))
                self.log.note(f"a frame of {size} bytes cannot be: connection closed")
                return
            raw = await asyncio.wait_for(reader.readexactly(size), IDLE_S)
            reaction = await loop.run_in_executor(None, self.desk.handle, raw)
            self._tell(writer, reaction)
            if reaction.data and reaction.delay_ms and self.on_reaction is None:
                # Answers to later requests overtake this one.
                late = asyncio.create_task(self._send_late(writer, reaction))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
            elif reaction.data:
                writer.write(reaction.data)
                await writer.drain()
            if reaction.close:
                await self._close(writer)
                return

    def _tell(self, writer: asyncio.StreamWriter, reaction: Reaction) -> None:
        if self.on_reaction is not None:
            self.on_reaction(writer.get_extra_info("peername")[1], reaction)

    async def _send_late(self, writer: asyncio.StreamWriter, reaction: Reaction) -> None:
        await asyncio.sleep(reaction.delay_ms / 1000)
        with contextlib.suppress(ConnectionError):
            writer.write(reaction.data)
            await writer.drain()

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Close in order, so that what was written before still arrives."""
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)
