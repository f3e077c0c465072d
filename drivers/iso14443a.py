"""ISO/IEC 14443-3 type A: request, anticollision, selection and halt, through an `MFRC522`.

`select` is for the one card a shop expects and raises the collision of two, because nobody may pick one of two cards
for a customer; `select_all` tells all cards that lie there. Two cards of one and the same UID are as one: they send
the same bits and never collide. Knows no card family. UIDs are 4, 7 or 10 bytes.
"""

import asyncio

from micropython import const

from drivers.crc_a import crc_a
from drivers.rc522_chip import PATIENT_US
from drivers.rc522_errors import ChipAbsent, Collision, CrcError, FrameError, Nak, NoAnswer, RC522Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

_REQA = const(0x26)
_WUPA = const(0x52)
_HLTA = const(0x50)
_SELECT_CL1 = const(0x93)
_SELECT_CL2 = const(0x95)
_SELECT_CL3 = const(0x97)
_NVB_NONE = const(0x20)  # two bytes sent, no bit of the UID known
_NVB_ALL = const(0x70)
_CASCADE_TAG = const(0x88)
_SAK_INCOMPLETE = const(0x04)
_LEVEL_BITS = const(40)  # four bytes of the UID and their XOR

_RESET_MS = const(6)  # without field every card forgets its state, and with it every card is ready again: 5 ms and 5 ms
_FAILURES = const(4)  # of `select_all`: what noise may spoil before it is told
# A card whose answer was lost is READY, and only reset by the next request (6.3): it answers the one after that.
_SILENCES = const(3)
_SILENCES_AFTER_ONE = const(2)  # where a card was alone, nobody is missed


class Target:
    """A selected card: its whole `uid`, final `sak`, `atqa` (0 when two cards garbled it), and `first`, the four bytes
    it gave at the first cascade level, by which it is known again."""

    def __init__(self, uid: bytes, sak: int, atqa: int, first: bytes) -> None:
        self.uid = uid
        self.sak = sak
        self.atqa = atqa
        self.first = first


