"""How fast a queue drains: 1,000 records at 100 ms round trip, against a loop that has one record in flight.

Session, messages, journal and store-and-forward are the terminal's; the line and the switch are a few lines here: a
frame takes 50 ms each way whatever its length, the switch books at once, nothing is lost. Time is the network's alone
(virtual; processor and flash take none), so the figures are the same in every run. The other loop uses the same
session and journal: send, wait for the answer, settle, next. Records belong to 400 cards, drawn once; a card has one
record in flight. Flash cost is counted on the flash model: programs of the journal from the first record to the last.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from firmware.core.clock import Clock
from firmware.core.log import Log
from firmware.core.types import ACCRUAL, AUTH_LEGACY, CLOCK_OK, OFFLINE, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch import iso8583, tlv
from firmware.switch.forward import Forward
from firmware.switch.link import Connection, Link
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.profile import TAG_HIGH_SEQ, TAG_HOST_TIME, TAG_KID, TAG_POINTS, TAG_SEQ, answer_mti
from firmware.switch.session import Session
from tools.bench.report import Row, row
from tools.sim import onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

RECORDS = 1000
ROUND_TRIP_MS = 100
RATIO_LEAST = 6
_CARDS = 400
_BLOCKS = 64
_NOW = 1_795_000_000
_PATIENCE_S = 600
_OUT, _IN = bytes(range(16)), bytes(range(16, 32))
_ECHOED = (3, 4, 7, 11, 12, 13, 24, 37, 38, 41, 42, 49, 70)


class Wire(Connection):
    """The line and the switch behind it."""

    def __init__(self) -> None:  # no socket: nothing of the real line is used
        self._keys = MacKeys(1, _IN, _OUT)
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.seen: list[int] = []
        self.most = self._in_flight = 0

    async def send(self, message: bytes) -> None:
        """Frames do not wait for one another."""
        self._in_flight += 1
        self.most = max(self.most, self._in_flight)
        asyncio.get_running_loop().call_later(ROUND_TRIP_MS / 1000, self._arrive, self._answer(message))

    def _arrive(self, raw: bytes) -> None:
        self._in_flight -= 1
        self._inbox.put_nowait(raw)

    async def receive(self) -> bytes:
        """The next answer."""
        return await self._inbox.get()

    async def close(self) -> None:
        """Nothing is held."""

    def _answer(self, raw: bytes) -> bytes:
        if self._keys.authentic(raw) is None:
            raise ValueError("MAC")
        mti, fields = iso8583.decode(raw)
        content = fields[48]
        if isinstance(content, str):
            raise TypeError("DE 48 is bytes")
        asked = tlv.parse(content)
        tags = [(TAG_SEQ, asked[TAG_SEQ]), (TAG_HOST_TIME, tlv.from_unsigned(_NOW, 4)), (TAG_KID, b"\x01")]
        if mti == "0800":
            tags.append((TAG_HIGH_SEQ, bytes(4)))
        else:
            tags.append((TAG_POINTS, asked[TAG_POINTS]))
            self.seen.append(tlv.unsigned(asked[TAG_SEQ]))
        said: dict[int, iso8583.Value] = {de: fields[de] for de in _ECHOED if de in fields}
        said[39] = "00"
        said[48] = tlv.pack(tags)
        return self._keys.seal(iso8583.encode(answer_mti(mti), said))


class Line(Link):
    """Always there."""

    def __init__(self) -> None:
        self.wire = Wire()

    def up(self) -> bool:
        """No Wi-Fi to lose."""
        return True

    async def connect(self) -> Wire:
        """The one line."""
        return self.wire


class Ticking(Clock):
    """The switch's time, which stands still."""

    def __init__(self) -> None:
        self.quality = CLOCK_OK

    def now_utc(self) -> int:
        """UTC seconds."""
        return _NOW

    def set_from_switch(self, host_utc: int) -> int:
        """As told."""
        return host_utc - _NOW


class Terminal:
    """A terminal that was offline for `RECORDS` sales."""

    def __init__(self) -> None:
        self.nor = Nor(_BLOCKS * BLOCK)
        self.journal = Journal(NorPartition(self.nor, 0, _BLOCKS, False), Sealer(_OUT, b"VAFA0001"), 0x1234)
        self.journal.open()
        self.journal.continue_above(0)
        self.line, self.clock, log = Line(), Ticking(), Log(64)
        self.messages = Messages(Identity("T0000001", "MERCHANT0000001", 1, 364, 3), MacKeys(1, _OUT, _IN))
        numbers = iter(range(1, 1000))
        self.session = Session(self.line, self.messages, self.clock, self.journal, log, lambda: next(numbers))
        self.forward = Forward(self.journal, self.session, self.messages, self.clock, log)
        chance = random.Random(87)
        for _ in range(RECORDS):
            uid = chance.randrange(_CARDS).to_bytes(4, "big")
            seq = self.journal.next_seq()
            self.journal.append(
                Transaction(seq, ACCRUAL, OFFLINE, uid, AUTH_LEGACY, 125_000, 125, _NOW, CLOCK_OK, offline_reason=1)
            )
            while self.journal.idle_work():
                pass
        self.nor.reset_counters()

    async def windowed(self) -> None:
        """The terminal's own way."""
        task = asyncio.create_task(self.forward.run())
        while self.journal.pending_count():
            await asyncio.sleep(ROUND_TRIP_MS / 10_000)
        task.cancel()

    async def one_in_flight(self) -> None:
        """Send, wait, settle, next."""
        for transaction in self.journal.pending():
            flight = await self.session.post(self.messages.advice(transaction, _NOW, repeat=False))
            while not self.session.landed(flight):
                await self.session.landing.wait()
                self.session.landing.clear()
            if flight.answer is None:
                raise TimeoutError
            self.journal.settle(transaction.seq)


@dataclass(frozen=True)
class Drain:
    """What one drain took: seconds on the network, programs of the journal for each record, records in flight."""

    seconds: float
    programs: float
    most: int


def drain(way: Callable[[Terminal], Awaitable[None]]) -> Drain:
    """Empty a fresh terminal's queue this way. Raises RuntimeError when a record did not arrive exactly once."""

    async def play() -> Drain:
        terminal = Terminal()
        session = asyncio.create_task(terminal.session.run())
        while not terminal.session.online():
            await asyncio.sleep(0.01)
        terminal.line.wire.most = 0
        begun = asyncio.get_running_loop().time()
        await asyncio.wait_for(way(terminal), _PATIENCE_S)
        took = asyncio.get_running_loop().time() - begun
        session.cancel()
        await asyncio.sleep(0.01)
        seen = terminal.line.wire.seen
        if len(seen) != RECORDS or len(set(seen)) != RECORDS or terminal.journal.pending_count():
            raise RuntimeError("a record was lost or sent twice")
        return Drain(took, terminal.nor.programs / RECORDS, terminal.line.wire.most)

    return onhost.run_virtual(play())


def rows() -> Iterator[Row]:
    """The ratio of the two, and what the window costs on flash."""
    alone, window = drain(Terminal.one_in_flight), drain(Terminal.windowed)
    yield row(
        "link.drain_ratio",
        alone.seconds / window.seconds,
        f"x one in flight, at most {window.most} in flight",
        limit=8,
        target=RATIO_LEAST,
        at_least=True,
        peer="one in flight",
        peer_value=1,
    )
    yield row("link.drain_s", window.seconds, f"s for {RECORDS}", peer="one in flight", peer_value=alone.seconds)
    yield row(
        "link.drain_programs",
        window.programs,
        "flash programs a record",
        peer="one in flight",
        peer_value=round(alone.programs, 4),
    )
