"""MIFARE Classic: authenticate a sector and read its blocks. Knows no payload and no key derivation.

Crypto1 is broken; what is read here proves little and never carries value. The session is closed on every way out,
because a chip left in it hears no other card.
"""

from micropython import const

from drivers.rc522 import PATIENT_US

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

_AUTH_KEY_A = const(0x60)
_READ = const(0x30)
_BLOCK_SIZE = const(16)

MEMBER_BLOCK = const(4)  # first block of sector 1


async def read_block(chip: "MFRC522", uid: bytes, block: int, key_a: bytes) -> bytes:
    """One block of a selected card. Raises the reader's errors, AuthRefused for a wrong key."""
    try:
        await chip.authenticate(_AUTH_KEY_A, block, key_a, uid)
        await chip.exchange(bytes((_READ, block)), _BLOCK_SIZE, crc=True, timeout_us=PATIENT_US)
        return bytes(chip.data[:_BLOCK_SIZE])
    finally:
        chip.stop_crypto()
