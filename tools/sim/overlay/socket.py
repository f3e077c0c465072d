"""Runs inside MicroPython: stream sockets whose bytes go through the modelled network, on the simulated clock.

A socket here is a Python stream; `tls` wraps it like any other. Readiness is asked once per change of the network.
"""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import io

import _bus

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
IPPROTO_TCP = 6
SOL_SOCKET = 1
SO_REUSEADDR = 2
SO_KEEPALIVE = 9
_EAGAIN = 11
_EBADF = 9
_EINPROGRESS = 115
_ENOTCONN = 107
_ETIMEDOUT = 110
_CHUNK = 2048
_POLL_REQUEST = 3
_CLOSE_REQUEST = 4


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    failure = _bus.call(90, 0, 0, 0, host.encode())
    if failure:
        raise OSError(-failure)  # the boards' resolver has negative numbers
    return [(AF_INET, SOCK_STREAM, IPPROTO_TCP, "", (host, port))]


_DNS_PORT = 53
_named = []  # hosts that were asked for; the n-th has the address 198.18.0.n (RFC 2544)
_ADDRESSES = "198.18.0."


def _name_server(query):
    """The answer to a query for an address; None when nobody answers."""
    labels = []
    at = 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    host = ".".join(labels)
    if _bus.call(90, 0, 0, 0, host.encode()):
        return None
    if host not in _named:
        _named.append(host)
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc6\x12\x00" + bytes([_named.index(host) + 1])
    return query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + query[12:] + record


class _Datagrams:
    """A datagram socket as far as a resolver needs one: the network's name server answers, nobody else does."""

    def __init__(self):
        self._answer = None

    def setblocking(self, flag):
        pass

    def sendto(self, data, address):
        if address[1] == _DNS_PORT:
            self._answer = _name_server(bytes(data))
        return len(data)

    def recv(self, n, flags=0):
        answer, self._answer = self._answer, None
        if answer is None:
            raise OSError(_EAGAIN)
        return answer[:n]

    def close(self):
        pass


class socket(io.IOBase):
    def __new__(cls, af=AF_INET, type=SOCK_STREAM, proto=0):
        return _Datagrams() if type == SOCK_DGRAM else super().__new__(cls)

    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        if type != SOCK_STREAM:
            raise OSError(93)
        self._id = -1
        self._timeout_us = -1  # -1: wait for ever; 0: never wait
        self._ready = 0
        self._asked_at = -1

    def setblocking(self, flag):
        self._timeout_us = -1 if flag else 0

    def settimeout(self, value):
        self._timeout_us = -1 if value is None else int(value * 1_000_000)

    def setsockopt(self, *_arguments):
        pass

    def fileno(self):
        return -1

    def connect(self, address):
        if self._id >= 0:
            raise OSError(106)
        host, port = address
        if host.startswith(_ADDRESSES):
            host = _named[int(host[len(_ADDRESSES) :]) - 1]
        self._id = _bus.call(91, port, 0, 0, host.encode())
        _bus.network_changes += 1
        if self._timeout_us == 0:
            raise OSError(_EINPROGRESS)
        self._wait(4)
        if self._poll() & 8:
            _bus.call(93, self._id, 1, 1)  # raises what went wrong

    def _poll(self):
        if self._id < 0:
            return 0x10
        if self._asked_at != _bus.network_changes:
            self._asked_at = _bus.network_changes
            self._ready = _bus.call(94, self._id)
        return self._ready

    def _wait(self, events):
        until = -1 if self._timeout_us < 0 else _bus.ticks() + self._timeout_us
        while not self._poll() & (events | 8 | 0x10):
            left = -1 if until < 0 else until - _bus.ticks()
            if until >= 0 and left <= 0:
                raise OSError(_ETIMEDOUT)
            _bus.idle(left)

    def _receive(self, n):
        """How many bytes lie in the answer; None when there are none yet."""
        if self._id < 0:
            raise OSError(_ENOTCONN)
        if self._timeout_us:
            self._wait(1)
        n = min(n, _CHUNK)
        _bus.network_changes += 1
        got = _bus.call(93, self._id, n, n)
        return None if got < 0 else got

    def readinto(self, buf, nbytes=None):
        got = self._receive(len(buf) if nbytes is None else min(nbytes, len(buf)))
        if got:
            buf[:got] = _bus.payload(got)
        return got

    def _take(self, n):
        got = self._receive(n)
        return None if got is None else bytes(_bus.payload(got))

    def recv(self, n, flags=0):
        result = self._take(n)
        if result is None:
            raise OSError(_EAGAIN)
        return result

    def read(self, n=-1):
        """With a blocking socket all n bytes or up to the end; otherwise what is there, None when nothing is."""
        result = b""
        while n < 0 or len(result) < n:
            part = self._take(_CHUNK if n < 0 else n - len(result))
            if part is None:
                return result or None
            if not part:
                return result
            result += part
        return result

    def readline(self):
        result = b""
        while not result.endswith(b"\n"):
            part = self._take(1)
            if part is None:
                return result or None
            if not part:
                break
            result += part
        return result

    def write(self, buf, *bounds):
        if self._id < 0:
            raise OSError(_ENOTCONN)
        if bounds:
            start, n = (0, bounds[0]) if len(bounds) == 1 else bounds
            buf = memoryview(buf)[start : start + n]
        if self._timeout_us:
            self._wait(4)
        _bus.network_changes += 1
        sent = _bus.call(92, self._id, 0, 0, memoryview(buf)[:_CHUNK])
        if sent < 0:
            return None
        if self._timeout_us and sent < len(buf):
            return sent + self.write(memoryview(buf)[sent:])
        return sent

    def send(self, buf):
        sent = self.write(buf)
        if sent is None:
            raise OSError(_EAGAIN)
        return sent

    def sendall(self, buf):
        view = memoryview(buf)
        while len(view) > 0:
            view = view[self.send(view) :]

    def ioctl(self, request, argument):
        if request == _POLL_REQUEST:
            return self._poll() & (argument | 0x38)
        if request == _CLOSE_REQUEST:
            self.close()
            return 0
        return -22

    def close(self):
        if self._id >= 0:
            _bus.call(95, self._id)
            self._id = -1

    def makefile(self, *_arguments):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()
