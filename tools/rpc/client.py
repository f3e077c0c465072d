"""`Line`: asks a running terminal over its serial port, one request at a time.

    with Line.open("/dev/ttyACM0") as line:
        print(line.call("hello"))

Each request carries a CRC and an id. Without an answer within a second the same line goes again, three times at most:
the terminal answers a line it knows again and does not carry it out again. An answer too long for one line is fetched
in pieces. What the terminal tells by itself is kept for `events`; what it says to people, for `said`. Seconds. RTS and
DTR stay as they are from the opening on: on an ESP32-S3 a change of both starts its loader.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import serial

BAUD = 115_200
REPEAT_S = 1.0
TRIES = 3
METHOD_S = 35.0  # a method may take 30 s; while it does, each repeat is answered with `working`
LONGEST_REQUEST = 240
_BUSY = 1001
_TORN = (1008, -32700, -32600)
_KEPT_EVENTS = 1000
_KEPT_LINES = 1000


class Stream(Protocol):
    """What a serial port offers of pyserial's."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1, /) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...
    def close(self) -> None: ...


class RpcError(Exception):
    """The terminal answered with an error: `number` of JSON-RPC, `code` a heading of docs/troubleshooting.md."""

    def __init__(self, number: int, text: str, code: str, retry_ms: int = 0, next_step: str = "") -> None:
        super().__init__(text)
        self.number = number
        self.text = text
        self.code = code
        self.retry_ms = retry_ms
        self.next_step = next_step


class NoAnswer(Exception):
    """Nothing came back, however often it was asked: no terminal, another program, or the port is gone."""


class RequestTooLong(ValueError):
    """The terminal takes no line of more than 240 bytes."""


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740: polynomial 1021h, begins with FFFFh; of "123456789" it is 29B1h."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


def framed(request: dict[str, Any]) -> bytes:
    """The line of a request, ASCII only."""
    text = json.dumps(request, separators=(",", ":")).encode()
    line = text + b"*%04x" % crc16(text)
    if len(line) > LONGEST_REQUEST:
        raise RequestTooLong(f"{len(line)} bytes, and a line has at most {LONGEST_REQUEST}")
    return line + b"\n"


def unframed(line: bytes) -> dict[str, Any] | None:
    """What a line says to programs; None when it is for people, torn, or nothing at all."""
    if not line.startswith(b"{"):
        return None
    if line[-5:-4] == b"*":
        try:
            if int(line[-4:], 16) != crc16(line[:-5]):
                return None
        except ValueError:
            return None
        line = line[:-5]
    try:
        found = json.loads(line)
    except ValueError:  # UnicodeDecodeError, too
        return None
    return found if isinstance(found, dict) else None


