"""An independent account of what a journal must hold, and the harness that cuts the power under it.

`Ledger` drives a journal and keeps plain Python books beside it; `observe` asks a journal everything; `cut_states`
replays every flash operation of a run in every torn form without running the script again.

The invariants (I1 to I10 of the design page) are named where they are checked: I1 to I8 and I10 in `check_recovery`,
whose bound on operations and reads is I10; I9, the caches, in test_store_cuts_of_caches. `VAFA_POWER=long` takes every
state where the quick form takes a sample.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

from firmware.core.errors import StoreError
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    DEAD,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REVERSAL,
    REVERSED,
    SETTLED,
    VOIDED,
    Result,
    Transaction,
)
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

LONG = os.environ.get("VAFA_POWER") == "long"
QUICK_SHARE = 6  # the quick form cuts the first append after every so many-th recovery

CARDS = [bytes([card]) * length for card, length in ((1, 4), (2, 7), (3, 10), (4, 4))]

Record = tuple[Any, ...]
State = dict[str, Any]


def fields(t: Transaction) -> Record:
    return tuple(sorted(vars(t).items()))


def observe(journal: Journal, seqs: list[int]) -> State:
    last = journal.last()
    found = {}
    for seq in seqs:
        entry = journal.find(seq)
        found[seq] = entry and (
            fields(entry.transaction),
            entry.state,
            entry.result and tuple(vars(entry.result).items()),
        )
    return {
        "pending": [fields(t) for t in journal.pending()],
        "unanswered": [fields(t) for t in journal.unanswered()],
        "dead": [(fields(t), rc) for t, rc in journal.dead()],
        "counts": (journal.pending_count(), journal.dead_count()),
        "points": [journal.pending_points(uid) for uid in CARDS],
        "oldest": journal.oldest_pending_utc(),
        "last": last and (last.transaction.seq, last.state),
        "found": found,
    }


class Ledger:
    """Books beside a journal. `before` and `after` are the states around the call that is running or ran last."""

    def __init__(self, journal: Journal) -> None:
        self.transactions: dict[int, Transaction] = {}
        self.journal = journal
        self.voided: set[int] = set()
        self.results: dict[int, Result] = {}
        self.pending: set[int] = set()
        self.open: set[int] = set()
        self.dead: dict[int, str] = {}
        self.handed = 0
        self.probe: list[int] = []
        self.before = self.after = self.state()
        self.batch = False

    @property
    def journal(self) -> Journal:
        return self._journal

    @journal.setter
    def journal(self, journal: Journal) -> None:
        """A start: whatever is in the journal then may have been sent."""
        self._journal = journal
        self.perhaps_sent = set(self.transactions)

    def state(self) -> State:
        rank = sorted(self.pending, key=lambda s: (self.transactions[s].verb != REVERSAL, s))
        sales = [s for s in self.transactions if self.transactions[s].verb != REVERSAL]
        pending = [self.transactions[s] for s in rank]
        return {
            "pending": [fields(t) for t in pending],
            "unanswered": [fields(self.transactions[s]) for s in sorted(self.open)],
            "dead": [(fields(self.transactions[s]), self.dead[s]) for s in sorted(self.dead)],
            "counts": (len(self.pending), len(self.dead)),
            "points": [sum(t.points for t in pending if t.uid == uid and t.verb != REVERSAL) for uid in CARDS],
            "oldest": min((t.time_utc for t in pending), default=0),
            "last": (max(sales), self.entry_state(max(sales))) if sales else None,
            "found": {s: self.entry(s) for s in self.probe},
        }

    def entry_state(self, seq: int) -> int:
        if seq in self.dead:
            return DEAD
        if seq in self.open:
            return OPEN
        t = self.transactions[seq]
        if any(o.original_seq == seq and o.verb == REVERSAL for o in self.transactions.values()):
            return REVERSED
        if seq in self.results:
            return self.results[seq].state
        assert t.verb == REVERSAL or t.mode == OFFLINE
        if seq in self.voided:
            return VOIDED
        return APPROVED if seq in self.pending else SETTLED

    def entry(self, seq: int) -> Record | None:
        if seq not in self.transactions:
            return None
        result = self.results.get(seq)
        return (fields(self.transactions[seq]), self.entry_state(seq), result and tuple(vars(result).items()))

    def call(self, write: Callable[[], None], book: Callable[[], None], batch: bool = False) -> None:
        """`before` is what must hold until `write` ends, `after` from then on; inside, either."""
        self.before, self.batch = self.state(), batch
        book()
        self.after = self.state()
        write()
        self.before, self.batch = self.after, False

    # --- what terminals do --------------------------------------------------------------------------------------------

    def sign_on(self, high: int) -> None:
        self.journal.continue_above(high)
        self.handed = max(self.handed, high)

    def make(self, verb: int, mode: int, card: int = 0, original: int = 0) -> Transaction:
        seq = self.journal.next_seq()
        assert seq > self.handed, "a SEQ was given twice"
        self.handed = seq
        points = -500 if verb == REDEMPTION else seq % 5000
        member_no = (0, 1 << 60, 12345678, 0)[card] if not original else 0
        reason = 1 if mode == OFFLINE else 0
        return Transaction(
            seq,
            verb,
            mode,
            CARDS[card],
            1,
            seq * 977,
            points,
            1_790_000_000 + seq,
            2,
            member_no,
            reason,
            original,
            3,
            9,
        )

    def append(self, t: Transaction) -> int:
        def book() -> None:
            self.transactions[t.seq] = t
            if t.verb == REVERSAL or t.mode == OFFLINE:
                self.pending.add(t.seq)
                self.open.discard(t.original_seq)
            else:
                self.open.add(t.seq)

        undo = (dict(self.transactions), set(self.pending), set(self.open))
        self.probe = [*self.probe[-3:], t.seq]
        try:
            self.call(lambda: self.journal.append(t), book)
        except StoreError:
            self.transactions, self.pending, self.open = undo  # refused: nothing was written
            self.before = self.after = self.state()
            raise
        return t.seq

    def offline_sale(self, card: int = 0) -> int:
        return self.append(self.make(ACCRUAL, OFFLINE, card))

    def online_intent(self, card: int = 0, verb: int = ACCRUAL) -> int:
        return self.append(self.make(verb, ONLINE, card))

    def answer(self, seq: int, state: int = APPROVED) -> None:
        balance = None if seq % 3 == 0 else -seq
        result = Result(seq, state, "00" if state == APPROVED else "51", seq % 100, balance, "F%05d" % (seq % 100000))

        def book() -> None:
            self.results[seq] = result
            self.open.discard(seq)

        self.call(lambda: self.journal.append_result(result), book)

    def reverse(self, seq: int) -> int:
        card = CARDS.index(self.transactions[seq].uid)
        return self.append(self.make(REVERSAL, OFFLINE, card, seq))

    def settle(self, *seqs: int) -> None:
        def book() -> None:
            for seq in seqs:
                self.pending.discard(seq)
                self.dead.pop(seq, None)

        self.call(lambda: self.journal.settle_all(seqs), book, batch=len(seqs) > 1)

    def send(self, seq: int) -> None:
        assert self.journal.sending(seq)
        self.perhaps_sent.add(seq)

    def voidable(self) -> list[int]:
        return sorted(s for s in self.pending - self.perhaps_sent if self.transactions[s].verb != REVERSAL)

    def void(self, seq: int) -> None:
        def book() -> None:
            self.pending.discard(seq)
            self.voided.add(seq)

        undo = set(self.pending)
        try:
            self.call(lambda: self.journal.void(seq, 9, 1_790_000_000 + seq), book)
        except StoreError:
            self.pending = undo
            self.voided.discard(seq)
            self.before = self.after = self.state()
            raise
        assert not self.journal.sending(seq), "a voided sale would be sent"

    def give_up(self, seq: int) -> None:
        def book() -> None:
            del self.dead[seq]
            self.voided.add(seq)

        self.call(lambda: self.journal.void(seq, 9, 1_790_000_000 + seq, "made good"), book)

    def bury(self, seq: int) -> None:
        def book() -> None:
            self.pending.discard(seq)
            self.dead[seq] = "14"

        self.call(lambda: self.journal.bury(seq, "14"), book)

    def idle(self) -> None:
        self.call(lambda: [None for _ in iter(self.journal.idle_work, False)] and None, lambda: None)


def allowed(seen: State, before: State, after: State, batch: bool) -> bool:
    if seen in (before, after):
        return True
    if not batch:
        return False
    old, new, got = (set(map(repr, s["pending"])) for s in (before, after, seen))
    return new <= got <= old and all(seen[k] == before[k] for k in ("unanswered", "dead"))


class Moment:
    """A flash operation about to happen, with the image before it and what may be seen afterwards."""

    def __init__(self, op: tuple[str, int, bytes], image: bytes, ledger: Ledger) -> None:
        self.op, self.image = op, image
        self.before, self.after, self.batch, self.handed = ledger.before, ledger.after, ledger.batch, ledger.handed
        self.probe = list(ledger.probe)
        self.ready = ledger.handed > 0


class RecordingNor(Nor):
    """Keeps a `Moment` for every operation while `ledger` is set."""

    ledger: Ledger | None = None

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.moments: list[Moment] = []

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        if self.ledger is not None:
            self.moments.append(Moment(("program", addr, bytes(data)), bytes(self.image), self.ledger))
        super().program(addr, data)

    def erase(self, block: int) -> None:
        if self.ledger is not None:
            self.moments.append(Moment(("erase", block, b""), bytes(self.image), self.ledger))
        super().erase(block)


class RememberingSealer(Sealer):
    """Does what a sealer does, and the same work once only: a sweep opens the same bytes thousands of times."""

    def __init__(self, master: bytes, context: bytes) -> None:
        super().__init__(master, context)
        self._known: dict[tuple[str, bytes, bytes, bytes, bool], tuple[bool, bytes]] = {}

    def _once(self, verb: str, place: bytes, head: Any, body: bytearray, flag: bool) -> bool:
        key = (verb, bytes(place), bytes(head), bytes(body), flag)
        if key not in self._known:
            if len(self._known) > 30_000:
                self._known.clear()
            if verb == "seal":
                super().seal(place, head, body, flag)
                self._known[key] = (True, bytes(body))
            else:
                self._known[key] = (super().open(place, head, body, flag), bytes(body))
        good, body[:] = self._known[key]
        return good

    def seal(self, place: bytes, head: Any, body: bytearray, encrypt: bool) -> None:
        self._once("seal", place, head, body, encrypt)

    def open(self, place: bytes, head: Any, body: bytearray, encrypted: bool) -> bool:
        return self._once("open", place, head, body, encrypted)


SEALER = RememberingSealer(bytes(range(16)), b"VAFA0001")
_states = itertools.count()


class StrictNor(Nor):
    """Refuses a program over dirt, and a header in a sector that was not erased since power-on."""

    def __init__(self, size: int, seed: int) -> None:
        super().__init__(size, seed=seed)
        self.erased: set[int] = set()

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        # Twice is allowed: the same frame again, one bit of which may have been wrong, zeros that spoil a bad one, and
        # a header of which one copy stands there.
        wrong_bits = 0
        for old, new in zip(self.image[addr : addr + len(data)], bytes(data), strict=True):
            wrong_bits += (old ^ new).bit_count() if old != 0xFF and new not in (0xFF, 0x00) else 0
        header = bytes(data[:3]) == b"VA\x03"
        again = header and bytes(data[:32]) in (self.image[addr : addr + 32], self.image[addr + 32 : addr + 64])
        assert wrong_bits <= 1 or again, f"programmed over dirt at {addr:#x}"
        if header and not again:
            assert addr // 4096 in self.erased, "a header in a sector that was not erased"
        super().program(addr, data)

    def erase(self, block: int) -> None:
        super().erase(block)
        self.erased.add(block)


def with_image(image: bytes) -> Nor:
    nor = StrictNor(len(image), seed=len(image) + image.count(0xFF))
    nor.image[:] = image
    return nor


def torn_images(op: tuple[str, int, bytes], image: bytes) -> Iterator[tuple[Torn, bytes]]:
    """Every distinct image an interrupted operation can leave."""
    seen = set()
    for torn in Torn:
        nor = Nor(len(image), seed=len(image) + image.count(0xFF))
        nor.image[:] = image
        nor.cut_at(1, torn)
        try:
            if op[0] == "program":
                nor.program(op[1], op[2])
            else:
                nor.erase(op[1])
        except PowerCut:
            pass
        left = bytes(nor.image)
        if left not in seen:
            seen.add(left)
            yield torn, left


def open_journal(nor: Nor, page_only: bool) -> Journal:
    journal = Journal(NorPartition(nor, 0, nor.size // 4096, page_only), SEALER, 0x5A17, page_only)
    journal.open()
    return journal


def check_recovery(image: bytes, moment: Moment, page_only: bool, second_cut: bool = True) -> int:
    """Recover, compare, append once more, look again; then the same with a cut in each operation of the recovery."""
    nor = with_image(image)
    nor.op_log = []
    journal = open_journal(nor, page_only)
    ops = list(nor.op_log)
    assert len(ops) <= 2, "I6: a recovery writes two operations at most"
    assert nor.reads <= 3 * nor.size // 4096 + 3, "I10: what a recovery reads is bounded by the sectors"
    seen = observe(journal, moment.probe)
    assert allowed(seen, moment.before, moment.after, moment.batch), "I1, I2, I3: " + difference(seen, moment)
    assert journal.gaps() == 0, "a cut made a gap in the chain"
    recovered = bytes(nor.image)
    again = open_journal(nor, page_only)
    assert observe(again, moment.probe) == seen, "I6: recovery is not idempotent"
    assert bytes(nor.image) == recovered, "I6: the second recovery writes something else"
    if moment.ready:
        check_first_append(journal, nor, moment, seen, page_only)
    states = 1
    if second_cut and ops:
        for left in images_of(ops, image):
            if left not in (image, recovered):
                states += check_recovery(left, moment, page_only, second_cut=False)
    return states


def check_first_append(journal: Journal, nor: Nor, moment: Moment, seen: State, page_only: bool) -> None:
    """I7: one append works and survives; cut at each of its operations it is there whole or not at all."""
    recovered = bytes(nor.image)
    nor.op_log = []
    books = Ledger(journal)
    books.handed = moment.handed
    if not journal._ring.seq_ceiling:  # the very first sign-on was cut: nothing was handed out, it is done again
        assert not moment.before["last"]
        books.sign_on(moment.handed)
    reversal = books.make(REVERSAL, OFFLINE)  # I4 is checked there
    promised, before_append = len(nor.op_log), bytes(nor.image)
    journal.append(reversal)
    promises, appends = nor.op_log[:promised], nor.op_log[promised:]
    reopened = open_journal(nor, page_only)
    both = [fields(reversal), *seen["pending"]]
    waiting = [fields(t) for t in reopened.pending()]
    assert sorted(map(repr, waiting)) == sorted(map(repr, both)), "I7"
    assert reopened.gaps() == 0, "the first append after a cut made a gap"
    if not LONG and next(_states) % QUICK_SHARE:
        return
    cuts = [(left, moment.handed) for left in images_of(promises, recovered)]
    cuts += [(left, reversal.seq) for left in images_of(appends, before_append)]
    for left, handed in cuts:
        cut_nor = with_image(left)
        cut = open_journal(cut_nor, page_only)
        waiting = [fields(t) for t in cut.pending()]
        assert sorted(map(repr, waiting)) in (sorted(map(repr, both)), sorted(map(repr, seen["pending"]))), "I2, I3"
        rest = {"unanswered": [fields(t) for t in cut.unanswered()], "dead": [(fields(t), rc) for t, rc in cut.dead()]}
        assert rest == {key: seen[key] for key in rest}, "I1"
        assert cut.gaps() == 0, "a second cut made a gap in the chain"
        assert not cut._ring.seq_ceiling or cut.next_seq() > handed, "I4: a SEQ would be used again"


def images_of(ops: list[tuple[str, int, bytes]], image: bytes) -> Iterator[bytes]:
    """Every image a cut in one of these operations can leave."""
    redo = Nor(len(image))
    redo.image[:] = image
    for op in ops:
        for _torn, left in torn_images(op, bytes(redo.image)):
            yield left
        if op[0] == "program":
            redo.program(op[1], op[2])
        else:
            redo.erase(op[1])


def difference(seen: State, moment: Moment) -> str:
    lines = [f"after {moment.op[:2]}:"]
    for key, value in seen.items():
        if value not in (moment.before[key], moment.after[key]):
            lines.append(f"{key}: saw {value}\n  before {moment.before[key]}\n  after {moment.after[key]}")
    return "\n".join(lines)


def check_every_cut(nor: RecordingNor, page_only: bool) -> int:
    states = 0
    for moment in nor.moments:
        for _torn, image in torn_images(moment.op, moment.image):
            states += check_recovery(image, moment, page_only)
    return states
