"""Dead letters: what the switch refused for good, once more to the switch or given up for a reason; a person decides.

A letter is sent again under its own SEQ with its own content, as a repeat, and stays a dead letter in the journal until
the switch's yes: a cut at any moment leaves a dead letter or one that is settled. What is given up is voided, with the
reason; the switch may say so too (tag 54 of an 0810, docs/lt87.md section 9). Sends one at a time. Knows no screen and
no right.
"""

from micropython import const

from firmware.core.errors import BadMessage, LinkDown, StoreError, VafaError
from firmware.core.refusals import host_refusal
from firmware.core.types import ACCRUAL, REVERSAL
from firmware.switch import tlv
from firmware.switch.messages import booked_points
from firmware.switch.profile import SETTLE, TAG_ADMIN, TAG_DISPUTE, approved, fate

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Callable, Iterator

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal
    from firmware.core.types import Member, Transaction
    from firmware.switch.forward import Spends
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.session import Session

TIMEOUT_MS = const(6000)
REASON_BYTES = const(27)
POINTS_DIFFER = "L12"
BY_SWITCH = "cleared by the switch"
_CLEAR = const(1)


class NoLetter(VafaError):
    """There is no dead letter of this number; perhaps it was settled meanwhile."""

    code = "P40"


class StillRefused(VafaError):
    """The switch does not take it now either: the letter stays. `code` of the instance tells what it said."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Letters:
    """`on_member` hears what an answer says of a cardholder."""

    def __init__(
        self,
        journal: "Journal",
        session: "Session",
        messages: "Messages",
        clock: "Clock",
        log: "Log",
        on_member: "Callable[[Member], object] | None" = None,
    ) -> None:
        self._journal = journal
        self._session = session
        self._messages = messages
        self._clock = clock
        self._log = log
        self._on_member = on_member
        self._sending = False
        self.on_its_way: "asyncio.Task[None] | None" = None  # kept by who sends one and does not wait
        self._cleared = 0  # SEQ the switch had cleared, to be said in the next 0800
        self.said = 0  # the last one that was said so; whoever makes this anew has to know it
        self.spends: "Spends | None" = None  # what an offline redemption leaves behind
        self.on_resolved: "Callable[[], object] | None" = None  # hears that a letter is one no more

    def idle(self) -> bool:
        """Whether there is nothing it has to do or to say yet."""
        return not (self._sending or self._cleared) and self.on_its_way is None

    def all(self) -> "Iterator[tuple[Transaction, str]]":
        """Each letter and the response code it was refused with, oldest first."""
        return self._journal.dead()

    def _letter(self, seq: int) -> "tuple[Transaction, str]":
        for transaction, rc in self._journal.dead():
            if transaction.seq == seq:
                return transaction, rc
        raise NoLetter("SEQ {} is no dead letter".format(seq))

    async def send_again(self, seq: int) -> None:
        """Offer it to the switch once more; it is settled on return. Raises StillRefused, NoLetter, LinkError,
        BadMessage, StoreError: then it is a dead letter as before."""
        if self._sending:
            raise LinkDown("another letter is on its way")
        transaction = self._letter(seq)[0]
        outgoing = self._message(transaction)
        self._sending = True
        try:
            self._log.event("SEQ {} goes once more".format(seq))
            answer = await self._session.ask(outgoing, TIMEOUT_MS)
        finally:
            self._sending = False
        reversal = transaction.verb == REVERSAL
        if fate(answer.rc, reversal) != SETTLE:
            raise StillRefused(host_refusal(answer.rc), "the switch refuses SEQ {} still".format(seq))
        if not reversal and booked_points(answer) != transaction.points:
            raise StillRefused(POINTS_DIFFER, "SEQ {} is acknowledged with other points".format(seq))
        self._letter(seq)  # else somebody gave it up meanwhile
        if self.spends is not None:
            self.spends.settling((seq,))
        self._journal.settle(seq)
        self._resolved(seq, "settled, {}".format(answer.rc))
        self._tell(transaction, answer)

    def _message(self, transaction: "Transaction") -> "Outgoing":
        now_utc = self._clock.now_utc()
        if transaction.verb != REVERSAL:
            return self._messages.advice(transaction, now_utc, True)
        original = self._journal.find(transaction.original_seq)
        if original is None:
            raise StoreError("original of SEQ {} is gone".format(transaction.seq))
        return self._messages.reversal(transaction, original.transaction, now_utc, True)

    def _tell(self, transaction: "Transaction", answer: "Answer") -> None:
        if self._on_member is None or transaction.verb != ACCRUAL or not approved(answer.rc):
            return
        try:
            reply = self._messages.reply(answer, transaction.uid, transaction.member_no)
        except BadMessage as error:
            self._log.error(error, "member of SEQ {}".format(transaction.seq))
            return
        if reply.member is not None:
            self._on_member(reply.member)

    def give_up(self, seq: int, reason: str, clerk: int = 0) -> None:
        """It is settled without the switch; the reason, 1 to 27 bytes, stays in the journal. Raises NoLetter,
        StoreError."""
        self._letter(seq)
        if not 1 <= len(reason.encode()) <= REASON_BYTES:
            raise StoreError("a reason has 1 to {} letters".format(REASON_BYTES))
        self._journal.void(seq, clerk, self._clock.now_utc(), reason)
        self._resolved(seq, "given up: {}".format(reason))

    def _resolved(self, seq: int, what: str) -> None:
        self._log.event("SEQ {} is {}".format(seq, what))
        if self.spends is not None:
            self.spends.left((seq,))
        if self.on_resolved is not None:
            self.on_resolved()

    # --- the switch's own word ----------------------------------------------------------------------------------------

    def hear(self, answer: "Answer") -> None:
        """An 0810: tag 54 with 1 clears the dead letter that tag 53 names. Said back in the next 0800, also when there
        is no such letter: else the switch would say it for ever. It comes soon, but once only for each letter. While
        the journal is being read it is not heeded, for reading all of it at once takes too long: it comes again."""
        tags = answer.tags
        if answer.rc != "00" or TAG_DISPUTE not in tags or tags.get(TAG_ADMIN) != bytes([_CLEAR]):
            return
        if self._journal.loading():
            return
        seq = tlv.unsigned(tags[TAG_DISPUTE])
        try:
            self.give_up(seq, BY_SWITCH)
        except NoLetter as error:
            self._log.error(error, "switch clears")
        except StoreError as error:
            self._log.error(error, "switch clears SEQ {}".format(seq))
            return
        self._cleared = seq
        if seq != self.said:
            self._session.probe()

    def says(self) -> "list[tuple[int, bytes]]":
        """Tags of the next sign-on or echo: the letter that was cleared. An 0800 that gets lost is no matter: the
        switch names the letter again."""
        seq, self._cleared = self._cleared, 0
        self.said = seq or self.said
        return [(TAG_DISPUTE, tlv.from_unsigned(seq, 4)), (TAG_ADMIN, bytes([_CLEAR]))] if seq else []
