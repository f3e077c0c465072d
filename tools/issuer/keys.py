"""The card office's master keys, and the keys and payload of one card that follow from them (docs/cards.md).

The AES here is the `cryptography` package's, so it shares nothing with the terminal's own. Used by whoever plays the
issuer: the bench switch, the personalise tool, the modelled cards. Nothing here may be printed or logged.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY_SIZE = 16
PAYLOAD_SIZE = 16

# Key numbers of an AES card.
CARD_MASTER, GROUP_READ, SUN_META, SUN_MAC, RELAY = range(5)
AES_KEYS = 5

# The kind byte in what is derived for a card: MIFARE Classic; NTAG21x and Ultralight EV1; NTAG 424 DNA and DESFire.
KIND_CLASSIC, KIND_NTAG, KIND_AES = 0xA1, 0xA2, 0xA3

_DIVERSIFICATION = b"\x01"
_SYSTEM = b"VAFA"
_PAYLOAD_HEAD = b"V\x01"
_PAYLOAD_LABEL = b"vafa-card-1"


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC (RFC 4493), 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def _double(block: bytes) -> bytes:
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number ^= 1 << 128 | 0x87
    return number.to_bytes(16, "big")


def diversified_key(master: bytes, message: bytes) -> bytes:
    """AN10922 AES-128: the message padded to 32 bytes, last block with subkey K1 (no padding) or K2, CBC-MAC."""
    if not 1 <= len(message) <= 32:
        raise ValueError("1 to 32 bytes")
    subkey = _double(Cipher(algorithms.AES(master), modes.ECB()).encryptor().update(bytes(16)))
    padded = message
    if len(message) < 32:
        subkey = _double(subkey)
        padded = (message + b"\x80").ljust(32, b"\x00")
    last = bytes(a ^ b for a, b in zip(padded[16:], subkey, strict=True))
    chain = Cipher(algorithms.AES(master), modes.CBC(bytes(16))).encryptor()
    return chain.update(padded[:16] + last)[16:]


def legacy_key(group: bytes, kind: int, uid: bytes) -> bytes:
    """16 bytes of which a Classic card takes its sector keys, or an NTAG21x its password and PACK; never the same."""
    return diversified_key(group, _DIVERSIFICATION + uid + bytes([kind]) + _SYSTEM)


def member_payload(group: bytes, kind: int, uid: bytes, member_no: int) -> bytes:
    """The 16 bytes that name the member on a card of this kind."""
    head = _PAYLOAD_HEAD + member_no.to_bytes(4, "big") + b"\x00\x00"
    return head + cmac(group, _PAYLOAD_LABEL + bytes([kind]) + uid + head)[:8]


@dataclass(frozen=True, repr=False)
class IssuerKeys:
    """Five 16-byte masters and their version (1..255, the version byte of every key written).

    `master` opens a card for its office, `group` is what a shop group's terminals hold, `sun_meta` and `sun_mac` let
    the switch verify SUN data, `relay` lets it authenticate a card through a terminal.
    """

    version: int
    master: bytes
    group: bytes
    sun_meta: bytes
    sun_mac: bytes
    relay: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.version <= 255:
            raise ValueError("key version is 1 to 255")
        for key in (self.master, self.group, self.sun_meta, self.sun_mac, self.relay):
            if len(key) != KEY_SIZE or key == bytes(KEY_SIZE):
                raise ValueError("a master key is 16 bytes and not all zero")

    def aes_key(self, number: int, uid: bytes) -> bytes:
        """Key `number` (0..4) of the AES card with this UID."""
        master = (self.master, self.group, self.sun_meta, self.sun_mac, self.relay)[number]
        if number == SUN_META:
            return master  # it hides the UID, so it cannot depend on it
        return diversified_key(master, _DIVERSIFICATION + uid + bytes([number]) + _SYSTEM)

    def legacy_key(self, kind: int, uid: bytes) -> bytes:
        """`legacy_key` of this group."""
        return legacy_key(self.group, kind, uid)

    def payload(self, kind: int, uid: bytes, member_no: int) -> bytes:
        """`member_payload` of this group."""
        return member_payload(self.group, kind, uid, member_no)
