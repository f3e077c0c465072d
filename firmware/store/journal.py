"""The journal of transactions: intents, results, reversals and acknowledgements as frames in a ring of raw flash.

The `Journal` port of firmware.core.ports. What a write wrote is durable when it returns. Nothing is patched: each
change of state is a frame. In memory stand the pending set (one byte a transaction), a few entries for open intents
and one for each dead letter; everything else is read when asked for. Knows no switch and no screen.
"""

from micropython import const

from firmware.core.errors import StoreError, StoreFull, StoreNotReady
from firmware.core.types import REMARK, REVERSAL, JournalEntry, Result, Transaction
from firmware.store import records
from firmware.store.care import Care
from firmware.store.entries import CELL_BYTES, KEPT_KINDS, TRANSACTIONS, Entries
from firmware.store.flash import Flash
from firmware.store.loading import Loader
from firmware.store.numbers import KEEP_FOLLOWING, Numbers
from firmware.store.pending import CELLS, fingerprint
from firmware.store.ring import Ring
from firmware.store.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from firmware.core.ports import BlockDevice
    from firmware.store.export import Export
    from firmware.store.history import History
    from firmware.store.seal import Sealer

KIND = const(1)
_LINKED = (records.TRANSACTION, records.RESULT, records.VOID)
_SECRET = (records.TRANSACTION, records.RESULT, records.VOID, records.DEAD)

# Sectors that stay free: for new value; for acknowledgements. What must follow value keeps KEEP_FOLLOWING.
_KEEP_VALUE = const(2)
_KEEP_NONE = const(0)
# Bytes that stay free in the last sector: for what lets go of the oldest sector, though several cuts tear it.
_SPARE_RELEASE = const(2048)
_ENDS_IN_SECTOR = const(50)  # dead letters that fit a sector at least: reversals end first, wherever they stand

_AHEAD = const(2)  # sectors erased ahead of need
_MOVE_AT_ONCE = const(32)  # dead letters moved out of the oldest sector at most


