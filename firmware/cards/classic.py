"""MIFARE Classic: authenticate a sector, read and write its blocks, work with value blocks. Knows no payload, no keys.

Crypto1 is broken; what is read here proves little and never carries value. A sector is open within `async with` and
closed on every way out, because a chip left in it hears no other card. Commands of the MF1S50yyX/V1 data sheet, chapter
12. Raises the reader's errors. After a sector was open, or was refused, the card has to be woken and selected again.
"""

import struct

from micropython import const

from drivers.rc522_chip import PATIENT_US
from drivers.rc522_errors import FrameError, NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

KEY_A = const(0x60)
KEY_B = const(0x61)
_READ = const(0x30)
_WRITE = const(0xA0)
_DECREMENT = const(0xC0)
_INCREMENT = const(0xC1)
_RESTORE = const(0xC2)
_TRANSFER = const(0xB0)
_WRITE_US = const(10_000)  # the longest a write or transfer takes to be acknowledged (table 10)
_BLOCK_SIZE = const(16)

MEMBER_BLOCK = const(4)  # first block of sector 1


async def read_block(chip: "MFRC522", uid: bytes, block: int, key_a: bytes) -> bytes:
    """One block of a selected card. Raises the reader's errors, AuthRefused for a wrong key."""
    async with Sector(chip, uid, block, key_a) as sector:
        return await sector.read(block)


class Sector:
    """The sector of `block`, opened with key A or B: `async with Sector(chip, uid, block, key) as sector`."""

    def __init__(self, chip: "MFRC522", uid: bytes, block: int, key: bytes, which: int = KEY_A) -> None:
        self._chip = chip
        self._opening = (which, block, key, uid)

    async def __aenter__(self) -> "Sector":
        await self._chip.authenticate(*self._opening)  # closes again what it does not open
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self._chip.stop_crypto()

    async def read(self, block: int) -> bytes:
        """The 16 bytes of a block; keys in a trailer read as zeros."""
        await self._chip.exchange(bytes((_READ, block)), _BLOCK_SIZE, crc=True, timeout_us=PATIENT_US)
        return bytes(self._chip.data[:_BLOCK_SIZE])

    async def write(self, block: int, content: bytes) -> None:
        """Write 16 bytes. A card pulled meanwhile may keep old, new or neither: read back what matters."""
        if len(content) != _BLOCK_SIZE:
            raise ValueError("a block has 16 bytes")
        await self._acknowledged(bytes((_WRITE, block)), PATIENT_US)
        await self._acknowledged(content, _WRITE_US)

    async def increment(self, block: int, amount: int) -> None:
        """Value of `block` plus `amount` into the card's register; `transfer` stores it."""
        await self._to_register(_INCREMENT, block, amount)

    async def decrement(self, block: int, amount: int) -> None:
        """Value of `block` less `amount` into the card's register; `transfer` stores it."""
        await self._to_register(_DECREMENT, block, amount)

    async def restore(self, block: int) -> None:
        """Value of `block` into the card's register; `transfer` stores it."""
        await self._to_register(_RESTORE, block, 0)

    async def transfer(self, block: int) -> None:
        """Store the register in a block of this sector."""
        await self._acknowledged(bytes((_TRANSFER, block)), _WRITE_US)

    async def _to_register(self, command: int, block: int, amount: int) -> None:
        if not 0 <= amount < 1 << 31:
            raise ValueError("an amount is 0 to 2^31-1")
        await self._acknowledged(bytes((command, block)), PATIENT_US)
        try:
            await self._chip.exchange(amount.to_bytes(4, "little"), 1, crc=True, timeout_us=PATIENT_US)
        except NoAnswer:
            return  # silence is consent (12.7); a card that left shows at the transfer
        raise FrameError("operand answered")

    async def _acknowledged(self, frame: bytes, timeout_us: int) -> None:
        if await self._chip.exchange(frame, 1, crc=True, timeout_us=timeout_us):
            raise FrameError("no acknowledgement")


def value_block(value: int, address: int = 0) -> bytes:
    """A block in value format: the signed value three times, the address byte four times, every other one inverted."""
    once, inverted = struct.pack("<i", value), struct.pack("<i", ~value)
    return once + inverted + once + bytes((address, address ^ 0xFF, address, address ^ 0xFF))


def value_of(content: bytes) -> "tuple[int, int] | None":
    """(value, address) of a block in value format, None when any copy disagrees."""
    if len(content) != _BLOCK_SIZE:
        return None
    value = struct.unpack("<i", content[:4])[0]
    return (value, content[12]) if value_block(value, content[12]) == content else None


def access_bytes(data: int, trailer: int) -> bytes:
    """The four access bytes of a sector trailer: condition C1C2C3 of the data blocks, and of the trailer (8.7.1).

    The inverted copies are made here, because a trailer whose copies disagree locks its sector for good.
    """
    c1, c2, c3 = (7 * (data >> bit & 1) | 8 * (trailer >> bit & 1) for bit in (2, 1, 0))
    return bytes(((c2 ^ 15) << 4 | (c1 ^ 15), c1 << 4 | (c3 ^ 15), c3 << 4 | c2, 0x69))


def member_trailer(key: bytes) -> bytes:
    """Trailer of the member sector from a card's legacy key: key A reads, key B writes and changes (docs/cards.md)."""
    return key[:6] + access_bytes(0b100, 0b011) + key[6:12]
