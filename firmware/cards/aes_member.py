"""From a selected card of ISO/IEC 14443-4 to `CardData`: NTAG 424 DNA and DESFire, by the terminal's way.

docs/cards.md has the ways:

* sun: nothing is asked of a card that only earns; one that is to spend gives what it signed, for the switch to verify.
* group: the card proves its read key to the terminal, which then reads the payload. AUTH_AES.
* relay: for a card that is to spend, the switch makes and checks the cryptograms. AUTH_AES when it says so.

No key is ever tried twice on one tap: the card counts failures. Whatever cannot be proven counts by the UID. Which
card it is follows from ATS and GetVersion. Knows no polling, no screen and no switch: `authority` carries the relay's
steps and raises LinkError. Loaded only by a terminal whose way is not off.
"""

import os

from micropython import const

from drivers.iso_dep import IsoDep
from drivers.rc522_errors import ChipAbsent, RC522Error
from firmware.cards.aes_card import AesCard, CardRefused
from firmware.cards.aes_layout import (
    DESFIRE_AID,
    NDEF_FILE,
    NDEF_READ_SIZE,
    NTAG424_DF_NAME,
    PAYLOAD_FILE,
    PAYLOAD_MODE,
    RELAY,
)
from firmware.cards.ev2 import PLAIN, NotGenuine
from firmware.cards.identify import NTAG424, aes_kind, ats_kind
from firmware.cards.payload import SIZE, PayloadForged, member_of_payload
from firmware.cards.sun import sun_data
from firmware.core.errors import CardUnreadable, CardUnsupported, LinkError
from firmware.core.types import AUTH_AES, AUTH_UID, CardData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable

    from drivers.rc522 import MFRC522
    from firmware.cards.keys import CardKeys
    from firmware.core.types import Reply

    # One step of the relay for the card of this UID: LT-87 tag 33 up, tag 33 of the answer and what else it says.
    Authority = Callable[[bytes, bytes], Awaitable["tuple[bytes, Reply]"]]
    Suspect = Callable[[bytes, str, str], CardData]

SUN = "sun"
GROUP = "group"

# LT-87 tag 33.
_CHALLENGE = b"\x01"
_FOR_CARD = b"\x02"
_ANSWER = b"\x03"
_PART_TWO_SIZE = const(32)
_COPY = "59"  # DE39: a suspected copy

_LONGEST_ANSWER = const(128)
_LIMIT_MS = const(1500)  # of one command, the card's extensions of its waiting time included
_EXTENSIONS = const(20)


class UnderKeys(CardUnreadable):
    """The air failed while a key was at work. Not tried again: the card may have counted it as a failure."""


class AesMembers:
    """Reads AES cards through one reader. `way` is sun, group or relay; `authority` may be None where none is asked."""

    def __init__(
        self, chip: "MFRC522", way: str, keys: "CardKeys | None" = None, authority: "Authority | None" = None
    ) -> None:
        self._iso = IsoDep(chip, _LONGEST_ANSWER, _LIMIT_MS, _EXTENSIONS)
        self._way = way
        self._keys = keys
        self._authority = authority
        self._key_at_work = False

    async def read(self, uid: bytes, prove: bool, suspect: "Suspect") -> CardData:
        """The card just selected. Raises CardUnsupported, CardUnreadable and the reader's errors."""
        card = AesCard(self._iso, os.urandom)
        kind = ""
        self._key_at_work = False
        try:
            kind = ats_kind(await self._iso.activate()) or await self._asked_kind(card)
            if not kind:
                raise CardUnsupported("iso-dep")
            return await self._proven(card, uid, kind, prove, suspect)
        except CardRefused:
            return CardData(uid, kind, AUTH_UID)  # not ours, or of another shop's keys
        except NotGenuine:
            return suspect(uid, kind, "card does not hold the key it took")
        except ChipAbsent:
            raise
        except RC522Error as error:
            if self._key_at_work:
                raise UnderKeys(type(error).__name__) from error
            raise
        finally:
            await self._release()

    async def _asked_kind(self, card: AesCard) -> str:
        """The kind by GetVersion, "" for what does not know it."""
        try:
            return aes_kind(await card.version())
        except CardUnreadable:
            return ""

    async def _proven(self, card: AesCard, uid: bytes, kind: str, prove: bool, suspect: "Suspect") -> CardData:
        if self._way == GROUP:
            if self._keys is not None:
                return await self._by_group(card, uid, kind, self._keys, suspect)
        elif not prove:
            pass  # a card that only earns is not kept waiting
        elif self._way == SUN:
            if kind == NTAG424:
                await card.select_df(NTAG424_DF_NAME)
                signed = sun_data(await card.read(NDEF_FILE, 0, NDEF_READ_SIZE, PLAIN))
                return CardData(uid, kind, AUTH_UID, sun=signed or b"")
        elif self._authority is not None:
            return await self._by_relay(card, uid, kind, self._authority, suspect)
        return CardData(uid, kind, AUTH_UID)

    async def _by_group(self, card: AesCard, uid: bytes, kind: str, keys: "CardKeys", suspect: "Suspect") -> CardData:
        await self._select(card, kind)
        self._key_at_work = True
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
        await self._select(card, kind)
        unproven = CardData(uid, kind, AUTH_UID)
        self._key_at_work = True
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

    async def _select(self, card: AesCard, kind: str) -> None:
        """The programme's application. Raises CardRefused when the card has none."""
        if kind == NTAG424:
            await card.select_df(NTAG424_DF_NAME)
        else:
            await card.select_application(DESFIRE_AID)

    async def _release(self) -> None:
        """Let the card rest. Taking the field away afterwards does it too, so an error changes nothing."""
        try:
            await self._iso.deselect()
        except RC522Error:
            return
