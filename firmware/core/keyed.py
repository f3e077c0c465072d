"""A member without a card: the mobile number in the place of a UID; journal, queue and cache need no second key.

Ten bytes that no card can have: the first byte of a UID is never 88 hex, which is the cascade tag (ISO 14443-3, 6.5.4).
Such a one earns as a bare UID does, and spends only with the code the switch sent to that number.
"""

from micropython import const

_HEAD = const(b"\x88mob\x00")


def keyed_uid(mobile: str) -> bytes:
    """The identity of a mobile number, ten digits 9xxxxxxxxx."""
    return _HEAD + bytes([int(mobile[at]) << 4 | int(mobile[at + 1]) for at in range(0, 10, 2)])


def is_keyed(uid: bytes) -> bool:
    """Whether nobody laid a card on: a number was typed."""
    return uid[:5] == _HEAD


def masked_mobile(uid: bytes) -> str:
    """The number of a keyed identity as screen, paper and log may show it: 0912***6789."""
    digits = "".join(["{:02x}".format(byte) for byte in uid[5:]])
    return "0" + digits[:3] + "***" + digits[6:]


def mobile_bcd(uid: bytes) -> bytes:
    """The number of a keyed identity as LT-87 tag 40 has it."""
    return uid[5:]
