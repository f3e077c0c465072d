"""Personalises MIFARE Classic: the payload into block 4, then the trailer of sector 1, which is the last write.

Until the trailer is written the sector opens with the transport key alone, so no terminal trusts it; from then on it is
complete. A trailer torn half-way can lock the sector for good (access bits and their inverses no longer agree, MF1S50
section 8.7): that is found and told, not repaired. Which state a card is in is asked with the key it should have, as
terminals do, and where that is refused with the transport key: Classic has no other way, and counts no wrong keys.
The terminal's chip does Crypto1, so this card's two sector keys pass through it; the group key does not.
"""

from __future__ import annotations

from tools.device.card_kinds import CardOffice, CardState, Stage, Step, same
from tools.device.errors import CardCopyable, CardDamaged, CardLocked, ForeignCard, VerifyFailed
from tools.device.reader import CardNak, KeyRefused
from tools.issuer.keys import KIND_CLASSIC

BLOCK, TRAILER = 4, 7
TRANSPORT_KEY = b"\xff" * 6
_TRANSPORT_ACCESS = bytes.fromhex("ff0780")
# Key A reads, key B reads and writes data, key B alone changes keys and access; GPB 69h as delivered (section 8.7).
_ACCESS = bytes.fromhex("78778869")
_BLANK = bytes(16)
_AUTH_TRIES = 2


class ClassicOffice(CardOffice):
    """One Classic card."""

    derived_as = KIND_CLASSIC

    async def inspect(self) -> CardState:
        """Raises CardCopyable, CardDamaged, CardLocked, ForeignCard."""
        if await self.relay.copyable():
            raise CardCopyable()
        self._ours = await self._opens("a", self._key_a)
        if self._ours:
            return await self._inspect_ours()
        if not await self._opens("a", TRANSPORT_KEY):
            raise ForeignCard("neither this office's key nor the maker's opens it")
        payload, trailer = await self._read(BLOCK), await self._read(TRAILER)
        if trailer[6:9] != _TRANSPORT_ACCESS:
            raise CardLocked("its sector does not open for writing")
        if self.looks_ours(payload):
            return self.state(Stage.STARTED, payload)
        return self.state(Stage.BLANK if payload == _BLANK else Stage.USED)

    async def _inspect_ours(self) -> CardState:
        try:
            payload = await self.relay.read_block(BLOCK)
            access = (await self.relay.read_block(TRAILER))[6:10]
        except CardNak as nak:
            if not nak.refused:
                raise
            raise CardDamaged("its sector opens and can no longer be read") from None
        if access != _ACCESS:
            raise CardDamaged("its access bits are not what was written")
        state = self.state(Stage.DONE, payload)
        return state if state.member_no else self.state(Stage.STARTED)

    def steps(self, state: CardState) -> list[Step]:
        """Payload and trailer, or only the payload of a card whose trailer is right."""
        shown = self.legacy_check_value()
        if self._ours:
            return [Step("member payload, read back", f"block {BLOCK}", f"key B {shown}")]
        return [
            Step("member payload, read back", f"block {BLOCK}", "maker's key A"),
            Step("keys A and B, access 787788", f"block {TRAILER}, the last write", f"keys A, B {shown}"),
        ]

    async def write(self, state: CardState, member_no: int) -> None:
        """Raises CardGone and what the card answers."""
        which, key = ("b", self._key_b) if self._ours else ("a", TRANSPORT_KEY)
        payload = self.payload(member_no)
        await self._open(which, key)
        await self.relay.write_block(BLOCK, payload)
        same(await self.relay.read_block(BLOCK), payload, "the payload reads back differently")
        if not self._ours:
            await self.relay.write_block(TRAILER, self._key_a + _ACCESS + self._key_b)

    async def verify(self, member_no: int) -> None:
        """With key A as terminals read, with key B as the office writes, and no longer with the maker's key."""
        await self._open("a", self._key_a)
        try:
            same(await self.relay.read_block(BLOCK), self.payload(member_no), "the payload")
            same((await self.relay.read_block(TRAILER))[6:10], _ACCESS, "the access bits")
            await self._open("b", self._key_b)
            same(await self.relay.read_block(BLOCK), self.payload(member_no), "the payload by key B")
        except CardNak as nak:
            if not nak.refused:
                raise
            raise CardDamaged("its sector opens and can no longer be read") from None

    @property
    def _key_a(self) -> bytes:
        return self.legacy_key()[:6]

    @property
    def _key_b(self) -> bytes:
        return self.legacy_key()[6:12]

    async def _open(self, which: str, key: bytes) -> None:
        """From a fresh selection, so that nothing of a former session is left."""
        await self.relay.again()
        if not await self._opens(which, key):
            raise VerifyFailed("it does not open with its key")

    async def _opens(self, which: str, key: bytes) -> bool:
        """Whether a selected card opens. Twice, because a spark looks like a wrong key, and Classic counts none."""
        for _ in range(_AUTH_TRIES):
            try:
                await self.relay.authenticate(which, BLOCK, key)
                return True
            except KeyRefused:
                await self.relay.again()  # refused and gone look alike: a card that left is CardGone here
        return False

    async def _read(self, block: int) -> bytes:
        try:
            return await self.relay.read_block(block)
        except CardNak as nak:
            if not nak.refused:
                raise
            raise CardLocked("its sector cannot be read") from None
