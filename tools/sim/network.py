"""The network between the terminal and the switch: a wireless access point, a cable, latency, and bad luck.

The firmware's sockets end here (overlay/socket.py); each has a real connection to the switch behind it. Bytes take
half the round trip each way on the simulated clock. A switch takes no simulated time: when bytes reach it the clock
stands still, in real time, until it has dealt with all of them. A switch that speaks (`told`) says of each request what
becomes of it (`switch_reacted`); another is expected to answer each, or to be excused by `answer_not_coming`. So every
simulated moment depends on the latency alone, and a switch that says nothing for `patience_s` ends the simulation with
SwitchSilentError instead of a leap. In real time nothing waits: bytes come when they come. TCP is modelled as far as
programs see it: what is sent while the cable is out is delivered after it is back, if the connection still lives.
Simulated times in milliseconds at the interface, microseconds inside.
"""

from __future__ import annotations

import errno
import itertools
import select
import socket
import time
from collections import deque
from queue import Empty, SimpleQueue

from tools.sim.clock import SimClock
from tools.sim.tls_flights import Flights

STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201
_ASSOCIATION_US = 800_000
_NO_AP_US = 2_500_000
_BEACON_LOST_US = 3_000_000
_RETRANSMIT_US = 500_000
_CONNECT_TIMEOUT_US = 18_000_000
_SYN_AGAIN_US = 3_000_000
_NO_NAME = 202  # what the port's getaddrinfo raises when nobody answers: OSError(-202)
_POLLIN, _POLLOUT, _POLLERR, _POLLHUP = 1, 4, 8, 16
_WINDOW_BYTES = 16384
_CONNECT_BOUND_S = 120.0
_PATIENCE_S = 120.0
_LOOK_S = 0.005
_ANY_PORT = 0


class SwitchSilentError(RuntimeError):
    """The switch neither answered nor said that it will not: the simulated clock cannot go on."""


class _Connection:
    """One socket of the firmware and the real one behind it. `error` is what the next receive raises."""

    def __init__(self, told: bool) -> None:
        self.real: socket.socket | None = None
        self.port = _ANY_PORT
        self.open = False
        self.error = 0
        self.ended = False  # the switch hung up, everything before it was delivered
        self.closed_here = False
        self.received = bytearray()
        self.coming: deque[tuple[int, bytes]] = deque()  # (when, bytes); empty bytes: the end
        self.stalled: list[bytes] = []
        self.unsent = 0
        self.forwarded_us = 0
        self.flights = Flights(told)


