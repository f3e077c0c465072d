"""One terminal's connection: TLS, frames, and answers matched to their requests by the terminal's own code.

Knows no books and no stories. Durations in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from firmware.core.errors import BadAnswer, BadMessage
from firmware.switch.messages import Answer, Messages, Outgoing

_HEADER = 2
CONNECT_S = 30


class NoAnswer(Exception):
    """Nothing came in time, or the line was lost: what was asked may have happened or not."""


def client_context(ca_der: Path) -> ssl.SSLContext:
    """What a terminal demands of a switch: the pinned CA, its name, TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_der.read_bytes())
    return context


class Line:
    """A connection that is open or not; several requests may be in flight."""

    def __init__(self, host: str, port: int, name: str, context: ssl.SSLContext, messages: Messages) -> None:
        self._place = (host, port)
        self._name = name
        self._context = context
        self._messages = messages
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._waiting: dict[tuple[str, str, str, str, int], asyncio.Future[Answer]] = {}
        self.strays = 0
        self.unauthentic = 0

    @property
    def open(self) -> bool:
        return self._writer is not None

    async def connect(self) -> None:
        """Raises OSError, ssl.SSLError or TimeoutError."""
        opening = asyncio.open_connection(
            *self._place, ssl=self._context, server_hostname=self._name, ssl_handshake_timeout=CONNECT_S
        )
        reader, self._writer = await asyncio.wait_for(opening, CONNECT_S)
        self._listening = asyncio.create_task(self._listen(reader))

    async def close(self) -> None:
        """Let go of the connection, whatever is in flight."""
        self._drop()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def ask(self, out: Outgoing, timeout_s: float) -> Answer:
        """Send and wait for the answer that belongs to it. Raises NoAnswer."""
        writer = self._writer
        if writer is None:
            raise NoAnswer("not connected")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[out.key] = future
        try:
            writer.write(len(out.raw).to_bytes(_HEADER, "big") + out.raw)
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise NoAnswer("no answer in time") from error
        except OSError as error:
            raise NoAnswer("connection lost") from error
        finally:
            self._waiting.pop(out.key, None)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        # EOF, a reset, a torn TLS record: the line is lost, and whoever waits hears of it.
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                size = int.from_bytes(await reader.readexactly(_HEADER), "big")
                self._take(await reader.readexactly(size))
        self._drop()

    def _take(self, raw: bytes) -> None:
        try:
            answer = self._messages.read_answer(raw)
        except (BadAnswer, BadMessage):
            self.unauthentic += 1
            return
        future = self._waiting.get(answer.key)
        if future is None or future.done():
            self.strays += 1
        else:
            future.set_result(answer)

    def _drop(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(NoAnswer("connection lost"))
