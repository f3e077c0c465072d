"""Which sequence numbers may be handed out: above all that ever were, whatever was damaged, below the sessions' own.

A number may be given up to 64 above the newest transaction that was written, or up to a promise (a MARK frame) on the
flash. Knows the ring and which intents are open, and nothing else of transactions.
"""

from micropython import const

from firmware.core.errors import StoreError, StoreFull, StoreNotReady
from firmware.store import records
from firmware.store.loading import LAST_SEQ, SEQ_BLOCK, ceiling_above

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.ring import Ring

_SIGN_ON_GAP = const(1000)  # distance a fresh store keeps from what the switch has seen

KEEP_FOLLOWING = const(1)  # sectors that stay free for acknowledgements
_SPARE_REVERSALS = const(1024)  # bytes that stay free for reversals, when a number is wanted that may never be used


class Numbers:
    """`open_intents` by SEQ: when there are any, a number may be due for a reversal."""

    def __init__(self, ring: "Ring", open_intents: "dict[int, int]") -> None:
        self._ring = ring
        self._open = open_intents
        self._handed = 0  # the newest that was handed out since the start

    @property
    def handed(self) -> int:
        """The newest number that was handed out, or may have been."""
        return max(self._handed, self._ring.seq_before)

    @property
    def old(self) -> int:
        """What was handed out before the start is at most this."""
        return self._ring.seq_before

    def begin(self) -> None:
        """The ring is open: go on above every number that may have been handed out."""
        ring = self._ring
        if ring.seq_ceiling:
            # Each lost frame may have been a mark.
            ring.seq_ceiling = min(ring.seq_ceiling + ring.lost * (SEQ_BLOCK + 1), LAST_SEQ)
        ring.seq_before = ring.seq_ceiling

    def next(self) -> int:
        """A number that was never given before. Raises StoreFull, StoreNotReady."""
        if not self._ring.seq_ceiling:
            raise StoreNotReady("no sign-on yet")
        if self.handed >= self._ring.seq_ceiling:
            self._promise(self.handed + SEQ_BLOCK)
        self._handed = self.handed + 1
        return self._handed

    def continue_above(self, high_seq: int) -> None:
        """Take the switch's HIGH_SEQ: a fresh store continues at high_seq + 1000, another never goes back."""
        if not self._ring.seq_ceiling:
            high_seq += _SIGN_ON_GAP - 1
        elif high_seq <= self.handed:
            return
        if high_seq + SEQ_BLOCK > LAST_SEQ:
            raise StoreError("no sequence numbers above the switch's")
        try:
            for _ in range(2):  # the only frame that knows this number must not be a single one
                self._promise(high_seq + SEQ_BLOCK)
        except StoreFull:
            if not self._ring.seq_ceiling:
                raise
            # The next number needs a promise of its own, so none is given until there is room for one.
        self._handed = high_seq

    def wrote(self, seq: int) -> None:
        """A transaction with this number is on the flash."""
        self._ring.seq_high = seq
        self._ring.seq_ceiling = max(self._ring.seq_ceiling, ceiling_above(seq))

    def _promise(self, ceiling: int) -> None:
        """Never takes the room of acknowledgements, nor, unless one may be due, all that reversals need."""
        if ceiling > LAST_SEQ:
            raise StoreFull("sequence numbers are used up")
        ring = self._ring
        tail = ring.tail_now()
        spare = 0 if self._open else _SPARE_REVERSALS  # not loaded: as if nothing were open
        ring.append(records.MARK, 0, records.pack_mark(tail, ceiling), KEEP_FOLLOWING, spare)
        ring.release(tail)
        ring.seq_ceiling = max(ring.seq_ceiling, ceiling)
