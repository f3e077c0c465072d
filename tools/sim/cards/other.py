"""A card of ISO/IEC 14443-4 whose family the terminal does not read: it can be selected and answers RATS, no more."""

from __future__ import annotations

from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.iso14443a import Card


class Iso4Card(Card):
    """SAK bit 6 says 14443-4; ATS of a DESFire."""

    kind = "desfire"
    atqa_low = 0x04
    sak = 0x20

    @property
    def atqa(self) -> bytes:
        """03h in the high byte, as DESFire sends it."""
        return bytes([super().atqa[0], 0x03])

    def command(self, data: bytes) -> Answer | None:
        """RATS is answered once a selection; everything else meets silence."""
        if data[0] == 0xE0 and len(data) == 2:
            return Answer.of(with_crc(bytes.fromhex("067577810280")))
        return self.lapse()
