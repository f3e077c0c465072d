"""A cut at every flash operation of a short life of the journal, in each torn form; runs on CPython and on the device.

For each state the power comes back and the invariants are checked: what was acknowledged is there, what was in flight
is there whole or not at all, nothing else is, no number comes twice, a second start sees and writes the same, a cut in
the recovery is survived, one write works afterwards and is kept. What is printed has the hash of every recovered image:
both interpreters must recover to the same bytes. Imports nothing of ours but the firmware, and of that public names
only. The other stores are swept by store_sweep_cells.
"""

from binascii import crc32, hexlify
from hashlib import sha256

from firmware.core.types import ACCRUAL, APPROVED, OFFLINE, ONLINE, REDEMPTION, REVERSAL, Result, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECTOR = 4096
UTC = 1790000000
SEALER = Sealer(bytes(range(16)), b"VAFA0001")
_CARDS = (b"\x04\xa1\xb2\xc3", b"\x04\xd4\xe5\xf6\x11\x22\x33", b"\x08" * 10)
# What a cut leaves: nothing, all, the first half, the first 64th of a block or 64 bytes, half of the bits, all but one.
NOTHING, DONE, HALF, FIRST, BITS, ALL_BUT_ONE = range(6)
_TORN = (NOTHING, DONE, HALF, FIRST, BITS, ALL_BUT_ONE)


class Cut(BaseException):
    """The power failed in a flash operation."""


