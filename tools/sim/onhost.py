"""Lets the firmware's modules run under CPython: the few names MicroPython has and CPython lacks.

`install()` adds `micropython`, `cryptolib`, `deflate`, `framebuf` and `tls`, the tick functions of `time`, and the
millisecond functions of `asyncio`. Ticks read `ticks_source` and blocking sleeps call `sleep_source`; an event loop on
virtual time replaces both. The firmware itself never knows; nothing here is shipped.
"""

from __future__ import annotations

import asyncio
import functools
import io
import selectors
import ssl
import subprocess
import sys
import time
import types
import zlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

_TICKS_MASK = (1 << 30) - 1
_VLSB, _HLSB = 0, 3  # framebuf's own numbers
_HALF = 1 << 29

T = TypeVar("T")


def _real_us() -> int:
    return time.monotonic_ns() // 1000


def _real_sleep_us(us: int) -> None:
    time.sleep(us / 1_000_000)


ticks_source: Callable[[], int] = _real_us
sleep_source: Callable[[int], None] = _real_sleep_us


def _sleep_us(us: int) -> None:
    sleep_source(us)


def _ticks_us() -> int:
    return ticks_source() & _TICKS_MASK


def _ticks_ms() -> int:
    return ticks_source() // 1000 & _TICKS_MASK


def _ticks_add(ticks: int, delta: int) -> int:
    return (ticks + delta) & _TICKS_MASK


def _ticks_diff(one: int, other: int) -> int:
    return ((one - other + _HALF) & _TICKS_MASK) - _HALF


class _Aes:
    """`cryptolib.aes`: mode 1 is ECB, 2 is CBC with a running IV."""

    def __init__(self, key: bytes, mode: int, iv: bytes | None = None) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if mode not in (1, 2):
            raise ValueError("mode")
        cipher = Cipher(algorithms.AES(key), modes.ECB() if mode == 1 else modes.CBC(iv or bytes(16)))
        self._encryptor: Any = cipher.encryptor()
        self._decryptor: Any = cipher.decryptor()

    def encrypt(self, data: bytes, out: bytearray | None = None) -> Any:
        return self._into(self._encryptor.update(bytes(data)), out)

    def decrypt(self, data: bytes, out: bytearray | None = None) -> Any:
        return self._into(self._decryptor.update(bytes(data)), out)

    @staticmethod
    def _into(result: bytes, out: bytearray | None) -> Any:
        if out is None:
            return result
        out[:] = result
        return out


@functools.cache
def font8x8() -> dict[str, bytes]:
    """The 8x8 font of MicroPython's framebuf, read out of the interpreter: 8 column bytes a printable character."""
    program = (
        "import framebuf,sys\n"
        "for c in range(32,127):\n"
        " b=bytearray(8);f=framebuf.FrameBuffer(b,8,8,framebuf.MONO_VLSB);f.text(chr(c),0,0,1)\n"
        " print(b.hex())"
    )
    lines = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.split()
    return {chr(32 + i): bytes.fromhex(line) for i, line in enumerate(lines)}


class _DeflateIO(io.RawIOBase):
    """`deflate.DeflateIO` for reading: all of `stream`, inflated."""

    def __init__(self, stream: Any, form: int, window_bits: int) -> None:
        if form != 1:
            raise ValueError("only RAW is modelled")
        packed, piece = bytearray(), bytearray(512)
        while count := stream.readinto(piece):
            packed += piece[:count]
        self._content = io.BytesIO(zlib.decompress(packed, -window_bits))

    def readinto(self, buffer: Any) -> int:
        return self._content.readinto(buffer)


