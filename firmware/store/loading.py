"""Reading a journal's ring after a start: the newest sector at once, the older ones piece by piece, one sector each.

Follows the chain of tags meanwhile. What was learnt stands in the ring and the state when `left` is 0; until then the
state lacks what the sectors not read yet say, and nothing may be told or decided from it. Times are seconds since 1970
UTC.
"""

from micropython import const

from firmware.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.frames import Frame
    from firmware.store.ring import Ring
    from firmware.store.state import State

SEQ_BLOCK = const(64)  # so far beyond the newest written SEQ numbers may be handed out
LAST_SEQ = const(0x7FFFFFFF)  # above are the numbers of sessions


def ceiling_above(seq: int) -> int:
    """Up to where numbers may be handed out once this one is written."""
    return min(seq + SEQ_BLOCK, LAST_SEQ)


class Loader:
    """`first_look` is for `ring.open`; then `begin`, then `piece` until it returns False."""

    def __init__(self, ring: "Ring", state: "State") -> None:
        self._ring = ring
        self._state = state
        self._next = 0  # generation that is read next
        self._older = 0  # while the chain's end is looked for: the generation that was read last
        self._done = False
        self._newest_utc = 0
        self._next_high = 0  # what the headers of all sectors newer than the one that is read know at least
        ring.look_back = self.first_look
        self._tail = 0
        self._absent = 0  # generations that no sector holds, and no link tells yet whether anything stood there
        self._says: "tuple[int, int, bytes]" = (0, 0, b"")  # of the frame that was read last

    def first_look(self, frame: "Frame") -> None:
        """What the newest sector says of numbers and of what is not needed any more."""
        ring = self._ring
        if frame.kind == records.TRANSACTION:
            self._newest_utc = records.time_of(frame.body)
            ring.seq_high = max(ring.seq_high, frame.seq)
            ring.seq_ceiling = max(ring.seq_ceiling, ceiling_above(frame.seq))
        elif frame.kind == records.MARK:
            tail, ceiling = records.unpack_mark(frame.body)
            ring.seq_ceiling = max(ring.seq_ceiling, ceiling)
            ring.lost = 0  # it knew of everything before it
            ring.release(tail)
        elif frame.kind == records.SETTLE:
            ring.release(records.unpack_settle(frame.body)[1])

    def begin(self) -> None:
        """The ring is open: go on from its durable tail."""
        self._tail = self._next = self._older = self._ring.tail
        if self._tail == 1 or self._ring.sector_of(self._tail - 1) >= 0:
            self._next -= 1  # only for what the first record that is needed was written behind
        self._ring.chain.reading = True

    def left(self) -> int:
        """Sectors still to be read, about; 0 when all is known."""
        return 0 if self._done else max(1, self._ring.generation - max(1, self._next) + 1)

    def piece(self) -> bool:
        """Read one more sector, oldest first; False when nothing was left to read."""
        if self._done:
            return False
        ring = self._ring
        if self._next < self._tail:
            ring.chain.begin(ring, self._next)
            self._next += 1
        elif ring.chain.reading:
            self._absent += ring.sector_of(self._next) < 0
            self._next_high = ring.high_above(self._next)
            ring.visit(self._next, self._load)
            self._next += 1
            ring.chain.reading = self._next <= ring.generation
        elif not ring.chain.known() and self._older > 1 and self._older - 1 + ring.sectors > ring.generation:
            # No sector that is needed holds a linked record: the chain goes on from an older one.
            ring.chain.look_back(ring, self._older - 1)
            self._older -= 1
        else:
            self._done = True
            self._count_missing()
        return True

    def newest_utc(self) -> int:
        """Time of the newest transaction, 0 when its sector is gone. Reads that sector, if it is not the newest."""
        ring = self._ring
        if not self._newest_utc and ring.seq_high:
            ring.visit(ring.generation_with(ring.seq_high), self._look_for_the_time)
        return self._newest_utc

    def _count_missing(self) -> None:
        """A generation whose header took nowhere is skipped, and nothing stood there. The tail's was there once; of
        another, what the headers know tells, or a sector that may be it."""
        ring = self._ring
        known = self._state.high >= ring.seq_high or ring.generation_with(ring.seq_high) < self._tail
        if ring.sector_of(self._tail) < 0 or not known or ring.unplaced:
            ring.missing += self._absent

    def _load(self, frame: "Frame") -> bool:
        if frame.kind == records.TRANSACTION:
            self._check_number(frame)
        elif frame.kind == records.MARK:
            self._check_ceiling(records.unpack_mark(frame.body)[1])
        says = (frame.kind, frame.seq, frame.body[: -records.TAG])
        chain = self._ring.chain
        if frame.link and chain.known():
            self._absent = 0  # where it joins nothing stood there, else it is counted as a gap
        chain.follow(frame.link, frame.tag, says == self._says)
        self._says = says
        return self._state.take(frame)

    def _check_number(self, frame: "Frame") -> None:
        """A sector that was opened while an older one could not be read may know less than what stands in that one."""
        ring = self._ring
        ring.seq_high = max(ring.seq_high, frame.seq)
        self._check_ceiling(ceiling_above(frame.seq))
        if frame.seq > self._next_high:
            ring.raise_highs(frame.generation, frame.seq)
            self._next_high = ring.high_above(frame.generation)

    def _check_ceiling(self, ceiling: int) -> None:
        """Numbers up to it may have been handed out, though no header says so."""
        ring = self._ring
        if ceiling > ring.seq_ceiling:
            ring.seq_ceiling = ring.seq_before = ceiling

    def _look_for_the_time(self, frame: "Frame") -> bool:
        if frame.kind == records.TRANSACTION:
            self._newest_utc = records.time_of(frame.body)
        return False
