"""Whether bytes are signed: RSA-3072, PKCS#1 v1.5, SHA-256, e = 65537, strictly and nothing else.

The whole block is built and compared byte for byte, never taken apart: a verifier that parses the padding can be told
anything (Bleichenbacher, 2006). What is hashed begins with the signer's role, so that no signature of one role serves
another. Knows no file, no key store and no meaning of what is signed. Sizes in bytes.
"""

import hashlib

from micropython import const

SIGNATURE = const(384)  # also the size of a modulus
_EXPONENT = const(65537)
_DIGEST = const(32)
# DER: SEQUENCE of the algorithm (SHA-256, NULL) and an OCTET STRING of 32 bytes (RFC 8017, 9.2 note 1).
_DIGEST_INFO = const(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")


def begun(role: bytes) -> "hashlib.sha256":
    """A SHA-256 that has taken the role and a zero byte; feed it every byte that is signed."""
    return hashlib.sha256(role + b"\x00")


def signed(modulus: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key signed this digest."""
    if len(modulus) != SIGNATURE or len(digest) != _DIGEST or len(signature) != SIGNATURE:
        return False
    n = int.from_bytes(modulus, "big")
    if not modulus[0] & 0x80 or not n & 1:
        return False  # no modulus of 3072 bits
    s = int.from_bytes(signature, "big")
    if not 0 < s < n:
        return False
    filling = b"\xff" * (SIGNATURE - 3 - len(_DIGEST_INFO) - _DIGEST)
    wanted = b"\x00\x01" + filling + b"\x00" + _DIGEST_INFO + digest
    return pow(s, _EXPONENT, n).to_bytes(SIGNATURE, "big") == wanted


def signers(keys: bytes, digest: bytes, signature: bytes) -> "list[int]":
    """Which of several keys, their moduli one behind the other, made this signature: their places, counted from 0."""
    found = []
    for place in range(len(keys) // SIGNATURE):
        if signed(keys[place * SIGNATURE : (place + 1) * SIGNATURE], digest, signature):
            found.append(place)
    return found
