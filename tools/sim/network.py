"""The network between the terminal and the switch: a wireless access point, a cable, latency, and bad luck.

The firmware's sockets end here (overlay/socket.py); each has a real connection to the switch behind it. Bytes take
half the round trip each way on the simulated clock. No leap while an answer is due: when the answer to what the
terminal sent would arrive, the clock stands still, in real time, until the switch has answered, hung up, was reported
silent by `answer_not_coming`, or a bound is over. So the simulated moment of every answer depends on the latency alone.
In real time nothing waits: bytes come when they come. TCP is modelled as far as programs see it: what is sent while
the cable is out is delivered after it is back, if the connection still lives. Simulated times in milliseconds at the
interface, microseconds inside.
"""

from __future__ import annotations

import errno
import itertools
import select
import socket
import threading
import time
from collections import deque

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
_ANSWER_BOUND_S = 3.0
_MORE_BOUND_S = 0.4


class _Connection:
    """One socket of the firmware and the real one behind it. `error` is what the next receive raises."""

    def __init__(self) -> None:
        self.real: socket.socket | None = None
        self.open = False
        self.error = 0
        self.ended = False  # the switch hung up, everything before it was delivered
        self.closed_here = False
        self.received = bytearray()
        self.coming: deque[tuple[int, bytes]] = deque()  # (when, bytes); empty bytes: the end
        self.stalled: list[bytes] = []
        self.unsent = 0
        self.forwarded_us = 0
        self.forwarded_at = 0.0
        self.answered = True
        self.flights = Flights()


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
        self._silent = 0
        self._lock = threading.Lock()
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

    def answer_not_coming(self, answers: int = 1) -> None:
        """The switch says, from any thread, that it will not answer a request: do not wait for it."""
        with self._lock:
            self._silent += answers

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
        connection = self._connections[number] = _Connection()
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
            connection.real = socket.create_connection(address, timeout=_ANSWER_BOUND_S)
        except OSError:
            self._fail(connection, errno.ECONNREFUSED)
            return
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
        try:
            connection.real.settimeout(_ANSWER_BOUND_S)
            connection.real.sendall(data)
        except OSError:
            connection.coming.append((self._clock.now_us, b""))
            self._clock.after(self.latency_ms * 500, lambda: self._deliver(connection))
            return
        self.bytes_sent += len(data)
        if connection.unsent >= _WINDOW_BYTES:
            self.changed = self.wake = True
        connection.unsent -= len(data)
        connection.flights.client(data)
        connection.answered = False
        connection.forwarded_us, connection.forwarded_at = self._clock.now_us, time.monotonic()
        if not connection.closed_here:
            self._clock.after(self.latency_ms * 500, lambda: self._collect(connection))

    def _retransmit(self) -> None:
        if not self.cable_up:
            return
        for connection in list(self._connections.values()):
            waiting, connection.stalled = connection.stalled, []
            for data in waiting:
                self._forward(connection, data)
            self._deliver(connection)

    def _collect(self, connection: _Connection) -> None:
        """The moment an answer to the newest request can be here: wait for it in real time."""
        if connection.closed_here or self._clock.now_us < connection.forwarded_us + self.latency_ms * 500:
            return
        while not self._realtime and connection.real is not None and self._owes(connection):
            bound_s = _MORE_BOUND_S if connection.answered else _ANSWER_BOUND_S
            if time.monotonic() - connection.forwarded_at > bound_s:
                connection.flights.forgive()
                break
            if not self._read(connection, 0.005):
                continue
            connection.forwarded_at = time.monotonic()
        self._deliver(connection)

    def _owes(self, connection: _Connection) -> bool:
        if connection.flights.owes:
            with self._lock:
                forgiven = min(self._silent, connection.flights.answers_owed)
                self._silent -= forgiven
            connection.flights.forgive(forgiven)
        return connection.flights.owes

    def _read(self, connection: _Connection, wait_s: float) -> bool:
        """Take what the switch sent; True when there was something."""
        real = connection.real
        if real is None or (connection.coming and not connection.coming[-1][1]):
            return False
        try:
            if not select.select([real], [], [], wait_s)[0]:
                return False
            data = real.recv(65536)
        except OSError:
            data = b""
        connection.answered = True
        when_us = max(self._clock.now_us, connection.forwarded_us + self.latency_ms * 500)
        if self._hold_us and data:
            when_us += self._hold_us
            self._hold_us = 0
        if connection.coming:
            when_us = max(when_us, connection.coming[-1][0])
        connection.coming.append((when_us, data))
        if data:
            connection.flights.server(data)
        else:
            connection.flights.forgive()
            real.close()
            connection.real = None
        if when_us > self._clock.now_us:
            self._clock.at(when_us, lambda: self._deliver(connection))
        return True

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
        """Take what came unasked. In virtual time answers that are due are taken at their moment, not here."""
        for connection in list(self._connections.values()):
            if connection.real is not None and (self._realtime or not connection.flights.owes):
                while self._read(connection, 0):
                    pass
                if connection.coming and connection.coming[0][0] <= self._clock.now_us:
                    self._deliver(connection)

    def close(self) -> None:
        for connection in [*self._connections.values(), *self._orphans]:
            if connection.real is not None:
                connection.real.close()
        self._connections.clear()
        self._orphans.clear()
