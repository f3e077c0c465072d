"""MIFARE Classic 1K: sixteen sectors behind Crypto1 (MF1S50yyX/V1 data sheet rev 3.2).

Crypto1 is modelled by what it decides, not by its bits: a proof names the key and UID the reader used, and a session
is an object both sides must share. Commands in the clear after authentication, or enciphered before it, are noise.
"""

from __future__ import annotations

from tools.sim.cards.frames import Answer, Frame, with_crc
from tools.sim.cards.iso14443a import ACK, ACTIVE, Card

_AUTH_A, _AUTH_B, _READ, _WRITE = 0x60, 0x61, 0x30, 0xA0
NAK_NOT_ALLOWED, NAK_CRC = 0x04, 0x05
TRANSPORT_KEY = b"\xff" * 6
TRANSPORT_ACCESS = bytes.fromhex("ff078069")
_WRITE_US = 2_500
_BLOCKS = 64

# Section 8.7.3, by access bits C1 C2 C3: keys that may read and write a data block.
_DATA_RIGHTS = {
    0b000: ("AB", "AB"), 0b010: ("AB", ""), 0b100: ("AB", "B"), 0b110: ("AB", "B"),
    0b001: ("AB", ""), 0b011: ("B", "B"), 0b101: ("B", ""), 0b111: ("", ""),
}  # fmt: skip
# Section 8.7.2: keys that may write key A, read access, write access, read key B, write key B.
_TRAILER_RIGHTS = {
    0b000: ("A", "A", "", "A", "A"), 0b010: ("", "A", "", "A", ""), 0b100: ("B", "AB", "", "", "B"),
    0b110: ("", "AB", "", "", ""), 0b001: ("A", "A", "A", "A", "A"), 0b011: ("B", "AB", "B", "", "B"),
    0b101: ("", "AB", "B", "", ""), 0b111: ("", "AB", "", "", ""),
}  # fmt: skip


class Classic1k(Card):
    """A 1 KB card in transport state; `blocks` puts content in by block number, keys included."""

    kind = "classic"
    atqa_low = 0x04
    sak = 0x08

    def __init__(self, uid: bytes, *, blocks: dict[int, bytes] | None = None) -> None:
        self.memory = bytearray(_BLOCKS * 16)
        self.auth_us = 0
        self.refused = 0
        self._asked: tuple[int, str] | None = None
        self._open: tuple[int, str] | None = None
        self._writing: int | None = None
        super().__init__(uid)
        self.memory[: len(uid)] = uid
        if len(uid) == 4:
            self.memory[4] = uid[0] ^ uid[1] ^ uid[2] ^ uid[3]
            self.memory[5:8] = bytes([self.sak, *self.atqa])
        for sector in range(16):
            self.set_block(sector * 4 + 3, TRANSPORT_KEY + TRANSPORT_ACCESS + TRANSPORT_KEY)
        for number, content in (blocks or {}).items():
            self.set_block(number, content)

    def block(self, number: int) -> bytes:
        """A block as it is stored, keys in the clear."""
        return bytes(self.memory[number * 16 : number * 16 + 16])

    def set_block(self, number: int, content: bytes) -> None:
        """Store a block without asking."""
        if len(content) != 16:
            raise ValueError("a block has 16 bytes")
        self.memory[number * 16 : number * 16 + 16] = content

    def forget(self) -> None:
        """No sector is open, nothing is half done."""
        self._asked = self._open = self._writing = None

    def active(self, frame: Frame) -> Answer | None:
        """Authentication's second frame has no CRC; all else goes the common way."""
        if self._asked is not None:
            return self._check(frame)
        return super().active(frame)

    def bad_frame(self) -> Answer | None:
        """Transmission error."""
        return self._refuse(NAK_CRC)

    def command(self, data: bytes) -> Answer | None:
        """A whole command in ACTIVE."""
        if self._writing is not None:
            return self._store(data)
        if len(data) != 2:
            return self._refuse(NAK_NOT_ALLOWED)
        code, block = data
        if code in (_AUTH_A, _AUTH_B) and block < _BLOCKS:
            self._asked = (block // 4, "A" if code == _AUTH_A else "B")
            self._open = None
            return Answer.of(b"\x01\x20\x01\x45", self.session, self.auth_us)
        if self._open is None or block >= _BLOCKS or block // 4 != self._open[0]:
            return self._refuse(NAK_NOT_ALLOWED)
        if code == _READ:
            content = self._readable(block)
            if content is not None:
                return Answer.of(with_crc(content), self.session)
        elif code == _WRITE and self._may_write(block):
            self._writing = block
            return Answer.nibble(ACK, self.session)
        return self._refuse(NAK_NOT_ALLOWED)

    def _check(self, frame: Frame) -> Answer | None:
        assert self._asked is not None
        (sector, which), self._asked = self._asked, None
        trailer = self.block(sector * 4 + 3)
        key = trailer[:6] if which == "A" else trailer[10:]
        if frame.proof != (key, self.uid[-4:]):
            self.refused += 1
            self.lapse()  # a wrong reader answer meets silence
            return None
        self._open = (sector, which)
        self.session = object()
        return Answer.of(b"\xa1\xb2\xc3\xd4", self.session, self.auth_us)

    def _refuse(self, code: int) -> Answer:
        answer = Answer.nibble(code, self.session)
        self.lapse()
        return answer

    def _access(self, block: int) -> int | None:
        """C1 C2 C3 of a block; None when the inverted copies disagree, which locks the sector for good."""
        low, middle, high = self.memory[(block | 3) * 16 + 6 : (block | 3) * 16 + 9]
        c1, c2, c3 = middle >> 4, high & 15, high >> 4
        if (low & 15, low >> 4, middle & 15) != (c1 ^ 15, c2 ^ 15, c3 ^ 15):
            return None
        at = block & 3
        return (c1 >> at & 1) << 2 | (c2 >> at & 1) << 1 | (c3 >> at & 1)

    def _key(self, trailer: int) -> str:
        """The key in force: key B gives no rights where it can be read (section 8.7.3)."""
        access = self._access(trailer)
        if self._open is None or access is None:
            return ""
        which = self._open[1]
        return "" if which == "B" and _TRAILER_RIGHTS[access][3] else which

    def _readable(self, block: int) -> bytes | None:
        access, key = self._access(block), self._key(block | 3)
        if access is None or not key:
            return None
        content = self.block(block)
        if block & 3 != 3:
            return content if key in _DATA_RIGHTS[access][0] else None
        _, bits, _, key_b, _ = _TRAILER_RIGHTS[access]
        if key not in bits:
            return None
        return bytes(6) + content[6:10] + (content[10:] if key in key_b else bytes(6))

    def _may_write(self, block: int) -> bool:
        access, key = self._access(block), self._key(block | 3)
        if access is None or not key or block == 0:
            return False
        if block & 3 != 3:
            return key in _DATA_RIGHTS[access][1]
        return any(key in _TRAILER_RIGHTS[access][right] for right in (0, 2, 4))

    def _store(self, data: bytes) -> Answer | None:
        block, self._writing = self._writing, None
        assert block is not None
        if len(data) != 16 or self.state != ACTIVE:
            return self._refuse(NAK_NOT_ALLOWED)
        if block & 3 == 3:
            rights = _TRAILER_RIGHTS[self._access(block) or 0]
            key, old = self._key(block), self.block(block)
            parts = ((0, 0, 6), (2, 6, 10), (4, 10, 16))
            data = b"".join((data if key in rights[right] else old)[a:b] for right, a, b in parts)
        self.program(self.memory, block * 16, data)
        return Answer.nibble(ACK, self.session, _WRITE_US)
