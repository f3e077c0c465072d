"""The wire between the processor's process and the machine: one request and one answer, a datagram each.

Numbers and layouts are mirrored in overlay/_bus.py and used as plain numbers by the overlay's modules. An answer is
always as long as the request said it must be, because the other end reads exactly that many bytes. Knows nothing of
what a request does. Times in microseconds since the processor's start.
"""

from __future__ import annotations

import enum
import socket
import struct
from typing import NamedTuple

HEADER_BYTES = 16
MAX_PAYLOAD = 4352
_REQUEST = struct.Struct("<BBHiiI")
_REPLY = struct.Struct("<BBhiQ")

FLAG_INTERRUPT = 1  # raise KeyboardInterrupt where the request was made
FLAG_NETWORK = 2  # sockets' readiness may have changed since the last answer


class Op(enum.IntEnum):
    """What can be asked."""

    HELLO = 1
    IDLE = 2
    PIN_MODE = 10
    PIN_WRITE = 11
    PIN_READ = 12
    SPI_INIT = 20
    SPI_TRANSFER = 21
    I2C_WRITE = 30
    I2C_READ = 31
    I2C_INIT = 32
    PWM = 40
    UART_INIT = 50
    UART_WRITE = 51
    UART_READ = 52
    UART_ANY = 53
    WDT_START = 60
    WDT_FEED = 61
    TIMER = 62
    RESET = 70
    SOFT_RESET = 71
    RTC_SET = 72
    KBD_INTR = 73
    PROGRAM_ENDED = 74
    HEAP = 75
    FLASH_READ = 80
    FLASH_PROGRAM = 81
    FLASH_ERASE = 82
    RESOLVE = 90
    CONNECT = 91
    SEND = 92
    RECEIVE = 93
    POLL = 94
    CLOSE = 95
    WLAN_ACTIVE = 96
    WLAN_CONNECT = 97
    WLAN_STATUS = 98
    WLAN_DISCONNECT = 99


class Request(NamedTuple):
    """`reply` is how many payload bytes the answer must have; `spent_us` what the program used of its time since."""

    op: int
    seq: int
    reply: int
    a: int
    b: int
    spent_us: int
    data: bytes


class LinkClosedError(Exception):
    """The other end is gone."""


class Link:
    """The machine's end of the socket pair; `remote_fd` is what the processor's process inherits."""

    def __init__(self, wait_ms: int = 20) -> None:
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A receive time-out in the kernel saves a poll() for every request.
        self._here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, wait_ms * 1000))

    @property
    def remote_fd(self) -> int:
        return self._there.fileno()

    def fileno(self) -> int:
        return self._here.fileno()

    def handed_over(self) -> None:
        """The process has its end; close ours so that its death is seen."""
        self._there.close()

    def receive(self, wait: bool = True) -> Request | None:
        """The next request, or None when none came within the link's waiting time."""
        try:
            datagram = self._here.recv(HEADER_BYTES + MAX_PAYLOAD, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError as error:
            raise LinkClosedError from error
        if not datagram:
            raise LinkClosedError
        op, seq, reply, a, b, spent_us = _REQUEST.unpack_from(datagram)
        return Request(op, seq, reply, a, b, spent_us, datagram[HEADER_BYTES:])

    def answer(self, request: Request, now_us: int, flags: int, status: int, value: int, payload: bytes = b"") -> None:
        """Send the answer; the payload is cut or filled to the length that was asked for."""
        body = payload[: request.reply].ljust(request.reply, b"\0")
        try:
            self._here.send(_REPLY.pack(flags, request.seq, status, value, now_us) + body)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise LinkClosedError from error

    def close(self) -> None:
        self._here.close()
        self._there.close()
