"""Which queued record may go now: reversals, then advices of value, then remarks, oldest first, and none past an
earlier one of its card. A remark holds back nothing: it goes when all else is out, and nothing waits for it. One that
nobody's name stands in is held for a time drawn by chance, so that it does not go right behind its sale.

Reads the journal from end to end and goes on where it stopped, so a record is read once on its way out. It begins again
only when what it passed may go now: after silence, when a reversal came in, when a record that waited is due or left,
when a dead letter was resolved.
Of one card one record is out at a time, and a redemption without a reserve waits while an earlier record of its card is
a dead letter (docs/lt87.md section 9). Sends nothing, writes nothing. Durations in milliseconds.
"""

from os import urandom
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.types import REDEMPTION, REMARK, REVERSAL
from firmware.switch.session import back_off_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.core.ports import Journal
    from firmware.core.types import Transaction

_WAITING = const(32)  # records that may wait by themselves; with more, the whole queue waits
_AHEAD = const(8)  # records kept in memory because their card has one out; with more, reading stops until it is back
_HELD_MS = const(60_000)  # a nameless remark at least, and at most
_HELD_MOST_MS = const(1_800_000)
_STRIDE = const(8)  # records passed before the other tasks run
_REFUSED_MS = const((60_000, 600_000, 3_600_000, 14_400_000))  # a reversal the switch refuses


class _Wait:
    """A record that waits by itself: the tries so far, when the next is due, whose it is."""

    def __init__(self, uid: "bytes | None") -> None:
        self.uid = uid  # None: no other record waits for it
        self.tries = 0
        self.due = ticks_ms()
        self.noted = False  # that it is due: reading began again for it
        self.before = False  # a later record of the card was passed because of it
        self.lasting = False  # a sign-on does not end it, but begins it anew

    def is_due(self) -> bool:
        """Whether the next try may go."""
        return ticks_diff(ticks_ms(), self.due) >= 0


