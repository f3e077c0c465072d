"""The 16 bytes a programme card carries: format byte 1, the member number, and a MAC that binds them to the card.

Offset 0 "V", 1 version 01h, 2-5 member number (big-endian), 6-7 zero, 8-15 first 8 bytes of
AES-CMAC(card_group, "vafa-card-1" || kind || UID || bytes 0-7). `kind` is the byte that is in the card's
keys too: what was read off a card of one kind names nobody on another. Knows no reader. Contains no value: points live
at the switch.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cards.keys import CardKeys

SIZE = const(16)
_HEAD = const(b"V\x01")

# Kinds of card in what is derived; none is a key number of an AES card.
CLASSIC_CARD = b"\xa1"
NTAG_CARD = b"\xa2"  # and Ultralight EV1
AES_CARD = b"\xa3"


class PayloadForged(Exception):
    """A payload in our format whose MAC does not fit this card: copied, altered or of another shop group."""


def build_payload(keys: "CardKeys", kind: bytes, uid: bytes, member_no: int) -> bytes:
    """The payload of a card of this kind with this UID and member."""
    head = _HEAD + member_no.to_bytes(4, "big") + b"\x00\x00"
    return head + keys.payload_tag(kind, uid, head)


def looks_like_ours(payload: "bytes | memoryview") -> bool:
    """Whether it begins as a programme card does; says nothing of its being genuine."""
    return bytes(payload[:2]) == _HEAD


def member_of_payload(keys: "CardKeys", kind: bytes, uid: bytes, payload: "bytes | memoryview") -> int:
    """The member number of a genuine payload, 0 when there is none (a blank card). Raises PayloadForged."""
    raw = bytes(payload)
    if len(raw) != SIZE or not looks_like_ours(raw):
        return 0
    if raw[6:8] != b"\x00\x00" or not keys.payload_tag_fits(kind, uid, raw[:8], raw[8:]):
        raise PayloadForged()
    return int.from_bytes(raw[2:6], "big")
