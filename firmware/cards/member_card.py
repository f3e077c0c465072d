"""From a selected card to `CardData`: identify it, open it with its own keys if it has ours, and check its payload.

A card that does not open, is blank or belongs to nobody is still a card: it counts by its UID alone (AUTH_UID). Only a
payload whose MAC fits gives AUTH_LEGACY; cards of ISO/IEC 14443-4 are `aes_member`'s, when the terminal has it. What
looks like a copy is counted and logged, counts by its UID and says so. Knows nothing of waiting, polling or people.
Member numbers and whole UIDs never reach the log.
"""

import asyncio

from micropython import const

from drivers.rc522_errors import AuthRefused, Collision, FrameError, Nak, NoAnswer
from firmware.cards import classic, ntag
from firmware.cards.identify import CLASSIC, ISO_DEP, TYPE2, family, is_odd, is_random, type2_kind
from firmware.cards.payload import CLASSIC_CARD, NTAG_CARD, PayloadForged, looks_like_ours, member_of_payload
from firmware.core.errors import CardLeft, CardUnsupported, TwoCards
from firmware.core.reference import masked
from firmware.core.types import AUTH_LEGACY, AUTH_UID, CardData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.iso14443a import Iso14443A, Target
    from drivers.rc522 import MFRC522
    from firmware.cards.aes_member import AesMembers
    from firmware.cards.keys import CardKeys
    from firmware.core.log import Log

_SUSPICIOUS = const("C06")  # the card carries our format or another's UID, and it is not genuine
_AUTH_TRIES = const(3)  # a spark looks like a wrong key; a good card must not lose its rank by one
_WAKE_TRIES = const(4)
_KNOCKS = const(2)
_SETTLE_MS = const(6)  # field before the first frame, 5 ms by ISO 14443-3 6.2.4 and one for the scheduler's grain
# What the oldest kind of rewritable card hears and no maker's card does: seven bits, after which it needs no key.
_BACKDOOR = const(b"\x40")


