"""Who works here: number, role, PIN verifier and own cards of each, in a sealed file; and the tries at their PINs.

The file alone counts for nothing: a small value names the version and the tag of the one that counts, so that neither a
removed file nor an older one opens the till. A change writes NAME.new, then the small value, which is the one step that
makes it count, then the new name; `open` finishes what a cut left. In the same small value stand the tries since the
last success of each number, whether somebody has it or not: one durable write before each check. So a cut costs a try.
"""

import os
from struct import pack, unpack_from

from micropython import const

from firmware.core.cmac import tag_equal
from firmware.core.errors import StoreError
from firmware.store.seal import CLEAR, TAG, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.seal import Sealer
    from firmware.store.slots import Slots

CLERK = const(1)
SUPERVISOR = const(2)
TECHNICIAN = const(3)
STAFF_RIGHT = "staff"  # of the switch's operator (firmware/service/rights.py)
RIGHTS = (
    "void",
    "refund",
    "recovery",
    "keyed",
    "enrol",
    "replace",
    "dispute",
    "redeem_offline",
    "training",
    "gift_card",
    "end_shift",
)
# Files of before have fewer places: then these count.
ROLES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2)  # the lowest of each
LIMITS = (1_000_000, 5_000_000, 10**9, 3, 5_000, 20_000_000, 100_000_000, 10**9)
NUMBER_MAX = const(255)
NOBODY = const(0)  # stands for every number above: nobody can have one, and their tries are counted together
CLERKS_MAX = const(24)
CARDS_MAX = const(3)  # own cards of one person
FILE = "staff.dat"
NEW = "staff.new"
NAME = "staff"  # the small value
KIND = const(6)  # of a place (firmware/store/seal.py)

_HEAD = const(b"vafa-staff-1")
_MARK = const(12)  # version u32, tag
_PEOPLE = const(34)  # number, role, salt, verifier
_TRIED_MAX = const(40)  # numbers with tries; those of people who work here are fewer
_UID_SIZES = const((4, 7, 10))
_FILE_MAX = const(4096)
_PIECE = const(256)


class StaffDamaged(StoreError):
    """The list of staff is not the one that counts, or does not open: nobody can be told from anybody."""

    code = "P96"


class Clerk:
    """One person: `cards` are the UIDs of own cards."""

    def __init__(self, number: int, role: int, salt: bytes, verifier: bytes, cards: "list[bytes]") -> None:
        self.number = number
        self.role = role
        self.salt = salt
        self.verifier = verifier
        self.cards = cards


