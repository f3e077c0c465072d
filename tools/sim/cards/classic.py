"""MIFARE Classic 1K and 4K: sectors behind Crypto1 (MF1S50yyX/V1 rev 3.2, MF1S70yyX/V1 rev 3.2).

Crypto1 is modelled by what it decides, not by its bits: a proof names the key and UID the reader used, and a session
is an object both sides must share. Commands in the clear after authentication, or enciphered before it, are noise.
"""

from __future__ import annotations

from tools.sim.cards.frames import Answer, Frame, with_crc
from tools.sim.cards.iso14443a import ACK, ACTIVE, Card

_AUTH_A, _AUTH_B, _READ, _WRITE = 0x60, 0x61, 0x30, 0xA0
_DECREMENT, _INCREMENT, _RESTORE, _TRANSFER = 0xC0, 0xC1, 0xC2, 0xB0
NAK_NOT_ALLOWED, NAK_CRC = 0x04, 0x05
TRANSPORT_KEY = b"\xff" * 6
TRANSPORT_ACCESS = bytes.fromhex("ff078069")
_WRITE_US = 2_500
_BIG_FROM = 128  # a 4K card has sectors of 16 blocks from here on
_VALUE_MIN, _VALUE_MAX = -(1 << 31), (1 << 31) - 1

# Section 8.7.3, by access bits C1 C2 C3: keys that may read, write, increment, and decrement, transfer or restore.
_DATA_RIGHTS = {
    0b000: ("AB", "AB", "AB", "AB"), 0b010: ("AB", "", "", ""), 0b100: ("AB", "B", "", ""),
    0b110: ("AB", "B", "B", "AB"), 0b001: ("AB", "", "", "AB"), 0b011: ("B", "B", "", ""),
    0b101: ("B", "", "", ""), 0b111: ("", "", "", ""),
}  # fmt: skip
# Section 8.7.2: keys that may write key A, read access, write access, read key B, write key B.
_TRAILER_RIGHTS = {
    0b000: ("A", "A", "", "A", "A"), 0b010: ("", "A", "", "A", ""), 0b100: ("B", "AB", "", "", "B"),
    0b110: ("", "AB", "", "", ""), 0b001: ("A", "A", "A", "A", "A"), 0b011: ("B", "AB", "B", "", "B"),
    0b101: ("", "AB", "B", "", ""), 0b111: ("", "AB", "", "", ""),
}  # fmt: skip


def trailer_of(block: int) -> int:
    """The sector trailer behind a block."""
    return block | 3 if block < _BIG_FROM else block | 15


def value_block(value: int, address: int) -> bytes:
    """Section 8.6.2.1: the value thrice, once inverted, and the address byte four times."""
    plain = (value & 0xFFFFFFFF).to_bytes(4, "little")
    inverse = bytes(byte ^ 0xFF for byte in plain)
    return plain + inverse + plain + bytes([address, address ^ 0xFF, address, address ^ 0xFF])


def value_of(content: bytes) -> tuple[int, int] | None:
    """Value and address byte of a block, None when it is not in value format."""
    value = int.from_bytes(content[:4], "little", signed=True)
    return (value, content[12]) if content == value_block(value, content[12]) else None


