"""Looks at the outside of a TLS 1.2 connection and says whether the server still owes something.

Record types and the handshake's plain part are visible on the wire (RFC 5246 sections 6.2.1 and 7.4). What becomes of a
request only the server knows: it says so with `reacted`, before the answer leaves; then the simulated clock can stand
still exactly as long as something is due, and no longer. Of a server that does not speak (`told` False) one answer is
expected for each request. A connection that does not begin like TLS owes an answer after every client byte until any
server byte came. Nothing is decrypted. Delays in milliseconds.
"""

from __future__ import annotations

from collections import deque

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_SERVER_HELLO_DONE = 14


class _Records:
    """Cuts a byte stream into records, heads included."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        self.rest += data
        records = []
        while len(self.rest) >= 5:
            end = 5 + int.from_bytes(self.rest[3:5], "big")
            if len(self.rest) < end:
                break
            records.append(self.rest[:end])
            self.rest = self.rest[end:]
        return records


class Flights:
    """What travelled on one connection. `told`: the server says what becomes of each request."""

    def __init__(self, told: bool = False) -> None:
        self._told = told
        self._tls: bool | None = None
        self._client, self._server = _Records(), _Records()
        self._client_ciphered = self._server_ciphered = False
        self._handshake = b""  # the server's plain handshake messages
        self._owes_turn = False  # of the handshake, or of a connection without TLS
        self._requests = self._reactions = 0
        self._answers: deque[int] = deque()  # on their way: how much later than at once each shall arrive
        self._closing = False
        self.ended = False  # the server said goodbye

    @property
    def owes_reaction(self) -> bool:
        """The server has not dealt with every request yet."""
        return self._reactions < self._requests

    @property
    def owes(self) -> bool:
        """The client waits, or something of the server's is still under way."""
        if self.ended:
            return False
        return bool(self._owes_turn or self.owes_reaction or self._answers or self._closing or self._server.rest)

    def client(self, data: bytes) -> None:
        """Bytes that went to the server."""
        if self._tls is None:
            self._tls = data[:1] == bytes([_HANDSHAKE])
        if not self._tls:
            self._owes_turn = True
            return
        for record in self._client.feed(data):
            kind = record[0]
            if kind == _APPLICATION:
                self._requests += 1
                if not self._told:
                    self.reacted(1)
            elif kind == _CHANGE_CIPHER_SPEC:
                self._client_ciphered = True
            elif kind == _ALERT:
                self._closing = True  # no server goes on after that
            elif self._client_ciphered or not self._handshake:
                self._owes_turn = True  # ClientHello, or Finished

    def reacted(self, answers: int, delay_ms: int = 0, closes: bool = False) -> None:
        """The server dealt with the next request: 0 or 1 answers follow, then perhaps the end."""
        self._reactions += 1
        self._answers.extend([delay_ms] * answers)
        self._closing |= closes

    def server(self, data: bytes) -> list[tuple[bytes, int]]:
        """Bytes that came back; what is complete, each with the delay it shall have."""
        if not self._tls:
            self._owes_turn = False
            return [(data, 0)]
        return [(record, self._record(record)) for record in self._server.feed(data)]

    def _record(self, record: bytes) -> int:
        kind = record[0]
        if kind == _ALERT:
            self.ended = True
        elif kind == _APPLICATION:
            return self._answers.popleft() if self._answers else 0
        elif kind == _CHANGE_CIPHER_SPEC:
            self._server_ciphered = True
        elif self._server_ciphered:
            self._owes_turn = False  # Finished
        else:
            self._handshake += record[5:]
            if self._plain_done():
                self._owes_turn = False
        return 0

    def _plain_done(self) -> bool:
        at = 0
        while at + 4 <= len(self._handshake):
            if self._handshake[at] == _SERVER_HELLO_DONE:
                return True
            at += 4 + int.from_bytes(self._handshake[at + 1 : at + 4], "big")
        return False

    def rest(self) -> bytes:
        """The server hung up: what is left of a record it did not finish."""
        self.ended = True
        rest, self._server.rest = self._server.rest, b""
        return rest

    def declined(self) -> bool:
        """An answer that was expected will not come; False when none was."""
        if self._answers:
            self._answers.popleft()
            return True
        return False
