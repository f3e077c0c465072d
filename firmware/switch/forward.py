"""Store-and-forward: tells the switch what was approved or has to be undone here; reversals first, then oldest first.

Reads the journal, sends through the session, writes down what the switch said. Decides nothing about value: response
codes become settle, bury, later or pause by `profile.fate`. One record is in flight at a time: live traffic goes on.

`x20` goes out only for a record appended since `start` and not tried since. The journal does not say whether a record
was sent before a restart, so what is found pending then travels as a repeat (`x21`); the switch takes an x21 it never
saw as a first.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import BadMessage, LinkDown, NoAnswer, StoreError, StoreNotReady
from firmware.core.types import ACCRUAL, REVERSAL
from firmware.switch.messages import reversal_of
from firmware.switch.profile import BURY, PAUSE, RC_ORIGINAL_UNKNOWN, SETTLE, approved, fate
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
        self._failures = 0
        self._not_before = ticks_ms()
        self._sign_ons = 0
        self.paused = False  # the switch refused our MAC; ends with the next sign-on

    def start(self) -> int:
        """Once at boot, before any flow: every ONLINE intent without an answer gets its reversal. Returns how many.

        Raises StoreError when the journal does not take them; what was reversed until then stays reversed.
        """
        try:
            self._maybe_sent = self._journal.next_seq()  # whatever has a lower number is older than this start
        except StoreNotReady:
            return 0  # a fresh store holds nothing
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
        empty = False
        while True:
            if alive is not None:
                alive()
            if self._session.queued:
                self._session.queued = empty = False
            if not empty and self._may_send():
                transaction = self._oldest()
                if transaction is None:
                    empty = True  # do not read the journal again before something was appended
                else:
                    await self.forward_one(transaction)
            await asyncio.sleep_ms(0 if self._may_send() and not empty else _SLICE_MS)

    async def forward_one(self, transaction: "Transaction") -> bool:
        """Send one record and write down what becomes of it; True when it left the queue."""
        outgoing = self._message(transaction)
        if outgoing is None:
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
            self._not_before = ticks_ms()
            self.paused = False
        return not self.paused and ticks_diff(ticks_ms(), self._not_before) >= 0

    def _oldest(self) -> "Transaction | None":
        for transaction in self._journal.pending():
            return transaction
        return None

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
        end = fate(answer.rc, transaction.verb == REVERSAL)
        if end == SETTLE:
            self._journal.settle(transaction.seq)
            self._tell_member(transaction, answer)
        elif end == BURY:
            self._log.fault("H" + answer.rc, "the switch refuses SEQ {} for good".format(transaction.seq))
            self._journal.bury(transaction.seq, answer.rc)
        else:
            self._log.fault("H" + answer.rc, "SEQ {} waits".format(transaction.seq))
            self.paused = end == PAUSE
            self._retry_later()
            return False
        self._tried.discard(transaction.seq)
        self._failures = 0
        self._not_before = ticks_ms()
        return True

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
