"""Answers that end after n of their bytes, for every n and every message type of the table: all is booked, once.

Session, queue, batch and journal are the real ones, the switch is the bench switch's desk; between them a line that
hands over the bytes of an answer as far as it wants, and then ends. The books at the switch are compared with what the
terminal believes after each cut. A message type without a story here fails the first test.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from firmware.core.errors import LinkError
from firmware.core.types import APPROVED, CLOCK_OK, OFFLINE, ONLINE, REFUSED, Result
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch import download
from firmware.switch.batch import AGREED, Batch, Closing
from firmware.switch.forward import Forward
from firmware.switch.link import Connection, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.session import Session
from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, MERCHANT, NOW, TERMINAL, furnish
from host_tests.unit.switch_kit import FakeClock, log, transaction
from tools.bench_switch import Ledger
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.lt87 import layouts
from tools.sim import onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

UID = bytes.fromhex(ALI)


async def until(what: Callable[[], bool], seconds: int = 60) -> None:
    """As session_kit's, in longer steps: there are some thousand waits here."""
    for _ in range(4 * seconds):
        if what():
            return
        await asyncio.sleep(0.25)
    raise AssertionError("never happened")


BLOCKS = 64
WHOLE = 1 << 16


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

    def __init__(self, *, packed: bool) -> None:
        self.ledger = Ledger("sqlite://")
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


async def sign_on(house: House) -> None:
    house.line.close()
    await until(lambda: not house.line.cut)


async def echo(house: House) -> None:
    house.session.probe()
    await until(lambda: not house.line.cut)
    await asyncio.sleep(0.1)


async def chunk(house: House) -> None:
    asked = download.request(house.messages, download.CONFIG, next(house.numbers), NOW, CLOCK_OK, 0, None)
    try:
        await house.session.ask(asked, 6000)
    except LinkError:
        pass


async def inquiry(house: House) -> None:
    try:
        reply = await house.session.inquire(UID, 1, 0)
        assert reply.balance == house.believed
    except LinkError:
        pass


async def online(house: House) -> None:
    await house.sold()


async def advice(house: House) -> None:
    house.sale(OFFLINE)
    await until(lambda: not house.line.cut, 300)


async def reversal(house: House) -> None:
    """A sale whose answer never comes, and then the answer to its reversal."""
    house.faults.next("silent", mti="0200", when="after")
    assert not await house.sold()
    await until(lambda: not house.line.cut, 300)


async def closing(house: House) -> None:
    """A batch of one sale; the second try is answered as the first was."""
    closing = Closing(house.journal, house.session, house.messages, house.clock, house.log, lambda: next(house.numbers))
    closed = await closing.close(house.batch, Patient())
    assert closed.outcome == AGREED
    assert closed.totals.low <= closed.totals.high
    house.batch = closed.next()


async def totals(house: House) -> None:
    cut, house.line.cut = house.line.cut, ""
    await house.sold()
    house.line.cut = cut
    await closing(house)


async def upload(house: House) -> None:
    house.faults.next("refuse", rc="95", mti="0500")
    await totals(house)


# Request and answer of the table, as the line sees them; what makes the terminal send one.
STORIES: dict[str, list[tuple[str, Callable[[House], Awaitable[None]]]]] = {
    "0800": [("0800", sign_on), ("0800", echo), ("0800", chunk)],
    "0100": [("0100", inquiry)],
    "0200": [("0200", online)],
    "0220/0221": [("0220", advice)],
    "0420/0421": [("0420", reversal)],
    "0320/0321": [("0320", upload)],
    "0500/0501": [("0500", totals)],
}


def test_every_message_type_of_the_table_has_a_story() -> None:
    assert set(STORIES) == {request for request, _ in layouts.MESSAGES}


CUTS = [
    pytest.param(mti, story, packed, id=f"{story.__name__}-{'packed' if packed else 'plain'}")
    for stories in STORIES.values()
    for mti, story in stories
    for packed in ((False, True) if story is advice else (False,))  # the spelling changes no rule of what follows
]


@pytest.mark.parametrize(("mti", "story", "packed"), CUTS)
def test_an_answer_cut_after_any_of_its_bytes_loses_nothing_and_books_nothing_twice(
    mti: str, story: Callable[[House], Awaitable[None]], packed: bool
) -> None:
    async def play() -> int:
        async with House(packed=packed) as house:
            at = 0
            while True:
                house.line.cut, house.line.at = mti, at
                await story(house)
                assert house.line.cut == "", "the answer never came to be cut"
                await house.settled()
                if at >= house.line.answer_size:
                    break
                at += 1
            assert house.ledger.check() == []
            seqs = [row.seq for row in house.ledger.transactions(TERMINAL)]
            assert len(seqs) == len(set(seqs))
            return at

    assert onhost.run_virtual(play()) > 60
