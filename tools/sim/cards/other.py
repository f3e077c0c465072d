"""Cards of ISO/IEC 14443-4 the terminal does not take: a DESFire of the first generation, and a phone.

Both hold a conversation, so that a reader finds out by asking what lies there. Knows no keys.
"""

from __future__ import annotations

import random

from tools.sim.cards.iso_dep import IsoDepCard, make_ats

_NOT_FOUND, _UNKNOWN = b"\x6a\x82", b"\x6d\x00"
_MORE, _DONE, _ILLEGAL = b"\x91\xaf", b"\x91\x00", b"\x91\x1c"
_GET_VERSION, _NEXT = 0x60, 0xAF


class DesfireEv1(IsoDepCard):
    """MIFARE DESFire EV1 4K (MF3ICD41): GetVersion in three frames (wrapped, 90 60 00 00 00); no application."""

    kind = "desfire"
    ats = bytes.fromhex("067577810280")
    hardware, software = bytes.fromhex("04010101001805"), bytes.fromhex("04010101041805")

    def __init__(self, uid: bytes, *, ats: bytes | None = None) -> None:
        super().__init__(uid, ats=ats)
        self._frames: list[bytes] = []

    @property
    def atqa(self) -> bytes:
        """03h in the high byte, as DESFire sends it."""
        return bytes([super().atqa[0], 0x03])

    def end_session(self) -> None:
        """A GetVersion begun is forgotten."""
        self._frames = []

    def apdu(self, command: bytes) -> bytes:
        """ISO SELECT finds nothing; of the wrapped native commands only GetVersion is known."""
        if command[:2] == b"\x00\xa4":
            return _NOT_FOUND
        if command[:1] != b"\x90" or len(command) < 5:
            return _UNKNOWN
        if command[1] == _GET_VERSION:
            made = self.uid[:7].ljust(7, b"\x00") + bytes.fromhex("ba54c7d110") + b"\x26\x16"  # batch, week, year
            self._frames = [self.hardware, self.software, made]
        elif command[1] != _NEXT:
            self._frames = []
        if not self._frames:
            return _ILLEGAL
        part = self._frames.pop(0)
        return part + (_MORE if self._frames else _DONE)


class Phone(IsoDepCard):
    """A phone that emulates a card: a random UID, 08h first, new with each field; no application for us."""

    kind = "phone"
    ats = make_ats(fsci=8, fwi=7, ta1=0x80, historical=b"")

    def __init__(self, uid: bytes = b"\x08\x00\x00\x00", *, seed: int = 1) -> None:
        super().__init__(uid)
        self._random = random.Random(seed)

    def power_up(self, now_us: int) -> None:
        """Another UID every time (ISO/IEC 14443-3, 6.5.4: 08h marks it as random)."""
        self.take_uid(b"\x08" + self._random.randbytes(3))
        super().power_up(now_us)

    def apdu(self, command: bytes) -> bytes:
        """SELECT by name finds nothing."""
        return _NOT_FOUND if command[:2] == b"\x00\xa4" else _UNKNOWN