class MemberCards:
    """Reads member cards through one reader.

    `keys` is None in a terminal without: every card counts by its UID. `aes` is None in one that reads no AES card.
    """

    def __init__(
        self,
        chip: "MFRC522",
        picc: "Iso14443A",
        keys: "CardKeys | None",
        log: "Log",
        aes: "AesMembers | None" = None,
    ) -> None:
        self._chip = chip
        self._picc = picc
        self._keys = keys
        self._log = log
        self._aes = aes
        self.suspicious = 0

    async def read(self, target: "Target", prove: bool = False) -> CardData:
        """Identify and read the selected card; with `prove` also what only spending needs.

        Raises CardUnsupported, CardLeft, TwoCards, CardUnreadable and the reader's errors. Only after the latter the
        card may be read again at once.
        """
        uid = target.uid
        if is_random(uid):
            raise CardUnsupported("random UID")
        of, kind = family(target.sak)
        if is_odd(uid, target.atqa):
            return self.suspect(uid, kind or "odd", "UID and ATQA disagree")
        if of == CLASSIC:
            return await self._classic(uid, kind, prove)
        if of == TYPE2:
            return await self._type2(uid)
        if of == ISO_DEP and self._aes is not None:
            return await self._aes.read(uid, prove, self.suspect)
        raise CardUnsupported(kind or "iso-dep")

    async def select_again(self, uid: bytes) -> None:
        """Wake and select a card that fell out of its session.

        A card that was still active answers WUPA only the second time; the last tries take its power first. Raises
        CardLeft when it does not come back, TwoCards, or FrameError.
        """
        chip = self._chip
        chip.stop_crypto()
        for attempt in range(_WAKE_TRIES):
            last = attempt == _WAKE_TRIES - 1
            if attempt > 1:
                chip.field_off()
                await asyncio.sleep_ms(_SETTLE_MS)
                chip.field_on()
                await asyncio.sleep_ms(_SETTLE_MS)
            try:
                if (await self._picc.select(wake=True)).uid == uid:
                    return
                raise CardLeft("another card")
            except Collision as error:
                if last:
                    raise TwoCards() from error
            except NoAnswer as error:
                if last:
                    raise CardLeft() from error
            except FrameError:
                if last:
                    raise

    def suspect(self, uid: bytes, kind: str, why: str) -> CardData:
        """What a card that looks like a copy counts for: noted, and it earns by its UID."""
        self.suspicious += 1
        self._log.fault(_SUSPICIOUS, why + ", card " + masked(uid))
        return CardData(uid, kind, AUTH_UID, suspect=True)

    async def _classic(self, uid: bytes, kind: str, prove: bool) -> CardData:
        keys = self._keys
        if prove and await self._has_backdoor(uid):
            return self.suspect(uid, kind, "rewritable card")
        if keys is None:
            return CardData(uid, kind, AUTH_UID)
        for _ in range(_AUTH_TRIES):
            try:
                payload = await classic.read_block(self._chip, uid, classic.MEMBER_BLOCK, keys.classic_key(uid))
                return self._judged(uid, kind, CLASSIC_CARD, payload)
            except AuthRefused:
                # Refused and gone look alike, so the card has to show that it is still there.
                await self.select_again(uid)
            except Nak:
                break
        return CardData(uid, kind, AUTH_UID)

    async def _has_backdoor(self, uid: bytes) -> bool:
        """Whether a halted card answers what none of a maker does. A tripwire: silence proves nothing.

        The second command (43h), which opens the card, is not sent: one variant needs none, and the answer is known.
        Asked twice, each time from the beginning: one lost frame must not let a copy through.
        """
        for _ in range(_KNOCKS):
            await self._picc.halt()
            try:
                if await self._chip.exchange(_BACKDOOR, 1, last_bits=7) == 0:
                    return True
            except (NoAnswer, FrameError, Nak):
                pass  # silence is as it should be, and noise accuses nobody
            await self.select_again(uid)
        return False

    async def _type2(self, uid: bytes) -> CardData:
        keys = self._keys
        version = await self._version(uid)
        kind = type2_kind(version)
        if keys is None or version is None:
            return CardData(uid, kind, AUTH_UID)
        try:
            told = await ntag.read_pages(self._chip, ntag.MARK_PAGE, 4)
        except Nak as error:
            if error.code:
                raise  # it heard noise; only code 0 refuses (NTAG21x 9.3)
            return CardData(uid, kind, AUTH_UID)
        closed = told[4:7] == uid[:3]  # page 0: reading rolls over before the first protected page (NTAG21x 10.2)
        if not closed and looks_like_ours(told[4:]):
            return self.suspect(uid, kind, "payload on an open card")
        if not closed or told[:4] != ntag.MARK:
            # Open, so it proves nothing, or closed and not ours: our password could use up a stranger's AUTHLIM.
            return CardData(uid, kind, AUTH_UID)
        password, pack = keys.ntag_password(uid)
        try:
            answer = await ntag.authenticate(self._chip, password)
        except Nak:
            return CardData(uid, kind, AUTH_UID)
        if answer != pack:
            return self.suspect(uid, kind, "PACK does not fit")
        payload = await ntag.read_pages(self._chip, ntag.MEMBER_PAGE, 4)
        try:
            counter = await ntag.read_counter(self._chip)
        except Nak:
            counter = 0  # the card does not count its taps
        return self._judged(uid, kind, NTAG_CARD, payload, counter)

    async def _version(self, uid: bytes) -> "bytes | None":
        """GET_VERSION, None for a card that does not know it. Asked twice: a lost answer must not cost a rank."""
        for _ in range(2):
            try:
                return await ntag.get_version(self._chip)
            except Nak:
                await self.select_again(uid)
                break
            except NoAnswer:
                await self.select_again(uid)
        return None

    def _judged(self, uid: bytes, kind: str, of: bytes, payload: bytes, counter: int = 0) -> CardData:
        """The card with the rank its payload earns on one of the kind `of`."""
        assert self._keys is not None
        try:
            member_no = member_of_payload(self._keys, of, uid, payload)
        except PayloadForged:
            return self.suspect(uid, kind, "payload MAC does not fit")
        return CardData(uid, kind, AUTH_LEGACY if member_no else AUTH_UID, member_no, counter)
