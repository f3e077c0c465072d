"""Random days of a queue against a switch that keeps books: nothing lost, nothing twice, no record out of its order.

The journal is the real one on flash, the switch a model with the rules of docs/lt87.md section 8 and with faults: late,
lost, doubled and undecided answers, closed lines, refusals for good and of the MAC, power cuts at the terminal.
"""

import asyncio
import random

import pytest

from firmware.core.errors import LinkError
from firmware.core.types import APPROVED, ONLINE, REFUSED, REVERSAL, Result
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch.forward import Forward
from firmware.switch.link import LinkClosed
from host_tests.unit.session_kit import Answers, Bench, now, until
from host_tests.unit.switch_kit import answer, member_tags, messages, split, transaction
from tools.bench import drain
from tools.sim import onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

WINDOW = 7
PATIENCE_S = 5.9
BLOCKS = 16
CARDS = 5
STEPS = 70
SEALER = Sealer(bytes(range(16)), b"VAFA0001")


class Books:
    """The switch: idempotent by SEQ; checks what it may ask of a terminal when a message comes in."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.journalled: dict[int, tuple[bytes, bool]] = {}  # what the terminal queued: card, whether a reversal
        self.original: dict[int, int] = {}  # reversal to original
        self.hard = set[int]()  # refused for good
        self.booked: dict[int, tuple[bytes, int]] = {}
        self.times: dict[int, int] = {}  # how often a SEQ was booked
        self.undone = set[int]()
        self.marks = set[int]()  # originals reversed before they came
        self.final = set[int]()  # queued SEQs whose fate the switch has decided
        self.open: dict[int, float] = {}  # queued SEQs that the terminal awaits
        self.trouble = True
        self.most = 0

    def came(self, raw: bytes) -> Answers:
        fields, tags = split(raw)
        mti, seq, uid = fields["t"], int.from_bytes(tags[1], "big"), tags[7]
        if mti != "0200":
            self.check(seq, uid)
        fault = self.chance.choice(FAULTS) if self.trouble else ""
        if fault == "eaten":
            return []
        if fault == "close":
            self.open.clear()
            return [(1, LinkClosed("bye"))]
        code = fault if fault.isdigit() else self.book(mti, seq, uid, fields, tags)
        delay = self.chance.choice((20, 60, 100, 700, 1900)) if self.trouble else 50
        if fault == "lost":
            return []
        reply = answer(raw, code, points=125, balance=1375, tags=member_tags())
        asyncio.get_running_loop().call_later(delay / 1000 - 0.002, lambda: self.open.pop(seq, None))
        out: Answers = [(delay, reply)] * (2 if fault == "twice" else 1)
        return [*out, (delay + 1, LinkClosed("x"))] if fault == "then" else out

    def network(self, raw: bytes) -> Answers:
        if split(raw)[0]["70"] == "001":
            self.open.clear()  # another connection
        return [(20, answer(raw))]

    def check(self, seq: int, uid: bytes) -> None:
        """Window and order, as far as a switch can see them."""
        self.open = {s: at for s, at in self.open.items() if now() - at < PATIENCE_S and s != seq}
        assert uid not in [self.journalled[s][0] for s in self.open], "two of a card in flight"
        self.open[seq] = now()
        self.most = max(self.most, len(self.open))
        assert len(self.open) <= WINDOW
        if not self.journalled[seq][1]:
            earlier = [s for s, (card, _) in self.journalled.items() if card == uid and s < seq]
            assert set(earlier) <= self.final, "an advice overtook an earlier record of its card"

    def book(self, mti: str, seq: int, uid: bytes, fields: dict[str, str], tags: dict[int, bytes]) -> str:
        points = int.from_bytes(tags[2], "big", signed=True)
        if mti[1] == "4":
            original = int(fields["90"][4:10]) - 1
            assert original == self.original[seq]
            self.final.add(seq)
            if original not in self.booked:
                self.marks.add(original)
                return "25"
            self.undone.add(original)
            return "00"
        if mti == "0200" and (seq in self.marks or seq in self.undone):
            return "68"
        if seq in self.hard:
            self.final.add(seq)
            return "14"
        if seq in self.booked:
            return "94"
        self.booked[seq] = uid, points
        self.times[seq] = self.times.get(seq, 0) + 1
        self.final.add(seq)
        return "00"


FAULTS = ("",) * 14 + ("eaten", "lost", "lost", "twice", "96", "91", "68", "close", "then", "63")


class Day:
    """One terminal from one flash chip; `cut` is a power cut."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.books = Books(self.chance)
        self.nor = Nor(BLOCKS * BLOCK)
        self.live = set[int]()  # approved at the counter, online
        self.tasks: list[asyncio.Task[None]] = []
        self.flows: list[asyncio.Task[None]] = []
        self.bench: Bench | None = None

    def on(self) -> None:
        self.bench = bench = Bench(self.books.came)
        bench.on_network = self.books.network
        self.journal = Journal(NorPartition(self.nor, 0, BLOCKS, False), SEALER, 0x1234)
        self.journal.open()
        while self.journal.load():
            pass
        if not self.journal.highest_seq():
            self.journal.continue_above(0)
        self.forward = Forward(self.journal, bench.session, messages(), bench.clock, bench.log, lambda _member: None)
        unanswered = list(self.journal.unanswered())
        self.forward.start()
        self.note_reversals(unanswered)
        self.tasks = [asyncio.create_task(bench.session.run()), asyncio.create_task(self.forward.run())]

    async def off(self) -> None:
        for task in self.flows + self.tasks:
            while not task.done():
                task.cancel()
                await asyncio.sleep(0.1)
            if not task.cancelled():
                task.result()
        assert self.bench is not None
        for pipe in self.bench.link.pipes:
            await pipe.close()
        self.books.open.clear()
        self.flows = []

    def note_reversals(self, originals) -> None:
        undone = {t.original_seq: t for t in self.journal.pending() if t.verb == REVERSAL}
        for original in originals:
            reversal = undone[original.seq]
            self.books.journalled[reversal.seq] = reversal.uid, True
            self.books.original[reversal.seq] = original.seq

    def sell_offline(self, uid: bytes) -> None:
        seq = self.journal.next_seq()
        self.journal.append(transaction(seq=seq, mode=1, uid=uid))
        self.books.journalled[seq] = uid, False
        if self.chance.random() < 0.1:
            self.books.hard.add(seq)
        assert self.bench is not None
        self.bench.session.wake()

    async def sell_online(self, uid: bytes) -> None:
        """As the counter does: an unknown outcome is reversed, and the sale approved again under another SEQ."""
        assert self.bench is not None
        intent = transaction(seq=self.journal.next_seq(), mode=ONLINE, uid=uid)
        self.journal.append(intent)
        try:
            reply = await self.bench.session.request(intent)
        except LinkError:
            self.forward.reverse(intent)
            self.note_reversals([intent])
            self.sell_offline(uid)
            return
        state = APPROVED if reply.rc in ("00", "10", "94") else REFUSED
        self.journal.append_result(Result(intent.seq, state, reply.rc, reply.points, reply.balance, reply.approval))
        if state == APPROVED:
            self.live.add(intent.seq)

    async def day(self) -> None:
        self.on()
        for _ in range(STEPS):
            what, uid = self.chance.random(), self.chance.randrange(CARDS).to_bytes(4, "big")
            assert self.bench is not None
            if what < 0.6:
                self.sell_offline(uid)
            elif what < 0.85:
                if not any(not flow.done() for flow in self.flows):  # one person, one sale
                    self.flows.append(asyncio.create_task(self.sell_online(uid)))
            elif what < 0.9:
                await self.off()
                self.on()
            else:
                await asyncio.sleep(self.chance.choice((1, 5, 30)))
            await asyncio.sleep(self.chance.choice((0, 0.01, 0.3)))
        self.books.trouble = False
        assert self.bench is not None
        self.bench.link.is_up = False  # a queue that was refused its MAC goes on with the next sign-on
        await asyncio.sleep(1)
        self.bench.link.is_up = True
        await asyncio.gather(*self.flows)
        await until(lambda: self.journal.pending_count() == 0, 1800)

    async def play(self) -> None:
        try:
            await self.day()
        finally:
            await self.off()

    def audit(self) -> None:
        books = self.books
        assert all(times == 1 for times in books.times.values())
        dead = {t.seq for t, _ in self.journal.dead()}
        advices = {seq for seq, (_, reversal) in books.journalled.items() if not reversal}
        assert advices & set(books.booked) == advices - dead, "booked once, or a dead letter"
        assert dead <= books.hard, "and a dead letter only for a reason"
        assert self.live <= set(books.booked) - books.undone
        assert books.booked.keys() - advices - self.live <= books.undone, "what no person saw approved is undone"


@pytest.mark.parametrize("seed", range(24))
def test_a_random_day_books_each_advice_once_in_the_order_of_its_card(seed):
    day = Day(seed)
    onhost.run_virtual(day.play())
    day.audit()
    assert day.books.most >= 3, "the day had several in flight"


def test_the_window_drains_a_thousand_records_at_least_six_times_faster_and_settles_them_together():
    alone, window = drain.drain(drain.Terminal.one_in_flight), drain.drain(drain.Terminal.windowed)
    assert alone.seconds / window.seconds >= drain.RATIO_LEAST and (alone.most, window.most) == (1, WINDOW)
    assert window.programs < 0.1 < alone.programs
