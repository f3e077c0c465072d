"""Store-and-forward: tells the switch what was approved or has to be undone here; reversals first, then oldest first.

Reads the journal, sends through the session, writes down what the switch said. Decides nothing about value: response
codes become settle, bury, later, pause or keep by `profile.fate`. One record is in flight at a time: live traffic goes
on. A record the switch cannot or will not take now waits by itself and the next one goes; but no advice overtakes an
earlier record of its card, so a sale is never booked a second time while its first booking is still to be undone.

`x20` goes out only for a record appended since `start` and not tried since. The journal does not say whether a record
was sent before a restart, so what is found pending then travels as a repeat (`x21`); the switch takes an x21 it never
saw as a first.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import BadMessage, LinkDown, NoAnswer, StoreError
from firmware.core.types import ACCRUAL, REVERSAL
from firmware.switch.messages import booked_points, reversal_of
from firmware.switch.profile import (
    KEEP,
    PAUSE,
    RC_ORIGINAL_UNKNOWN,
    SETTLE,
    TRY_LATER,
    approved,
    fate,
)
from firmware.switch.session import back_off_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal
    from firmware.core.types import Member, Transaction
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.session import Session

_SLICE_MS = const(100)
_WAITING = const(32)  # records that may wait by themselves; with more, the whole queue waits
_STRIDE = const(8)  # records looked at before the other tasks run
_REFUSED_MS = (60_000, 600_000, 3_600_000, 14_400_000)  # a reversal the switch refuses

UNDO_REFUSED = "L11"
POINTS_DIFFER = "L12"


class _Wait:
    """A record that waits by itself: the tries so far, when the next is due, whose it is."""

    def __init__(self, uid: bytes) -> None:
        self.uid = uid
        self.tries = 0
        self.due = ticks_ms()

    def is_due(self) -> bool:
        """Whether the next try may go."""
        return ticks_diff(ticks_ms(), self.due) >= 0


class Forward:
    """The queue's postman. `on_member` hears what an answer says of a cardholder."""

    def __init__(
        self,
        journal: "Journal",
        session: "Session",
        messages: "Messages",
        clock: "Clock",
        log: "Log",
        on_member: "Callable[[Member], object] | None" = None,
        jitter: int = 0,
    ) -> None:
        self._journal = journal
        self._session = session
        self._messages = messages
        self._clock = clock
        self._log = log
        self._on_member = on_member
        self._jitter = jitter
        self._maybe_sent = 0  # a record up to this SEQ may have been sent before the restart
        self._tried: "set[int]" = set()
        self._waits: "dict[int, _Wait]" = {}
        self._failures = 0
        self._not_before = ticks_ms()
        self._sign_ons = 0
        self.paused = False  # the switch refused our MAC; ends with the next sign-on

    def start(self) -> int:
        """Once at boot, before any flow: every ONLINE intent without an answer gets its reversal. Returns how many.

        Raises StoreError when the journal does not take them; what was reversed until then stays reversed.
        """
        self._maybe_sent = self._journal.highest_seq()  # whatever has this number or a lower one is older
        unanswered = list(self._journal.unanswered())
        for original in unanswered:
            self.reverse(original)
        return len(unanswered)

    def reverse(self, original: "Transaction") -> "Transaction":
        """Append the reversal of an ONLINE transaction whose outcome is unknown. Raises StoreError."""
        reversal = reversal_of(original, self._journal.next_seq(), self._clock.now_utc(), self._clock.quality)
        self._journal.append(reversal)
        self._log.event("SEQ {} reverses {}".format(reversal.seq, original.seq))
        self._session.wake()
        return reversal

    async def run(self, alive: "Callable[[], object] | None" = None) -> None:
        """Empty the queue whenever there is a session; for ever. `alive` is called at least every 10 s."""
        look = True
        while True:
            if alive is not None:
                alive()
            if self._session.queued or self._any_due():
                self._session.queued = False
                look = True
            if look and self._may_send():
                transaction = await self._next(alive)
                if transaction is None:
                    look = False  # do not read the journal again before something was appended or is due
                else:
                    await self.forward_one(transaction)
            await asyncio.sleep_ms(0 if look and self._may_send() else _SLICE_MS)

    async def forward_one(self, transaction: "Transaction") -> bool:
        """Send one record and write down what becomes of it; True when it left the queue."""
        outgoing = self._message(transaction)
        if outgoing is None or not self._journal.sending(transaction.seq):
            return True
        self._tried.add(transaction.seq)
        try:
            answer = await self._session.deliver(outgoing)
        except (LinkDown, NoAnswer) as error:
            if not isinstance(error, LinkDown):
                self._log.error(error, "queue")
            self._retry_later()
            return False
        return self._conclude(transaction, answer)

    def _may_send(self) -> bool:
        if not self._session.online():
            return False
        if self._session.sign_ons != self._sign_ons:
            self._sign_ons = self._session.sign_ons
            self._failures = 0
            self._waits = {}
            self._not_before = ticks_ms()
            self.paused = False
        return not self.paused and ticks_diff(ticks_ms(), self._not_before) >= 0

    async def _next(self, alive: "Callable[[], object] | None" = None) -> "Transaction | None":
        """The first record that may go now."""
        while True:
            for passed, transaction in enumerate(self._journal.pending()):
                if not self._held(transaction):
                    return transaction
                if passed % _STRIDE == _STRIDE - 1:
                    if alive is not None:
                        alive()
                    await asyncio.sleep_ms(0)
            # Due and not found: it left the queue by another way, or stands behind another record of its card.
            stale = [seq for seq, wait in self._waits.items() if wait.is_due()]
            if not stale:
                return None
            for seq in stale:
                del self._waits[seq]

    def _held(self, transaction: "Transaction") -> bool:
        """Whether this record has to wait: for its own time, or an advice for an earlier record of the same card."""
        own = self._waits.get(transaction.seq)
        if own is not None and not own.is_due():
            return True
        if transaction.verb == REVERSAL:
            return False
        return any(seq < transaction.seq and wait.uid == transaction.uid for seq, wait in self._waits.items())

    def _any_due(self) -> bool:
        return any(wait.is_due() for wait in self._waits.values())

    def _message(self, transaction: "Transaction") -> "Outgoing | None":
        """The record as a message; a record that cannot be one is buried, it would block the queue for ever."""
        repeat = transaction.seq <= self._maybe_sent or transaction.seq in self._tried
        try:
            if transaction.verb != REVERSAL:
                return self._messages.advice(transaction, self._clock.now_utc(), repeat)
            entry = self._journal.find(transaction.original_seq)
            if entry is not None:
                return self._messages.reversal(transaction, entry.transaction, self._clock.now_utc(), repeat)
            self._log.fault(StoreError.code, "original of SEQ {} is gone".format(transaction.seq))
            self._journal.bury(transaction.seq, RC_ORIGINAL_UNKNOWN)
        except BadMessage as error:
            self._log.error(error, "SEQ {}".format(transaction.seq))
            self._journal.bury(transaction.seq, "30")
        return None

    def _conclude(self, transaction: "Transaction", answer: "Answer") -> bool:
        """Write down what the switch said of a queued record."""
        seq = transaction.seq
        end = fate(answer.rc, transaction.verb == REVERSAL)
        if end in (TRY_LATER, PAUSE, KEEP):
            self._log.fault("H" + answer.rc, "SEQ {} waits".format(seq))
            if end == KEEP:
                self._log.fault(UNDO_REFUSED, "SEQ {} is to undo {}".format(seq, transaction.original_seq))
            if end == PAUSE:
                self.paused = True
                self._retry_later()
            else:
                self._wait(transaction, end == KEEP)
            return False
        if end != SETTLE:
            self._log.fault("H" + answer.rc, "the switch refuses SEQ {} for good".format(seq))
            self._journal.bury(seq, answer.rc)
        elif transaction.verb != REVERSAL and booked_points(answer) != transaction.points:
            self._log.fault(POINTS_DIFFER, "SEQ {} is acknowledged with other points".format(seq))
            self._journal.bury(seq, answer.rc)
        else:
            self._journal.settle(seq)
            self._tell_member(transaction, answer)
        self._tried.discard(seq)
        self._waits.pop(seq, None)
        self._failures = 0
        self._not_before = ticks_ms()
        return True

    def _wait(self, transaction: "Transaction", refused: bool) -> None:
        """This record alone waits; with too many of them the switch cannot be well, and the whole queue waits."""
        wait = self._waits.get(transaction.seq)
        if wait is None:
            if len(self._waits) >= _WAITING:
                self._retry_later()
                return
            wait = self._waits[transaction.seq] = _Wait(transaction.uid)
        if refused:
            wait_ms = _REFUSED_MS[min(wait.tries, len(_REFUSED_MS) - 1)]
        else:
            wait_ms = back_off_ms(wait.tries, self._jitter)
        wait.due = ticks_add(ticks_ms(), wait_ms)
        wait.tries += 1

    def _tell_member(self, transaction: "Transaction", answer: "Answer") -> None:
        if self._on_member is None or transaction.verb != ACCRUAL or not approved(answer.rc):
            return
        try:
            reply = self._messages.reply(answer, transaction.uid, transaction.member_no)
        except BadMessage as error:
            self._log.error(error, "member of SEQ {}".format(transaction.seq))
            return
        if reply.member is not None:
            self._on_member(reply.member)

    def _retry_later(self) -> None:
        self._not_before = ticks_add(ticks_ms(), back_off_ms(self._failures, self._jitter))
        self._failures += 1
