"""Takes the keys out of a terminal, and the members with them; what a power cut left of that, the next start finishes.

The mark in the small values comes first, then both key sectors are erased and looked at, then the terminal restarts:
the members' region takes seconds to erase, which the watchdog of a selling terminal does not leave, and nothing may
write there meanwhile. Before the mark all keys are whole; with it every start goes on erasing until nothing is left.
The journal stays: it is sealed, and the switch has the keys that open it. Settings hold no secret and stay too.
"""

import os

from firmware.core.errors import StoreError
from firmware.store import frames
from firmware.store.flash import Flash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.board import Board
    from firmware.store.slots import Slots
    from firmware.store.vault import Vault

_MARK = "zeroise"


def begin(vault: "Vault", slots: "Slots") -> None:
    """Erase every key, also when the small values take no mark. Raises StoreError when one of the two failed."""
    try:
        slots.open()
        slots.put(_MARK, b"\x01")
    finally:
        vault.zeroise()


def due(slots: "Slots") -> bool:
    """Whether a start has to finish what was begun."""
    return bool(slots.get(_MARK))


def finish(board: "Board", vault: "Vault", slots: "Slots", folder: str, buffer: bytearray) -> None:
    """Erase what is left, of keys and members. Raises StoreError when something does not go: the next start tries
    again."""
    try:
        os.remove(folder + "/keys.json")  # else the next start would take its keys
    except OSError:
        pass  # the normal case: it went when it was taken over
    vault.zeroise()
    flash = Flash(board.member_flash(), board.page_only, buffer)
    left = 0
    for sector in range(flash.sectors):
        if not frames.is_blank(flash.read_sector(sector), 0, frames.SECTOR):
            left += not (flash.erase(sector) or flash.erase(sector))
    if left:
        raise StoreError("{} sectors of members are not erased".format(left))
    slots.put(_MARK, b"")