class SimNetwork:
    """`changed` says that a socket's readiness may have changed, `wake` that an idle program should look."""

    def __init__(
        self,
        clock: SimClock,
        switch_address: tuple[str, int] | None = None,
        *,
        realtime: bool = False,
        latency_ms: int = 40,
    ) -> None:
        self._clock = clock
        self.switch_address = switch_address
        self.latency_ms = latency_ms
        self._realtime = realtime
        self.cable_up = True
        self.refusing = False
        self.changed = self.wake = False
        self.bytes_sent = self.bytes_received = self.connections = 0
        self._connections: dict[int, _Connection] = {}
        self._orphans: list[_Connection] = []
        self._ids = itertools.count(1)
        self._hold_us = 0
        self._drop_after: int | None = None
        self.patience_s = _PATIENCE_S
        self.told = False  # the switch calls `switch_reacted`
        self._said: SimpleQueue[tuple[int, int, int, bool]] = SimpleQueue()
        self._active = self._wanted = False
        self._status = STAT_IDLE
        self._epoch = 0  # of the association: what was under way in an older one is void

    # -- people and scenarios -----------------------------------------------------------------------------------------

    def down(self) -> None:
        """Pull the cable: bytes vanish at once, the terminal loses its access point some seconds later."""
        self.cable_up = False
        self._epoch += 1
        epoch = self._epoch
        self._clock.after(_BEACON_LOST_US, lambda: self._associate(epoch, STAT_NO_AP_FOUND, only_from=STAT_GOT_IP))

    def up(self) -> None:
        """Plug it in again."""
        if self.cable_up:
            return
        self.cable_up = True
        self._epoch += 1
        epoch = self._epoch
        if self._wanted and self._status != STAT_GOT_IP:
            self._clock.after(_ASSOCIATION_US, lambda: self._associate(epoch, STAT_GOT_IP))
        self._clock.after(_RETRANSMIT_US, self._retransmit)

    def refuse(self, refusing: bool = True) -> None:
        """Refuse new connections, or take them again."""
        self.refusing = refusing

    def hold_next_answer(self, ms: int) -> None:
        """The next bytes from the switch come that much later."""
        self._hold_us = ms * 1000

    def drop_after(self, n: int) -> None:
        """Break the connection when n more bytes have come from the switch."""
        self._drop_after = n

    def break_connections(self) -> None:
        """Reset every connection now, for both ends."""
        for connection in list(self._connections.values()):
            self._break(connection)

    def switch_reacted(self, port: int, answers: int, delay_ms: int = 0, closes: bool = False) -> None:
        """The switch says, from any thread, what becomes of the next request from that local port, before it sends
        anything: so many answers (0 or 1) follow, to arrive that much later, and then perhaps its end."""
        self._said.put((port, answers, delay_ms, closes))

    def answer_not_coming(self) -> None:
        """A switch that says nothing else says, from any thread, that it will not answer a request."""
        self._said.put((_ANY_PORT, 0, 0, False))

    # -- the station --------------------------------------------------------------------------------------------------

    def wlan_active(self, active: bool | None) -> bool:
        if active is not None and active != self._active:
            self._active = active
            self.wlan_disconnect()
        return self._active

    def wlan_connect(self, _ssid: str, _key: str) -> None:
        self._wanted = True
        self._epoch += 1
        epoch = self._epoch
        self._status = STAT_CONNECTING
        if self.cable_up:
            self._clock.after(_ASSOCIATION_US, lambda: self._associate(epoch, STAT_GOT_IP))
        else:
            self._clock.after(_NO_AP_US, lambda: self._associate(epoch, STAT_NO_AP_FOUND))

    def wlan_disconnect(self) -> None:
        self._wanted = False
        self._epoch += 1
        self._status = STAT_IDLE

    def wlan_status(self) -> int:
        return self._status

    def _associate(self, epoch: int, status: int, only_from: int | None = None) -> None:
        if epoch == self._epoch and (only_from is None or self._status == only_from):
            self._status = status

    @property
    def _reachable(self) -> bool:
        return self.cable_up and self._status == STAT_GOT_IP

    # -- the firmware's sockets ---------------------------------------------------------------------------------------

    def resolve(self, host: str) -> int:
        """0, or the error number."""
        if self._status != STAT_GOT_IP:
            return _NO_NAME
        numeric = host.replace(".", "").isdigit()
        return 0 if numeric or (self.cable_up and self._address(host, 0) is not None) else _NO_NAME

    def _address(self, host: str, port: int) -> tuple[str, int] | None:
        if self.switch_address is not None:
            return self.switch_address
        return (host, port) if host in ("localhost", "127.0.0.1") else None

    def connect(self, host: str, port: int) -> int:
        """The new socket's number; it opens or fails later. Raises OSError when there is no network at all."""
        if self._status != STAT_GOT_IP:
            raise OSError(errno.EHOSTUNREACH, "no network")
        number = next(self._ids)
        connection = self._connections[number] = _Connection(self.told)
        self.connections += 1
        self._clock.after(self.latency_ms * 1000, lambda: self._connected(connection, self._address(host, port)))
        return number

    def _connected(self, connection: _Connection, address: tuple[str, int] | None, waited_us: int = 0) -> None:
        if connection.closed_here:
            return
        if not self._reachable or address is None:
            if waited_us >= _CONNECT_TIMEOUT_US:
                self._fail(connection, errno.ETIMEDOUT)
                return
            again = waited_us + _SYN_AGAIN_US
            self._clock.after(_SYN_AGAIN_US, lambda: self._connected(connection, address, again))
            return
        if self.refusing:
            self._fail(connection, errno.ECONNREFUSED)
            return
        try:
            connection.real = socket.create_connection(address, timeout=_CONNECT_BOUND_S)
        except OSError:
            self._fail(connection, errno.ECONNREFUSED)
            return
        connection.port = connection.real.getsockname()[1]
        connection.real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.open = True
        self.changed = self.wake = True

    def _fail(self, connection: _Connection, error: int) -> None:
        if not connection.closed_here and not connection.error:
            connection.error = error
            connection.open = False
            self.changed = self.wake = True

    def send(self, number: int, data: bytes) -> int:
        """How many bytes were taken; -1: not now. Raises OSError."""
        connection = self._connection(number)
        if connection.error:
            raise OSError(connection.error, "connection failed")
        if not connection.open or connection.unsent >= _WINDOW_BYTES:
            return -1
        connection.unsent += len(data)
        self._clock.after(self.latency_ms * 500, lambda: self._forward(connection, data))
        return len(data)

    def receive(self, number: int, n: int) -> bytes | None:
        """Up to n bytes, b"" at the end, None when nothing is there yet. Raises OSError."""
        connection = self._connection(number)
        if connection.received:
            data = bytes(connection.received[:n])
            del connection.received[:n]
            return data
        if connection.error:
            raise OSError(connection.error, "connection failed")
        return b"" if connection.ended else None

    def poll(self, number: int) -> int:
        connection = self._connection(number)
        flags = 0
        if connection.received or connection.ended:
            flags |= _POLLIN
        if connection.open and connection.unsent < _WINDOW_BYTES:
            flags |= _POLLOUT
        if connection.error:
            flags |= _POLLERR | _POLLHUP | _POLLIN | _POLLOUT
        return flags

    def hang_up(self, number: int) -> None:
        """The firmware closes. What is on its way still arrives."""
        connection = self._connections.pop(number, None)
        if connection is not None:
            self._leave(connection)

    def processor_stopped(self) -> None:
        """Power cut or reset: the sockets are gone, what was in the air still arrives."""
        for number in list(self._connections):
            self.hang_up(number)
        self._active = False
        self.wlan_disconnect()
        self.changed = self.wake = False

    def _connection(self, number: int) -> _Connection:
        connection = self._connections.get(number)
        if connection is None:
            raise OSError(errno.EBADF, "closed")
        return connection

    def _leave(self, connection: _Connection) -> None:
        connection.closed_here = True
        connection.stalled.clear()
        self._orphans.append(connection)
        self._clock.after(self.latency_ms * 500 + 1, lambda: self._bury(connection))

    def _bury(self, connection: _Connection) -> None:
        if connection in self._orphans:
            self._orphans.remove(connection)
            if connection.real is not None:
                connection.real.close()
                connection.real = None

    def _break(self, connection: _Connection) -> None:
        if connection.real is not None:
            connection.real.close()
            connection.real = None
        connection.coming.clear()
        self._fail(connection, errno.ECONNRESET)

    # -- bytes on their way -------------------------------------------------------------------------------------------

    def _forward(self, connection: _Connection, data: bytes) -> None:
        if connection.real is None:
            return
        if not self.cable_up or connection.stalled:
            if not connection.closed_here:
                connection.stalled.append(data)
            return
        connection.forwarded_us = self._clock.now_us
        try:
            connection.real.settimeout(self.patience_s)
            connection.real.sendall(data)
        except OSError:
            self._came(connection, b"")
            return
        self.bytes_sent += len(data)
        if connection.unsent >= _WINDOW_BYTES:
            self.changed = self.wake = True
        connection.unsent -= len(data)
        connection.flights.client(data)
        if not self._realtime:
            self._wait_for_switch(connection)

    def _retransmit(self) -> None:
        if not self.cable_up:
            return
        for connection in list(self._connections.values()):
            waiting, connection.stalled = connection.stalled, []
            for data in waiting:
                self._forward(connection, data)
            self._deliver(connection)

    def _wait_for_switch(self, connection: _Connection) -> None:
        """Bytes reached the switch: let it deal with them in real time, and take what it sends."""
        end = time.monotonic() + self.patience_s
        while connection.real is not None and self._owes(connection):
            if self._read(connection, _LOOK_S):
                end = time.monotonic() + self.patience_s
            elif time.monotonic() > end:
                raise SwitchSilentError(f"the switch said nothing about a request for {self.patience_s} s of real time")

    def _owes(self, connection: _Connection) -> bool:
        self._listen()
        return connection.flights.owes_reaction if connection.closed_here else connection.flights.owes

    def _listen(self) -> None:
        """What the switch said, to the connection it spoke of."""
        while True:
            try:
                port, answers, delay_ms, closes = self._said.get_nowait()
            except Empty:
                return
            everyone = [*self._connections.values(), *self._orphans]
            if port == _ANY_PORT:
                any(connection.flights.declined() for connection in everyone)
            for connection in everyone:
                if connection.port == port != _ANY_PORT and connection.real is not None:
                    connection.flights.reacted(answers, delay_ms, closes)

    def _read(self, connection: _Connection, wait_s: float) -> bool:
        """Take what the switch sent; True when there was something."""
        real = connection.real
        if real is None:
            return False
        try:
            if not select.select([real], [], [], wait_s)[0]:
                return False
            data = real.recv(65536)
        except OSError:
            data = b""
        self._listen()  # what is said of an answer was said before it was sent
        if not data:
            self._came(connection, connection.flights.rest())
            self._came(connection, b"")
            return True
        for piece, delay_ms in connection.flights.server(data):
            self._came(connection, piece, delay_ms)
        if connection.flights.ended:
            self._came(connection, b"")
        return True

    def _came(self, connection: _Connection, piece: bytes, delay_ms: int = 0) -> None:
        """A piece arrives half a round trip after what it answers, not before what was sent before it. b"": the end."""
        if connection.coming and not connection.coming[-1][1]:
            return
        when_us = max(self._clock.now_us, connection.forwarded_us + self.latency_ms * 500) + delay_ms * 1000
        if self._hold_us and piece:
            when_us += self._hold_us
            self._hold_us = 0
        if connection.coming:
            when_us = max(when_us, connection.coming[-1][0])
        connection.coming.append((when_us, piece))
        if not piece and connection.real is not None:
            connection.real.close()
            connection.real = None
        if when_us > self._clock.now_us:
            self._clock.at(when_us, lambda: self._deliver(connection))
        else:
            self._deliver(connection)

    def _deliver(self, connection: _Connection) -> None:
        if not self.cable_up or connection.closed_here:
            return
        while connection.coming and connection.coming[0][0] <= self._clock.now_us:
            _, data = connection.coming.popleft()
            self.changed = self.wake = True
            if not data:
                connection.ended = True
                continue
            if self._drop_after is not None and self._drop_after <= len(data):
                data, broken = data[: self._drop_after], True
                self._drop_after = None
            else:
                broken = False
                if self._drop_after is not None:
                    self._drop_after -= len(data)
            self.bytes_received += len(data)
            connection.received += data
            if broken:
                self._break(connection)

    # -- the machine --------------------------------------------------------------------------------------------------

    def fds(self) -> list[int]:
        """Real sockets worth waiting for."""
        return [c.real.fileno() for c in self._connections.values() if c.real is not None]

    def pump(self) -> None:
        """Take what came unasked; in simulated time everything else was taken at its moment."""
        for connection in list(self._connections.values()):
            while self._read(connection, 0):
                pass

    def close(self) -> None:
        for connection in [*self._connections.values(), *self._orphans]:
            if connection.real is not None:
                connection.real.close()
        self._connections.clear()
        self._orphans.clear()
