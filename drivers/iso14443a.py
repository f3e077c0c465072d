"""ISO/IEC 14443-3 type A: request, anticollision, selection and halt of one card, through an `MFRC522`.

One card at a time is the rule: where two answer differently the collision is raised, not resolved, because a shop must
never pick one of two cards for its customer. Knows no card family. UIDs are 4, 7 or 10 bytes.
"""

from micropython import const

from drivers.rc522 import PATIENT_US
from drivers.rc522_errors import Collision, CrcError, FrameError, NoAnswer

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


def crc_a(data: "bytes | bytearray | memoryview", count: int) -> int:
    """CRC_A (ISO/IEC 14443-3 annex B) of the first `count` bytes; the low byte goes on air first."""
    crc = 0x6363
    for i in range(count):
        byte = (data[i] ^ crc) & 0xFF
        byte = (byte ^ byte << 4) & 0xFF
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return crc & 0xFFFF


class Target:
    """A selected card: its whole `uid`, final `sak`, `atqa` (0 when two cards garbled it), and `first`, the four bytes
    it gave at the first cascade level, by which it is known again."""

    def __init__(self, uid: bytes, sak: int, atqa: int, first: bytes) -> None:
        self.uid = uid
        self.sak = sak
        self.atqa = atqa
        self.first = first


class Iso14443A:
    """The type A card procedures on one reader. All methods raise the driver's errors."""

    def __init__(self, chip: "MFRC522") -> None:
        self._chip = chip
        self._frame = bytearray(9)

    async def request(self, wake: bool = False) -> int:
        """REQA, or WUPA which halted cards hear too: ATQA, 0 when several cards answered differently."""
        self._frame[0] = _WUPA if wake else _REQA
        try:
            await self._chip.exchange(self._frame, 2, last_bits=7, size=1)
        except Collision:
            return 0
        data = self._chip.data
        return data[0] | data[1] << 8

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
        chip, data, frame = self._chip, self._chip.data, self._frame
        uid = first = b""
        for code in (_SELECT_CL1, _SELECT_CL2, _SELECT_CL3):
            await self._anticollision(code)
            part = bytes(data[:4])
            first = first or part
            cascade = part[0] == _CASCADE_TAG and code != _SELECT_CL3
            frame[0] = code
            frame[1] = _NVB_ALL
            frame[2:6] = part
            frame[6] = data[4]
            if not cascade:
                await chip.exchange(frame, 1, crc=True, timeout_us=PATIENT_US, size=7)
                sak = data[0]
                if sak & _SAK_INCOMPLETE:
                    raise FrameError("SAK asks for a cascade without tag")
                return Target(uid + part, sak, atqa, first)
            # Switching the chip's CRC on and off again would cost four transactions; nine bytes cost less here.
            await self._select_with_own_crc()
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
        raise FrameError("HLTA answered")

    async def _anticollision(self, code: int) -> None:
        """One cascade level: five bytes in `data`, the last the XOR of the others."""
        self._frame[0] = code
        self._frame[1] = _NVB_NONE
        data = self._chip.data
        await self._chip.exchange(self._frame, 5, size=2)
        if data[0] ^ data[1] ^ data[2] ^ data[3] ^ data[4]:
            raise FrameError("BCC")

    async def _select_with_own_crc(self) -> None:
        frame, data = self._frame, self._chip.data
        crc = crc_a(frame, 7)
        frame[7] = crc & 0xFF
        frame[8] = crc >> 8
        await self._chip.exchange(frame, 3)
        if crc_a(data, 1) != data[1] | data[2] << 8:
            raise CrcError()
        if not data[0] & _SAK_INCOMPLETE:
            raise FrameError("SAK ends a cascade with tag")