class Classic1k(Card):
    """A 1 KB card in transport state; `blocks` puts content in by block number, keys included."""

    kind = "classic"
    atqa_low = 0x04
    sak = 0x08
    block_count = 64

    def __init__(self, uid: bytes, *, blocks: dict[int, bytes] | None = None) -> None:
        self.memory = bytearray(self.block_count * 16)
        self.auth_us = 0
        self.refused = 0
        self._asked: tuple[int, str] | None = None
        self._open: tuple[int, str] | None = None
        self._writing: int | None = None
        self._operating: tuple[int, int] | None = None
        self._register: tuple[int, int] | None = None
        super().__init__(uid)
        self.memory[: len(uid)] = uid
        at = len(uid)
        if len(uid) == 4:
            self.memory[4] = uid[0] ^ uid[1] ^ uid[2] ^ uid[3]
            at = 5
        self.memory[at : at + 3] = bytes([self.sak, *self.atqa])
        for block in range(self.block_count):
            if trailer_of(block) == block:
                self.set_block(block, TRANSPORT_KEY + TRANSPORT_ACCESS + TRANSPORT_KEY)
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
        self._asked = self._open = self._writing = self._operating = self._register = None

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
        if self._operating is not None:
            return self._operate(data)
        if len(data) != 2:
            return self._refuse(NAK_NOT_ALLOWED)
        code, block = data
        if code in (_AUTH_A, _AUTH_B) and block < self.block_count:
            self._asked = (trailer_of(block), "A" if code == _AUTH_A else "B")
            self._open = self._register = None
            return Answer.of(b"\x01\x20\x01\x45", self.session, self.auth_us)
        if self._open is None or block >= self.block_count or trailer_of(block) != self._open[0]:
            return self._refuse(NAK_NOT_ALLOWED)
        if code == _READ:
            content = self._readable(block)
            if content is not None:
                return Answer.of(with_crc(content), self.session)
        elif code == _WRITE and self._may_write(block):
            self._writing = block
            return Answer.nibble(ACK, self.session)
        elif code in (_INCREMENT, _DECREMENT, _RESTORE) and self._may_operate(code, block):
            self._operating = (code, block)
            return Answer.nibble(ACK, self.session)
        elif code == _TRANSFER and self._register is not None and self._may_operate(code, block):
            self.program(self.memory, block * 16, value_block(*self._register))
            return Answer.nibble(ACK, self.session, _WRITE_US)
        return self._refuse(NAK_NOT_ALLOWED)

    def _may_operate(self, code: int, block: int) -> bool:
        """Value operations, on data blocks whose access bits allow them; the source has to be in value format."""
        access, key = self._access(block), self._key(block)
        if access is None or not key or trailer_of(block) == block or block == 0:
            return False
        right = 2 if code == _INCREMENT else 3
        return key in _DATA_RIGHTS[access][right] and (code == _TRANSFER or value_of(self.block(block)) is not None)

    def _operate(self, data: bytes) -> Answer | None:
        """The operand. The result waits in the register for TRANSFER, and silence says it is there (section 12.7)."""
        assert self._operating is not None
        (code, block), self._operating = self._operating, None
        source = value_of(self.block(block))
        if len(data) != 4 or source is None:
            return self._refuse(NAK_NOT_ALLOWED)
        amount = int.from_bytes(data, "little")
        value = source[0] + {_INCREMENT: amount, _DECREMENT: -amount, _RESTORE: 0}[code]
        if not _VALUE_MIN <= value <= _VALUE_MAX:
            return self._refuse(NAK_NOT_ALLOWED)
        self._register = (value, source[1])
        return None

    def _check(self, frame: Frame) -> Answer | None:
        assert self._asked is not None
        (trailer, which), self._asked = self._asked, None
        key = self.block(trailer)[:6] if which == "A" else self.block(trailer)[10:]
        if frame.proof != (key, self.uid[-4:]):
            self.refused += 1
            self.lapse()  # a wrong reader answer meets silence
            return None
        self._open = (trailer, which)
        self.session = object()
        return Answer.of(b"\xa1\xb2\xc3\xd4", self.session, self.auth_us)

    def _refuse(self, code: int) -> Answer:
        answer = Answer.nibble(code, self.session)
        self.lapse()
        return answer

    def _access(self, block: int) -> int | None:
        """C1 C2 C3 of a block; None when the inverted copies disagree, which locks the sector for good."""
        trailer = trailer_of(block)
        low, middle, high = self.memory[trailer * 16 + 6 : trailer * 16 + 9]
        c1, c2, c3 = middle >> 4, high & 15, high >> 4
        if (low & 15, low >> 4, middle & 15) != (c1 ^ 15, c2 ^ 15, c3 ^ 15):
            return None
        at = 3 if block == trailer else block & 3 if block < _BIG_FROM else (block & 15) // 5
        return (c1 >> at & 1) << 2 | (c2 >> at & 1) << 1 | (c3 >> at & 1)

    def _key(self, block: int) -> str:
        """The key in force: key B gives no rights where it can be read (section 8.7.3)."""
        access = self._access(trailer_of(block))
        if self._open is None or access is None:
            return ""
        which = self._open[1]
        return "" if which == "B" and _TRAILER_RIGHTS[access][3] else which

    def _readable(self, block: int) -> bytes | None:
        access, key = self._access(block), self._key(block)
        if access is None or not key:
            return None
        content = self.block(block)
        if trailer_of(block) != block:
            return content if key in _DATA_RIGHTS[access][0] else None
        _, bits, _, key_b, _ = _TRAILER_RIGHTS[access]
        if key not in bits:
            return None
        return bytes(6) + content[6:10] + (content[10:] if key in key_b else bytes(6))

    def _may_write(self, block: int) -> bool:
        access, key = self._access(block), self._key(block)
        if access is None or not key or block == 0:
            return False
        if trailer_of(block) != block:
            return key in _DATA_RIGHTS[access][1]
        return any(key in _TRAILER_RIGHTS[access][right] for right in (0, 2, 4))

    def _store(self, data: bytes) -> Answer | None:
        block, self._writing = self._writing, None
        assert block is not None
        if len(data) != 16 or self.state != ACTIVE:
            return self._refuse(NAK_NOT_ALLOWED)
        if trailer_of(block) == block:
            rights = _TRAILER_RIGHTS[self._access(block) or 0]
            key, old = self._key(block), self.block(block)
            parts = ((0, 0, 6), (2, 6, 10), (4, 10, 16))
            data = b"".join((data if key in rights[right] else old)[a:b] for right, a, b in parts)
        self.program(self.memory, block * 16, data)
        return Answer.nibble(ACK, self.session, _WRITE_US)


class Classic4k(Classic1k):
    """32 sectors of 4 blocks and 8 of 16, whose access bits stand for rows of five blocks."""

    kind = "classic-4k"
    atqa_low = 0x02
    sak = 0x18
    block_count = 256
