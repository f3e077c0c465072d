"""Keeps which sectors of the journal and of the member cache take nothing any more, over restarts, in the small values.

A sector that failed may pass its next erase and lose what is written to it then; so it is not tried again. Written only
when a list has changed, in idle time. A list names the life of the store it belongs to and means nothing to another.
"""

from micropython import const

from firmware.core.errors import StoreError
from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.board import Board
    from firmware.core.log import Log
    from firmware.store.slots import Slots

    class Store(Protocol):
        """A store that knows its bad sectors: salt u32 and a bit for each sector."""

        def bad_sectors(self) -> bytes: ...


JOURNAL = "bad.journal"
MEMBERS = "bad.members"
_SALT = const(4)
_SLOTS = const(2)  # sectors of the vault's region


def small_values(board: "Board", buffer: bytearray) -> "Slots":
    """The small values, not opened yet; their code is needed rarely."""
    from firmware.store.seal import Sealer
    from firmware.store.slots import Slots

    sealer = Sealer(board.own_key(), b"", b"vafa-slots")
    return Slots(board.vault_flash(), sealer, board.random_number(32), board.page_only, _SLOTS, buffer)


class BadSectors:
    """`stores`: by the name of their small value, with the list that `open` was given. `slots` makes the small values,
    not opened yet."""

    def __init__(self, stores: "dict[str, tuple[Store, bytes]]", slots: "Callable[[], Slots]", log: "Log") -> None:
        self._stores = stores
        self._slots = slots
        self._log = log

    def idle_work(self) -> bool:
        """Write one list that has changed; True when it did."""
        for name in self._stores:
            store, kept = self._stores[name]
            now = store.bad_sectors()
            if not any(now[_SALT:]):
                now = b""
            if now != kept:
                self._stores[name] = store, now  # one that cannot be written is not tried until it changes
                with visit("firmware.store.slots"):
                    try:
                        slots = self._slots()
                        slots.open()
                        slots.put(name, now)
                        self._log.event("{} written".format(name))
                    except StoreError as error:
                        self._log.error(error, name)
                return True
        return False
