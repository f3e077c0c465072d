"""What the switch may order of a terminal, joined to the rooms that carry it out (docs/lt87.md section 16).

The key store and the small values are opened when they are needed: their code and their buffers are not kept.
"""

from firmware.core.errors import StoreError
from firmware.core.visiting import visit
from firmware.service.bad_sectors import small_values
from firmware.switch.orders import FREE, HALT, Orders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.board import Board
    from firmware.core.log import Log
    from firmware.store.journal import Journal
    from firmware.store.vault import Vault
    from firmware.switch.mac import MacKeys
    from firmware.switch.messages import Messages

    class Rooms(Protocol):
        """What of the terminal this works on."""

        board: Board
        journal: Journal
        log: Log
        sector: bytearray
        messages: Messages

        def calm(self) -> bool: ...


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
        with visit("firmware.store.slots"):
            slots = small_values(self._rooms.board, self._rooms.sector)
            slots.open()
            slots.put(HALT, halt)

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
        rooms.board.reset()


def orders_of(rooms: "Rooms", keys: "MacKeys", halt: bytes, offered: bytes) -> Orders:
    """What the session asks; `halt` and `offered` as they were kept."""
    hands = Ordered(rooms)
    return Orders(
        rooms.messages,
        keys,
        rooms.log,
        hands.vault,
        hands.keep,
        hands.unsettled,
        rooms.calm,
        hands.erase,
        halt or FREE,
        offered,
    )