class Line:
    """`stream` reads without waiting longer than a few milliseconds. `idle` is called while nothing comes (tests let
    simulated time pass with it)."""

    def __init__(self, stream: Stream, *, idle: Callable[[], object] | None = None) -> None:
        self._stream = stream
        self._idle = idle or (lambda: time.sleep(0.002))
        self._buffer = b""
        self._id = int(time.time()) % 1_000_000 * 1000  # another than those of the program before
        self._events: deque[dict[str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._replies: list[dict[str, Any]] = []
        self._working = False

    @classmethod
    def open(cls, port: str, *, exclusive: bool = True) -> Self:
        """Raises serial.SerialException (an OSError) when there is no such port, or another program has it."""
        # Asserted both, as a terminal program holds them, and never touched again.
        made = serial.Serial(None, BAUD, timeout=0, write_timeout=5, exclusive=exclusive)
        made.dtr = made.rts = True
        made.port = port
        made.open()
        return cls(made)

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- asking -------------------------------------------------------------------------------------------------------

    def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout: float = METHOD_S, tries: int = TRIES
    ) -> dict[str, Any]:
        """The result. Raises RpcError, NoAnswer, RequestTooLong, OSError. A terminal that is busy is asked again as
        long as the time lasts: it did nothing for the line it refused."""
        result, end = None, time.monotonic() + timeout
        while result is None:
            try:
                result = self._once(method, params or {}, timeout, tries)
            except RpcError as error:
                if error.number != _BUSY or not error.retry_ms or time.monotonic() + error.retry_ms / 1000 > end:
                    raise
                self.wait(error.retry_ms / 1000)
        if set(result) != {"piece", "next"}:
            return result
        text = result["piece"]
        while result["next"]:
            if time.monotonic() > end:
                raise NoAnswer("the answer is longer than the time for it")
            result = self._once("next", {"from": result["next"]}, timeout, tries)
            text += result["piece"]
        whole = json.loads(text)
        assert isinstance(whole, dict)
        return whole

    def _once(self, method: str, params: dict[str, Any], timeout: float, tries: int) -> dict[str, Any]:
        self._id += 1
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": self._id, "method": method}
        if params:
            request["params"] = params
        line = framed(request)
        end = time.monotonic() + timeout
        for _ in range(max(tries, round(timeout / REPEAT_S))):
            # A line end first closes what a program before left half written.
            self._stream.write(b"\n" + line)
            self._working = False
            reply = self._reply(min(time.monotonic() + REPEAT_S, end))
            if reply is not None:
                return _result(reply)
            tries -= 1
            if time.monotonic() >= end or (tries <= 0 and not self._working):
                break
        raise NoAnswer(f"no answer to {method}")

    def _reply(self, until: float) -> dict[str, Any] | None:
        while True:
            found, self._replies = self._replies, []
            for reply in found:
                if reply.get("id") == self._id:
                    return reply
                if reply.get("id") is None and reply.get("error", {}).get("code") in _TORN:
                    return None  # the line arrived, but not as it was sent
            if time.monotonic() >= until:
                return None
            self.pump()

    # --- listening ----------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Take what has come, or wait a moment for more."""
        waiting = self._stream.in_waiting
        if not waiting:
            self._idle()
            return
        *lines, self._buffer = (self._buffer + self._stream.read(waiting)).split(b"\n")
        self._buffer = self._buffer[-65536:]
        for line in lines:
            self._hear(line.rstrip(b"\r"))

    def _hear(self, line: bytes) -> None:
        told = unframed(line)
        if told is None:
            if line.startswith(b"# "):
                self._lines.append(line[2:].decode("utf-8", "replace"))
        elif told.get("method") == "working":
            self._working = told.get("params", {}).get("id") == self._id
        elif "method" in told:
            self._events.append({"event": told["method"], **told.get("params", {})})
        else:
            self._replies.append(told)

    def wait(self, seconds: float) -> None:
        """Only listen, so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.pump()

    def events(self, seconds: float = 0.0) -> Iterator[dict[str, Any]]:
        """What the terminal told by itself: each with `event` and a rising `seq`; waits so long for more."""
        until = time.monotonic() + seconds
        while True:
            while self._events:
                yield self._events.popleft()
            if time.monotonic() >= until:
                return
            self.pump()

    def said(self) -> list[str]:
        """Lines for people since the last call."""
        found = list(self._lines)
        self._lines.clear()
        return found

    def send(self, words: str) -> None:
        """Words as a person types them, and nothing more."""
        self._stream.write(b"\r" + words.encode() + b"\r")

    def type(self, words: str, seconds: float = 1.0) -> list[str]:
        """Send words as a person does; the lines that come within the time."""
        self.said()
        self.send(words)
        self.wait(seconds)
        return self.said()


def _result(reply: dict[str, Any]) -> dict[str, Any]:
    error = reply.get("error")
    if isinstance(error, dict):
        data = error.get("data") or {}
        text = data.get("text") or error.get("message", "")
        raise RpcError(
            error.get("code", 0), text, str(data.get("code", "")), data.get("retry_ms", 0), data.get("next", "")
        )
    result = reply.get("result")
    return result if isinstance(result, dict) else {}
