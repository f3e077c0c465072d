"""The transactions of a journal from one SEQ on with what became of each, in one reading of two passes over the ring.

Wanted at the end of a shift. `Entries` answers the same of one transaction, and reads a sector or more for each. Reads
only; in memory stand the SEQs of what was voided, rejected or reversed, and the records of one sector.
"""

from micropython import const

from firmware.core.types import (
    APPROVED,
    DEAD,
    ONLINE,
    OPEN,
    REVERSAL,
    REVERSED,
    SETTLED,
    VOIDED,
    JournalEntry,
)
from firmware.store import records
from firmware.store.state import position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.core.types import Transaction
    from firmware.store.frames import Frame
    from firmware.store.ring import Ring
    from firmware.store.state import State

LAST = const(0xFFFFFFFF)


class History:
    """Iterating gives a `JournalEntry` for each transaction of SEQ `first` to `last`, in the order they were decided.

    A dead letter that was given up is DEAD here as before, one the switch took after all SETTLED. `whole`: nothing from
    `first` on was recycled; of a `first` of 0 nobody can tell. Every sector that is needed must have been loaded.
    """

    def __init__(self, ring: "Ring", state: "State", first: int, last: int = LAST) -> None:
        self._ring = ring
        self._state = state
        self._first = first
        self._last = last
        begin = ring.generation_with(first) if first else 0
        self.whole = not first or begin > 0
        self._begin = self._next = begin or max(1, ring.generation - ring.sectors + 1)
        self._end = ring.generation
        self._voided: "set[int]" = set()
        self._dead = set(state.dead)
        self._reversed: "set[int]" = set()
        self._told = 0  # the highest SEQ so far: a record that stands twice is told once
        self._open: "dict[int, Transaction]" = {}

    def load(self) -> bool:
        """Read one more sector of what iterating needs first; True: call again. Iterating itself reads the rest."""
        if self._next <= self._end:
            self._ring.visit(self._next, self._note_end)
            self._next += 1
        return self._next <= self._end

    def __iter__(self) -> "Iterator[JournalEntry]":
        while self.load():
            pass
        for generation in range(self._begin, self._end + 1):
            found: "list[tuple[int, int, bytes]]" = []

            def keep(frame: "Frame", found: "list[tuple[int, int, bytes]]" = found) -> bool:
                if frame.kind in (records.TRANSACTION, records.RESULT):
                    found.append((frame.kind, position_of(frame), frame.body))
                return False

            self._ring.visit(generation, keep)
            for kind, position, body in found:
                entry = self._decided(body) if kind == records.RESULT else self._begun(body, position)
                if entry is not None:
                    yield entry
        for seq in sorted(self._open):
            yield JournalEntry(self._open[seq], OPEN)

    def _note_end(self, frame: "Frame") -> bool:
        if frame.kind == records.VOID:
            (self._dead if records.reason_of(frame.body) else self._voided).add(frame.seq)
        elif frame.kind == records.TRANSACTION:
            t = records.unpack_transaction(frame.body)
            if t.verb == REVERSAL:
                self._reversed.add(t.original_seq)
        return False

    def _begun(self, body: bytes, position: int) -> "JournalEntry | None":
        """A transaction, unless its result is still to come."""
        t = records.unpack_transaction(body)
        if not max(self._first, self._told + 1) <= t.seq <= self._last:
            return None
        self._told = t.seq
        if t.seq in self._dead:
            return JournalEntry(t, DEAD)
        if t.seq in self._voided:
            return JournalEntry(t, VOIDED)
        if t.seq in self._reversed:
            return JournalEntry(t, REVERSED)
        if t.verb != REVERSAL and t.mode == ONLINE:
            self._open[t.seq] = t
            return None
        return JournalEntry(t, APPROVED if self._state.pending.has(position) else SETTLED)

    def _decided(self, body: bytes) -> "JournalEntry | None":
        result = records.unpack_result(body)
        t = self._open.pop(result.seq, None)
        return JournalEntry(t, result.state, result) if t is not None else None


def last_tag(ring: "Ring") -> "tuple[bytes, int]":
    """(tag of the newest frame, its generation): who keeps it can tell later that nothing up to it was taken away.

    Eight zeros and 0 when nothing was written yet.
    """
    found: "list[bytes]" = []

    def look(frame: "Frame") -> bool:
        found[:] = [frame.tag]
        return False

    for generation in range(ring.generation, max(0, ring.generation - ring.sectors), -1):
        ring.visit(generation, look)
        if found:
            return found[0], generation
    return bytes(records.TAG), 0