class StaffStore:
    """`folder` is where the file stands, `slots` the small values, not opened yet, `fresh` gives 32 random bits."""

    def __init__(self, slots: "Slots", sealer: "Sealer", folder: str, fresh: "Callable[[], int]") -> None:
        self._slots = slots
        self._sealer = sealer
        self._folder = folder
        self._fresh = fresh
        self._version = 0
        self._tag = bytes(TAG)
        self._tried: "list[tuple[int, int]]" = []
        self.clerks: "list[Clerk]" = []

    def open(self) -> None:
        """Read. Raises StaffDamaged, then the tries are known all the same; StoreError when the flash fails."""
        self._slots.open()
        kept = self._slots.get(NAME) or b""
        self.clerks, self._tried, self._version = [], [], 0
        if not kept:
            return
        if len(kept) < _MARK or len(kept) % 2:
            raise StaffDamaged("the mark of the list is {} bytes long".format(len(kept)))
        self._version, self._tag = unpack_from(">I", kept)[0], bytes(kept[4:_MARK])
        self._tried = [(kept[at], kept[at + 1]) for at in range(_MARK, len(kept), 2)]
        if self._tag == bytes(TAG):
            return  # numbers were tried, or everybody was removed, and nobody works here
        raw = self._file(FILE)
        if not self._counts(raw):
            raw = self._file(NEW)
            if not self._counts(raw):
                raise StaffDamaged("the list of staff is missing or is another one")
            self._renamed()
        self.clerks = self._opened(raw)

    def present(self) -> bool:
        """Whether anybody works here, also somebody who cannot be read. After `open`."""
        return self._tag != bytes(TAG) and self._version > 0

    def find(self, number: int) -> "Clerk | None":
        """Who has this number."""
        for clerk in self.clerks:
            if clerk.number == number:
                return clerk
        return None

    def supervisors(self) -> int:
        """How many may let somebody in."""
        return len([clerk for clerk in self.clerks if clerk.role == SUPERVISOR])

    def save(self, clerks: "list[Clerk]") -> None:
        """These work here from now on; durable on return. Raises StoreError: the former list counts, or this one."""
        version, tag = self._version + 1, bytes(TAG)
        if clerks:
            raw = self._sealed(version, clerks)
            tag = raw[-TAG:]
            try:
                with open(self._folder + "/" + NEW, "wb") as file:
                    file.write(raw)
            except OSError as error:
                raise StoreError("the list of staff takes nothing: {}".format(error)) from None
        known = [clerk.number for clerk in clerks]
        tried = [row for row in self._tried if row[0] in known]
        self._mark(version, tag, tried)
        if clerks:
            self._renamed()
        else:
            self.erase_files()
        self.clerks = sorted(clerks, key=lambda clerk: clerk.number)

    def start_anew(self) -> None:
        """After StaffDamaged: nobody works here until the next `save`, which the mark does not know yet."""
        self.clerks, self._tried = [], []

    def erase_files(self) -> None:
        """What stands in the file system goes."""
        for name in (FILE, NEW):
            try:
                os.remove(self._folder + "/" + name)
            except OSError:
                pass  # the normal case: it is not there

    # --- tries --------------------------------------------------------------------------------------------------------

    def tries(self, number: int) -> int:
        """Since the last success of this number, those a power cut ended included."""
        for tried, count in self._tried:
            if tried == number:
                return count
        return 0

    def count(self, number: int) -> None:
        """Before a check; durable on return. Raises StoreError when it cannot be counted: then do not check."""
        tried = [row for row in self._tried if row[0] != number]
        if len(tried) >= _TRIED_MAX:
            known = [clerk.number for clerk in self.clerks]
            tried.remove(min([row for row in tried if row[0] not in known], key=lambda row: row[1]))
        self._mark(self._version, self._tag, tried + [(number, min(self.tries(number) + 1, 255))])

    def forgive(self, number: int) -> None:
        """After a success of this one, or by somebody who may. Raises StoreError."""
        self._mark(self._version, self._tag, [row for row in self._tried if row[0] != number])

    def _mark(self, version: int, tag: bytes, tried: "list[tuple[int, int]]") -> None:
        self._slots.put(NAME, pack(">I", version) + tag + b"".join([bytes(row) for row in sorted(tried)]))
        self._version, self._tag, self._tried = version, tag, tried

    # --- the file -----------------------------------------------------------------------------------------------------

    def _file(self, name: str) -> bytes:
        try:
            with open(self._folder + "/" + name, "rb") as file:
                # `read(n)` takes n bytes of heap before it knows how few there are.
                raw = piece = file.read(_PIECE)
                while piece and len(raw) < _FILE_MAX:
                    piece = file.read(_PIECE)
                    raw += piece
                return raw
        except OSError:
            return b""

    def _counts(self, raw: bytes) -> bool:
        return len(raw) >= CLEAR + TAG + 16 and tag_equal(raw[-TAG:], self._tag)

    def _renamed(self) -> None:
        try:
            os.rename(self._folder + "/" + NEW, self._folder + "/" + FILE)
        except OSError as error:
            raise StoreError("the list of staff keeps its name: {}".format(error)) from None

    def _sealed(self, version: int, clerks: "list[Clerk]") -> bytes:
        salt = self._fresh()
        plain = bytearray(bytes((len(clerks),)))
        for clerk in sorted(clerks, key=lambda clerk: clerk.number):
            plain.extend(bytes((clerk.number, clerk.role)) + clerk.salt + clerk.verifier)
            plain.append(len(clerk.cards))
            for uid in clerk.cards:
                plain.append(len(uid))
                plain.extend(uid)
        body = bytearray(CLEAR + (len(plain) + 15 & -16) + TAG)
        body[:CLEAR] = pack(">II", version, salt)
        body[CLEAR : CLEAR + len(plain)] = plain
        self._sealer.seal(place_of(KIND, salt, version, 0), _HEAD, body, True)
        return bytes(body)

    def _opened(self, raw: bytes) -> "list[Clerk]":
        body = bytearray(raw)
        version, salt = unpack_from(">II", body)
        fits = version == self._version and len(body) % 16 == 0
        if not fits or not self._sealer.open(place_of(KIND, salt, version, 0), _HEAD, body, True):
            raise StaffDamaged("the list of staff does not open with this terminal's key")
        clerks, at = [], CLEAR + 1
        for _ in range(body[CLEAR]):
            number, role = body[at], body[at + 1]
            salt_pin, verifier = bytes(body[at + 2 : at + 18]), bytes(body[at + 18 : at + _PEOPLE])
            cards, at = [], at + _PEOPLE
            count, at = body[at], at + 1
            for _ in range(count):
                cards.append(bytes(body[at + 1 : at + 1 + body[at]]))
                at += 1 + body[at]
            clerks.append(Clerk(number, role, salt_pin, verifier, cards))
        return clerks
