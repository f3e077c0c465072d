"""Dead letters: sent again as the same SEQ, given up with a reason, cleared by the switch; a cut leaves one or none."""

import asyncio
import struct

import pytest

from firmware.core.errors import LinkDown, NoAnswer, StoreError
from firmware.core.types import ACCRUAL, CLOCK_OK, OFFLINE, REVERSAL, SETTLED, VOIDED, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch.letters import Letters, NoLetter, StillRefused
from host_tests.unit.session_kit import Bench, until, virtual
from host_tests.unit.switch_kit import NOW, UID, answer, member_tags, messages, split
from tools.lt87.table import responses
from tools.sim import onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition, PowerCut, Torn

SEALER = Sealer(bytes(range(16)), b"T0000001")
CLEARED = [(0x53, struct.pack(">I", 1001)), (0x54, b"\1")]


def opened(nor: Nor) -> Journal:
    journal = Journal(NorPartition(nor, 0, 8, False), SEALER, 77)
    journal.open()
    return journal


class Office:
    """A terminal with one dead letter, SEQ 1001, and a switch that answers it from `codes`; a number is its POINTS."""

    def __init__(self, *codes: str, points: int | None = 125) -> None:
        self.nor = Nor(8 * BLOCK)
        self.codes = list(codes)
        self.points = points
        self.said: list[tuple[int, bytes]] = []  # tags of the next 0810
        self.heard: list[dict[int, bytes]] = []  # of each 0800
        self.bench = Bench(self._answer)
        self.bench.on_network = self._network
        self.members: list[int] = []
        journal = opened(self.nor)
        journal.continue_above(1)
        self.dead(journal)
        self.start()

    def dead(self, journal: Journal) -> int:
        seq = journal.next_seq()
        journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 1, 125_000, 125, NOW, CLOCK_OK, 4711, 1, ruleset=3))
        journal.bury(seq, "14")
        return seq

    def start(self) -> None:
        """As after a power-on."""
        self.journal = opened(self.nor)
        while self.journal.load():
            pass
        session = self.bench.session
        self.letters = Letters(
            self.journal, session, messages(), self.bench.clock, self.bench.log, lambda m: self.members.append(m.points)
        )
        session.on_network[:], session.says[:] = [self.letters.hear], [self.letters.says]

    def _answer(self, raw: bytes) -> list[tuple[int, bytes | Exception]]:
        code = self.codes.pop(0)
        if code == "silence":
            return []
        return [(20, answer(raw, code, points=self.points, balance=1375, tags=member_tags()))]

    def _network(self, raw: bytes) -> list[tuple[int, bytes | Exception]]:
        self.heard.append(split(raw)[1])
        return [(20, answer(raw, tags=self.said))]

    def listed(self) -> list[tuple[int, str]]:
        assert [(t.seq, rc) for t, rc in opened(self.nor).dead()] == [(t.seq, rc) for t, rc in self.letters.all()]
        return [(t.seq, rc) for t, rc in self.letters.all()]


@pytest.mark.parametrize("rc", [row.code for row in responses() if row.advice == "settle"])
def test_a_letter_goes_again_as_the_same_transaction_and_a_yes_settles_it(rc: str):
    async def story() -> None:
        office = Office(rc)
        async with office.bench.running():
            await office.letters.send_again(1001)
        [(fields, tags)] = office.bench.link.sent
        first, first_tags = split(messages().advice(office.journal.find(1001).transaction, NOW, False).raw)
        assert fields["t"] == "0221" and tags == first_tags
        assert {de for de in first if first[de] != fields[de]} <= {"t", "7", "64"}
        assert office.listed() == [] and opened(office.nor).find(1001).state == SETTLED
        assert office.members == [1375]
        with pytest.raises(NoLetter):
            await office.letters.send_again(1001)

    onhost.run_virtual(story())


REFUSALS = ["05" if row.code == "??" else row.code for row in responses() if row.advice != "settle"]


@pytest.mark.parametrize("rc", [*REFUSALS, "silence"])
def test_any_other_answer_or_none_leaves_it_a_dead_letter_with_its_first_code(rc: str):
    async def story() -> None:
        office = Office(rc, "00")
        async with office.bench.running():
            with pytest.raises(NoAnswer if rc == "silence" else StillRefused) as refused:
                await office.letters.send_again(1001)
            assert refused.value.code in ("L08", f"H{rc}", "H99")
            assert office.listed() == [(1001, "14")] and office.members == []
            await office.letters.send_again(1001)
            assert office.listed() == []

    onhost.run_virtual(story())


@pytest.mark.parametrize("points", [124, -125, None])
def test_a_yes_to_other_points_settles_nothing(points: int | None):
    async def story() -> None:
        office = Office("00", points=points)
        async with office.bench.running():
            with pytest.raises(StillRefused) as refused:
                await office.letters.send_again(1001)
        assert refused.value.code == "L12" and office.listed() == [(1001, "14")] and office.members == []

    onhost.run_virtual(story())


@virtual
async def test_offline_or_while_another_is_on_its_way_nothing_is_sent_and_nothing_changes():
    office = Office("silence", "00")
    with pytest.raises(LinkDown):
        await office.letters.send_again(1001)
    async with office.bench.running():
        waiting = asyncio.create_task(office.letters.send_again(1001))
        await asyncio.sleep(0.1)
        with pytest.raises(LinkDown):
            await office.letters.send_again(1001)
        with pytest.raises(NoAnswer):
            await waiting
    assert office.listed() == [(1001, "14")] and len(office.bench.link.sent) == 1