class Queue:
    """What `next` gives is out from `went` until `back`, `wait` or `left`."""

    def __init__(self, journal: "Journal", jitter: int) -> None:
        self._journal = journal
        self._jitter = jitter
        self._reader: "Iterator[Transaction] | None" = None
        self._unread = True
        self._remarks = False  # they are what is read
        self._passed_remark = False
        self._began = ticks_ms()
        self._ahead: "list[Transaction]" = []
        self._waits: "dict[int, _Wait]" = {}
        self._out: "dict[int, bytes | None]" = {}  # SEQ to UID
        self._free_seq = 0  # nameless remarks up to this one may go
        self._held: "_Wait | None" = None  # those up to `_held_seq`
        self._held_seq = 0
        self.acknowledged: "list[int]" = []  # the switch has them, the journal does not know yet
        self.stuck = False  # nothing may go until something happens

    # --- what happened ------------------------------------------------------------------------------------------------

    def again(self) -> None:
        """Something that was passed may go now: read from the beginning."""
        self._reader = None
        self._unread = True
        self._remarks = self._passed_remark = False
        self._ahead = []
        self.stuck = False

    def appended(self) -> None:
        """Something was appended: reading comes to it unless it has reached the end. After a reversal call `again`."""
        if self._reader is None or self._remarks:
            self.again()

    def signed_on(self) -> None:
        """The switch is back: what waited may go, but for what may have ended the last connection. That lets the others
        go first, for longer each time."""
        self._waits = {seq: wait for seq, wait in self._waits.items() if wait.lasting}
        for wait in self._waits.values():
            wait.due = ticks_add(ticks_ms(), back_off_ms(wait.tries - 1, self._jitter))
            wait.noted = False
        self.again()

    def note_due(self) -> None:
        """Look whether the time of a record that waits has come."""
        for wait in self._waits.values():
            if wait.is_due() and not wait.noted:
                wait.noted = True
                self.again()

        held = self._held
        if held is not None and held.is_due() and not held.noted:
            held.noted = True
            self.again()

    def let_go(self, seq: int) -> None:
        """Nothing up to this record is held any longer: all is to be sent now."""
        self._free_seq, self._held = seq, None
        self.again()

    def went(self, transaction: "Transaction") -> None:
        """It is on the line."""
        self._out[transaction.seq] = _holds(transaction)

    def back(self, seq: int) -> None:
        """It is not on the line any more and may go again."""
        self._out.pop(seq, None)
        self.again()

    def wait(self, transaction: "Transaction", refused: bool = False, lasting: bool = False) -> bool:
        """This record alone waits. False when too many wait already: the switch cannot be well, let the queue wait."""
        self._out.pop(transaction.seq, None)
        self.stuck = False
        wait = self._waits.get(transaction.seq)
        if wait is None:
            if len(self._waits) >= _WAITING:
                self.again()
                return False
            wait = self._waits[transaction.seq] = _Wait(_holds(transaction))
        if refused:
            wait_ms = _REFUSED_MS[min(wait.tries, len(_REFUSED_MS) - 1)]
        else:
            wait_ms = back_off_ms(wait.tries, self._jitter)
        wait.due = ticks_add(ticks_ms(), wait_ms)
        wait.tries += 1
        wait.noted = False
        wait.lasting = lasting
        return True

    def left(self, seq: int) -> None:
        """It is in the queue no longer, or as good as."""
        self._out.pop(seq, None)
        self.stuck = False
        wait = self._waits.pop(seq, None)
        if wait is not None and wait.before:
            self.again()

    def recall(self) -> None:
        """Nothing is on the line any more."""
        self._out = {}
        self.again()

    # --- what may go --------------------------------------------------------------------------------------------------

    def next(self) -> "Transaction | None":
        """The first record that may go now. None: there is none and `stuck` says so, or call again for more reading."""
        at = 0  # in order: when a card's record is back, its next one is the first met
        while at < len(self._ahead):
            transaction = self._ahead[at]
            if self._card_is_out(transaction.uid):
                at += 1
                continue
            del self._ahead[at]
            if not self._passed(transaction):
                return transaction
        if len(self._ahead) >= _AHEAD:
            self.stuck = True
            return None
        return self._read()

    def _read(self) -> "Transaction | None":
        if self._reader is None:
            if not self._unread:
                self.stuck = True
                return None
            self._unread = False
            self._began = ticks_ms()
            self._reader = self._journal.pending()
        for looked, transaction in enumerate(self._reader):
            if not self._passed(transaction):
                if not self._card_is_out(transaction.uid):
                    return transaction
                self._ahead.append(transaction)
            if looked == _STRIDE - 1 or len(self._ahead) == _AHEAD:
                return None
        self._reader = None
        self._forget_stale()
        if self._passed_remark and not self._remarks:
            self._unread = self._remarks = True  # once more from the beginning, for them alone
        return None

    def _passed(self, transaction: "Transaction") -> bool:
        """Whether this record is not to be sent now: it is out or done, waits for its own time, or is an advice behind
        an earlier record of its card that waits, or a debit behind a dead letter of its card."""
        seq = transaction.seq
        if seq in self._out or seq in self.acknowledged:
            return True
        if transaction.verb == REMARK and not self._remarks:
            self._passed_remark = True
            return True
        if transaction.verb == REMARK and not transaction.uid and self._is_held(seq):
            return True
        own = self._waits.get(seq)
        if own is not None and not own.is_due():
            return True
        if transaction.verb == REVERSAL:
            return False
        for earlier, wait in self._waits.items():
            if earlier < seq and wait.uid == transaction.uid:
                wait.before = True
                return True
        return transaction.verb == REDEMPTION and not transaction.allowance and self._behind_a_letter(transaction)

    def _is_held(self, seq: int) -> bool:
        """Whether a nameless remark stays here for a while. What comes while others are held waits for a time of its
        own after theirs; after a start all that is found waits anew."""
        held = self._held
        if held is not None and held.is_due():
            self._free_seq, self._held = self._held_seq, None
        if seq <= self._free_seq:
            return False
        if self._held is None:
            self._held, self._held_seq = _Wait(None), seq
            drawn = int.from_bytes(urandom(4), "big") % (_HELD_MOST_MS - _HELD_MS)
            self._held.due = ticks_add(ticks_ms(), _HELD_MS + drawn)
        return True

    def _behind_a_letter(self, transaction: "Transaction") -> bool:
        """What the letter brings the card may be what this one spends. Read for each: spending without a reserve is
        rare, and so are letters."""
        uid, seq = transaction.uid, transaction.seq
        return any(letter.uid == uid and letter.seq < seq for letter, _ in self._journal.dead())

    def _card_is_out(self, uid: bytes) -> bool:
        return any(out == uid for out in self._out.values())

    def _forget_stale(self) -> None:
        """Due before all was read, and not found: it left the queue by another way, or stands behind another record of
        its card."""
        ahead = [transaction.seq for transaction in self._ahead]
        for seq in list(self._waits):
            wait = self._waits[seq]
            if wait.uid is None and not self._remarks:
                continue  # remarks have not been looked for yet
            if wait.noted and ticks_diff(self._began, wait.due) >= 0 and seq not in self._out and seq not in ahead:
                del self._waits[seq]
                self.again()


def _holds(transaction: "Transaction") -> "bytes | None":
    """Whose later records wait while this one is out or waits: of a remark nobody's."""
    return transaction.uid if transaction.verb != REMARK else None