class Journal(Care):
    """One journal on its own partition. Call `open` first, then `idle_work` until it returns False: it reads what is
    older than the newest sector and erases ahead. A call that needs the older sectors earlier reads them itself."""

    def __init__(
        self,
        device: "BlockDevice",
        sealer: "Sealer",
        salt: int,
        page_only: bool = False,
        buffer: "bytearray | None" = None,
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        self._sealer = sealer
        self._salt = salt
        self._reset()

    def _reset(self) -> None:
        self._ring = Ring(self._flash, KIND, self._salt, self._sealer, _SECRET, _LINKED)
        self._ring.tail_now = self._tail
        self._opened = False
        self._state = State(self._ring.generation_with)
        self._pending, self._open, self._dead = self._state.pending, self._state.open, self._state.dead
        self._loader = Loader(self._ring, self._state)
        self._numbers = Numbers(self._ring, self._open)
        self._entries = Entries(self._ring, self._state)
        self._late: "dict[int, int]" = {}  # generation to cells: settled, but the full ring did not take the frame
        self._late_rc: "dict[int, str]" = {}  # SEQ to RC: buried, in the same way
        self._sent: "set[int]" = set()  # appended since the start, pending, and perhaps sent

    # --- opening ----------------------------------------------------------------------------------------------------

    def open(self, bad: bytes = b"") -> None:
        """Recover: headers and the newest sector only, at most one program (two operations on a blank partition).
        `bad`: what `bad_sectors` said before."""
        self._reset()
        ring = self._ring
        ring.open(self._loader.first_look, bad)
        self._numbers.begin()
        self._loader.begin()
        self._opened = True

    def load(self) -> bool:
        """Read one more sector of what `open` left out; True: call again. Other calls read all that is missing."""
        self._need_open()
        return self._loader.piece()

    def _need_open(self) -> None:
        if not self._opened:
            raise StoreError("journal is not open")

    def loading(self) -> int:
        """Sectors that `load` has still to read, about; 0 when the journal knows all it holds."""
        return self._loader.left()

    def newest_utc(self) -> int:
        """Time of the newest transaction, 0 when there is none. Reads one sector at most and needs no loading."""
        return self._loader.newest_utc()

    def _load_all(self) -> None:
        while self.load():
            pass

    def _tail(self, generation: int = 0, cells: int = 0) -> int:
        """The oldest generation still needed, as if these cells were settled."""
        if self._loader.left():
            return self._ring.tail  # what is not read yet may need any of them
        return max(self._state.oldest_generation(self._ring.generation, generation, cells), self._ring.tail)

    # --- sequence numbers -------------------------------------------------------------------------------------------

    def next_seq(self) -> int:
        """A number that was never given before. Each call gives another; unused ones leave a gap. Raises StoreFull."""
        self._load_all()
        return self._numbers.next()

    def highest_seq(self) -> int:
        """No number up to it is handed out again, none in the journal is above it; 0 on a fresh store. Writes nothing
        and needs no loading."""
        return self._numbers.handed

    def continue_above(self, high_seq: int) -> None:
        """Take the switch's HIGH_SEQ: a fresh store continues at high_seq + 1000, another never goes back. Needs no
        loading: a sign-on does not wait for it."""
        self._need_open()
        self._numbers.continue_above(high_seq)

    # --- writing ----------------------------------------------------------------------------------------------------

    def append(self, transaction: Transaction) -> None:
        """Write an intent whose SEQ came from `next_seq`, in rising order. StoreFull: nothing was written."""
        self._load_all()
        seq = transaction.seq
        if not self._ring.seq_ceiling:
            raise StoreNotReady("no sign-on yet")
        if not max(self._state.high, self._ring.seq_high) < seq <= self._numbers.handed:
            raise StoreError("SEQ {} was used or never handed out".format(seq))
        keep = KEEP_FOLLOWING
        if transaction.verb != REVERSAL:
            keep = _KEEP_VALUE + (self._pending.reversals + len(self._open)) // _ENDS_IN_SECTOR
        body = records.pack_transaction(transaction)
        try:
            at = self._ring.append(records.TRANSACTION, seq, body, keep)
        except StoreFull:
            if not self._make_room(True):
                raise
            at = self._ring.append(records.TRANSACTION, seq, body, keep)
        self._numbers.wrote(seq)
        position = self._ring.generation * CELLS + at // CELL_BYTES
        self._entries.written_last = (seq, position)
        self._state.note(transaction, position)

    def append_result(self, result: Result) -> None:
        """Write the answer to an open intent. Raises StoreError when there is none: a late answer changes nothing."""
        self._load_all()
        if result.seq not in self._open:
            raise StoreError("no open intent {}".format(result.seq))
        self._ring.append(records.RESULT, result.seq, records.pack_result(result), KEEP_FOLLOWING)
        del self._open[result.seq]

    def settle(self, seq: int) -> None:
        """The switch has it for good; of a dead letter: a person resolved it. Any other SEQ changes nothing."""
        self.settle_all((seq,))

    def settle_all(self, seqs: "Iterable[int]") -> None:
        """Settle a batch with one frame for each sector its transactions stand in."""
        self._load_all()
        cells: "dict[int, int]" = {}
        done = []
        for seq in seqs:
            position = self._dead.get(seq) or self._pending_position(seq)
            if position:
                generation = position // CELLS
                cells[generation] = cells.get(generation, 0) | 1 << position % CELLS
            done.append(seq)
        for generation in sorted(cells):
            self._settle_cells(generation, cells[generation])
        for seq in done:
            self._forget(seq)

    def _forget(self, seq: int) -> None:
        """It has come to an end, durably or in memory: not before, for what may have been sent is not voided."""
        self._late_rc.pop(seq, None)
        self._sent.discard(seq)
        self._entries.drop(seq)

    def _settle_cells(self, generation: int, cells: int) -> None:
        """A ring that is full to the last takes it into memory only: after a cut the switch hears of it once more."""
        cells |= self._late.get(generation, 0)
        if not self._write_settle(generation, cells):
            self._late[generation] = cells
        else:
            self._late.pop(generation, None)
        self._state.clear_cells(generation, cells)
        if self._ring.free() < _KEEP_VALUE:
            # A dead letter in the oldest sector must not hold up a full ring.
            self._make_room(self._ring.free() == _KEEP_NONE)
        if self._late and self._ring.free() > _KEEP_NONE:
            self._write_late_settles()

    def _write_settle(self, generation: int, cells: int) -> bool:
        tail = self._tail(generation, cells)
        spare = _SPARE_RELEASE if tail == self._ring.tail else 0
        try:
            self._ring.append(records.SETTLE, generation, records.pack_settle(cells, tail), _KEEP_NONE, spare)
        except StoreFull:
            return False
        self._ring.release(tail)
        return True

    def _write_late_settles(self) -> None:
        for generation in sorted(self._late):
            if generation >= self._ring.tail and not self._write_settle(generation, self._late[generation]):
                return
            del self._late[generation]

    def sending(self, seq: int) -> bool:
        """It is about to be sent, so it cannot be voided any more. False when it is not pending: do not send it."""
        self._load_all()
        position = self._pending_position(seq)
        if not position:
            return False
        self._entries.keep(seq, position)
        if seq > self._numbers.old:
            self._sent.add(seq)
        return True

    def void(self, seq: int, clerk: int, time_utc: int, reason: str = "", reference: str = "") -> None:
        """Take back a pending OFFLINE sale that was certainly never sent: it stays in the journal and is never sent. A
        cash register's order has a `reference`. With a `reason`, of 27 bytes at most, a dead letter is given up.

        StoreError: it is not pending (no dead letter), or it may have been sent (found at the start, or `sending`):
        undo it with a message. StoreFull: the room left is kept for acknowledgements. Either way nothing was changed.
        """
        self._load_all()
        position = self._dead.get(seq, 0) if reason else self._pending_position(seq)
        frame = self._entries.needed(position, KEPT_KINDS) if position else None
        if frame is None:
            raise StoreError("no {} {}".format("dead letter" if reason else "pending sale", seq))
        if not reason:
            self._need_never_sent(seq, records.unpack_transaction(frame.body))
        body = records.pack_void(seq, position, clerk, time_utc, reason, reference)
        self._ring.append(records.VOID, seq, body, _KEEP_NONE, _SPARE_RELEASE)
        self._state.void(position, seq)
        self._late_rc.pop(seq, None)
        try:
            # A second frame that says so, for a void that is lost must not bring the sale back; it lets the tail go.
            self._settle_cells(position // CELLS, 1 << position % CELLS)
        except StoreError:
            pass  # the void stands without it

    def _need_never_sent(self, seq: int, t: Transaction) -> None:
        if t.verb == REVERSAL:
            raise StoreError("no pending sale {}".format(seq))
        if seq <= self._numbers.old or seq in self._sent:
            raise StoreError("SEQ {} may have been sent".format(seq))
        if seq in self._entries.reversed():
            raise StoreError("SEQ {} has a reversal".format(seq))

    def bury(self, seq: int, rc: str) -> None:
        """The switch refused it for good: a dead letter until `settle` resolves it. StoreError when not pending. A ring
        that is full to the last takes it into memory only: after a cut the switch refuses it once more."""
        self._load_all()
        position = self._pending_position(seq)
        frame = self._entries.needed(position, TRANSACTIONS) if position else None
        if frame is None:
            raise StoreError("no pending transaction {}".format(seq))
        body = records.with_rc(frame.body, rc)
        try:
            self._write_dead(seq, position, body)
            self._forget(seq)
        except StoreFull:
            self._state.clear(position)
            self._forget(seq)
            self._dead[seq], self._late_rc[seq] = position, rc

    def _write_dead(self, seq: int, replaces: int, body: bytes) -> None:
        ring = self._ring
        at = ring.append(records.DEAD, replaces, body, _KEEP_NONE, _SPARE_RELEASE)
        self._state.clear(replaces)
        self._dead[seq] = ring.generation * CELLS + at // CELL_BYTES

    def _dead_body(self, seq: int) -> "bytes | None":
        """The transaction of a dead letter with its RC."""
        position = self._dead.get(seq)
        frame = self._entries.needed(position, KEPT_KINDS) if position else None
        if frame is None or seq not in self._late_rc:
            return frame.body if frame is not None else None
        return records.with_rc(frame.body, self._late_rc[seq])

    # --- reading ----------------------------------------------------------------------------------------------------

    def _pending_position(self, seq: int) -> int:
        position = self._entries.position(seq)
        return position if self._pending.has(position) else 0

    def find(self, seq: int) -> "JournalEntry | None":
        """One sector is read, for an answered ONLINE transaction those with its result and the one after too."""
        self._load_all()
        return self._entries.entry(self._dead.get(seq) or self._open.get(seq) or self._entries.position(seq))

    def last(self) -> "JournalEntry | None":
        """The newest that is neither reversal nor remark, for the reprint after a power cut."""
        self._load_all()
        return self._entries.entry(self._state.last)

    def unanswered(self) -> "Iterator[Transaction]":
        """ONLINE transactions with neither result nor reversal: each needs a reversal. One small read each."""
        self._load_all()
        for seq in sorted(self._open):
            position = self._open.get(seq)
            frame = self._entries.needed(position, TRANSACTIONS) if position else None
            if frame is not None:
                yield records.unpack_transaction(frame.body)

    def pending(self) -> "Iterator[Transaction]":
        """Reversals first, then advices, oldest first. The journal may be written to between two steps."""
        self._load_all()
        for reversals in (True, False):
            for position in self._pending.positions(reversals):
                frame = self._entries.needed(position, TRANSACTIONS)
                if frame is not None:
                    self._entries.read_last = (frame.seq, position)
                    yield records.unpack_transaction(frame.body)

    def dead(self) -> "Iterator[tuple[Transaction, str]]":
        """Dead letters with the response code of their refusal, by SEQ."""
        self._load_all()
        for seq in sorted(self._dead):
            body = self._dead_body(seq)
            if body is not None:
                yield records.unpack_transaction(body), records.rc_of(body)

    def pending_count(self) -> int:
        self._load_all()
        return self._pending.count

    def dead_count(self) -> int:
        self._load_all()
        return len(self._dead)

    def oldest_pending_utc(self) -> int:
        """Time of the oldest pending transaction that is no remark, 0 when none. One or two small reads."""
        self._load_all()
        times = []
        for reversals in (True, False):
            for position in self._pending.positions(reversals):
                frame = self._entries.needed(position, TRANSACTIONS)
                t = records.unpack_transaction(frame.body) if frame is not None else None
                if t is not None and t.verb != REMARK:
                    times.append(t.time_utc)
                    break
        return min(times) if times else 0

    def pending_of(self, uid: bytes, reversals: bool = False) -> "Iterator[Transaction]":
        """What of this card is pending, all but or only reversals: reads its frames and one in 127 of the others."""
        self._load_all()
        for position in self._pending.positions(reversals, fingerprint(uid)):
            frame = self._entries.needed(position, TRANSACTIONS)
            t = records.unpack_transaction(frame.body) if frame is not None else None
            if t is not None and t.uid == uid:
                yield t

    def pending_points(self, uid: bytes) -> int:
        """Signed points of this card approved here and not settled."""
        return sum([t.points for t in self.pending_of(uid)])

    def gaps(self) -> int:
        """Places, seen since the start, where a record that once stood there is missing or does not open any more."""
        self._load_all()
        return self._ring.chain.gaps + self._ring.missing

    def mended(self) -> int:
        """How often since the start one wrong bit of the flash was put right."""
        return self._ring.repairs

    def history(self, first_seq: int, last_seq: int = 0xFFFFFFFF) -> "History":
        """Every transaction of these SEQs with what became of it; two readings of the sectors they stand in."""
        self._load_all()
        from firmware.store.history import History  # wanted at the end of a shift

        return History(self._ring, self._state, first_seq, last_seq)

    def export(self) -> "Export":
        """All that is on the flash, sealed, as lines; the journal may be written to between two of them."""
        from firmware.store.export import Export  # a service wanted once in a terminal's life

        return Export(self._flash, self._ring)

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def idle_work(self) -> bool:
        """Load one sector, or move dead letters out of the oldest sector, or erase one sector, or write a frame again
        in which a cell faded. True: call again."""
        if self.load():
            return True
        ring = self._ring
        if ring.free() <= _AHEAD and self._make_room():
            return True
        if (self._late or self._late_rc) and ring.free() >= _KEEP_VALUE:
            self._write_late_settles()
            self._write_again(sorted(self._late_rc)[:1])
            return True
        return ring.erase_ahead(_AHEAD) or ring.refresh()

    def _make_room(self, give_up_last: bool = False) -> bool:
        """Let go of the oldest sector when nothing but a few dead letters keeps it, or the newest sale, which is only
        wanted for a reprint; True when it did."""
        ring, made, last = self._ring, False, 0
        try:
            oldest = self._tail()
            if oldest == ring.tail and oldest < ring.generation:
                self._entries.let_go_of_bad(oldest)
                self._move_dead(oldest, give_up_last)
            tail = self._tail()
            if tail == ring.tail and give_up_last:
                last, self._state.last = self._state.last, 0
                tail = self._tail()
            if tail != ring.tail:
                ring.append(records.MARK, 0, records.pack_mark(tail, ring.seq_ceiling), _KEEP_NONE)
                ring.release(tail)
                made = True
        except StoreFull:
            pass
        finally:
            if not made:
                self._state.last = last or self._state.last  # it is given up for room, not for an attempt
        return made

    def _move_dead(self, generation: int, give_up_last: bool) -> None:
        here = [seq for seq in sorted(self._dead) if self._dead[seq] // CELLS == generation]
        others = [p for p in self._open.values() if p // CELLS == generation]
        if others or len(here) > _MOVE_AT_ONCE or (self._state.last // CELLS == generation and not give_up_last):
            return
        if self._pending.oldest_generation(generation + 1) == generation:
            return
        self._write_again(here)

    def _write_again(self, dead: "list[int]") -> None:
        for seq in dead:
            body = self._dead_body(seq)
            if body is not None:
                self._write_dead(seq, self._dead[seq], body)
            self._late_rc.pop(seq, None)
