"""Takes the keys out of a terminal, and the members with them; what a power cut left of that, the next start finishes.

The mark in the small values comes first, then both key sectors are erased and looked at, then the terminal restarts:
the members' region takes seconds to erase, which the watchdog of a selling terminal does not leave, and nothing may
write there meanwhile. Before the mark all keys are whole; with it every start goes on erasing until nothing is left.
Flash that takes no erase is overwritten with zeros; what fails keeps nothing else from going.
The journal stays: it is sealed, and the switch has the keys that open it. Settings hold no secret and stay too.
"""

import os

from micropython import const

from firmware.core.errors import FlashUnreadable, StoreError
from firmware.store import frames
from firmware.store.flash import Flash
from firmware.store.vault import overwrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.board import Board
    from firmware.store.slots import Slots
    from firmware.store.vault import Vault

_MARK = const("zeroise")
_STAFF = const("staff")  # of firmware/store/staff.py: its list goes too, or nobody could work here after new keys


class NotErased(StoreError):
    """Keys or members are left; nobody sells with what is left."""

    code = "S13"

    def __init__(self, left: str) -> None:
        super().__init__(left + " left: type maintenance, then run python -m tools.device wipe --what vault")


def begin(vault: "Vault", slots: "Slots") -> int:
    """Erase every key, also when the small values take no mark; how many sectors are zeros because they took no erase.
    Raises NotErased when one of the two failed."""
    left = []
    try:
        slots.open()
        slots.put(_MARK, b"\x01")
    except StoreError:
        left.append("members")  # no start would know that they have to go
    zeros = _keys_gone(vault, left)
    if left:
        raise NotErased(", ".join(left))
    return zeros


def due(slots: "Slots") -> bool:
    """Whether a start has to finish what was begun."""
    return bool(slots.get(_MARK))


def finish(board: "Board", vault: "Vault", slots: "Slots", folder: str, buffer: bytearray) -> int:
    """Erase what is left, of keys and members; how many sectors are zeros because they took no erase. Raises NotErased
    when something does not go: the next start tries again."""
    try:
        os.remove(folder + "/keys.json")  # else the next start would take its keys
    except OSError:
        pass  # the normal case: it went when it was taken over
    for name in ("staff.dat", "staff.new"):
        try:
            os.remove(folder + "/" + name)
        except OSError:
            pass  # nobody worked here
    left: "list[str]" = []
    zeros = _keys_gone(vault, left)
    flash = Flash(board.member_flash(), board.page_only, buffer)
    stuck = 0
    for sector in range(flash.sectors):
        if not _is_blank(flash, sector) and not (flash.erase(sector) or flash.erase(sector)):
            gone = overwrite(flash, sector)
            zeros += gone
            stuck += not gone
    if stuck:
        left.append("{} sectors of members".format(stuck))
    if left:
        raise NotErased(", ".join(left))
    if slots.get(_STAFF):
        slots.put(_STAFF, b"")
    slots.put(_MARK, b"")
    return zeros


def _keys_gone(vault: "Vault", left: "list[str]") -> int:
    try:
        return vault.zeroise()
    except StoreError:
        left.append("keys")
        return 0


def _is_blank(flash: Flash, sector: int) -> bool:
    try:
        return frames.is_blank(flash.read_sector(sector), 0, frames.SECTOR)
    except FlashUnreadable:
        return False
