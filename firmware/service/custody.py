"""What a technician does on the console with a right: forget a member, resolve a letter, take the keys out.

Loaded when the first of its words is typed. Tells in its answers what happens, and neither tells nor logs whose card it
was: no UID, no key, no digits.
"""

from binascii import unhexlify

from micropython import const

from firmware.core.errors import StoreError, VafaError
from firmware.service.bad_sectors import small_values
from firmware.service.rights import DIGITS, RIGHTS, STANDING, VALID_S, Rights, rights_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.board import Board
    from firmware.core.cmac import Cmac
    from firmware.core.log import Log
    from firmware.store.journal import Journal
    from firmware.switch.letters import Letters

    class Forgetful(Protocol):
        """The member cache as this asks it."""

        def working(self) -> bool: ...
        def forget(self, uid: bytes) -> None: ...

    class Rooms(Protocol):
        """What of the terminal this works on."""

        board: Board
        master: Cmac
        journal: Journal
        log: Log
        sector: bytearray

        @property
        def members(self) -> Forgetful: ...
        def calm(self) -> bool: ...
        def uptime_s(self) -> int: ...
        def letters(self) -> Letters: ...


_UID_BYTES = const((4, 7, 10))
BUSY = "not now: the till is in use; end what is on the screen, then try again"


class OtherNumber(VafaError):
    """The number that was typed is not how many transactions the switch has not settled."""

    code = "K07"


class Custody:
    """`take` carries out one line; `rights` gives what outlasts this; `restart` is set when the terminal has to restart
    after the answer went out."""

    def __init__(self, rooms: "Rooms", rights: "Callable[[], Rights] | None" = None) -> None:
        self._rooms = rooms
        self._rights_of = rights or (lambda: rights_of(rooms))
        self._rights: "Rights | None" = None
        self.restart = False

    def take(self, words: "list[str]") -> "list[str]":
        """The lines of the answer. Never raises for what somebody typed, nor for a flash that fails."""
        try:
            if not self._rooms.calm():
                return [BUSY]
            return self._done(words)
        except VafaError as error:
            self._rooms.log.error(error, words[0])
            return []  # the log's line is on the console, too

    def _done(self, words: "list[str]") -> "list[str]":
        word, argument = words[0], words[1] if len(words) == 2 else ""
        if word == "right" and argument in RIGHTS:
            return self._ask(argument)
        if word == "answer" and len(argument) == DIGITS and argument.isdigit():
            return self._answer(argument)
        if word == "forget" and _uid_of(argument):
            return self._forget(_uid_of(argument))
        if word == "letters":
            from firmware.service import letters

            return letters.take(words, self._rooms.letters(), self.rights, self._rooms.log)
        if word == "zeroise" and (len(words) == 1 or argument.isdigit()):
            return self._zeroise(argument)
        return [
            "right {}".format(" or ".join(RIGHTS)),
            "answer and the 8 digits; forget and a card's UID in hex; zeroise and how many are not settled",
            "letters; letters retry SEQ; letters giveup SEQ REASON",
        ]

    # --- rights -------------------------------------------------------------------------------------------------------

    def rights(self) -> Rights:
        """Raises StoreError."""
        if self._rights is None:
            self._rights = self._rights_of()
        return self._rights

    def _ask(self, right: str) -> "list[str]":
        nonce = self.rights().ask(right)
        self._rooms.log.event("right {} asked for".format(right))
        return [
            "nonce {} for the right {}, valid {} minutes".format(nonce, right, VALID_S // 60),
            "tell it the operator of the switch, then type: answer and the 8 digits",
        ]

    def _answer(self, digits: str) -> "list[str]":
        right = self.rights().answer(digits)
        self._rooms.log.event("right {} given".format(right))
        what = "{} minutes" if right in STANDING else "one command within {} minutes"
        return ["right {}: ".format(right) + what.format(VALID_S // 60)]

    # --- members ------------------------------------------------------------------------------------------------------

    def _forget(self, uid: bytes) -> "list[str]":
        from firmware.loyalty.allowances import UID_MAX, key_of

        rights, members = self.rights(), self._rooms.members
        rights.need("members")
        if not members.working():
            raise StoreError("the member cache does not work: restart, then try again")
        rights.use_up()
        members.forget(uid)
        if len(uid) <= UID_MAX:
            members.forget(key_of(uid))  # what was reserved for it
        if not members.working():
            raise StoreError("the flash failed: restart, then try again")
        self._rooms.log.event("a member was forgotten")
        return [
            "this terminal knows nothing of that card any more; what its flash still shows goes in idle time",
            "its sales stay in the journal, sealed; a tap while online brings back what the switch tells of it",
        ]

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _zeroise(self, typed: str) -> "list[str]":
        rooms = self._rooms
        rights, board = self.rights(), rooms.board
        rights.need("zeroise")
        journal = rooms.journal
        waiting, dead = journal.pending_count(), journal.dead_count()
        unanswered = len([transaction.seq for transaction in journal.unanswered()])
        count = waiting + unanswered + dead
        if typed != str(count):
            raise OtherNumber(
                "{} wait for the switch, {} had no answer, {} were refused: connect and let them go, or type "
                "zeroise {}".format(waiting, unanswered, dead, count)
            )
        from firmware.service import zeroise
        from firmware.store.seal import Sealer
        from firmware.store.vault import Vault

        rights.use_up()
        rooms.log.event("zeroise, {} transactions not settled".format(count))
        vault = Vault(board.vault_flash(), Sealer(board.own_key(), b"", b"vafa-keys"), board.page_only, rooms.sector)
        slots = small_values(board, rooms.sector)
        self.restart = True  # whatever comes now, this start sells no more
        zeros = zeroise.begin(vault, slots)
        worn = (
            ["{} sectors take no erase and are zeros now: do not use this terminal again".format(zeros)]
            if zeros
            else []
        )
        return worn + [
            "the keys are erased, and looked at; the terminal restarts and erases the members",
            "the journal stays as it is, sealed: only with this terminal's keys at the switch can it be read",
            "then it is not provisioned (K01)",
        ]


def _uid_of(typed: str) -> bytes:
    """Empty when it is none."""
    try:
        uid = unhexlify(typed)
    except ValueError:
        return b""
    return uid if len(uid) in _UID_BYTES else b""
