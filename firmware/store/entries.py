"""Where a transaction stands in the journal's ring and what became of it: reads only, a frame or a sector at a time.
What does not open any more leaves the state.

Works on the ring and the state the journal keeps up. Knows no rule of what may be written.
"""

from micropython import const

from firmware.core.types import APPROVED, DEAD, OFFLINE, OPEN, REVERSAL, REVERSED, SETTLED, VOIDED, JournalEntry
from firmware.store import records
from firmware.store.pending import CELLS
from firmware.store.state import position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Result, Transaction
    from firmware.store.frames import Frame
    from firmware.store.ring import Ring
    from firmware.store.state import State

CELL_BYTES = const(64)  # a transaction takes 64 bytes or more, so at most one begins in each 64
_KEPT = const(64)  # positions of what was sent

TRANSACTIONS = (records.TRANSACTION,)
KEPT_KINDS = (records.TRANSACTION, records.DEAD)


class Entries:
    """The entries of one journal; every sector that is still needed must have been loaded into `state`."""

    def __init__(self, ring: "Ring", state: "State") -> None:
        self._ring = ring
        self._state = state
        self.read_last: "tuple[int, int]" = (0, 0)  # SEQ and position, which spare a search
        self.written_last: "tuple[int, int]" = (0, 0)
        self._kept: "dict[int, int]" = {}  # the same of those that are on their way to the switch

    def frame(self, position: int, kinds: "tuple[int, ...]") -> "Frame | None":
        start = position % CELLS * CELL_BYTES
        return self._ring.frame_near(position // CELLS, start, start + CELL_BYTES, kinds)

    def needed(self, position: int, kinds: "tuple[int, ...]") -> "Frame | None":
        """The frame of what is pending, open or dead. One that went bad meanwhile is let go of and counts as a gap, as
        after a start: nobody can send it any more, and it would hold the ring's tail for good."""
        frame = self.frame(position, kinds)
        start = position % CELLS * CELL_BYTES
        if frame is None and self._ring.gone(position // CELLS, start, start + CELL_BYTES, kinds):
            self._ring.chain.gaps += self._state.clear(position)
        return frame

    def let_go_of_bad(self, generation: int) -> None:
        """What stands in this sector and does not open any more does not keep it; one read when all is whole."""
        held = self._state.held_in(generation)

        def look(frame: "Frame") -> bool:
            if frame.kind in KEPT_KINDS:
                held.discard(position_of(frame))
            return not held

        if held:
            self._ring.visit(generation, look)
        for position in sorted(held):
            self.needed(position, KEPT_KINDS)

    def reversed(self) -> "set[int]":
        """SEQs whose reversal is pending: the switch will be told of them."""
        originals: "set[int]" = set()
        for position in self._state.pending.positions(True):
            frame = self.needed(position, TRANSACTIONS)
            if frame is not None:
                originals.add(records.unpack_transaction(frame.body).original_seq)
        return originals

    def keep(self, seq: int, position: int) -> None:
        """Remember where it stands until `drop`: what is sent is settled soon, and many at a time."""
        if len(self._kept) >= _KEPT:
            self._kept = {}  # what was sent and never came to an end
        self._kept[seq] = position

    def drop(self, seq: int) -> None:
        """It has come to an end."""
        self._kept.pop(seq, None)

    def position(self, seq: int) -> int:
        """Where this transaction was written, 0 when the ring no longer has it: one sector is read."""
        if seq in self._kept:
            return self._kept[seq]
        for known, position in (self.read_last, self.written_last):
            if known == seq:
                return position
        found: "list[int]" = []
        newer: "list[int]" = []  # not empty: nothing behind it can be a second copy

        def look(frame: "Frame") -> bool:
            if frame.kind == records.TRANSACTION and frame.seq >= seq:
                (found if frame.seq == seq else newer).append(position_of(frame))
            return len(newer) > 0

        generation = self._ring.generation_with(seq)
        self._ring.visit(generation, look)
        while found and not newer and generation < self._ring.generation:
            generation += 1  # its first program looked bad and was not: where it stands twice the later place counts
            self._ring.visit(generation, look)
            if self._ring.sector_of(generation) >= 0:
                break
        for adopted in self._ring.adopted:
            if not found or found[-1] // CELLS < adopted:
                newer.clear()
                self._ring.visit(adopted, look)
        return found[-1] if found else 0

    def entry(self, position: int) -> "JournalEntry | None":
        frame = self.frame(position, KEPT_KINDS) if position else None
        if frame is None:
            return None
        t = records.unpack_transaction(frame.body)
        if t.seq in self._state.dead:
            return JournalEntry(t, DEAD)
        if t.seq in self._state.open:
            return JournalEntry(t, OPEN)
        if self._state.pending.has(position):
            return JournalEntry(t, APPROVED)
        if t.verb == REVERSAL or t.mode == OFFLINE:
            return JournalEntry(t, VOIDED if self._voided(t, position) else SETTLED)
        return self._answered(t, position // CELLS)

    def _voided(self, t: "Transaction", position: int) -> bool:
        """Whether this transaction, which is pending no more, was taken back: the frame that ended it tells."""
        if t.verb == REVERSAL or position == self._state.last:
            return t.verb != REVERSAL and self._state.last_voided
        ends: "list[int]" = []
        stands = [position]  # a dead letter stands again elsewhere, the last is what counts

        def look(frame: "Frame") -> bool:
            if frame.kind == records.VOID and frame.seq == t.seq:
                ends.append(frame.kind)
            elif frame.kind == records.DEAD and frame.seq == stands[-1]:
                stands.append(position_of(frame))
            elif frame.kind == records.SETTLE and frame.seq == stands[-1] // CELLS:
                cells = records.unpack_settle(frame.body)[0]
                ends.extend([frame.kind] * (cells >> stands[-1] % CELLS & 1))
            return bool(ends)

        for newer in range(position // CELLS, self._ring.generation + 1):
            self._ring.visit(newer, look)
            if ends:
                break
        return ends == [records.VOID]

    def _answered(self, t: "Transaction", generation: int) -> "JournalEntry | None":
        """Its result or reversal follows the intent, as a rule at once; a reversal may follow the result."""
        results: "list[Result]" = []
        reversals: "list[int]" = []

        def look(frame: "Frame") -> bool:
            if frame.kind == records.RESULT and frame.seq == t.seq:
                results.append(records.unpack_result(frame.body))
            elif frame.kind in KEPT_KINDS and frame.seq != t.seq:
                other = records.unpack_transaction(frame.body)
                if other.verb == REVERSAL and other.original_seq == t.seq:
                    reversals.append(other.seq)
            return bool(reversals)

        for newer in range(generation, self._ring.generation + 1):
            self._ring.visit(newer, look)
            if reversals or (results and newer > generation):
                break
        result = results[0] if results else None
        if reversals:
            return JournalEntry(t, REVERSED, result)
        return JournalEntry(t, result.state, result) if result else None
