"""A row of bits at a sector's end, of which one is cleared before each attempt to copy that sector.

The generation of a copy counts them, so an attempt that was cut never shares its generation, and with it the places at
which it sealed, with the next one. Knows no format but its own 32 bytes.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.flash import Flash

ROW = const(32)
ROW_AT = const(4064)  # SECTOR - ROW


def attempts(flash: "Flash", sector: int) -> int:
    """How many were begun since the sector was erased."""
    count = 0
    for value in flash.read(sector, ROW_AT, ROW):
        for bit in range(8):
            count += not value >> bit & 1
    return count


def attempt(flash: "Flash", sector: int) -> bool:
    """Count one more, durably; False when the row has no bit left or takes none."""
    row = flash.read(sector, ROW_AT, ROW)
    for i in range(ROW):
        if row[i]:
            return flash.program(sector, ROW_AT + i, bytes((row[i] & row[i] - 1,)))
    return False
