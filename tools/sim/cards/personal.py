"""Writes the member payload and the diversified keys into a card model, as the programme's card office would.

Payload of a level-1 card, 16 bytes: 'V', 01h, member number (4, big-endian), 00 00, then the first 8 bytes of
AES-CMAC(card group key, b"vafa-card-1" + UID + payload bytes 0..7). Diversified key: NXP AN10922 for AES-128,
CMAC with the message 01h + UID + b"VAFA" padded to 32 bytes always (80h 00..).

Classic: payload in block 4; key A of sector 1 = diversified bytes 0..5, key B = bytes 6..11, access 787788 (key A
reads, key B writes). NTAG: payload in pages 4..7, PWD = bytes 0..3, PACK = bytes 4..5, AUTH0 = 4, PROT = 1.
The CMAC here is the `cryptography` package's, independent of the terminal's own.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from tools.sim.cards.classic import Classic1k
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.ntag import Ntag

MEMBER_BLOCK, MEMBER_PAGE = 4, 4
_ACCESS = bytes.fromhex("78778869")


def _cmac(key: bytes, message: bytes) -> bytes:
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
    encryptor = Cipher(algorithms.AES(master), modes.ECB()).encryptor()
    subkey = _double(encryptor.update(bytes(16)))
    padded = message
    if len(message) < 32:
        subkey = _double(subkey)
        padded = (message + b"\x80").ljust(32, b"\x00")
    last = bytes(a ^ b for a, b in zip(padded[16:], subkey, strict=True))
    chain = Cipher(algorithms.AES(master), modes.CBC(bytes(16))).encryptor()
    return chain.update(padded[:16] + last)[16:]


def card_key(card_group_key: bytes, uid: bytes) -> bytes:
    """The card's own 16 key bytes."""
    return diversified_key(card_group_key, b"\x01" + uid + b"VAFA")


def member_payload(card_group_key: bytes, uid: bytes, member_no: int) -> bytes:
    """The 16 bytes that name the member."""
    head = b"V\x01" + member_no.to_bytes(4, "big") + b"\x00\x00"
    return head + _cmac(card_group_key, b"vafa-card-1" + uid + head)[:8]


def personalise(card: Card, card_group_key: bytes, member_no: int) -> Card:
    """Write payload and keys; returns the card. Raises ValueError for a family that has no place for them."""
    key = card_key(card_group_key, card.uid)
    payload = member_payload(card_group_key, card.uid, member_no)
    if isinstance(card, Classic1k):
        card.set_block(MEMBER_BLOCK, payload)
        card.set_block(MEMBER_BLOCK | 3, key[:6] + _ACCESS + key[6:12])
    elif isinstance(card, Ntag):
        for i in range(4):
            card.set_page(MEMBER_PAGE + i, payload[i * 4 : i * 4 + 4])
        card.protect(key[:4], key[4:6], auth0=MEMBER_PAGE, reads=True)
    else:
        raise ValueError("this family holds no member")
    return card
