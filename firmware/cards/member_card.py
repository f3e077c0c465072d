"""From a selected card to `CardData`: identify it, open it with its own keys if it has ours, and check its payload.

A card that does not open, is blank or belongs to nobody is still a card: it counts by its UID alone (AUTH_UID). Only a
payload whose MAC fits gives AUTH_LEGACY. What looks like a copy is counted and logged, and counts by its UID. Knows
nothing of waiting, polling or people. Member numbers and whole UIDs never reach the log.
"""

import asyncio

from micropython import const

from drivers.rc522_errors import AuthRefused, Collision, FrameError, Nak, NoAnswer
from firmware.cards import classic, ntag
from firmware.cards.identify import CLASSIC, TYPE2, family, type2_kind
from firmware.cards.payload import PayloadForged, looks_like_ours, member_of_payload
from firmware.core.errors import CardLeft, CardUnsupported, TwoCards
from firmware.core.reference import masked
from firmware.core.types import AUTH_LEGACY, AUTH_UID, CardData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.iso14443a import Iso14443A, Target
    from drivers.rc522 import MFRC522
    from firmware.cards.keys import CardKeys
    from firmware.core.log import Log

SUSPICIOUS = "C06"  # the card carries our format, and it is not genuine
_AUTH_TRIES = const(2)  # a spark looks like a wrong key; a good card must not lose its rank by one
_SETTLE_MS = const(6)  # field before the first frame, 5 ms by ISO 14443-3 6.2.4 and one for the scheduler's grain


class MemberCards:
    """Reads member cards through one reader. `keys` is None in a terminal without: every card counts by its UID."""

    def __init__(self, chip: "MFRC522", picc: "Iso14443A", keys: "CardKeys | None", log: "Log") -> None:
        self._chip = chip
        self._picc = picc
        self._keys = keys
        self._log = log
        self.suspicious = 0

    async def read(self, target: "Target") -> CardData:
        """Identify and read the selected card. Raises CardUnsupported, CardLeft, TwoCards and the reader's errors."""
        of, kind = family(target.sak, target.atqa)
        if of == CLASSIC:
            return await self._classic(target, kind)
        if of == TYPE2:
            return await self._type2(target)
        raise CardUnsupported(kind)

    async def select_again(self, uid: bytes) -> None:
        """Wake and select a card that fell out of its session.

        A card that was still active answers WUPA only the second time; the last try takes its power first. Raises
        CardLeft when it does not come back, TwoCards, or FrameError.
        """
        chip = self._chip
        chip.stop_crypto()
        for attempt in range(3):
            if attempt == 2:
                chip.field_off()
                await asyncio.sleep_ms(_SETTLE_MS)
                chip.field_on()
                await asyncio.sleep_ms(_SETTLE_MS)
            try:
                if (await self._picc.select(wake=True)).uid == uid:
                    return
                raise CardLeft("another card")
            except Collision as error:
                if attempt == 2:
                    raise TwoCards() from error
            except NoAnswer as error:
                if attempt == 2:
                    raise CardLeft() from error
            except FrameError:
                if attempt == 2:
                    raise

    async def _classic(self, target: "Target", kind: str) -> CardData:
        uid, keys = target.uid, self._keys
        if keys is None:
            return CardData(uid, kind, AUTH_UID)
        for _ in range(_AUTH_TRIES):
            try:
                payload = await classic.read_block(self._chip, uid, classic.MEMBER_BLOCK, keys.classic_key(uid))
                return self._judged(uid, kind, payload)
            except AuthRefused:
                # Refused and gone look alike, so the card has to show that it is still there.
                await self.select_again(uid)
            except Nak:
                break
        return CardData(uid, kind, AUTH_UID)

    async def _type2(self, target: "Target") -> CardData:
        uid, keys = target.uid, self._keys
        try:
            version = await ntag.get_version(self._chip)
        except (Nak, NoAnswer):
            version = None
            await self.select_again(uid)
        kind = type2_kind(version)
        if keys is None or version is None:
            return CardData(uid, kind, AUTH_UID)
        try:
            if looks_like_ours(await ntag.read_pages(self._chip, ntag.MEMBER_PAGE, 4)):
                self._suspect(uid, "payload on an open card")
            return CardData(uid, kind, AUTH_UID)  # readable by anyone, so it proves nothing
        except Nak:
            await self.select_again(uid)  # protected: perhaps by us
        password, pack = keys.ntag_password(uid)
        try:
            answer = await ntag.authenticate(self._chip, password)
        except Nak:
            return CardData(uid, kind, AUTH_UID)
        if answer != pack:
            self._suspect(uid, "PACK does not fit")
            return CardData(uid, kind, AUTH_UID)
        return self._judged(uid, kind, await ntag.read_pages(self._chip, ntag.MEMBER_PAGE, 4))

    def _judged(self, uid: bytes, kind: str, payload: bytes) -> CardData:
        """The card with the rank its payload earns."""
        keys = self._keys
        member_no = 0
        if keys is not None:
            try:
                member_no = member_of_payload(keys, uid, payload)
            except PayloadForged:
                self._suspect(uid, "payload MAC does not fit")
        return CardData(uid, kind, AUTH_LEGACY if member_no else AUTH_UID, member_no)

    def _suspect(self, uid: bytes, why: str) -> None:
        self.suspicious += 1
        self._log.fault(SUSPICIOUS, why + ", card " + masked(uid))
