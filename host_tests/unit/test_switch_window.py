"""Several queued records in flight: how many, in which order, what silence, refusal and a lost line make of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from firmware.core.errors import LinkDown, StoreError
from firmware.core.types import CLOCK_OK, OFFLINE
from firmware.switch.forward import Forward
from firmware.switch.link import LinkClosed
from firmware.switch.messages import reversal_of
from firmware.switch.queue import Queue
from host_tests.unit.session_kit import Answers, Bench, now, until, virtual
from host_tests.unit.switch_kit import NOW, FakeJournal, answer, member_tags, messages, split, transaction
from tools.sim import onhost

WINDOW = 7


def card(number: int) -> bytes:
    return number.to_bytes(4, "big")


def sale(seq: int, of: int | None = None):
    return transaction(seq=seq, mode=OFFLINE, uid=card(seq if of is None else of))


def seq_of(raw: bytes) -> int:
    return int.from_bytes(split(raw)[1][1], "big")


class Post:
    """A terminal with a queue and a switch that answers each SEQ after `delays` (or `delay`) ms with `codes`."""

    def __init__(self, *records, delay: int = 100) -> None:
        self.bench = Bench(self.answers)
        self.journal = FakeJournal(*records)
        self.delay = delay
        self.delays: dict[int, int] = {}
        self.codes: dict[int, str] = {}
        self.open: set[int] = set()
        self.most = 0
        self.members: list[tuple[int, bool]] = []
        self.arrived: list[tuple[float, str, int]] = []
        self.build()

    def build(self) -> None:
        bench = self.bench
        self.forward = Forward(self.journal, bench.session, messages(), bench.clock, bench.log, self.told)  # type: ignore[arg-type]
        self.forward.start()

    def told(self, member) -> None:
        settled = any(record.uid == member.uid and seq in self.journal.gone for seq, record in self.records())
        self.members.append((int.from_bytes(member.uid, "big"), settled))

    def records(self):
        return list(self.journal.records.items())

    def answers(self, raw: bytes) -> Answers:
        seq = seq_of(raw)
        self.arrived.append((now(), raw[:4].decode(), seq))
        self.open.add(seq)
        self.most = max(self.most, len(self.open))
        code = self.codes.get(seq, "00")
        if code == "close":
            return [(1, LinkClosed("bye"))]
        if code == "silence":
            return []
        delay = self.delays.get(seq, self.delay)
        asyncio.get_running_loop().call_later(delay / 1000, self.open.discard, seq)
        return [(delay, answer(raw, code, points=125, balance=1375, tags=member_tags()))]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Post"]:
        async with self.bench.running():
            task = asyncio.create_task(self.forward.run())
            try:
                yield self
            finally:
                while not task.done():
                    task.cancel()
                    await asyncio.sleep(0.1)
                if not task.cancelled():
                    task.result()

    def sent(self) -> list[int]:
        return [seq for _, _, seq in self.arrived]

    def settled(self) -> list[int]:
        return [told[1] for told in self.journal.told if told[0] == "settle"]

    def drop_wifi(self) -> None:
        self.bench.link.is_up = False

    async def wifi_back(self) -> None:
        await asyncio.sleep(1)
        self.bench.link.is_up = True


@virtual
async def test_seven_go_at_once_and_an_answer_makes_room_for_one_more():
    post = Post(*[sale(seq) for seq in range(1, 30)], delay=1000)
    post.delays[4] = 300
    async with post.running():
        await until(lambda: len(post.arrived) == 7)
        await asyncio.sleep(0.2)
        assert post.sent() == [1, 2, 3, 4, 5, 6, 7]
        await asyncio.sleep(0.2)
        assert post.sent()[7:] == [8]
        await until(lambda: len(post.settled()) == 29, 10)
        assert post.most == WINDOW and sorted(post.sent()) == list(range(1, 30))


@virtual
async def test_answers_in_any_order_settle_what_they_answer():
    post = Post(*[sale(seq) for seq in range(1, 8)])
    post.delays = {seq: 1000 - 100 * seq for seq in range(1, 8)}
    post.codes = {3: "14"}
    async with post.running():
        await until(lambda: len(post.journal.gone) == 7)
        assert set(post.settled()) == {1, 2, 4, 5, 6, 7} and ("bury", 3, "14") in post.journal.told


@virtual
async def test_a_live_sale_finds_a_place_beside_a_full_window_and_is_answered_before_it():
    post = Post(*[sale(seq) for seq in range(1, 30)], delay=4000)
    post.delays[500] = 20
    async with post.running() as running:
        await until(lambda: len(post.arrived) == WINDOW)
        started = now()
        reply = await running.bench.session.request(transaction(seq=500, uid=card(500)))
        assert reply.rc == "00" and now() - started < 0.05 and post.most == WINDOW + 1


@virtual
async def test_an_echo_leaves_the_kept_place_to_the_sale():
    post = Post(*[sale(seq) for seq in range(1, 30)], delay=5000)
    post.bench.session._echo_after_ms = 1000
    async with post.running():
        echoes = []
        post.bench.on_network = lambda raw: echoes.append(raw) or []
        await asyncio.sleep(4)
        assert len(post.open) == WINDOW and not echoes
        reply = asyncio.create_task(post.bench.session.request(transaction(seq=500, uid=card(500))))
        await asyncio.sleep(0.1)
        assert 500 in post.open
        await reply


@virtual
async def test_of_one_card_one_record_is_in_flight_and_the_rest_follow_in_order():
    post = Post(*[sale(seq, of=seq % 3) for seq in range(1, 31)])
    post.delays = {seq: 50 + seq * 37 % 200 for seq in range(1, 31)}
    async with post.running():
        while len(post.settled()) < 30:
            cards = [seq % 3 for seq in post.open]
            assert len(cards) == len(set(cards))
            await asyncio.sleep(0.01)
        for of in range(3):
            assert [seq for seq in post.sent() if seq % 3 == of] == [s for s in range(1, 31) if s % 3 == of]


@virtual
async def test_no_advice_goes_before_every_reversal_of_its_card_was_answered():
    originals = [transaction(seq=seq, uid=card(of)) for seq, of in ((1, 7), (2, 7), (3, 8))]
    advices = [sale(seq, of) for seq, of in ((4, 7), (5, 8), (6, 9))]
    undo = [reversal_of(original, 10 + original.seq, NOW, CLOCK_OK) for original in originals]
    post = Post(*originals, *advices, *undo, delay=500)
    async with post.running():
        await until(lambda: len(post.settled()) == 6)
        times = {seq: at for at, _, seq in post.arrived}
        assert post.sent()[:2] == [11, 13] and times[12] >= times[11] + 0.5
        assert times[4] >= times[12] + 0.5 and times[5] >= times[13] + 0.5
        assert times[6] < times[11] + 0.1, "another card's need not wait"


@virtual
async def test_a_reversal_that_comes_in_during_a_drain_goes_next():
    original = transaction(seq=90, uid=card(90))
    post = Post(*[sale(seq) for seq in range(1, 60)])
    async with post.running():
        await until(lambda: len(post.arrived) >= 20)
        post.journal.append(original)
        reversal = post.forward.reverse(original)
        await until(lambda: reversal.seq in post.sent())
        assert post.sent().index(reversal.seq) <= 20 + 2 * WINDOW


@virtual
async def test_one_lost_answer_holds_up_one_record_which_goes_again_as_a_repeat():
    post = Post()
    async with post.running():
        for seq in range(101, 121):
            post.journal.append(sale(seq))
        post.bench.session.wake()
        post.codes[103] = "silence"
        await until(lambda: len(post.settled()) == 19, 3)
        del post.codes[103]
        await asyncio.sleep(6)
        post.journal.append(sale(121))
        post.bench.session.wake()
        await until(lambda: 121 in post.settled(), 0.5)
        assert 103 not in post.settled()
        await until(lambda: 103 in post.settled(), 6)
        tries = [(fields, tags) for fields, tags in post.bench.link.sent if tags[1] == card(103)]
        (first, tags), (again, again_tags) = tries
        assert (first["t"], again["t"]) == ("0220", "0221") and tags == again_tags
        assert {de for de in first if first[de] != again[de]} == {"t", "7", "64"}


@virtual
async def test_silence_to_a_whole_window_is_one_failure_and_not_seven():
    post = Post(*[sale(seq) for seq in range(1, 30)])
    post.codes = dict.fromkeys(range(1, 30), "silence")
    async with post.running():
        await asyncio.sleep(45)
        bursts = sorted({round(at, 0) for at, _, _ in post.arrived})
        gaps = [round(b - a) for a, b in zip(bursts, bursts[1:], strict=False)]
        assert gaps[:2] == [11, 21], "6 s of patience, then 5 and 15"
        assert len(post.arrived) <= 3 * WINDOW


@virtual
async def test_the_same_answer_twice_changes_nothing():
    post = Post(*[sale(seq) for seq in range(1, 20)])
    plain = post.answers
    post.bench.on_value = lambda raw: [item for item in plain(raw) for _ in range(2)]
    async with post.running():
        await until(lambda: len(post.settled()) == 19)
        await asyncio.sleep(5)
        assert sorted(post.settled()) == list(range(1, 20)) and len(post.arrived) == 19 and post.bench.logged("L09")


@virtual
async def test_a_mac_refusal_in_the_middle_pauses_the_queue_and_the_others_in_flight_are_settled():
    post = Post(*[sale(seq) for seq in range(1, 30)])
    post.codes = {3: "63", 4: "63", 5: "63", 6: "63"}
    post.delays = {3: 100, 1: 200, 2: 200, 7: 300}
    async with post.running():
        await asyncio.sleep(60)
        assert post.forward.paused and len(post.sent()) == WINDOW and set(post.settled()) == {1, 2, 7}
        assert post.bench.session.online() and not post.bench.session.value_stopped(), "refused together counts once"
        post.codes = {}
        post.drop_wifi()
        await post.wifi_back()
        await until(lambda: len(post.settled()) == 29)
        assert not post.forward.paused
        assert [kind for _, kind, seq in post.arrived if seq in (3, 4, 5, 6)] == ["0221"] * 8


@virtual
async def test_a_line_that_stays_up_does_not_keep_the_queue_paused():
    post = Post(*[sale(seq) for seq in range(1, 10)])
    post.codes = {3: "63"}
    async with post.running():
        await until(lambda: post.forward.paused)
        post.codes = {}
        await until(lambda: len(post.settled()) == 9, 320)
        assert post.bench.session.sign_ons == 1 and not post.bench.session.value_stopped()


@virtual
async def test_refused_by_three_windows_in_a_row_value_stops():
    post = Post(*[sale(seq) for seq in range(1, 30)])
    post.codes = dict.fromkeys(range(1, 30), "63")
    session = post.bench.session
    async with post.running():
        post.bench.on_network = lambda raw: [(20, answer(raw))]
        counts = []
        for _ in range(2):
            await until(lambda: post.forward.paused and not post.open)
            counts.append(session._management._in_a_row)
            post.drop_wifi()
            await post.wifi_back()
            await until(lambda: not post.forward.paused)
        assert counts == [1, 1], "a sign-on with 00 begins again"


@virtual
async def test_a_line_lost_with_seven_in_flight_leaves_all_of_them_maybe_sent():
    post = Post()
    async with post.running():
        for seq in range(101, 121):
            post.journal.append(sale(seq))
        post.bench.session.wake()
        post.delay = 3000
        await until(lambda: len(post.arrived) == WINDOW)
        post.bench.link.pipes[-1].push(LinkClosed("reset"))
        await until(lambda: not post.bench.session.online())
        await asyncio.sleep(0.2)
        assert post.settled() == []
        post.delay = 50
        await until(lambda: len(post.settled()) == 20, 15)
        kinds = {seq: [kind for _, kind, s in post.arrived if s == seq] for seq in range(101, 121)}
        assert all(kinds[seq] == ["0220", "0221"] for seq in range(101, 108))
        assert all(kinds[seq] == ["0220"] for seq in range(108, 121))


@virtual
async def test_what_was_in_flight_at_a_power_cut_goes_as_repeat_and_acknowledged_but_unsettled_goes_again():
    post = Post(*[sale(seq) for seq in range(1, 30)], delay=3000)
    async with post.running():
        post.delays = {2: 10}
        await until(lambda: post.forward._queue.acknowledged == [2])
    assert post.settled() == []
    after = Post(*[record for _, record in post.records()])
    async with after.running():
        await until(lambda: len(after.settled()) == 29)
        assert {kind for _, kind, _ in after.arrived} == {"0221"} and sorted(after.sent()) == list(range(1, 30))


@virtual
async def test_a_record_at_which_the_switch_hangs_up_does_not_block_the_others():
    post = Post(*[sale(seq) for seq in range(1, 40)], delay=1)
    post.codes[3] = "close"
    async with post.running():
        await until(lambda: len(post.settled()) == 38, 900)
        assert 3 not in post.settled()
        post.codes.clear()
        await until(lambda: len(post.settled()) == 39, 300)


@virtual
async def test_a_record_the_switch_never_answers_does_not_block_the_others():
    post = Post(*[sale(seq) for seq in range(1, 40)])
    post.codes[1] = "silence"
    async with post.running():
        await until(lambda: len(post.settled()) == 38, 3)
        assert post.bench.session.online()


@virtual
async def test_acknowledgements_are_settled_by_twenty_and_the_rest_when_the_window_drains():
    post = Post(*[sale(seq) for seq in range(1, 51)])
    async with post.running():
        await until(lambda: len(post.settled()) == 50)
        assert [len(batch) for batch in post.journal.batches] == [20, 20, 10]


@virtual
async def test_no_acknowledgement_waits_longer_than_a_second_for_others():
    post = Post(*[sale(seq) for seq in range(1, 20)], delay=5000)
    post.delays[2] = 100
    async with post.running():
        await until(lambda: post.settled() == [2], 1.4)
        assert len(post.open) == WINDOW


@virtual
async def test_the_member_cache_hears_of_an_acknowledgement_after_it_is_settled():
    post = Post(*[sale(seq) for seq in range(1, 30)])
    async with post.running():
        await until(lambda: len(post.settled()) == 29)
        await asyncio.sleep(0.1)
        assert len(post.members) == 29 and all(settled for _, settled in post.members)


@virtual
async def test_before_a_flow_hears_the_switch_what_was_acknowledged_before_is_settled_and_told():
    post = Post(*[sale(seq) for seq in range(1, 30)], delay=5000)
    post.delays = {1: 100, 500: 300}
    async with post.running():
        await until(lambda: len(post.arrived) >= WINDOW)
        await post.bench.session.request(transaction(seq=500, uid=card(1)))
        assert post.settled() == [1] and post.members == [(1, True)]


@virtual
async def test_a_store_that_does_not_settle_is_no_fault_of_the_sale_and_loses_no_acknowledgement():
    post = Post(*[sale(seq) for seq in range(1, 8)], delay=5000)
    post.delays = {1: 100, 500: 300}
    broken = [True]
    plain = post.journal.settle_all

    def settle_all(seqs):
        if broken:
            raise StoreError("flash")
        plain(seqs)

    post.journal.settle_all = settle_all  # type: ignore[method-assign]
    async with post.running():
        await until(lambda: len(post.arrived) >= WINDOW)
        reply = await post.bench.session.request(transaction(seq=500, uid=card(1)))
        assert reply.rc == "00" and post.settled() == []
        broken.clear()
        await until(lambda: 1 in post.settled(), 2)


@virtual
async def test_nothing_sent_is_told_apart_from_silence():
    bench = Bench()
    with pytest.raises(LinkDown):
        await bench.session.post(messages().advice(sale(1), NOW, repeat=False))


class Shelf:
    """Only what the queue reads; counts it."""

    def __init__(self, records) -> None:
        self.records = records
        self.gone: set[int] = set()
        self.read = 0

    def pending(self):
        for record in self.records:
            if record.seq not in self.gone:
                self.read += 1
                yield record


def test_a_long_queue_is_read_once_though_some_of_its_records_wait_and_come_back():
    async def story() -> None:
        shelf = Shelf([sale(seq, of=seq % 60) for seq in range(1, 5001)])
        queue, out = Queue(shelf, 0), []  # type: ignore[arg-type]
        poison, sent = {1, 2, 3}, 0
        for _ in range(60_000):
            await asyncio.sleep(0.005)
            queue.note_due()
            if len(out) == WINDOW or queue.stuck:
                record = out.pop(0) if out else None
                if record is None:
                    continue
                if record.seq in poison:
                    queue.wait(record)
                else:
                    shelf.gone.add(record.seq)
                    queue.left(record.seq)
            record = queue.next()
            if record is not None:
                sent += 1
                queue.went(record)
                out.append(record)
        held = sum(1 for record in shelf.records if record.seq % 60 in poison)
        assert len(shelf.gone) == 5000 - held
        tries = sent - len(shelf.gone)
        assert 9 <= tries <= 30
        assert shelf.read < 5000 + (tries + 1) * (held + 60), (
            "each is read once, those behind a waiting one at each try"
        )

    onhost.run_virtual(story())


def test_a_long_queue_of_one_card_takes_a_bound_in_memory():
    shelf = Shelf([sale(seq, of=1) for seq in range(1, 500)])
    queue = Queue(shelf, 0)  # type: ignore[arg-type]
    first = queue.next()
    assert first is not None
    queue.went(first)
    while not queue.stuck:
        assert queue.next() is None
    assert shelf.read <= 10


@virtual
async def test_what_is_acknowledged_is_not_sent_again_before_it_is_settled():
    original = transaction(seq=90, uid=card(90))
    post = Post(*[sale(seq) for seq in range(1, 4)], delay=5000)
    post.delays = {1: 100}
    async with post.running():
        await until(lambda: post.forward._queue.acknowledged == [1])
        post.journal.append(original)
        reversal = post.forward.reverse(original)  # the queue is read from the beginning
        await until(lambda: reversal.seq in post.sent(), 0.8)
        assert post.settled() == [] and post.sent().count(1) == 1
