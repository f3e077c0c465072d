"""What the frames of a journal add up to: which transactions are pending, open, dead, and which came last.

Built by taking the frames in the order they were written, then kept up with each write. A place is a position:
generation * 64 + cell. Knows no flash.
"""

from firmware.core.types import OFFLINE, REMARK, REVERSAL, Transaction
from firmware.store import records
from firmware.store.pending import CELLS, PendingSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.frames import Frame


def position_of(frame: "Frame") -> int:
    """A transaction takes 64 bytes or more, so at most one begins in each cell of 64."""
    return frame.generation * CELLS + frame.at // 64


class State:
    """`open` and `dead` map a SEQ to its position; `last` is the position of the newest that is neither reversal nor
    remark, and `last_voided` tells what became of that one.
    `generation_with` tells in which generation a SEQ was written, 0 when that is gone."""

    def __init__(self, generation_with: "Callable[[int], int]") -> None:
        self._generation_with = generation_with
        self.pending = PendingSet()
        self.open: "dict[int, int]" = {}
        self.dead: "dict[int, int]" = {}
        self.last = 0
        self.last_voided = False
        self.high = 0  # newest SEQ of a transaction
        self._newest = 0  # its position
        self._last_seq = 0  # of what stands at `last`

    def take(self, frame: "Frame") -> bool:
        """Add one frame that was read; always False, so that a visit goes on."""
        kind = frame.kind
        if kind == records.TRANSACTION:
            if frame.seq > self.high:
                self.note(records.unpack_transaction(frame.body), position_of(frame))
            elif frame.seq == self.high and self.clear(self._newest):
                # The first program looked bad and was not: what came later speaks of the later place.
                self.note(records.unpack_transaction(frame.body), position_of(frame))
        elif kind == records.RESULT:
            self.open.pop(frame.seq, None)
        elif kind == records.SETTLE:
            self.clear_cells(frame.seq, records.unpack_settle(frame.body)[0])
        elif kind == records.DEAD:
            self.clear(frame.seq)
            self.dead[records.unpack_transaction(frame.body).seq] = position_of(frame)
        elif kind == records.VOID:
            self.void(records.unpack_void(frame.body)[0], frame.seq)
        return False

    def note(self, t: Transaction, position: int) -> None:
        """A transaction frame is on the flash."""
        self.high, self._newest = t.seq, position
        if t.verb == REVERSAL:
            self.open.pop(t.original_seq, None)
            self.pending.add(position, t.uid, True, self._generation_with(t.original_seq))
            return
        if t.verb != REMARK:  # it moves nothing: what a receipt and a restart tell of is what came before it
            self.last, self._last_seq = position, t.seq
            self.last_voided = False
        if t.mode == OFFLINE:
            self.pending.add(position, t.uid, False)
        else:
            self.open[t.seq] = position

    def void(self, position: int, seq: int) -> None:
        """What begins there was taken back, or is a dead letter that was given up."""
        self.clear(position)
        self.dead.pop(seq, None)
        if seq == self._last_seq:
            self.last_voided = True

    def clear_cells(self, generation: int, cells: int) -> None:
        for cell in range(CELLS):
            if cells >> cell & 1:
                self.clear(generation * CELLS + cell)

    def clear(self, position: int) -> bool:
        """What begins there is settled, buried, moved or gone; False when it was neither pending nor dead nor open."""
        if self.pending.remove(position):
            return True
        for held in (self.dead, self.open):
            for seq, at in held.items():
                if at == position:
                    del held[seq]
                    return True
        return False

    def held_in(self, generation: int) -> "set[int]":
        """Positions in a sector of what is pending, open or dead."""
        first = generation * CELLS
        held = {position for position in range(first, first + CELLS) if self.pending.has(position)}
        for positions in (self.open.values(), self.dead.values()):
            held.update([position for position in positions if position // CELLS == generation])
        return held

    def oldest_generation(self, newest: int, generation: int = 0, cells: int = 0) -> int:
        """The oldest generation still needed, `newest` at most, as if these cells were settled."""
        oldest = self.pending.oldest_generation(newest, generation, cells)
        for positions in (self.open.values(), self.dead.values(), (self.last,) if self.last else ()):
            for position in positions:
                oldest = min(oldest, position // CELLS)
        return oldest
