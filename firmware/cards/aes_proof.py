"""Proof of an AES card by a key, at the terminal (group) or by the switch through it (relay); see docs/cards.md.

* group: the card proves its read key to the terminal, which then reads the payload. AUTH_AES.
* relay: for a card that is to spend, the switch makes and checks the cryptograms. AUTH_AES when it says so.

No key is ever tried twice on one tap: the card counts failures. Whatever cannot be proven counts by the UID. Knows no
radio, no screen and no switch: `authority` carries the relay's steps and raises LinkError. Loaded only where needed.
"""

import os

from micropython import const

from drivers.rc522_errors import ChipAbsent, RC522Error
from firmware.cards.aes_card import AesCard
from firmware.cards.aes_layout import DESFIRE_AID, NTAG424_DF_NAME, PAYLOAD_FILE, PAYLOAD_MODE, RELAY
from firmware.cards.ev2 import NotGenuine
from firmware.cards.identify import NTAG424
from firmware.cards.payload import SIZE, PayloadForged, member_of_payload
from firmware.core.errors import CardUnreadable, LinkError
from firmware.core.types import AUTH_AES, AUTH_UID, CardData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cards.aes_member import Authority, Suspect
    from firmware.cards.aes_plain import Pipe
    from firmware.cards.keys import CardKeys

# LT-87 tag 33.
_CHALLENGE = b"\x01"
_FOR_CARD = b"\x02"
_ANSWER = b"\x03"
_PART_TWO_SIZE = const(32)
_COPY = "59"  # DE39: a suspected copy


class UnderKeys(CardUnreadable):
    """The air failed while a key was at work. Not tried again: the card may have counted it as a failure."""


class KeyProof:
    """`keys` for the way group, `authority` for relay; with neither every card counts by its UID."""

    def __init__(self, keys: "CardKeys | None", authority: "Authority | None") -> None:
        self._keys = keys
        self._authority = authority

    async def of(self, pipe: "Pipe", uid: bytes, kind: str, prove: bool, suspect: "Suspect") -> CardData:
        """What the activated card proves. Raises CardRefused where it is not ours or takes no key of ours, UnderKeys,
        CardUnreadable and the pipe's errors."""
        if self._keys is None and (self._authority is None or not prove):
            return CardData(uid, kind, AUTH_UID)
        card = AesCard(pipe, os.urandom)
        if kind == NTAG424:
            await card.select_df(NTAG424_DF_NAME)
        else:
            await card.select_application(DESFIRE_AID)
        try:
            if self._keys is not None:
                return await self._by_group(card, uid, kind, self._keys, suspect)
            assert self._authority is not None
            return await self._by_relay(card, uid, kind, self._authority, suspect)
        except NotGenuine:
            return suspect(uid, kind, "card does not hold the key it took")
        except ChipAbsent:
            raise
        except RC522Error as error:
            raise UnderKeys(type(error).__name__) from error

    async def _by_group(self, card: AesCard, uid: bytes, kind: str, keys: "CardKeys", suspect: "Suspect") -> CardData:
        await card.authenticate(keys.aes_read_key(uid))
        payload = await card.read(PAYLOAD_FILE, 0, SIZE, PAYLOAD_MODE)
        try:
            member_no = member_of_payload(keys, uid, payload)
        except PayloadForged:
            return suspect(uid, kind, "payload MAC does not fit")
        return CardData(uid, kind, AUTH_AES if member_no else AUTH_UID, member_no)

    async def _by_relay(
        self, card: AesCard, uid: bytes, kind: str, authority: "Authority", suspect: "Suspect"
    ) -> CardData:
        unproven = CardData(uid, kind, AUTH_UID)
        challenge = await card.challenge(RELAY)
        try:
            step, reply = await authority(uid, _CHALLENGE + bytes((RELAY,)) + challenge)
            if len(step) != 1 + _PART_TWO_SIZE or step[:1] != _FOR_CARD:
                return suspect(uid, kind, "switch calls it a copy") if reply.rc == _COPY else unproven
            _, reply = await authority(uid, _ANSWER + await card.respond(step[1:]))
        except LinkError:
            return unproven  # the session has logged why
        if reply.auth == AUTH_AES:
            return CardData(uid, kind, AUTH_AES, 0, reply.counter)
        return suspect(uid, kind, "switch calls it a copy") if reply.rc == _COPY else unproven
