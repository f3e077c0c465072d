"""Who stands at the till, and what each may do: the Staff port. Stays in the heap, so it holds little.

Without clerks the till belongs to nobody and everything is allowed: a shop of one person. With clerks nobody sells
before a number and its PIN. Tries and the list of clerks are on flash (firmware/store/staff.py); waits and the rest
after which the till locks count uptime. Seconds; amounts in what the right is limited by.
"""

from binascii import crc32

from micropython import const

from firmware.core.errors import Refused, StoreError
from firmware.core.reference import masked
from firmware.core.refusals import OWN_CARD
from firmware.core.types import ACCRUAL
from firmware.core.visiting import visit
from firmware.switch.profile import TAG_DIAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.board import Board
    from firmware.cashier.books import Books
    from firmware.cashier.counter import Counter
    from firmware.core.cmac import Cmac
    from firmware.core.log import Log
    from firmware.core.types import CardData
    from firmware.store.seal import Sealer
    from firmware.store.slots import Slots
    from firmware.store.staff import Clerk, StaffStore

    class Rooms(Protocol):
        """What of the terminal this needs."""

        board: Board
        master: Cmac
        sealer: Sealer
        log: Log

        def uptime_s(self) -> int: ...
        def small_values(self) -> Slots: ...


_FAST = const(4)  # accruals of one card by one clerk in a shift that nobody asks about
_KEPT = const(160)  # newest accruals that are remembered
_ROW = const(5)
_TOLD_MOST = const(4)  # flags in one message


class Attendance:
    """`roles` and `limits` are the settings staff_roles and staff_limits; `folder` is where the list of staff stands,
    `terminal_id` the context of its PINs' key."""

    def __init__(
        self, rooms: "Rooms", terminal_id: str, lock_s: int, roles: "tuple[int, ...]", limits: "tuple[int, ...]"
    ) -> None:
        self.rooms = rooms
        self.terminal_id = terminal_id
        self.lock_s = lock_s
        self.roles = roles
        self.limits = limits
        self.folder = "/config"
        self.present = False  # anybody works here
        self.trouble = ""  # code of what keeps everybody from the till
        self.role = 0
        self.clerk = 0
        self.failed_s: "dict[int, int]" = {}  # uptime of the last failure of a number in this start
        self.books: "Books | None" = None
        self.cards: "list[bytes]" = []
        self._touched_s = 0
        self._sold = b""
        self._fast: "dict[bytes, tuple[int, str, int]]" = {}  # clerk, end of the UID, how many
        self._said: "list[bytes]" = []

    def store(self) -> "StaffStore":
        """Who works here, not opened yet; for a visit."""
        from firmware.store.staff import StaffStore

        rooms = self.rooms
        return StaffStore(rooms.small_values(), rooms.sealer, self.folder, lambda: rooms.board.random_number(32))

    def look(self) -> None:
        """Learn whether anybody works here: at the start, and after the list has changed. What cannot be read keeps
        everybody out: a till that opens to whoever breaks its list is none."""
        with visit("firmware.store.slots", "firmware.store.staff"):
            store = self.store()
            try:
                store.open()
                self.present, self.trouble = store.present(), ""
            except StoreError as error:
                self.rooms.log.error(error, "staff")
                self.present, self.trouble = True, error.code
            if self.clerk:
                self.keep(store.find(self.clerk))

    # --- the session --------------------------------------------------------------------------------------------------

    def locked(self) -> bool:
        """Whether somebody has to say who they are first."""
        return self.present and not self.clerk

    def rest(self) -> None:
        """Between two stories, often: when nobody touched the till for long, its clerk has left."""
        if self.clerk and self.lock_s and self.rooms.uptime_s() - self._touched_s >= self.lock_s:
            self.rooms.log.event("clerk {} rested".format(self.clerk))
            self.leave()

    def touch(self) -> None:
        """A story began or ended."""
        self._touched_s = self.rooms.uptime_s()

    def enter(self, clerk: "Clerk") -> None:
        """This one stands at the till from now on."""
        self.keep(clerk)
        self.touch()
        self.rooms.log.event("clerk {} at the till".format(clerk.number))

    def keep(self, clerk: "Clerk | None") -> None:
        """What is needed of who stands there; None: nobody."""
        self.clerk, self.role, self.cards = 0, 0, []
        if clerk is not None:
            self.clerk, self.role, self.cards = clerk.number, clerk.role, clerk.cards
        if self.books is not None:
            self.books.clerk = self.clerk

    def leave(self) -> None:
        """Nobody stands at the till."""
        self.keep(None)

    # --- rights -------------------------------------------------------------------------------------------------------

    async def allow(self, counter: "Counter", right: str, amount: int) -> int:
        """0: who stands here may. Else the number of the supervisor who allowed it. Raises Refused, Cancelled."""
        if not self.present:
            return 0
        with visit(
            "firmware.cashier.open_batch", "firmware.store.slots", "firmware.store.staff", "firmware.cashier.allowing"
        ):
            from firmware.cashier.allowing import allow

            return await allow(counter, self, right, amount)

    # --- what nobody is accused of at the counter ---------------------------------------------------------------------

    def before(self, verb: int, card: "CardData") -> None:
        """A record is about to be made. Raises Refused: an own card earns nothing while its owner is at the till."""
        if verb == ACCRUAL and self.owns(card):
            raise Refused(OWN_CARD)

    def owns(self, card: "CardData") -> bool:
        """Whether this is an own card of who stands here, or leads to the same member, as far as it is known here."""
        books = self.books
        if card.uid in self.cards or books is None or not self.cards:
            return card.uid in self.cards
        number = books.member_no(card)
        found = [books.member(uid) for uid in self.cards]
        return number > 0 and number in [member.member_no for member in found if member is not None]

    def sold(self, uid: bytes) -> None:
        """A sale was approved; remembered for the shift, as far as it fits."""
        if not self.clerk:
            return
        row = bytes((self.clerk,)) + crc32(uid).to_bytes(4, "big")
        self._sold = self._sold[-(_KEPT - 1) * _ROW :] + row
        count = len([at for at in range(0, len(self._sold), _ROW) if self._sold[at : at + _ROW] == row])
        if count > _FAST:
            self._fast[row] = self.clerk, masked(uid), count

    def shift_over(self) -> None:
        """The next one begins with nothing sold."""
        self._sold = b""

    def says(self) -> "list[tuple[int, bytes]]":
        """DIAG of the next sign-on or echo: who sold to one card remarkably often, and how often."""
        self._said = list(self._fast)[:_TOLD_MOST]
        words = ["velocity clerk {} {} {}x".format(*[self._fast[row][at] for at in (0, 1, 2)]) for row in self._said]
        return [(TAG_DIAG, "; ".join(words).encode())] if words else []

    def heard(self, _answer: object) -> None:
        """The switch answered that message."""
        for row in self._said:
            self._fast.pop(row, None)
        self._said = []
