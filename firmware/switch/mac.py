"""The message MAC of LT-87: AES-CMAC cut to 8 bytes over everything before it, one key per direction.

Holds keys: never logged, never returned. Knows no field: it sees bytes, so a message is checked before it is parsed.
"""

from firmware.core.cmac import Cmac, tag_equal
from firmware.switch.profile import MAC_LENGTH


class MacKeys:
    """The pair of MAC keys in force and its key id (tag 60)."""

    def __init__(self, kid: int, mac_out: bytes, mac_in: bytes) -> None:
        self.kid = kid
        self._out = Cmac(mac_out)
        self._in = Cmac(mac_in)

    def seal(self, body: "bytes | bytearray") -> bytes:
        """The message to send: `body` and its MAC."""
        return bytes(body) + self._out.tag(body)[:MAC_LENGTH]

    def authentic(self, raw: "bytes | memoryview") -> bool:
        """Whether the last 8 bytes are the switch's MAC of what stands before them."""
        if len(raw) <= MAC_LENGTH:
            return False
        view = memoryview(raw)
        return tag_equal(self._in.tag(view[:-MAC_LENGTH])[:MAC_LENGTH], view[-MAC_LENGTH:])
