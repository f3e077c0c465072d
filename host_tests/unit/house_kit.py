"""A terminal and its switch in one process, on virtual time: session, queue, batch and journal are the real ones, the
switch is the bench switch's desk; between them a line that can end anywhere in an answer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from firmware.core.errors import LinkError
from firmware.core.types import APPROVED, OFFLINE, ONLINE, REFUSED, REMARK, Result
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch import tlv
from firmware.switch.batch import Batch
from firmware.switch.forward import Forward
from firmware.switch.link import Connection, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.profile import TAG_SURVEY
from firmware.switch.session import Session
from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, MERCHANT, NOW, TERMINAL, furnish
from host_tests.unit.switch_kit import FakeClock, log, transaction
from tools.bench_switch import Ledger
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.programme import Programme
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

UID = bytes.fromhex(ALI)
BLOCKS = 64
WHOLE = 1 << 16


async def until(what: Callable[[], bool], seconds: int = 60) -> None:
    """As session_kit's, in longer steps: some tests wait some thousand times."""
    for _ in range(4 * seconds):
        if what():
            return
        await asyncio.sleep(0.25)
    raise AssertionError("never happened")


class Line:
    """Link, socket and writer in one: `cut` is the message type whose next answer ends after `at` bytes."""

    def __init__(self, desk: Desk, *, packed: bool) -> None:
        self.desk = desk
        self.packed = packed
        self.cut = ""
        self.at = WHOLE
        self.answer_size = 0  # of the answer that was cut
        self._reader = asyncio.StreamReader()

    def up(self) -> bool:
        return True

    def keep(self) -> None:
        return

    async def connect(self) -> Connection:
        self._reader = asyncio.StreamReader()
        return Connection(self._reader, self, tpdu_to(1) if self.packed else b"")  # type: ignore[arg-type]

    def write(self, frame: bytes) -> None:
        raw = bytes(frame[2:])
        mti = raw[5:7].hex() if self.packed else raw[:4].decode()
        answer = self.desk.handle(raw).data
        asyncio.get_running_loop().call_later(0.02, self._arrive, self._reader, mti, answer)

    def _arrive(self, reader: asyncio.StreamReader, mti: str, answer: bytes) -> None:
        if mti != self.cut:
            reader.feed_data(answer)
            return
        self.cut = ""
        self.answer_size = len(answer)
        reader.feed_data(answer[: self.at])
        reader.feed_eof()

    async def drain(self) -> None:
        return

    def close(self) -> None:
        self._reader.feed_eof()

    async def wait_closed(self) -> None:
        return


class Patient:
    """Who waits for the end of a batch."""

    async def wait(self, ms: int, done: int, total: int) -> None:
        await asyncio.sleep(ms / 1000)


class House:
    """A terminal and its switch; `believed` is Ali's balance as the terminal's journal has it."""

    def __init__(self, *, packed: bool = False, programme: Programme | None = None) -> None:
        self.ledger = Ledger("sqlite://", programme)
        furnish(self.ledger)
        self.faults = FaultScript()
        self.line = Line(Desk(self.ledger, self.faults, MessageLog(lambda: NOW), lambda: NOW), packed=packed)
        self.journal = Journal(NorPartition(Nor(BLOCKS * BLOCK), 0, BLOCKS, False), Sealer(bytes(16), b"cut"), 7)
        self.journal.open()
        self.clock, self.log = FakeClock(), log()
        self.messages = Messages(Identity(TERMINAL, MERCHANT, 1, 364, 1), MacKeys(1, KEY_OUT, KEY_IN), packed)
        self.numbers = itertools.count(1)
        self.session = Session(
            self.line,
            self.messages,
            self.clock,
            self.journal,
            self.log,
            lambda: next(self.numbers),  # type: ignore[arg-type]
        )
        self.forward = Forward(self.journal, self.session, self.messages, self.clock, self.log)
        self.believed = 600
        self.batch = Batch()

    async def __aenter__(self) -> House:
        self._tasks = [asyncio.create_task(self.session.run()), asyncio.create_task(self.forward.run())]
        await until(self.session.online)
        self.forward.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        while not all(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            await asyncio.sleep(0.1)
        self.ledger.close()

    # --- what a terminal does -----------------------------------------------------------------------------------------

    def sale(self, mode: int):
        record = transaction(seq=self.journal.next_seq(), mode=mode, uid=UID, time_utc=self.clock.now_utc(), ruleset=1)
        self.journal.append(record)
        if mode == OFFLINE:
            self.believed += record.points
            self.session.wake()
        return record

    def remark(self) -> None:
        """A customer's answer to a question."""
        details = tlv.pack([(TAG_SURVEY, b"\x01\x04\x00")])
        seq, now_utc = self.journal.next_seq(), self.clock.now_utc()
        said = {"verb": REMARK, "mode": OFFLINE, "amount": 0, "points": 0, "details": details}
        self.journal.append(transaction(seq=seq, uid=UID, time_utc=now_utc, ruleset=1, **said))
        self.session.wake()

    async def sold(self) -> bool:
        """An online sale as the till makes it; whether the answer came."""
        record = self.sale(ONLINE)
        try:
            reply = await self.session.request(record)
        except LinkError:
            self.forward.reverse(record)
            return False
        state = APPROVED if reply.rc == "00" else REFUSED
        self.journal.append_result(Result(record.seq, state, reply.rc, reply.points, reply.balance, reply.approval))
        self.believed += reply.points
        return True

    async def settled(self) -> None:
        """Online, with nothing left to say, and both sides of one mind."""
        await until(lambda: self.session.online() and not self.journal.pending_count(), 1200)
        assert self.journal.dead_count() == 0 and list(self.journal.unanswered()) == []
        assert self.ledger.balance("ali") == self.believed
        await asyncio.sleep(5.5)  # a connection that lasted is made again at once