class FrameBuffer:
    """`framebuf.FrameBuffer` for MONO_VLSB and MONO_HLSB, as far as the firmware draws."""

    def __init__(self, buffer: bytearray, width: int, height: int, mode: int) -> None:
        if mode not in (_VLSB, _HLSB) or (mode == _HLSB and width % 8):
            raise ValueError("only MONO_VLSB, and MONO_HLSB of whole bytes, are modelled")
        self._buffer, self._width, self._height, self._rows = buffer, width, height, mode == _HLSB

    def pixel(self, x: int, y: int, colour: int | None = None) -> int | None:
        if not (0 <= x < self._width and 0 <= y < self._height):
            return 0 if colour is None else None
        if self._rows:
            at, bit = y * self._width + x >> 3, 0x80 >> (x & 7)
        else:
            at, bit = (y >> 3) * self._width + x, 1 << (y & 7)
        if colour is None:
            return 1 if self._buffer[at] & bit else 0
        self._buffer[at] = self._buffer[at] | bit if colour else self._buffer[at] & ~bit
        return None

    def fill(self, colour: int) -> None:
        self._buffer[:] = bytes([255 if colour else 0]) * len(self._buffer)

    def fill_rect(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        for row in range(y, y + height):
            for column in range(x, x + width):
                self.pixel(column, row, colour)

    def hline(self, x: int, y: int, width: int, colour: int) -> None:
        self.fill_rect(x, y, width, 1, colour)

    def vline(self, x: int, y: int, height: int, colour: int) -> None:
        self.fill_rect(x, y, 1, height, colour)

    def rect(self, x: int, y: int, width: int, height: int, colour: int, fill: bool = False) -> None:
        if fill:
            self.fill_rect(x, y, width, height, colour)
            return
        self.hline(x, y, width, colour)
        self.hline(x, y + height - 1, width, colour)
        self.vline(x, y, height, colour)
        self.vline(x + width - 1, y, height, colour)

    def text(self, text: str, x: int, y: int, colour: int = 1) -> None:
        font = font8x8()
        for i, character in enumerate(text):
            for column, bits in enumerate(font.get(character, font["?"])):
                for row in range(8):
                    if bits >> row & 1:
                        self.pixel(x + i * 8 + column, y + row, colour)

    def blit(self, source: FrameBuffer, x: int, y: int, key: int = -1) -> None:
        if key in (0, 1) and not source._rows:  # only what is drawn is looked at: text is drawn so
            flip = 255 if key else 0
            for at, bits in enumerate(source._buffer):
                left = bits ^ flip
                while left:
                    row = (at // source._width << 3) + (left & -left).bit_length() - 1
                    left &= left - 1
                    if row < source._height:
                        self.pixel(x + at % source._width, y + row, 1 - key)
            return
        for row in range(source._height):
            for column in range(source._width):
                colour = source.pixel(column, row)
                if colour != key:
                    self.pixel(x + column, y + row, colour)


class _TlsContext(ssl.SSLContext):
    """`tls.SSLContext`: the CA is one DER certificate, the only argument and without a name, as on the device."""

    def load_verify_locations(self, cadata: bytes, /) -> None:  # type: ignore[override]
        try:
            super().load_verify_locations(cadata=bytes(cadata))
        except ssl.SSLError as error:
            raise ValueError("invalid cert") from error


def _module(name: str, **members: object) -> None:
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    sys.modules.setdefault(name, module)


async def _sleep_ms(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


async def _wait_for_ms(awaitable: Any, timeout_ms: int) -> Any:
    return await asyncio.wait_for(awaitable, timeout_ms / 1000)


def install() -> None:
    """Make the names available, once; harmless to call again."""
    _module(
        "micropython", const=lambda value: value, kbd_intr=lambda _char: None, native=lambda f: f, viper=lambda f: f
    )
    _module("cryptolib", aes=_Aes)
    _module("deflate", DeflateIO=_DeflateIO, RAW=1)
    _module("framebuf", FrameBuffer=FrameBuffer, MONO_VLSB=_VLSB, MONO_HLSB=_HLSB)
    _module(
        "tls",
        SSLContext=_TlsContext,
        PROTOCOL_TLS_CLIENT=ssl.PROTOCOL_TLS_CLIENT,
        CERT_REQUIRED=ssl.CERT_REQUIRED,
    )
    extras: dict[str, object] = {
        "ticks_us": _ticks_us,
        "ticks_ms": _ticks_ms,
        "ticks_add": _ticks_add,
        "ticks_diff": _ticks_diff,
        "sleep_ms": lambda ms: sleep_source(ms * 1000),
        "sleep_us": _sleep_us,
    }
    for name, value in extras.items():
        setattr(time, name, value)
    asyncio.sleep_ms = _sleep_ms  # type: ignore[attr-defined]
    asyncio.wait_for_ms = _wait_for_ms  # type: ignore[attr-defined]


class Timeline(Protocol):
    """A clock that waiting and modelled hardware advance, in microseconds; `tools.sim.clock.SimClock` is one."""

    now_us: int

    def advance(self, us: int) -> None: ...


class _FreeClock:
    """A timeline with no hardware on it."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def advance(self, us: int) -> None:
        self.now_us += us


class _LeapingSelector(selectors.DefaultSelector):
    """Advances the timeline instead of waiting. A waiting socket does not hold it."""

    def __init__(self, clock: Timeline) -> None:
        super().__init__()
        self._timeline = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("deadlock: every task waits and no timer runs")
            # A timer within the next microsecond must not be asked for again and again without an end.
            self._timeline.advance(max(round(timeout * 1_000_000), 1 if timeout > 0 else 0))
        return ready


class _TimelineLoop(asyncio.SelectorEventLoop):
    """An event loop on which `sleep` takes only simulated time; deterministic."""

    def __init__(self, clock: Timeline) -> None:
        self._timeline = clock
        super().__init__(_LeapingSelector(clock))

    def time(self) -> float:
        return self._timeline.now_us / 1_000_000


def run_on(clock: Timeline, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end with ticks, sleeps and the event loop on one timeline."""
    global ticks_source, sleep_source
    before, ticks_source = ticks_source, lambda: clock.now_us
    slept, sleep_source = sleep_source, clock.advance
    loop = _TimelineLoop(clock)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        ticks_source, sleep_source = before, slept
        loop.close()


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a firmware coroutine to its end on virtual time."""
    return run_on(_FreeClock(), coroutine)
