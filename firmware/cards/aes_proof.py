"""Proof of an AES card by a key, at the terminal (group) or by the switch through it (relay); see docs/cards.md.

* group: the card proves its read key to the terminal, which then reads the payload. AUTH_AES.
* relay: for a card that is to spend, the switch makes and checks the cryptograms. AUTH_AES when it says so.

No key is ever tried twice on one tap: the card counts failures. Whatever cannot be proven counts by the UID. Knows no
radio, no screen and no switch: `authority` carries the relay's steps and raises VafaError. Loaded only where needed.
"""

import os

from micropython import const

from drivers.rc522_errors import ChipAbsent, RC522Error
from firmware.cards.aes_card import AesCard
from firmware.cards.aes_layout import DESFIRE_AID, NTAG424_DF_NAME, PAYLOAD_FILE, PAYLOAD_MODE, RELAY
from firmware.cards.aes_plain import NO_SENSE, CardRefused
from firmware.cards.ev2 import NotGenuine
from firmware.cards.identify import NTAG424
from firmware.cards.payload import AES_CARD, SIZE, PayloadForged, member_of_payload
from firmware.core.errors import CardUnreadable, VafaError
from firmware.core.types import AUTH_AES, AUTH_UID, CardData, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cards.aes_member import Authority, Suspect
    from firmware.cards.aes_plain import Pipe
    from firmware.cards.keys import CardKeys

# LT-87 tag 33.
_CHALLENGE = const(b"\x01")
_FOR_CARD = const(b"\x02")
_ANSWER = const(b"\x03")
_CHALLENGE_SIZE = const(16)
_PART_TWO_SIZE = const(32)
_ANSWER_SIZE = const(32)
_NATIVE = const(0x91)  # first byte of every status word of these cards' own commands
# DE39
_APPROVED = const("00")
_COPY = const("59")  # a suspected copy


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
        try:
            payload = await card.read(PAYLOAD_FILE, 0, SIZE, PAYLOAD_MODE)
        except CardRefused as error:
            if error.status >> 8 != _NATIVE:  # no word of a card that has just proven itself: read wrong on the bus
                raise UnderKeys("status") from error
            raise
        try:
            member_no = member_of_payload(keys, AES_CARD, uid, payload)
        except PayloadForged:
            return suspect(uid, kind, "payload MAC does not fit")
        return CardData(uid, kind, AUTH_AES if member_no else AUTH_UID, member_no)

    async def _by_relay(
        self, card: AesCard, uid: bytes, kind: str, authority: "Authority", suspect: "Suspect"
    ) -> CardData:
        challenge = _of_size(await card.challenge(RELAY), _CHALLENGE_SIZE)
        step, reply = await _asked(authority, uid, _CHALLENGE + bytes((RELAY,)) + challenge)
        proven = False
        if reply.rc == _APPROVED and len(step) == 1 + _PART_TWO_SIZE and step[:1] == _FOR_CARD:
            answer = _of_size(await card.respond(step[1:]), _ANSWER_SIZE)
            _, reply = await _asked(authority, uid, _ANSWER + answer)
            proven = reply.rc == _APPROVED and reply.auth == AUTH_AES
        if reply.rc == _COPY:
            return suspect(uid, kind, "switch calls it a copy")
        return CardData(uid, kind, AUTH_AES, 0, reply.counter) if proven else CardData(uid, kind, AUTH_UID)


def _of_size(answer: bytes, size: int) -> bytes:
    """A cryptogram of the card: what has another size is none, and is not passed on. Raises CardRefused."""
    if len(answer) != size:
        raise CardRefused(NO_SENSE)
    return answer


async def _asked(authority: "Authority", uid: bytes, step: bytes) -> "tuple[bytes, Reply]":
    """One step of the relay; of a switch that gives no usable answer an empty one, which proves nothing."""
    try:
        return await authority(uid, step)
    except VafaError:
        return b"", Reply("")  # the session has logged why
