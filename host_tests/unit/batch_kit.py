"""A terminal's journal and small values on flash against the switch's own desk: the end of a shift without a network.

`Till` sells by the terminal's own messages; `lost` and `unheard` say which questions of its closings miss their answer,
or are never heard, counted from 0.
"""

from __future__ import annotations

import itertools
from typing import Any

from firmware.cashier.shift import Shift
from firmware.core.errors import Cancelled, LinkDown, NoAnswer
from firmware.core.reference import rrn_of
from firmware.core.types import APPROVED, OFFLINE, ONLINE, REDEMPTION, REFUSED, Result, Transaction
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.switch import tlv
from firmware.switch.batch import Closed, Closing
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, Outgoing, reversal_of
from firmware.switch.profile import TAG_ORIGINAL
from host_tests.power.ledger import open_journal
from host_tests.unit import bench_client
from host_tests.unit.bench_client import KEY_IN, KEY_OUT, MERCHANT, NOW, TERMINAL, furnish
from host_tests.unit.switch_kit import FakeClock, log, transaction
from tools.bench_switch import Ledger
from tools.bench_switch.amnesia import forget
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.sim.chips.nor import Nor, NorPartition

ALI = bytes.fromhex(bench_client.ALI)
BOARD = Sealer(bytes(16), b"", b"vafa-slots")


class Patient:
    """Waits without time passing, or gives up at the `cancel_at`-th look."""

    def __init__(self, cancel_at: int = -1) -> None:
        self.left = cancel_at
        self.seen: list[tuple[int, int]] = []

    async def wait(self, ms: int, done: int, total: int) -> None:
        self.seen.append((done, total))
        self.left -= 1
        if self.left == 0:
            raise Cancelled()


