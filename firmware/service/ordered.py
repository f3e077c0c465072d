"""What the switch may order of a terminal, joined to the rooms that carry it out (docs/lt87.md section 16).

The key store and the small values are opened when they are needed: their code and their buffers are not kept.
"""

from micropython import const

from firmware.core.errors import StoreError
from firmware.core.visiting import visit
from firmware.service.bad_sectors import small_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.board import Board
    from firmware.core.log import Log
    from firmware.service.watch import Watch
    from firmware.store.journal import Journal
    from firmware.store.vault import Vault

    class Rooms(Protocol):
        """What of the terminal this works on."""

        board: Board
        journal: Journal
        log: Log
        sector: bytearray
        watch: Watch


# Names of small values (docs/store.md).
_HALT = const("halt")  # the letters of what stands
_BELOW = const("below")  # see switch.minimum


class Ordered:
    """The rooms of one terminal for `Orders`."""

    def __init__(self, rooms: "Rooms") -> None:
        self._rooms = rooms

    def vault(self) -> "Vault":
        """The key store, not read yet."""
        from firmware.store.seal import Sealer
        from firmware.store.vault import Vault

        rooms, board = self._rooms, self._rooms.board
        return Vault(board.vault_flash(), Sealer(board.own_key(), b"", b"vafa-keys"), board.page_only, rooms.sector)

    def keep(self, halt: bytes) -> None:
        """Write down whether value is stopped. Raises StoreError."""
        self._put(_HALT, halt)

    def keep_minimum(self, below: bytes) -> None:
        """Write down since when the build is too old. Raises StoreError."""
        self._put(_BELOW, below)

    def _put(self, name: str, value: bytes) -> None:
        with visit("firmware.store.slots"):
            slots = small_values(self._rooms.board, self._rooms.sector)
            slots.open()
            slots.put(name, value)

    def unsettled(self) -> int:
        """Transactions the switch does not have for good; -1 while the journal is being read."""
        journal = self._rooms.journal
        if journal.loading():
            return -1
        unanswered = len([transaction.seq for transaction in journal.unanswered()])
        return journal.pending_count() + unanswered + journal.dead_count()

    def erase(self) -> None:
        """Take the keys out and restart."""
        from firmware.service import zeroise

        rooms = self._rooms
        rooms.log.event("zeroise by order of the switch")
        try:
            zeroise.begin(self.vault(), small_values(rooms.board, rooms.sector))
        except StoreError as error:
            rooms.log.error(error, "zeroise")  # the next start finishes what was begun, or says what is left
        rooms.watch.restart("zeroise")
