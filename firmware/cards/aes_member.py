"""From a selected card of ISO/IEC 14443-4 to `CardData`: NTAG 424 DNA and DESFire, by the terminal's way.

Under the way sun (docs/cards.md) nothing is asked of a card that only earns; one that is to spend gives what it signed,
for the switch to verify. The other ways are `aes_proof`'s, which is loaded for them only. Which card it is follows from
ATS and GetVersion. Knows no polling, no screen and no switch. Loaded only by a terminal whose way is not off.
"""

from micropython import const

from drivers.iso_dep import IsoDep
from drivers.rc522_errors import RC522Error
from firmware.cards.aes_layout import NDEF_FILE, NDEF_READ_SIZE, NTAG424_DF_NAME
from firmware.cards.aes_plain import CardRefused, PlainCard
from firmware.cards.identify import NTAG424, aes_kind, ats_kind
from firmware.cards.sun import sun_data
from firmware.core.errors import CardUnsupported
from firmware.core.types import AUTH_UID, CardData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable

    from drivers.rc522 import MFRC522
    from firmware.cards.aes_proof import KeyProof
    from firmware.cards.keys import CardKeys
    from firmware.core.types import Reply

    # One step of the relay for the card of this UID: LT-87 tag 33 up, tag 33 of the answer and what else it says.
    Authority = Callable[[bytes, bytes], Awaitable["tuple[bytes, Reply]"]]
    Suspect = Callable[[bytes, str, str], CardData]

# Ways, as the setting aes_way names them; the third is relay.
SUN = "sun"
GROUP = "group"

_LONGEST_ANSWER = const(128)
_LIMIT_MS = const(1500)  # of one command, the card's extensions of its waiting time included
_EXTENSIONS = const(20)


class AesMembers:
    """Reads AES cards through one reader. `keys` are used by the way group only, `authority` by relay.

    `relays`: a card that is to spend is proven by the switch, which takes the time the switch takes.
    """

    def __init__(
        self, chip: "MFRC522", way: str, keys: "CardKeys | None" = None, authority: "Authority | None" = None
    ) -> None:
        self._iso = IsoDep(chip, _LONGEST_ANSWER, _LIMIT_MS, _EXTENSIONS)
        self._proof: "KeyProof | None" = None
        self.relays = way not in (SUN, GROUP)
        if way != SUN:
            from firmware.cards.aes_proof import KeyProof

            self._proof = KeyProof(keys, None) if way == GROUP else KeyProof(None, authority)

    async def read(self, uid: bytes, prove: bool, suspect: "Suspect") -> CardData:
        """The card just selected. Raises CardUnsupported, CardUnreadable and the reader's errors."""
        kind, iso = "", self._iso
        try:
            kind = ats_kind(await iso.activate()) or await self._asked_kind()
            if not kind:
                raise CardUnsupported("iso-dep")
            if self._proof is not None:
                return await self._proof.of(iso, uid, kind, prove, suspect)
            signed = await self._signed() if prove and kind == NTAG424 else None
            return CardData(uid, kind, AUTH_UID, sun=signed or b"")
        except CardRefused:
            return CardData(uid, kind, AUTH_UID)  # not ours, or of another shop's keys
        finally:
            await self._release()

    async def _asked_kind(self) -> str:
        """The kind by GetVersion, "" for what does not know it."""
        try:
            return aes_kind(await PlainCard(self._iso).plain_version())
        except CardRefused:
            return ""

    async def _signed(self) -> "bytes | None":
        """What the card signed for this tap, None when it signs nothing.

        Asked twice when there is nothing in it: no key is at work, and the way to the processor has no check sum.
        """
        try:
            signed = await self._read_signed()
        except CardRefused:
            signed = None
        return signed or await self._read_signed()

    async def _read_signed(self) -> "bytes | None":
        card = PlainCard(self._iso)
        await card.select_df(NTAG424_DF_NAME)
        return sun_data(await card.plain_read(NDEF_FILE, NDEF_READ_SIZE))

    async def _release(self) -> None:
        """Let the card rest. Taking the field away afterwards does it too, so an error changes nothing."""
        try:
            await self._iso.deselect()
        except RC522Error:
            return