class Till:
    """One terminal and its switch, joined by bytes alone."""

    def __init__(self, database: str = "sqlite://", sectors: int = 16) -> None:
        self.database = database
        self.ledger = Ledger(database)
        furnish(self.ledger)
        self.faults = FaultScript()
        self.desk = Desk(self.ledger, self.faults, MessageLog(lambda: NOW), lambda: NOW)
        self.flash, self.cells = Nor(sectors * 4096), Nor(2 * 4096)
        self.messages = Messages(Identity(TERMINAL, MERCHANT, 1, 364, ruleset=1), MacKeys(1, KEY_OUT, KEY_IN))
        self.clock = FakeClock()
        self.log = log()
        self.lost: set[int] = set()
        self.unheard: set[int] = set()
        self.asked: list[str] = []
        self._numbers = itertools.count(1)
        self.start()
        self.journal.continue_above(0)

    def start(self) -> None:
        """As after power-on."""
        self.flash.power_on()
        self.cells.power_on()
        self.journal = open_journal(self.flash, False)
        while self.journal.load():
            pass
        closing = Closing(self.journal, self, self.messages, self.clock, self.log, lambda: next(self._numbers))  # type: ignore[arg-type]
        self.shift = Shift(lambda: Slots(NorPartition(self.cells, 0, 2), BOARD, 7), closing)

    # --- the session, as far as a closing knows it --------------------------------------------------------------------

    def online(self) -> bool:
        return True

    async def ask(self, outgoing: Outgoing, timeout_ms: int) -> Any:
        number = len(self.asked)
        self.asked.append(outgoing.raw[:4].decode())
        if number in self.unheard:
            raise LinkDown("nothing was sent")
        answer = self._answer(outgoing)
        if number in self.lost or answer is None:
            raise NoAnswer("unanswered")
        return answer

    def _answer(self, outgoing: Outgoing) -> Any:
        data = self.desk.handle(outgoing.raw).data
        if not data:
            return None
        answer = self.messages.read_answer(data[2:])
        assert answer.key == outgoing.key
        return answer

    # --- what a day brings --------------------------------------------------------------------------------------------

    def _intent(self, **change: Any) -> Transaction:
        record = transaction(seq=self.journal.next_seq(), **{"uid": ALI, "ruleset": 1, **change})
        self.journal.append(record)
        return record

    def sell(self, amount: int = 125_000, **change: Any) -> Transaction:
        """Online; the switch's word is written down."""
        record = self._intent(amount=amount, points=amount // 1000, **change)
        return self._online(record)

    def redeem(self, points: int = 500, **change: Any) -> Transaction:
        return self._online(self._intent(amount=points * 100, points=-points, verb=REDEMPTION, **change))

    def _online(self, record: Transaction) -> Transaction:
        reply = self.messages.reply(self._answer(self.messages.request(record)), ALI)
        state = APPROVED if reply.rc == "00" else REFUSED
        self.journal.append_result(Result(record.seq, state, reply.rc, reply.points, reply.balance, reply.approval))
        return record

    def sell_offline(self, amount: int = 64_000, **change: Any) -> Transaction:
        """Approved here; the advice goes at once, and its answer settles or buries it."""
        record = self._intent(amount=amount, points=amount // 1000, mode=OFFLINE, offline_reason=1, **change)
        answer = self._answer(self.messages.advice(record, NOW, False))
        if answer.rc in ("00", "94"):
            self.journal.settle(record.seq)
        else:
            self.journal.bury(record.seq, answer.rc)
        return record

    def retry(self, letter: Transaction) -> None:
        """A dead letter once more; the switch books it now."""
        assert self._answer(self.messages.advice(letter, NOW, True)).rc == "00"
        self.journal.settle(letter.seq)

    def sell_without_answer(self, amount: int = 7_000, *, booked: bool = True) -> Transaction:
        """The answer never came: reversed, and the reversal is settled."""
        record = self._intent(amount=amount, points=amount // 1000, mode=ONLINE)
        if booked:
            self._answer(self.messages.request(record))
        undo = reversal_of(record, self.journal.next_seq(), NOW, 2)
        self.journal.append(undo)
        assert self._answer(self.messages.reversal(undo, record, NOW, False)).rc in ("00", "25")
        self.journal.settle(undo.seq)
        return record

    def take_back(self, verb: int, original: Transaction, amount: int, points: int) -> Transaction:
        """A void or a refund, online."""
        named = tlv.pack([(TAG_ORIGINAL, rrn_of(original.seq, original.time_utc).encode())])
        change: dict[str, Any] = {"verb": verb, "amount": amount, "points": points, "details": named}
        return self._online(self._intent(original_seq=original.seq, **change))

    def a_little_of_everything(self) -> None:
        """Every kind that both sides count, two clerks, and what counts nowhere."""
        self.sell(clerk=3)
        self.sell(90_000)
        self.redeem()
        self.redeem(90_000)
        self.sell_offline(clerk=3)
        self.sell_without_answer()
        self.sell_without_answer(booked=False)
        self.sell_offline(0)  # refused with 13: a dead letter
        void = self._intent(mode=OFFLINE, offline_reason=1)
        self.journal.void(void.seq, 0, NOW)

    def switch_loses(self, seq: int) -> None:
        """As if its books had been put back to an earlier day."""
        forget(self.ledger, TERMINAL, seq=seq)

    def switch_reopens(self) -> None:
        """The books are opened again, perhaps by a later version."""
        self.ledger.close()
        self.ledger = self.desk._ledger = Ledger(self.database)

    # --- the end of a shift -------------------------------------------------------------------------------------------

    async def close(self, watch: Patient | None = None) -> Closed:
        """As the cashier's story does: close, then keep the next batch."""
        closed = await self.shift.closing.close(self.shift.batch(), watch or Patient())
        self.shift.keep(closed.next())
        return closed

    def states(self) -> list[tuple[int, int, int, str]]:
        return [(row.number, row.low, row.high, row.state) for row in self.ledger.batches(TERMINAL)]
