"""Store-and-forward: tells the switch what was approved or has to be undone here; several records at a time.

Takes from the journal what `queue` says may go, sends it through the session, writes down what the switch said. Decides
nothing about value: response codes become settle, bury, later, pause or keep by `profile.fate`. Answers may come in any
order. Acknowledgements are written together, and before the member cache hears of them: a transaction counts in the
member's confirmed points or in the pending ones, never in both. A cut before they are written only leads to a repeat.

`x20` goes out only for a record appended since `start` and not tried since. The journal does not say whether a record
was sent before a restart, so what is found pending then travels as a repeat (`x21`); the switch takes an x21 it never
saw as a first.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import BadMessage, LinkDown, StoreError
from firmware.core.types import REMARK, REVERSAL
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
from firmware.switch.queue import Queue
from firmware.switch.session import back_off_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Protocol

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal
    from firmware.core.types import Member, Transaction
    from firmware.switch.exchange import Flight
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.session import Session

    class Spends(Protocol):
        """Who keeps account of offline redemptions: told before they are settled, and when they left the queue."""

        def settling(self, seqs: Iterable[int]) -> None: ...
        def left(self, seqs: Iterable[int]) -> None: ...
        def buried(self, seq: int) -> None: ...


_SLICE_MS = const(100)
_BATCH = const(20)  # acknowledgements written together at most
_SETTLE_MS = const(1000)  # the longest one waits for others
_PAUSE_MS = const(300_000)  # after a MAC refusal; the third in a row ends the connection

_UNDO_REFUSED = const("L11")
POINTS_DIFFER = "L12"


class _Sent:
    """A record in flight. `number` counts what was sent; those of one `burst` went before any of them was silent."""

    def __init__(self, transaction: "Transaction", flight: "Flight", number: int, burst: int) -> None:
        self.transaction = transaction
        self.flight = flight
        self.number = number
        self.burst = burst


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
        self._queue = Queue(journal, jitter)
        self._flying: "list[_Sent]" = []
        self._members: "dict[bytes, Member]" = {}  # what acknowledgements say, told when they are settled
        self._first_done = ticks_ms()  # when the oldest acknowledgement came that is not settled
        self._number = 0
        self._answered = 0  # the highest number that was answered
        self._burst = 0
        self._suspect = 0  # SEQ of the record at which the switch last fell silent or hung up
        self._failures = 0
        self._not_before = ticks_ms()
        self._sign_ons = 0
        self._paused_until = ticks_ms()
        self.paused = False  # the switch refused our MAC; ends with the next sign-on, or in time
        self.on_refused: "Callable[[bytes, str], object] | None" = None  # hears UID and code of what was buried
        self.spends: "Spends | None" = None  # what offline redemptions leave behind
        session.before_answer = self._before_answer

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
        self._queue.again()  # before any advice that is still to go
        self._session.wake()
        return reversal

    def resolved(self) -> None:
        """A dead letter is one no more: what it held back may go."""
        self._queue.again()

    async def run(self, alive: "Callable[[], object] | None" = None) -> None:
        """Empty the queue whenever there is a session; for ever. `alive` is called at least every 10 s."""
        try:
            while True:
                if alive is not None:
                    alive()
                self._collect()
                if self._session.queued:
                    self._session.queued = False
                    self._queue.appended()
                self._queue.note_due()
                if self._may_send() and self._session.room() and not self._queue.stuck:
                    transaction = self._queue.next()
                    if transaction is not None:
                        await self._send(transaction)
                    await asyncio.sleep_ms(0)
                    continue
                if self._flying:
                    await self._land()
                    continue
                self.settle()
                await asyncio.sleep_ms(_SLICE_MS)
        finally:
            for sent in self._flying:
                self._session.abandon(sent.flight)
            self._flying = []
            self._queue.recall()

    def settle(self) -> None:
        """Write down what was acknowledged, then tell the member cache of it. Raises StoreError: tried again later."""
        done = self._queue.acknowledged
        if not done:
            return
        if self.spends is not None:
            self.spends.settling(done)
        self._journal.settle_all(done)
        if self.spends is not None:
            self.spends.left(done)
        self._queue.acknowledged = []
        members, self._members = self._members, {}
        if self._on_member is not None:
            for member in members.values():
                self._on_member(member)

    def _bury(self, seq: int, rc: str) -> None:
        self._journal.bury(seq, rc)
        if self.spends is not None:
            self.spends.buried(seq)

    def _before_answer(self) -> None:
        """A flow is about to hear from the switch, and may tell the member cache: what came before is settled first."""
        try:
            self._collect()
            self.settle()
        except StoreError as error:
            self._log.error(error, "queue")  # not the flow's; `run` meets it too

    def _may_send(self) -> bool:
        if not self._session.online():
            return False
        if self._session.sign_ons != self._sign_ons:
            self._sign_ons = self._session.sign_ons
            self._failures = 0
            self._queue.signed_on()
            self._not_before = ticks_ms()
            self.paused = False
        if self.paused and ticks_diff(ticks_ms(), self._paused_until) >= 0:
            self.paused = False  # a line that stays up brings no sign-on, and one damaged message is no wrong key
        return not self.paused and ticks_diff(ticks_ms(), self._not_before) >= 0

    def let_go(self) -> None:
        """All that waits is to be sent now, also what is held for a while or was not answered."""
        self._failures = 0
        self._not_before = ticks_ms()
        self._queue.signed_on()
        self._queue.let_go(self._journal.highest_seq())
        self._session.wake()

    async def _send(self, transaction: "Transaction") -> None:
        """Put one record on the line."""
        seq = transaction.seq
        outgoing = self._message(transaction)
        if outgoing is None or not self._journal.sending(transaction.seq):
            self._queue.left(seq)
            return
        self._tried.add(seq)
        self._queue.went(transaction)
        try:
            flight = await self._session.post(outgoing)
        except LinkDown:
            self._queue.back(seq)
            self._back_off(self._burst)
            return
        self._number += 1
        self._flying.append(_Sent(transaction, flight, self._number, self._burst))

    async def _land(self) -> None:
        """Until something in flight has ended."""
        landing = self._session.landing
        try:
            await asyncio.wait_for_ms(landing.wait(), _SLICE_MS)
        except asyncio.TimeoutError:
            return
        landing.clear()

    def _collect(self) -> None:
        """Take what has ended off the line and write down what becomes of it."""
        for sent in list(self._flying):
            if not self._session.landed(sent.flight):
                continue
            self._flying.remove(sent)
            answer = sent.flight.answer
            if answer is None:
                self._unanswered(sent)
                continue
            self._answered = max(self._answered, sent.number)
            if sent.transaction.seq == self._suspect:
                self._suspect = 0
            try:
                self._conclude(sent, answer)
            except StoreError:
                self._queue.back(sent.transaction.seq)
                raise
            if len(self._queue.acknowledged) >= _BATCH:
                self.settle()
        if self._queue.acknowledged and ticks_diff(ticks_ms(), self._first_done) >= _SETTLE_MS:
            self.settle()

    def _unanswered(self, sent: _Sent) -> None:
        """No answer: the record may have been sent, and goes again as a repeat.

        When a later one was answered on the same connection it is this record the switch is silent about. Otherwise
        the line is silent: the queue backs off, once for all that was in flight.
        """
        seq = sent.transaction.seq
        if not sent.flight.lost and sent.number < self._answered:
            self._wait(sent, False)
            return
        self._queue.back(seq)
        if sent.burst != self._burst:
            return
        self._back_off(sent.burst)
        if self._suspect == seq:
            # Twice in a row it was this one at which the switch fell silent or hung up: the others go without it.
            self._queue.wait(sent.transaction, lasting=True)
        self._suspect = seq

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
            self._bury(transaction.seq, RC_ORIGINAL_UNKNOWN)
        except BadMessage as error:
            self._log.error(error, "SEQ {}".format(transaction.seq))
            self._refuse(transaction, "30")
        return None

    def _conclude(self, sent: _Sent, answer: "Answer") -> None:
        """Write down what the switch said of a queued record."""
        transaction, seq = sent.transaction, sent.transaction.seq
        end = fate(answer.rc, transaction.verb == REVERSAL)
        if end in (TRY_LATER, PAUSE, KEEP):
            self._log.fault("H" + answer.rc, "SEQ {} waits".format(seq))
            if end == KEEP:
                self._log.fault(_UNDO_REFUSED, "SEQ {} is to undo {}".format(seq, transaction.original_seq))
            if end == PAUSE:
                self.paused = True
                self._paused_until = ticks_add(ticks_ms(), _PAUSE_MS)
                self._queue.back(seq)
            else:
                self._wait(sent, end == KEEP)
            return
        if end != SETTLE:
            self._log.fault("H" + answer.rc, "the switch refuses SEQ {} for good".format(seq))
            self._refuse(transaction, answer.rc)
            if self.on_refused is not None:
                self.on_refused(transaction.uid, answer.rc)
        elif transaction.verb not in (REVERSAL, REMARK) and booked_points(answer) != transaction.points:
            self._log.fault(POINTS_DIFFER, "SEQ {} is acknowledged with other points".format(seq))
            self._bury(seq, answer.rc)
        else:
            self._acknowledge(transaction, answer)
        self._tried.discard(seq)
        self._queue.left(seq)
        self._failures = 0
        self._not_before = ticks_ms()

    def _wait(self, sent: _Sent, refused: bool) -> None:
        """It waits by itself; with too many of them the switch cannot be well, and the whole queue waits."""
        if not self._queue.wait(sent.transaction, refused):
            self._back_off(sent.burst)

    def _refuse(self, transaction: "Transaction", rc: str) -> None:
        """It is refused for good: a person has to look, but not at a mere remark, for which nobody got anything."""
        if transaction.verb == REMARK:
            self._settle_later(transaction.seq)
        else:
            self._bury(transaction.seq, rc)

    def _settle_later(self, seq: int) -> None:
        if not self._queue.acknowledged:
            self._first_done = ticks_ms()
        self._queue.acknowledged.append(seq)

    def _acknowledge(self, transaction: "Transaction", answer: "Answer") -> None:
        """The switch has it: to be settled with others, and what was said of the member to be told then."""
        self._settle_later(transaction.seq)
        if self._on_member is None or transaction.verb == REVERSAL or not approved(answer.rc):
            return
        try:
            reply = self._messages.reply(answer, transaction.uid, transaction.member_no)
        except BadMessage as error:
            self._log.error(error, "member of SEQ {}".format(transaction.seq))
            return
        if reply.member is not None:
            self._members[transaction.uid] = reply.member

    def _back_off(self, burst: int) -> None:
        """The whole queue waits: once, however many were in flight together."""
        if burst != self._burst:
            return
        self._burst += 1
        self._not_before = ticks_add(ticks_ms(), back_off_ms(self._failures, self._jitter))
        self._failures += 1
