"""One terminal of the fleet: what it does in a day, and what it then knows must stand in the books.

Messages and MACs are the device's own code; the queue here is a small one with the rules that matter to the switch:
reversals first, at most WINDOW in flight, an advice never overtakes an earlier one of its card, a resend repeats its
SEQ. Money in rial, points as signed whole points, durations in seconds.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import Counter
from dataclasses import dataclass

from firmware.core.types import (
    ACCRUAL,
    AUTH_LEGACY,
    CLOCK_OK,
    OFFLINE,
    OFFLINE_LINK_DOWN,
    ONLINE,
    REDEMPTION,
    Transaction,
)
from firmware.switch.messages import Answer, Messages, Outgoing, booked_points, reversal_of
from tools.fleet.line import Line, NoAnswer

SIGN_ON, SIGN_OFF = 1, 2
DONE = ("00", "10", "94")
TRY_AGAIN = ("63", "68", "91", "96")
WINDOW = 8
SPEND = 500
RIAL_PER_POINT = 1_000
RECONNECTS = 60
_STEPS = ("sell", "tap", "spend", "undo", "repeat", "offline")
_WEIGHTS = (50, 10, 10, 10, 10, 10)


@dataclass
class Record:
    """A value message of this terminal and what is known of it.

    `state`: open (not answered yet), booked (`points` stand in the books), refused, or undone (nothing may stand).
    """

    transaction: Transaction
    state: str = "open"
    points: int = 0
    undoes: Record | None = None
    sent: bool = False


class Terminal:
    """Sells until told to stop, then empties its queue. `problems` is what the switch did that it must never do."""

    def __init__(
        self, terminal_id: str, line: Line, messages: Messages, cards: list[bytes], seed: int, answer_s: float
    ) -> None:
        self.terminal_id = terminal_id
        self.records: list[Record] = []
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._line = line
        self._messages = messages
        self._cards = cards
        self._random = random.Random(seed)
        self._answer_s = answer_s
        self._seq = 0
        self._session_number = self._random.getrandbits(30)
        self._queue: list[Record] = []
        self._answered_seq = 0

    @property
    def waiting(self) -> int:
        """Records that the switch has not acknowledged."""
        return len(self._queue)

    async def connect(self) -> None:
        """Sign on, again and again for as long as a fleet that comes back at once may take."""
        pause_s = 0.1
        for _ in range(RECONNECTS):
            try:
                if not self._line.open:
                    await self._line.connect()
                    self.counts["connections"] += 1
                await self._sign_on()
                return
            except (OSError, ssl.SSLError, asyncio.TimeoutError, NoAnswer):
                await self._line.close()
            await asyncio.sleep(pause_s * (0.5 + self._random.random()))
            pause_s = min(2 * pause_s, 2.0)
        raise NoAnswer(f"{self.terminal_id} got no connection in {RECONNECTS} tries")

    async def serve_customer(self) -> None:
        """One customer, of whatever kind comes."""
        await self._step(self._random.choices(_STEPS, _WEIGHTS)[0])

    def pause_s(self, average_s: float) -> float:
        """How long until the next customer."""
        return self._random.uniform(0, 2 * average_s)

    async def finish(self) -> None:
        """Empty the queue, sign off and leave."""
        for _ in range(RECONNECTS):
            if not self._line.open:
                await self.connect()
            await self._drain()
            if not self._queue:
                break
            await asyncio.sleep(0.2)
        else:
            self.problems.append(f"{len(self._queue)} records could not be settled")
        await self._sign_off()

    async def _sign_off(self) -> None:
        try:
            await self._ask(self._network(SIGN_OFF))
        except NoAnswer:
            self.counts["lost answers"] += 1
        await self._line.close()

    async def leave(self) -> None:
        """Let go of the line, without a word."""
        await self._line.close()

    # --- one step of the day ------------------------------------------------------------------------------------------

    async def _step(self, step: str) -> None:
        if not self._line.open:
            await self.connect()
        card = self._random.choice(self._cards)
        try:
            if step == "offline":
                await self._offline()
            elif step == "repeat":
                await self._repeat(card)
            else:
                await self._ask(self._inquiry(card))
                if step == "spend":
                    await self._online(card, REDEMPTION, SPEND * 100, -SPEND)
                elif step in ("sell", "undo"):
                    record = await self._sell(card)
                    if step == "undo" and record.state == "booked":
                        self._undo(record)
        except NoAnswer:
            self.counts["lost answers"] += 1
        if self._queue:
            await self._drain()

    async def _sell(self, card: bytes) -> Record:
        amount = self._random.randrange(1_000, 3_000_000)
        return await self._online(card, ACCRUAL, amount, amount // RIAL_PER_POINT)

    async def _online(self, card: bytes, verb: int, amount: int, points: int) -> Record:
        """A 0200; without an answer it is undone, whatever became of it."""
        record = self._record(self._transaction(verb, ONLINE, card, amount, points))
        record.sent = True
        try:
            answer = await self._ask(self._messages.request(record.transaction))
        except NoAnswer:
            self._undo(record)
            raise
        self._learn(record, answer)
        if record.state == "open":  # it said neither yes nor no
            self._undo(record)
        return record

    async def _offline(self) -> None:
        """The line is down: sales are approved here; then it is up again and the queue goes out."""
        await self._line.close()
        for _ in range(self._random.randint(1, WINDOW + 2)):
            self._advise(self._random.choice(self._cards))
        await asyncio.sleep(0)
        await self.connect()

    async def _repeat(self, card: bytes) -> None:
        """An advice, and the same again as if its answer had been lost: it must be the same booking."""
        record = self._advise(card)
        await self._drain()
        if record.state != "booked":
            return
        answer = await self._ask(self._messages.advice(record.transaction, _now(), True))
        if (answer.rc, booked_points(answer)) != ("94", record.points):
            self.problems.append(f"SEQ {record.transaction.seq} repeated: {answer.rc}, not 94 with its points")

    def _advise(self, card: bytes) -> Record:
        amount = self._random.randrange(1_000, 500_000)
        record = self._record(self._transaction(ACCRUAL, OFFLINE, card, amount, amount // RIAL_PER_POINT))
        self._queue.append(record)
        return record

    def _undo(self, record: Record) -> None:
        self._seq += 1
        undoing = self._record(reversal_of(record.transaction, self._seq, _now(), CLOCK_OK))
        undoing.undoes = record
        self._queue.append(undoing)

    # --- the queue ----------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Send what waits, a window at a time, while the line holds."""
        while self._queue and self._line.open:
            batch = self._batch()
            before = len(self._queue)
            await asyncio.gather(*(self._forward(record) for record in batch))
            if len(self._queue) == before:
                return  # nothing moved: later

    def _batch(self) -> list[Record]:
        reversals = [record for record in self._queue if record.undoes is not None]
        if reversals:
            return reversals[:WINDOW]
        batch: list[Record] = []
        cards: set[bytes] = set()
        for record in self._queue:
            if record.transaction.uid not in cards and len(batch) < WINDOW:
                cards.add(record.transaction.uid)
                batch.append(record)
        return batch

    async def _forward(self, record: Record) -> None:
        if record.undoes is not None:
            out = self._messages.reversal(record.transaction, record.undoes.transaction, _now(), record.sent)
        else:
            out = self._messages.advice(record.transaction, _now(), record.sent)
        record.sent = True
        try:
            answer = await self._ask(out)
        except NoAnswer:
            self.counts["lost answers"] += 1
            return
        self._learn(record, answer)
        if record.state != "open":
            self._queue.remove(record)

    def _learn(self, record: Record, answer: Answer) -> None:
        """What an answer says of a record."""
        rc, transaction = answer.rc, record.transaction
        self._answered_seq = max(self._answered_seq, transaction.seq)
        if rc in TRY_AGAIN:
            self.counts[f"rc {rc}"] += 1
            return
        if record.undoes is not None:
            if rc not in (*DONE, "25"):
                self.problems.append(f"SEQ {transaction.seq}: reversal answered {rc}")
            record.state = "booked"
            record.undoes.state = "undone"
            return
        booked = booked_points(answer)
        if rc not in DONE:
            record.state = "refused"
            self.counts[f"rc {rc}"] += 1
            if transaction.mode == OFFLINE or rc != "51":
                self.problems.append(f"SEQ {transaction.seq} refused with {rc}")
            return
        record.state, record.points = "booked", booked or 0
        if booked != transaction.points:
            self.problems.append(f"SEQ {transaction.seq}: {booked} points booked, not {transaction.points}")

    # --- messages -----------------------------------------------------------------------------------------------------

    async def _sign_on(self) -> None:
        answer = await self._ask(self._network(SIGN_ON))
        if answer.rc != "00":
            raise NoAnswer(f"sign-on answered {answer.rc}")
        high = self._messages.high_seq(answer)
        if not self._answered_seq <= high:
            self.problems.append(f"HIGH_SEQ {high} after SEQ {self._answered_seq} was answered")
        self._seq = max(self._seq, high)

    async def _ask(self, out: Outgoing) -> Answer:
        answer = await self._line.ask(out, self._answer_s)
        self.counts["answers"] += 1
        return answer

    def _network(self, function: int) -> Outgoing:
        self._session_number += 1
        return self._messages.network(function, self._session_number, _now(), CLOCK_OK)

    def _inquiry(self, card: bytes) -> Outgoing:
        self._session_number += 1
        return self._messages.inquiry(card, AUTH_LEGACY, self._session_number, _now(), CLOCK_OK)

    def _transaction(self, verb: int, mode: int, card: bytes, amount: int, points: int) -> Transaction:
        self._seq += 1
        reason = OFFLINE_LINK_DOWN if mode == OFFLINE else 0
        return Transaction(
            self._seq, verb, mode, card, AUTH_LEGACY, amount, points, _now(), CLOCK_OK, offline_reason=reason, ruleset=1
        )

    def _record(self, transaction: Transaction) -> Record:
        record = Record(transaction)
        self.records.append(record)
        return record


def _now() -> int:
    return int(time.time())