class Iso14443A:
    """The type A card procedures on one reader. All raise NoAnswer, Collision, FrameError or ChipAbsent."""

    def __init__(self, chip: "MFRC522") -> None:
        self._chip = chip
        self._frame = bytearray(9)
        self._collided = False  # in this round of `select_all`

    async def request(self, wake: bool = False) -> int:
        """REQA, or WUPA which halted cards hear too: ATQA, 0 when several cards answered differently."""
        chip = self._chip
        chip.set_rate()
        self._frame[0] = _WUPA if wake else _REQA
        try:
            await chip.exchange(self._frame, 2, last_bits=7, size=1)
        except Collision:
            return 0
        return chip.data[0] | chip.data[1] << 8

    async def peek(self) -> bytes:
        """The four bytes at the first cascade level of whatever card lies there; enough to see it is still the same."""
        await self.request(wake=True)
        await self._anticollision(_SELECT_CL1)
        return bytes(self._chip.data[:4])

    async def select(self, wake: bool = False) -> Target:
        """Find the one card in the field and select it through all its cascade levels. Raises Collision for two.

        Leaves the chip with CRC on and the patient timer, as card commands want it.
        """
        atqa = await self.request(wake)
        data = self._chip.data
        uid = first = b""
        for code in (_SELECT_CL1, _SELECT_CL2, _SELECT_CL3):
            await self._anticollision(code)
            part = bytes(data[:4])
            first = first or part
            if not await self._select_level(code, data):
                return Target(uid + part, data[0], atqa, first)
            uid += part[1:]
        raise FrameError("cascade")

    async def halt(self) -> None:
        """HLTA: the selected card sleeps until WUPA. Its acknowledgement is silence."""
        self._frame[0] = _HLTA
        self._frame[1] = 0
        try:
            await self._chip.exchange(self._frame, 0, crc=True, size=2)
        except NoAnswer:
            return
        except Nak:
            pass
        raise FrameError("HLTA answered")

    async def activate(self, uid: bytes) -> Target:
        """Wake all cards and select just the one of this UID; the others fall back to where they were."""
        try:
            atqa = await self.request(wake=True)
        except NoAnswer:
            atqa = await self.request(wake=True)  # a card left half selected is only reset by the first (6.3)
        first = uid if len(uid) == 4 else bytes((_CASCADE_TAG,)) + uid[:3]
        data = self._chip.data
        level = bytearray(5)
        code = _SELECT_CL1
        rest = uid
        while True:
            level[:4] = rest if len(rest) == 4 else bytes((_CASCADE_TAG,)) + rest[:3]
            level[4] = level[0] ^ level[1] ^ level[2] ^ level[3]
            more = await self._select_level(code, level)
            if more != (len(rest) > 4):
                raise FrameError("cascade")
            if not more:
                return Target(uid, data[0], atqa, first)
            rest = rest[3:]
            code += 2

    async def select_all(self, limit: int = 4) -> "list[Target]":
        """All cards that lie there, halted ones too, up to `limit`; in the end each is halted. Perhaps none.

        Takes the field away and brings it back, so that all cards begin anew. Each round resolves one card bit by bit
        and halts it. A round spoilt by noise is repeated, a few times in all; then its error is raised.
        """
        chip = self._chip
        chip.field_off()
        await asyncio.sleep_ms(_RESET_MS)
        chip.field_on()
        await asyncio.sleep_ms(_RESET_MS)
        found: "list[Target]" = []
        failures = silences = 0
        patience = _SILENCES
        while len(found) < limit and silences < patience:
            try:
                target = await self._resolve()
                if target is None:
                    silences += 1
                    continue
                silences = 0
                patience = _SILENCES if self._collided else _SILENCES_AFTER_ONE
                await self.halt()
                if all(target.uid != one.uid for one in found):  # else it did not hear its HLTA
                    found.append(target)
                    continue
                failure: RC522Error = FrameError("HLTA not heard")
            except ChipAbsent:
                raise
            except RC522Error as error:
                failure = error
            silences, patience = 0, _SILENCES  # somebody spoke
            failures += 1
            if failures > _FAILURES:
                raise failure
        if not chip.check():
            raise FrameError("chip")  # silence of a field that was never on would be no news of cards
        return found

    # --- one level ------------------------------------------------------------------------------------------------

    async def _anticollision(self, code: int) -> None:
        """One cascade level of one card: five bytes in `data`, the last the XOR of the others."""
        self._frame[0] = code
        self._frame[1] = _NVB_NONE
        data = self._chip.data
        await self._chip.exchange(self._frame, 5, size=2)
        if data[0] ^ data[1] ^ data[2] ^ data[3] ^ data[4]:
            raise FrameError("BCC")

    async def _select_level(self, code: int, level: "bytearray | memoryview") -> bool:
        """SELECT with the five bytes of a level; SAK is in `data[0]`. True when the UID goes on."""
        chip, data, frame = self._chip, self._chip.data, self._frame
        frame[0] = code
        frame[1] = _NVB_ALL
        for i in range(5):
            frame[2 + i] = level[i]
        cascade = frame[2] == _CASCADE_TAG and code != _SELECT_CL3
        try:
            if not cascade:
                if not await chip.exchange(frame, 1, crc=True, timeout_us=PATIENT_US, size=7):
                    raise FrameError("SAK")  # four bits
            else:
                # Switching the chip's CRC on and off again would cost four transactions; nine bytes cost less here.
                crc = crc_a(frame, 7)
                frame[7] = crc & 0xFF
                frame[8] = crc >> 8
                await chip.exchange(frame, 3)
                if crc_a(data, 3):
                    raise CrcError()
        except Nak:
            raise FrameError("SAK") from None
        if bool(data[0] & _SAK_INCOMPLETE) != cascade:
            raise FrameError("SAK")
        return cascade

    # --- several cards --------------------------------------------------------------------------------------------

    async def _resolve(self) -> "Target | None":
        """Select one of all cards that hear REQA; None when none does. All others are left in IDLE."""
        try:
            atqa = await self.request()
        except NoAnswer:
            return None
        self._collided = not atqa
        uid = first = b""
        for code in (_SELECT_CL1, _SELECT_CL2, _SELECT_CL3):
            level = await self._resolve_level(code)
            part = bytes(level[:4])
            first = first or part
            if not await self._select_level(code, level):
                return Target(uid + part, self._chip.data[0], atqa, first)
            uid += part[1:]
        raise FrameError("cascade")

    async def _resolve_level(self, code: int) -> bytearray:
        """Bit-oriented anticollision (6.5.3.1): the five bytes one of the colliding cards has at this level.

        Every round asks with one more known bit at least. What CollPos counts from when RxAlign is used is not in the
        datasheet (9.3.1.15), so of the possible readings the earliest is believed: up to there all bits received are
        good in each of them, and the bit at that place is either common to all cards or, being 0 behind a collision
        (ValuesAfterColl), one that some card has. So no question stays without an answer, whatever the chip counts.
        """
        chip, data, frame = self._chip, self._chip.data, self._frame
        level = bytearray(5)
        known = 0
        while known < _LEVEL_BITS:
            whole, bits = known >> 3, known & 7
            frame[0] = code
            frame[1] = _NVB_NONE + (whole << 4) + bits
            frame[2:7] = level
            collision = -1
            try:
                sent = 2 + whole + (1 if bits else 0)
                if not await chip.exchange(frame, 5 - whole, last_bits=bits, size=sent, align=bits):
                    raise FrameError("four bits")
            except Collision as error:
                self._collided = True
                collision = _earliest(error.position, known, bits)
            except Nak:
                raise FrameError("four bits") from None
            reached = _LEVEL_BITS if collision < 0 else collision + 1
            for bit in range(known, reached):
                at = bit >> 3
                if data[at - whole] >> (bit & 7) & 1:
                    level[at] |= 1 << (bit & 7)
            known = reached
        if level[0] ^ level[1] ^ level[2] ^ level[3] ^ level[4]:
            raise FrameError("BCC")
        return level


def _earliest(position: int, known: int, align: int) -> int:
    """The first bit of a level, from 0, that may be the collided one: `position` from 1, 0 when it is not told.

    It may count from the first bit received, from bit 0 of the first byte in the FIFO, or from the level's beginning.
    """
    best = known + position - 1
    for bit in (known - align + position - 1, position - 1):
        if known <= bit < best:
            best = bit
    return max(best, known) if best < _LEVEL_BITS else known
