"""AES-CMAC (RFC 4493, NIST SP 800-38B) on AES-128 in ECB and CBC, which every board's `cryptolib` has.

Used for message MACs, card keys and sealing. `tag_equal` compares in time that does not depend on the bytes.
"""

from cryptolib import aes
from micropython import const

_ECB = const(1)
_CBC = const(2)
_RB = const(0x87)  # SP 800-38B 5.3 for a 128-bit block


def _double(block: bytes) -> bytes:
    """Multiply by x in GF(2^128)."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value ^ _RB) & ((1 << 128) - 1)
    return value.to_bytes(16, "big")


class Cmac:
    """A MAC key, set up once. Holds key material: never log or return it."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 16:
            raise ValueError("AES-128 key must be 16 bytes")
        self._key = bytes(key)
        self._k1 = _double(aes(key, _ECB).encrypt(bytes(16)))
        self._k2 = _double(self._k1)

    def tag(self, message: "bytes | bytearray | memoryview") -> bytes:
        """The 16-byte tag of a message of any length."""
        return self._run(message, len(message))

    def tag_padded_to(self, message: bytes, length: int) -> bytes:
        """CMAC of a message that, when shorter than `length`, is padded (80 00..) to it: AN10922 pads to 32."""
        if len(message) >= length:
            return self._run(message, len(message))
        return self._chain(message + b"\x80" + bytes(length - len(message) - 1), self._k2)

    def _run(self, message: "bytes | bytearray | memoryview", size: int) -> bytes:
        if size and size % 16 == 0:
            return self._chain(message, self._k1)
        return self._chain(bytes(message) + b"\x80" + bytes((-size - 1) % 16), self._k2)

    def _chain(self, padded: "bytes | bytearray | memoryview", last_mask: bytes) -> bytes:
        """The last block of CBC under a zero IV: the chaining is done by the cipher, not here block by block."""
        blocks = bytearray(padded)
        last = len(blocks) - 16
        for i in range(16):
            blocks[last + i] ^= last_mask[i]
        return aes(self._key, _CBC, bytes(16)).encrypt(blocks)[last:]


def tag_equal(one: "bytes | memoryview", other: "bytes | memoryview") -> bool:
    """Compare two tags without telling where they differ by the time it takes."""
    if len(one) != len(other):
        return False
    difference = 0
    for i in range(len(one)):
        difference |= one[i] ^ other[i]
    return difference == 0
