"""Looks at the outside of a TLS 1.2 connection and says whether the server still owes something.

Record types and the handshake's plain part are visible on the wire (RFC 5246 sections 6.2.1 and 7.4). With that the
simulated clock can stand still exactly as long as an answer is due, and no longer. A connection that does not begin
like TLS owes an answer after every client byte until any server byte came. Nothing is decrypted.
"""

from __future__ import annotations

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_SERVER_HELLO_DONE = 14


class _Records:
    """Cuts a byte stream into records."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def partial(self) -> bool:
        return bool(self._rest)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self._rest += data
        records = []
        while len(self._rest) >= 5:
            end = 5 + int.from_bytes(self._rest[3:5], "big")
            if len(self._rest) < end:
                break
            records.append((self._rest[0], self._rest[5:end]))
            self._rest = self._rest[end:]
        return records


class Flights:
    """What travelled on one connection."""

    def __init__(self) -> None:
        self._tls: bool | None = None
        self._client, self._server = _Records(), _Records()
        self._client_ciphered = self._server_ciphered = False
        self._handshake = b""  # the server's plain handshake messages
        self._owed = 0

    @property
    def owes(self) -> bool:
        """The client waits and the server has not answered in full."""
        return self._owed > 0 or (self._tls is True and self._server.partial)

    @property
    def answers_owed(self) -> int:
        return self._owed

    def client(self, data: bytes) -> None:
        """Bytes that went to the server."""
        if self._tls is None:
            self._tls = data[:1] == bytes([_HANDSHAKE])
        if not self._tls:
            self._owed = 1
            return
        for kind, _ in self._client.feed(data):
            if kind == _APPLICATION:
                self._owed += 1
            elif kind == _CHANGE_CIPHER_SPEC:
                self._client_ciphered = True
            elif kind == _HANDSHAKE and (self._client_ciphered or not self._handshake):
                self._owed = 1  # ClientHello, or Finished

    def server(self, data: bytes) -> None:
        """Bytes that came back."""
        if not self._tls:
            self._owed = 0
            return
        for kind, body in self._server.feed(data):
            if kind == _ALERT:
                self._owed = 0
            elif kind == _APPLICATION:
                self._owed = max(0, self._owed - 1)
            elif kind == _CHANGE_CIPHER_SPEC:
                self._server_ciphered = True
            elif kind == _HANDSHAKE and self._server_ciphered:
                self._owed = 0  # Finished
            elif kind == _HANDSHAKE:
                self._handshake += body
                if self._plain_done():
                    self._owed = 0

    def _plain_done(self) -> bool:
        at = 0
        while at + 4 <= len(self._handshake):
            if self._handshake[at] == _SERVER_HELLO_DONE:
                return True
            at += 4 + int.from_bytes(self._handshake[at + 1 : at + 4], "big")
        return False

    def forgive(self, answers: int | None = None) -> None:
        """That many answers (or all) will not come."""
        self._owed = 0 if answers is None else max(0, self._owed - answers)
