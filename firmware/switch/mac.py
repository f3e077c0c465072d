"""The message MAC of LT-87: AES-CMAC cut to 8 bytes over everything before it, one key per direction.

Holds keys: never logged, never returned. Knows no field: it sees bytes, so a message is checked before it is parsed.
While keys are being changed there are two pairs: the one in force, under which everything is sent, and one on offer.
"""

from firmware.core.cmac import Cmac, tag_equal
from firmware.switch.profile import MAC_LENGTH


class MacKeys:
    """The pair of MAC keys in force and its key id (tag 60); `offered` is the pair that may come after it."""

    def __init__(self, kid: int, mac_out: bytes, mac_in: bytes) -> None:
        self.kid = kid
        self._out = Cmac(mac_out)
        self._in = Cmac(mac_in)
        self.offered: "MacKeys | None" = None

    def take_offered(self) -> None:
        """The pair on offer is in force from now on, and the former one is nowhere any more."""
        offered = self.offered
        assert offered is not None
        self.kid, self._out, self._in, self.offered = offered.kid, offered._out, offered._in, None

    def seal(self, body: "bytes | bytearray") -> bytes:
        """The message to send: `body` and its MAC."""
        return bytes(body) + self._out.tag(body)[:MAC_LENGTH]

    def authentic(self, raw: "bytes | memoryview") -> "int | None":
        """Key id of the pair under which the last 8 bytes are the switch's MAC of what stands before; None: of none."""
        if len(raw) <= MAC_LENGTH:
            return None
        view = memoryview(raw)
        if tag_equal(self._in.tag(view[:-MAC_LENGTH])[:MAC_LENGTH], view[-MAC_LENGTH:]):
            return self.kid
        return self.offered.authentic(raw) if self.offered is not None else None
