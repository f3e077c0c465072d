"""NTAG21x and Ultralight EV1: version, pages and password. Knows no payload and no key derivation.

Commands are those of the NTAG21x data sheet, chapter 10. A refused command (Nak) drops the card out of its session: it
has to be woken and selected again. Raises the reader's errors.
"""

from micropython import const

from drivers.rc522 import PATIENT_US

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

_GET_VERSION = b"\x60"
_FAST_READ = const(0x3A)
_READ = const(0x30)
_PWD_AUTH = const(0x1B)
_PAGE = const(4)
_READ_PAGES = const(4)
_FAST_PAGES = const(16)  # what fits the reader's FIFO; one page less when the chip leaves the CRC in it

MEMBER_PAGE = const(4)  # first page of user memory


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


async def authenticate(chip: "MFRC522", password: bytes) -> bytes:
    """PWD_AUTH: the two PACK bytes the card answers; the caller compares them. Raises Nak for a wrong password.

    A card may count wrong passwords and lock itself for good (AUTHLIM): call this only for one that refused a read.
    """
    await chip.exchange(bytes((_PWD_AUTH,)) + password, 2, crc=True, timeout_us=PATIENT_US)
    return bytes(chip.data[:2])