@virtual
async def test_a_reversal_that_was_buried_goes_as_a_reversal_and_one_without_its_original_says_so():
    office = Office("25")
    journal = office.journal
    seqs = [journal.next_seq(), journal.next_seq()]
    for seq, original_seq in zip(seqs, (1001, 4000), strict=True):
        record = Transaction(seq, REVERSAL, OFFLINE, UID, 1, 0, 0, NOW, CLOCK_OK, original_seq=original_seq)
        journal.append(record)
        journal.bury(seq, "25")
    async with office.bench.running():
        await office.letters.send_again(seqs[0])
        with pytest.raises(StoreError):
            await office.letters.send_again(seqs[1])
    assert [fields["t"] for fields, _ in office.bench.link.sent] == ["0421"]
    assert office.listed() == [(1001, "14"), (seqs[1], "25")]


def test_what_is_given_up_is_void_with_its_reason_and_never_goes_again():
    async def story() -> None:
        office = Office("00")
        for reason in ("", "x" * 28):
            with pytest.raises(StoreError):
                office.letters.give_up(1001, reason)
        office.letters.give_up(1001, "made good")
        assert office.listed() == [] and opened(office.nor).find(1001).state == VOIDED
        async with office.bench.running():
            with pytest.raises(NoLetter):
                await office.letters.send_again(1001)
        assert office.bench.link.sent == []
        with pytest.raises(NoLetter):
            office.letters.give_up(1001, "again")

    onhost.run_virtual(story())


@virtual
async def test_the_switch_clears_one_and_is_told_so_at_once_also_when_there_is_none():
    office = Office()
    office.said = CLEARED
    async with office.bench.running():
        await until(lambda: len(office.heard) > 1, 2)
        assert office.listed() == [] and opened(office.nor).find(1001).state == VOIDED
        assert {tag: office.heard[1][tag] for tag, _ in CLEARED} == dict(CLEARED)
        await asyncio.sleep(290)
        assert len(office.heard) == 2, "a switch that says it for ever makes no storm"
        office.said = []
        await until(lambda: len(office.heard) == 4, 700)
        assert [tags.get(0x53) for tags in office.heard[2:]] == [CLEARED[0][1], None]


@pytest.mark.parametrize("said", [CLEARED[:1], CLEARED[1:], [CLEARED[0], (0x54, b"\2")]])
def test_half_an_order_or_another_order_clears_nothing(said):
    async def story() -> None:
        office = Office()
        office.said = said
        async with office.bench.running():
            await asyncio.sleep(2)
        assert office.listed() == [(1001, "14")] and len(office.heard) == 1

    onhost.run_virtual(story())


@pytest.mark.parametrize("way", ["again", "given up"])
def test_what_it_spent_is_gone_before_the_journal_lets_go_of_it(way):
    told = []

    class Spends:
        failing = way == "again"

        def settling(self, seqs) -> None:
            assert office.listed() == [(1001, "14")]
            told.append(("settling", *seqs))
            if self.failing:
                self.failing = False
                raise StoreError("the cache keeps it")

        def left(self, seqs) -> None:
            assert office.listed() == []
            told.append(("left", *seqs))

        def buried(self, seq: int) -> None:
            raise AssertionError("it is one already")

    async def story() -> None:
        async with office.bench.running():
            with pytest.raises(StoreError):
                await office.letters.send_again(1001)
            assert office.listed() == [(1001, "14")]
            await office.letters.send_again(1001)

    office = Office("00", "94")
    office.letters.spends = Spends()
    if way == "again":
        onhost.run_virtual(story())
        assert told == [("settling", 1001), ("settling", 1001), ("left", 1001)]
    else:
        office.letters.give_up(1001, "a reason")
        assert told == [("left", 1001)]


def test_while_the_journal_is_being_read_the_switchs_word_waits_and_nothing_is_read_for_it():
    async def story() -> None:
        office = Office()
        office.said = CLEARED
        office.letters._journal = Reading(office.journal)  # type: ignore[assignment]
        async with office.bench.running():
            await until(lambda: len(office.heard) == 1)
            await asyncio.sleep(1)
            office.letters._journal = office.journal
            assert len(office.heard) == 1 and len(office.listed()) == 1
            office.bench.session.probe()
            await until(lambda: len(office.heard) == 3)
        assert office.heard[2].items() >= dict(CLEARED).items() and office.listed() == []

    onhost.run_virtual(story())


class Reading:
    """A journal that is still being read: whoever asks it for records would wait for all of it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def loading(self) -> int:
        return 146

    def __getattr__(self, name: str):
        raise AssertionError(name)


@pytest.mark.parametrize("resolve", ["again", "given up", "cleared"])
def test_a_cut_at_any_flash_operation_leaves_a_dead_letter_or_a_resolved_one(resolve: str):
    """And the way goes on from there: nothing is doubled, for the SEQ stays."""

    async def tried(office: Office) -> None:
        if resolve == "given up":
            return office.letters.give_up(1001, "made good")
        office.said = CLEARED if resolve == "cleared" else []
        async with office.bench.running():
            await (office.letters.send_again(1001) if resolve == "again" else asyncio.sleep(1))
        return None

    async def cut_at(op: int, torn: Torn) -> bool:
        office = Office("00", "94")
        office.nor.cut_at(op, torn)
        try:
            await tried(office)
            if not office.nor.off:
                return False
        except PowerCut:
            pass
        image = bytes(office.nor.image)
        office.nor = Nor(8 * BLOCK)
        office.nor.image[:] = image
        office.start()
        assert office.listed() in ([(1001, "14")], [])
        states.add(office.journal.find(1001).state)
        if office.listed():
            await tried(office)
        assert office.listed() == []
        return True

    states: set[int] = set()
    op = 1
    while all([onhost.run_virtual(cut_at(op, torn)) for torn in Torn]):
        op += 1
    assert op > 1 and (VOIDED if resolve != "again" else SETTLED) in states