class Nor:
    """By the extended block protocol; the `cut_in`-th operation from now is left as `torn` says. A bit that was not
    moved keeps its old value: none is ever set by a program."""

    def __init__(self, image: "bytes | bytearray", page_only: bool, seed: int = 1) -> None:
        self.image = bytearray(image)
        self.page_only = page_only
        self.seed = seed
        self.ops = 0
        self.opened = 0  # sectors
        self.erased = 0
        self.cut_in = 0
        self.torn = NOTHING

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        at = block * SECTOR + offset
        buf[:] = self.image[at : at + len(buf)]

    def writeblocks(self, block: int, buf: bytes, offset: int) -> None:
        at, size = block * SECTOR + offset, len(buf)
        if self.page_only and (at % 256 or size % 256):
            raise OSError(22)
        self.opened += offset == 0
        old = self.image[at : at + size]
        new = bytearray([old[i] & buf[i] for i in range(size)])
        # Twice is allowed: zeros over a bad frame, and the same frame again, one bit of which may have been wrong.
        dirt = [i for i in range(size) if old[i] != 0xFF and buf[i] not in (0, 0xFF) and old[i] != buf[i]]
        assert len(dirt) < 2, "programmed over dirt"
        self._change(at, old, new, 64)

    def ioctl(self, op: int, arg: int) -> int:
        if op == 6:
            self.erased += 1
            at = arg * SECTOR
            self._change(at, self.image[at : at + SECTOR], bytearray(b"\xff" * SECTOR), SECTOR // 64)
        return len(self.image) // SECTOR if op == 4 else SECTOR if op == 5 else 0

    def _change(self, at: int, old: bytearray, new: bytearray, first: int) -> None:
        self.ops += 1
        self.cut_in -= 1
        if self.cut_in:
            self.image[at : at + len(new)] = new
            return
        done = {NOTHING: 0, DONE: len(new), HALF: len(new) // 2, FIRST: first}.get(self.torn, -1)
        if done >= 0:
            new = new[:done] + old[done:]
        else:
            self._leave_bits(old, new)
        self.image[at : at + len(new)] = new
        raise Cut

    def _leave_bits(self, old: bytearray, new: bytearray) -> None:
        """Put old bits back into `new`: about half of those that moved, or one."""
        state = self.seed * 257 + self.ops
        moved = [i for i in range(len(new)) if old[i] != new[i]]
        if self.torn == ALL_BUT_ONE:
            moved = moved[state % len(moved) :][:1] if moved else []
        for i in moved:
            state = (state * 75 + 74) % 65537
            stay = old[i] ^ new[i]
            if self.torn == ALL_BUT_ONE:
                stay &= -stay
            else:
                stay &= state
            new[i] ^= stay


def sweep(
    name: str,
    image: "bytes | bytearray",
    page_only: bool,
    share: int,
    books: "Callable[[], Any]",
    life: "Callable[[Nor, Any], None]",
    check: "Callable[[Nor, Any], None]",
) -> None:
    """All cuts of `life`, a function of a chip and fresh books; `check` gets the chip as the cut left it, and the
    books. One in `share` of the torn forms is tried at an operation, others at the next. Prints: name, kind of flash,
    operations, erases among them, states, hash of all recovered images."""
    k = states = erased = 0
    recovered = sha256()
    ended = False
    while not ended:
        k += 1
        seen: "set[int]" = set()
        for torn in [torn for torn in _TORN if (torn + k) % share == 0]:
            nor, book = Nor(image, page_only, k), books()
            nor.cut_in, nor.torn = k, torn
            try:
                life(nor, book)
                ended = True  # the cut did not come any more
                erased = nor.erased
            except Cut:
                pass
            if crc32(nor.image) in seen:
                continue
            seen.add(crc32(nor.image))
            after = Nor(nor.image, page_only, k)
            check(after, book)
            recovered.update(after.image)
            states += 1
            if ended:
                break
    kind = "whole-pages" if page_only else "any-length"
    print(name, kind, k - 1, erased, states, hexlify(recovered.digest()).decode())


def rest(store: "Any") -> None:
    """Idle work to its end."""
    for _ in range(3000):
        if not store.idle_work():
            return
    raise AssertionError("idle work never ends")


# --- the journal ------------------------------------------------------------------------------------------------------


def _journal(nor: Nor) -> Journal:
    journal = Journal(nor, SEALER, 0x5A17, nor.page_only)
    journal.open()
    return journal


def _fields(t: Transaction) -> "tuple[Any, ...]":
    return (t.seq, t.verb, t.mode, t.uid, t.amount, t.points, t.time_utc, t.original_seq, t.member_no, t.card_counter)


def _seen(journal: Journal) -> "tuple[Any, ...]":
    """What a journal says: (pending, unanswered, dead), each by SEQ."""
    pending = sorted([_fields(t) for t in journal.pending()])
    assert journal.pending_count() == len(pending)
    for uid in _CARDS:
        expected = sum([t[5] for t in pending if t[3] == uid and t[1] != REVERSAL])
        assert journal.pending_points(uid) == expected, "the points of a card are not those of its records"
    return (
        pending,
        sorted([_fields(t) for t in journal.unanswered()]),
        sorted([(t.seq, rc) for t, rc in journal.dead()]),
    )


class Books:
    """What a journal must say: `before` the call that runs, and `after` it."""

    def __init__(self) -> None:
        self.pending: "dict[int, Transaction]" = {}
        self.open: "dict[int, Transaction]" = {}
        self.dead: "dict[int, str]" = {}
        self.handed = 0
        self.before = self.after = self._state()
        self.batch = False

    def _state(self) -> "tuple[Any, ...]":
        pending = sorted([_fields(t) for t in self.pending.values()])
        return (pending, sorted([_fields(t) for t in self.open.values()]), sorted(self.dead.items()))

    def of(self, journal: Journal) -> "Books":
        """Take over what is there, which is settled or pending."""
        self.pending = {t.seq: t for t in journal.pending()}
        self.handed = journal.highest_seq()
        self.before = self.after = self._state()
        return self

    def note(self) -> None:
        """The books were changed for a call that begins now."""
        self.before, self.after = self.after, self._state()

    def ended(self) -> None:
        self.before, self.batch = self.after, False

    def make(self, journal: Journal, verb: int, mode: int, card: int, original: int = 0) -> Transaction:
        seq = journal.next_seq()
        assert seq > self.handed, "a number was given twice"
        self.handed = seq
        points = -500 if verb == REDEMPTION else seq % 5000
        counter = 0 if original else 77
        return Transaction(seq, verb, mode, _CARDS[card], 2, 977, points, UTC + seq, 2, 0, 1, original, 3, 9, counter)

    def append(self, journal: Journal, t: Transaction) -> int:
        if t.mode == ONLINE:
            self.open[t.seq] = t
        else:
            self.pending[t.seq] = t
            self.open.pop(t.original_seq, None)
        self.note()
        journal.append(t)
        self.ended()
        return t.seq

    def answer(self, journal: Journal, seq: int) -> None:
        del self.open[seq]
        self.note()
        journal.append_result(Result(seq, APPROVED, "00", seq % 100, -seq, "F00001"))
        self.ended()

    def settle(self, journal: Journal, seqs: "list[int]") -> None:
        for seq in seqs:
            self.pending.pop(seq, None)
            self.dead.pop(seq, None)
        self.batch = len(seqs) > 1
        self.note()
        journal.settle_all(seqs)
        self.ended()

    def void(self, journal: Journal, seq: int) -> None:
        del self.pending[seq]
        self.note()
        journal.void(seq, 7, UTC)
        self.ended()

    def bury(self, journal: Journal, seq: int) -> None:
        del self.pending[seq]
        self.dead[seq] = "14"
        self.note()
        journal.bury(seq, "14")
        self.ended()


def _used_journal(page_only: bool) -> bytes:
    """Gone round once, and a few records from the end of a sector; five are pending."""
    nor = Nor(b"\xff" * (6 * SECTOR), page_only)
    journal = _journal(nor)
    journal.continue_above(100)
    books, waiting = Books(), []
    last = 0
    while nor.opened < 8 or last < 55:
        opened = nor.opened
        waiting.append(books.append(journal, books.make(journal, ACCRUAL, OFFLINE, 0)))
        last = 0 if nor.opened > opened else last + 1
        if len(waiting) == 20:
            books.settle(journal, waiting[:15])
            del waiting[:15]
            rest(journal)
    books.settle(journal, waiting[:-5])
    return bytes(nor.image)


def _journal_life(nor: Nor, books: Books) -> None:
    journal = _journal(nor)
    old = [t.seq for t in journal.pending()]
    answered = books.append(journal, books.make(journal, ACCRUAL, ONLINE, 1))
    books.answer(journal, answered)
    lost = books.append(journal, books.make(journal, REDEMPTION, ONLINE, 2))
    sale = books.append(journal, books.make(journal, ACCRUAL, OFFLINE, 1))
    back = books.append(journal, books.make(journal, REVERSAL, OFFLINE, 2, lost))
    books.bury(journal, sale)
    books.settle(journal, old[:3])
    rest(journal)
    books.append(journal, books.make(journal, ACCRUAL, ONLINE, 0))
    books.settle(journal, [back])
    books.settle(journal, [sale])
    new = [books.append(journal, books.make(journal, ACCRUAL, OFFLINE, n % 3)) for n in range(6)]
    books.void(journal, new[5])
    books.settle(journal, old[3:] + new[:4])
    rest(journal)


def _allowed(seen: "Any", books: Books) -> bool:
    if seen in (books.before, books.after):
        return True
    if not books.batch:
        return False
    old, new, got = books.before[0], books.after[0], seen[0]
    return all([t in old for t in got]) and all([t in got for t in new]) and seen[1:] == books.before[1:]


def _check_journal(nor: Nor, books: Books) -> None:
    torn = bytes(nor.image)
    journal = _journal(nor)
    assert nor.ops <= 2, "a recovery writes two operations at most"
    seen = _seen(journal)
    assert _allowed(seen, books), "what is there was neither before nor after"
    assert journal.gaps() == 0, "a cut made a gap in the chain"
    recovered, writes = bytes(nor.image), nor.ops
    assert _seen(_journal(nor)) == seen, "a second start sees something else"
    assert bytes(nor.image) == recovered, "a second start writes something else"
    for k in range(1, writes + 1):
        again = Nor(torn, nor.page_only, k)
        again.cut_in, again.torn = k, BITS if k % 2 else HALF
        try:
            _journal(again)
        except Cut:
            pass
        assert _seen(_journal(Nor(again.image, nor.page_only))) == seen, "a cut in the recovery changed something"
    later = Books()
    later.handed = books.handed
    made = later.make(journal, ACCRUAL, OFFLINE, 0)  # no number comes twice
    journal.append(made)
    reopened = _journal(Nor(nor.image, nor.page_only))
    assert _seen(reopened) == (sorted(seen[0] + [_fields(made)]), seen[1], seen[2]), "the next record was not kept"
    assert reopened.gaps() == 0


def cut_journal(page_only: bool, share: int) -> None:
    """The journal's sweep."""
    image = _used_journal(page_only)

    def books() -> Books:
        return Books().of(_journal(Nor(image, page_only)))

    sweep("journal", image, page_only, share, books, _journal_life, _check_journal)
