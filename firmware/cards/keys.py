"""Card keys, derived from the terminal group's card key by NXP AN10922; the only module that sees that key.

Message of the derivation: 01h, the card's UID, one byte, "VAFA", always padded to 32 bytes. The byte is the number of
an AES card's key, and of other cards their kind, so that a password heard on the air is no sector key. Knows no reader
and no screen. Nothing here may be logged or shown; the key of an AES card leaves only as an `AuthKey`, which works with
it and does not give it away.
"""

from micropython import const

from firmware.cards.payload import CLASSIC_CARD, NTAG_CARD
from firmware.core.cmac import Cmac, tag_equal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cards.ev2 import AuthKey

_DIVERSIFICATION = const(b"\x01")
_SYSTEM = const(b"VAFA")
_PAYLOAD = const(b"vafa-card-1")
_PAYLOAD_TAG_SIZE = const(8)


class CardKeys:
    """The keys of all cards of one shop group. `card_group` is the 16-byte group key, from keys.json."""

    def __init__(self, card_group: bytes) -> None:
        self._mac = Cmac(card_group)

    def classic_key(self, uid: bytes) -> bytes:
        """Key A of sector 1 of this card, 6 bytes."""
        return self._card_key(uid + CLASSIC_CARD)[:6]

    def ntag_password(self, uid: bytes) -> "tuple[bytes, bytes]":
        """(PWD of 4 bytes, PACK of 2 bytes) of this card."""
        key = self._card_key(uid + NTAG_CARD)
        return key[:4], key[4:6]

    def aes_read_key(self, uid: bytes) -> "AuthKey":
        """The group read key of this AES card, open for one authentication."""
        # Here, because a terminal that reads AES cards another way has no use for these modules in its heap.
        from firmware.cards.aes_layout import GROUP_READ
        from firmware.cards.ev2 import AuthKey

        return AuthKey(GROUP_READ, self._card_key(uid + bytes((GROUP_READ,))))

    def payload_tag(self, kind: bytes, uid: bytes, head: bytes) -> bytes:
        """The 8-byte MAC that binds a payload's first 8 bytes to this card and its kind."""
        return self._mac.tag(_PAYLOAD + kind + uid + head)[:_PAYLOAD_TAG_SIZE]

    def payload_tag_fits(self, kind: bytes, uid: bytes, head: bytes, tag: bytes) -> bool:
        """Whether `tag` is the MAC of `head` on this card."""
        return tag_equal(self.payload_tag(kind, uid, head), tag)

    def _card_key(self, what: bytes) -> bytes:
        return self._mac.tag_padded_to(_DIVERSIFICATION + what + _SYSTEM, 32)
