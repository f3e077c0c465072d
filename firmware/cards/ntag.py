"""NTAG21x and Ultralight EV1: version, pages, password, counters, signature. Knows no payload and no key derivation.

Commands are those of the NTAG21x data sheet and of the MF0ULx1's, chapter 10 in both. A refused command (Nak) drops the
card out of its session: it has to be woken and selected again. Raises the reader's errors.
"""

from micropython import const

from drivers.rc522_chip import PATIENT_US
from drivers.rc522_errors import FrameError
from firmware.core.errors import CardUnreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

_GET_VERSION = const(b"\x60")
_FAST_READ = const(0x3A)
_READ = const(0x30)
_WRITE = const(0xA2)
_READ_CNT = const(0x39)
_INCR_CNT = const(0xA5)  # Ultralight EV1 only
_READ_SIG = const(b"\x3c\x00")
_PWD_AUTH = const(0x1B)
_WRITE_US = const(10_000)  # the longest a write takes to be acknowledged (section 10, timings)
_SIGNATURE_SIZE = const(32)
_PAGE = const(4)
_READ_PAGES = const(4)
_FAST_PAGES = const(16)  # what fits the reader's FIFO; one page less when the chip leaves the CRC in it

# A tag of the programme says so in the open, because a password sent to a stranger's is counted there (AUTHLIM).
MARK_PAGE = const(4)  # first page of user memory
MARK = b"VAFA"
MEMBER_PAGE = const(5)  # first of the four pages of the payload, and of what is protected
_TAP_COUNTER = const(2)  # the one an NTAG21x has

# First configuration page by the storage size byte of GET_VERSION: NTAG210 and MF0UL11, NTAG212 and MF0UL21, NTAG213,
# NTAG215, NTAG216.
_CONFIG_PAGES = {0x0B: 0x10, 0x0E: 0x25, 0x0F: 0x29, 0x11: 0x83, 0x13: 0xE3}
_STORAGE_AT = const(6)
_COUNTING = const((0x29, 0x83, 0xE3))  # those of tags that count their taps: NTAG213, NTAG215, NTAG216
_PROT = const(0x80)  # ACCESS: reading is protected too
_COUNTS = const(0x18)  # ACCESS: NFC_CNT_EN and NFC_CNT_PWD_PROT (NTAG21x, table 12)
_LIMIT = const(0x07)  # ACCESS: AUTHLIM


class NotKept(CardUnreadable):
    """A page reads back otherwise than it was written."""


async def get_version(chip: "MFRC522") -> bytes:
    """The eight version bytes."""
    await chip.exchange(_GET_VERSION, 8, crc=True, timeout_us=PATIENT_US)
    return bytes(chip.data[:8])


async def read_pages(chip: "MFRC522", first: int, count: int) -> bytes:
    """`count` pages from `first` on: four by READ, others by FAST_READ in as few exchanges as the FIFO allows."""
    if count == _READ_PAGES:
        await chip.exchange(bytes((_READ, first)), _READ_PAGES * _PAGE, crc=True, timeout_us=PATIENT_US)
        return bytes(chip.data[: _READ_PAGES * _PAGE])
    out = bytearray()
    limit = _FAST_PAGES - 1 if chip.crc_in_fifo else _FAST_PAGES
    while count:
        part = min(count, limit)
        await chip.exchange(bytes((_FAST_READ, first, first + part - 1)), part * _PAGE, crc=True, timeout_us=PATIENT_US)
        out.extend(chip.data[: part * _PAGE])
        first += part
        count -= part
    return bytes(out)


async def write_page(chip: "MFRC522", page: int, content: bytes) -> None:
    """WRITE: one page of four bytes. Lock and one-time pages only ever gain bits."""
    if len(content) != _PAGE:
        raise ValueError("a page has 4 bytes")
    if await chip.exchange(bytes((_WRITE, page)) + content, 1, crc=True, timeout_us=_WRITE_US):
        raise FrameError("no acknowledgement")


async def write_pages(chip: "MFRC522", first: int, content: bytes) -> None:
    """Write whole pages from `first` on and read them back. Raises NotKept."""
    count = len(content) // _PAGE
    for i in range(count):
        await write_page(chip, first + i, content[i * _PAGE : (i + 1) * _PAGE])
    if await read_pages(chip, first, count) != content:
        raise NotKept("page {}".format(first))


async def read_counter(chip: "MFRC522", number: int = _TAP_COUNTER) -> int:
    """READ_CNT: a counter of 24 bits; NTAG21x has number 2, Ultralight EV1 0 to 2."""
    await chip.exchange(bytes((_READ_CNT, number)), 3, crc=True, timeout_us=PATIENT_US)
    data = chip.data
    return data[0] | data[1] << 8 | data[2] << 16


async def increment_counter(chip: "MFRC522", number: int, amount: int) -> None:
    """INCR_CNT of an Ultralight EV1. Raises Nak beyond 2^24 - 1."""
    if await chip.exchange(
        bytes((_INCR_CNT, number)) + amount.to_bytes(3, "little") + b"\x00", 1, crc=True, timeout_us=_WRITE_US
    ):
        raise FrameError("no acknowledgement")


async def read_signature(chip: "MFRC522") -> bytes:
    """READ_SIG: the maker's 32-byte signature over the UID (secp128r1, AN11350). Static, so it proves no original."""
    await chip.exchange(_READ_SIG, _SIGNATURE_SIZE, crc=True, timeout_us=PATIENT_US)
    return bytes(chip.data[:_SIGNATURE_SIZE])


async def authenticate(chip: "MFRC522", password: bytes) -> bytes:
    """PWD_AUTH: the two PACK bytes the card answers; the caller compares them. Raises Nak for a wrong password.

    A card may count wrong passwords and lock itself for good (AUTHLIM): call this only for one that says it is ours.
    """
    await chip.exchange(bytes((_PWD_AUTH,)) + password, 2, crc=True, timeout_us=PATIENT_US)
    return bytes(chip.data[:2])


def config_page(version: bytes) -> int:
    """First of the four configuration pages of a card with these GET_VERSION bytes, 0 for one not in the table."""
    return _CONFIG_PAGES.get(version[_STORAGE_AT], 0)


def protection(config: "bytes | memoryview", first: int, password: bytes, pack: bytes, auth0: int) -> "list":
    """[(page, four bytes)] that protect a card from page `auth0` on, reading included, in the order to write them.

    `config` is what its first two configuration pages, from page `first` on, hold now; what else stands there stays.
    The password comes first and AUTH0 last: a card pulled in between is still open, and no password is half in force.
    AUTHLIM is cleared, because a stranger's guesses must not lock a customer's card for good. A tag that can count its
    taps does so from then on, and tells the count to its password only.
    """
    cfg0, cfg1 = bytes(config[:4]), bytes(config[4:8])
    access = cfg1[0] & ~_LIMIT & 0xFF | _PROT | (_COUNTS if first in _COUNTING else 0)
    return [
        (first + 2, password),
        (first + 3, pack + b"\x00\x00"),
        (first + 1, bytes((access,)) + cfg1[1:]),
        (first, cfg0[:3] + bytes((auth0,))),
    ]
