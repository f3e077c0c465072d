"""AES key wrap (RFC 3394) and its padded form (RFC 5649), the opening half: how a key travels and lies in a file.

Knows keys as bytes, not what they are for. What does not open under the wrapping key was not made by who holds it: the
check value is compared before a byte is given out. Never log or return what comes in; lengths in bytes.
"""

from cryptolib import aes
from micropython import const

from firmware.core.cmac import tag_equal
from firmware.core.errors import VafaError

_ECB = const(1)
_BLOCK = const(8)  # RFC 3394 counts in half blocks of the cipher
_CHECK = const(b"\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6")  # RFC 3394 2.2.3.1
_CHECK_PADDED = const(b"\xa6\x59\x59\xa6")  # RFC 5649 3, followed by the length


class KeyDamaged(VafaError):
    """A wrapped key does not open under the key it should be wrapped with, or is none that may be used."""

    code = "K21"


def unwrap(wrapping: bytes, wrapped: bytes) -> bytes:
    """What was wrapped: 16 bytes or more, a multiple of 8. Raises KeyDamaged."""
    check, plain = _opened(wrapping, wrapped)
    if not tag_equal(check, _CHECK):
        raise KeyDamaged("check value")
    return plain


def unwrap_padded(wrapping: bytes, wrapped: bytes) -> bytes:
    """What was wrapped by RFC 5649: more than 8 bytes of any number. Raises KeyDamaged."""
    check, plain = _opened(wrapping, wrapped)
    length = int.from_bytes(check[4:], "big")
    padding = len(plain) - length
    if not tag_equal(check[:4], _CHECK_PADDED) or not 0 <= padding < _BLOCK or any(plain[length:]):
        raise KeyDamaged("check value")
    return plain[:length]


def _opened(wrapping: bytes, wrapped: bytes) -> "tuple[bytes, bytes]":
    """Check value and plain bytes, nothing believed yet: RFC 3394 2.2.2, t running backwards."""
    count = len(wrapped) // _BLOCK - 1
    if count < 2 or len(wrapped) % _BLOCK:
        raise KeyDamaged("length")
    cipher = aes(wrapping, _ECB)
    check, plain = wrapped[:_BLOCK], bytearray(wrapped[_BLOCK:])
    for t in range(6 * count, 0, -1):
        at = (t - 1) % count * _BLOCK
        mixed = (int.from_bytes(check, "big") ^ t).to_bytes(_BLOCK, "big")
        block = cipher.decrypt(mixed + plain[at : at + _BLOCK])
        check = block[:_BLOCK]
        plain[at : at + _BLOCK] = block[_BLOCK:]
    return check, bytes(plain)
