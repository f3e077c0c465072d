"""The highest version of each file that was ever taken, in a small value: apart from the files, so that the loss of one
opens no way back to an older one. It is this merchant's and terminal's; another's counts for nothing.
"""

from binascii import crc32

from firmware.core.errors import StoreError
from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App
    from firmware.service.held import InForce, Owner
    from firmware.store.slots import Slots

NAME = "taken"


def _whose(owner: "Owner") -> bytes:
    return crc32(owner.merchant + owner.terminal).to_bytes(4, "big")


def at_start(slots: "Slots", in_force: "InForce") -> None:
    """Learn it, and write down what is in force and higher: a cut may have come in between. Raises StoreError."""
    kept = slots.get(NAME) or b""
    for role in (1, 2, 3):
        before = int.from_bytes(kept[2 * role + 2 : 2 * role + 4], "big") if kept[:4] == _whose(in_force.owner) else 0
        in_force.floor[role] = max(before, in_force.held[role])
    if any(in_force.floor):
        slots.put(NAME, _packed(in_force))


def taken(app: "App", role: int, version: int) -> None:
    """This one is in force now. What is not written is so at the next start."""
    app.in_force.floor[role] = version
    with visit("firmware.store.slots"):
        try:
            slots = app.small_values()
            slots.open()
            slots.put(NAME, _packed(app.in_force))
        except StoreError as error:
            app.log.error(error, NAME)


def _packed(in_force: "InForce") -> bytes:
    return _whose(in_force.owner) + b"".join([version.to_bytes(2, "big") for version in in_force.floor[1:]])
