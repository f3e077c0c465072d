"""The open batch as the terminal keeps it between two ends of a shift: a number, and the SEQ it begins with."""

from struct import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.slots import Slots

NAME = "batch"  # of the small value


def kept(slots: "Slots") -> "tuple[int, int]":
    """(number, first SEQ or 0 when that is not known) out of the small values, not opened yet. Raises StoreError."""
    slots.open()
    value = slots.get(NAME)
    number, first = unpack(">II", value) if value is not None and len(value) == 8 else (1, 0)
    return number, first
