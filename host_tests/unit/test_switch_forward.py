"""Store-and-forward: what leaves the queue, how, in which order, and what must never be lost or sent twice as new."""

import asyncio
import contextlib

import pytest

from firmware.core.errors import StoreFull, StoreNotReady
from firmware.core.types import CLOCK_OK, OFFLINE, REVERSAL, Member
from firmware.switch.forward import Forward
from firmware.switch.messages import reversal_of
from host_tests.unit.session_kit import Bench, now, until, virtual
from host_tests.unit.switch_kit import NOW, UID, FakeJournal, answer, member_tags, messages, split, transaction
from tools.sim import onhost

WINDOW = 7  # records in flight: one of eight places is kept for a person's request


class Post:
    """A bench with a queue; `codes` are the response codes to come, the last one stays."""

    def __init__(self, *records: object, codes: tuple[str, ...] = ("00",), start: bool = True) -> None:
        self.bench = Bench(self._answer)
        self.codes = list(codes)
        self.journal = FakeJournal(*records)  # type: ignore[arg-type]
        self.members: list[Member] = []
        self.forward = Forward(
            self.journal, self.bench.session, messages(), self.bench.clock, self.bench.log, self.members.append
        )
        if start:
            self.forward.start()

    def _answer(self, raw: bytes) -> list[tuple[int, bytes | Exception]]:
        code = self.codes[0]
        if len(self.codes) > 1:
            self.codes.pop(0)
        if code == "silence":
            return []
        return [(20, answer(raw, code, points=125, balance=1375, tags=member_tags()))]

    @contextlib.asynccontextmanager
    async def running(self):
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

    def sent(self) -> list[tuple[str, int]]:
        return [(fields["t"], int.from_bytes(tags[1], "big")) for fields, tags in self.bench.link.sent]


def fresh(post: Post, *records) -> None:
    """Append after start, as a flow does."""
    for record in records:
        post.journal.append(record)
        post.bench.session.wake()


@virtual
async def test_reversals_go_first_then_advices_oldest_first_each_settled_once():
    original = transaction(seq=3)
    post = Post(start=False)
    post.journal = FakeJournal(
        transaction(seq=1, mode=OFFLINE),
        transaction(seq=2, mode=OFFLINE),
        original,
        reversal_of(original, 4, NOW, CLOCK_OK),
    )
    post.forward = Forward(post.journal, post.bench.session, messages(), post.bench.clock, post.bench.log)
    async with post.running():
        await until(lambda: len(post.journal.gone) == 3)
        assert [seq for _, seq in post.sent()] == [4, 1, 2]
        assert [told for told in post.journal.told if told[0] == "settle"] == [
            ("settle", 4),
            ("settle", 1),
            ("settle", 2),
        ]
        await asyncio.sleep(30)
        assert len(post.sent()) == 3


@virtual
async def test_at_start_an_unanswered_request_becomes_a_reversal_and_is_never_sent_again_itself():
    post = Post(transaction(seq=3))
    assert post.journal.told == [("append", 101, 3)] and post.journal.records[101].verb == REVERSAL
    async with post.running():
        await until(lambda: 101 in post.journal.gone)
        assert post.sent() == [("0420", 101)]
        fields, _ = post.bench.link.sent[0]
        asked, _ = split(messages().request(transaction(seq=3)).raw)
        assert fields["90"][:20] == "0200" + asked["11"] + asked["7"]


@virtual
async def test_a_record_appended_now_goes_as_first_and_its_resend_as_repeat_with_the_same_body():
    post = Post(codes=("91", "silence", "00"))
    async with post.running():
        fresh(post, transaction(seq=107, mode=OFFLINE))
        await until(lambda: 107 in post.journal.gone, 120)
        (first, tags), *again = post.bench.link.sent
        assert post.sent() == [("0220", 107), ("0221", 107), ("0221", 107)]
        for fields, later_tags in again:
            assert {de for de in first if first[de] != fields[de]} == {"t", "7", "64"} and later_tags == tags


@virtual
async def test_what_was_pending_at_start_goes_as_repeat_for_it_may_have_been_sent_before_the_restart():
    post = Post(transaction(seq=7, mode=OFFLINE))
    async with post.running():
        await until(lambda: 7 in post.journal.gone)
        assert post.sent() == [("0221", 7)]


@pytest.mark.parametrize("code", ["00", "10", "94"])
def test_done_settles_and_the_member_cache_hears_the_balance(code):
    async def story() -> None:
        post = Post(transaction(seq=7, mode=OFFLINE), codes=(code,))
        async with post.running():
            await until(lambda: 7 in post.journal.gone)
            assert post.journal.told == [("settle", 7)]
            assert [(m.uid, m.points, m.name) for m in post.members] == [(UID, 1375, "Ali")]

    onhost.run_virtual(story())


@pytest.mark.parametrize("code", ["51", "14", "54", "41", "43", "62", "61", "65", "57", "12", "13", "30", "25", "05"])
def test_a_hard_refusal_buries_and_the_queue_goes_on(code):
    async def story() -> None:
        post = Post(transaction(seq=7, mode=OFFLINE), transaction(seq=8, mode=OFFLINE), codes=(code, "00"))
        refused = []
        post.forward.on_refused = lambda uid, rc: refused.append((uid, rc))
        async with post.running():
            await until(lambda: 8 in post.journal.gone)
            assert post.journal.told == [("bury", 7, code), ("settle", 8)]
        assert refused == [(UID, code)]  # a card reported lost is on the terminal's own hotlist from now on

    onhost.run_virtual(story())


@virtual
async def test_a_reversal_of_what_the_switch_never_saw_is_settled():
    post = Post(transaction(seq=3), codes=("25",))
    async with post.running():
        await until(lambda: 101 in post.journal.gone)
        assert post.journal.told[-1] == ("settle", 101) and post.members == []


@pytest.mark.parametrize("code", ["68", "91", "96", "silence"])
def test_a_switch_that_cannot_now_is_asked_again_after_five_fifteen_forty_five_seconds(code):
    async def story() -> None:
        post = Post(transaction(seq=7, mode=OFFLINE), codes=(code, code, code, code, "00"))
        times: list[float] = []
        plain = post._answer

        def timed(raw: bytes):
            times.append(now())
            return plain(raw)

        post.bench.on_value = timed
        async with post.running():
            await until(lambda: 7 in post.journal.gone, 400)
            waited = 6.0 if code == "silence" else 0.0
            gaps = [b - a - waited for a, b in zip(times, times[1:], strict=False)]
            assert [round(gap) for gap in gaps] == [5, 15, 45, 120]
            assert ("settle", 7) in post.journal.told and not any(t[0] == "bury" for t in post.journal.told)

    onhost.run_virtual(story())


@virtual
async def test_a_mac_refusal_keeps_the_record_and_pauses_until_the_next_sign_on():
    post = Post(transaction(seq=7, mode=OFFLINE), codes=("63", "00"))
    async with post.running():
        await until(lambda: post.forward.paused)
        await asyncio.sleep(280)
        assert len(post.sent()) == 1 and post.journal.gone == set()
        post.bench.link.is_up = False
        await asyncio.sleep(1)
        post.bench.link.is_up = True
        await until(lambda: 7 in post.journal.gone)
        assert not post.forward.paused


@virtual
async def test_a_new_sign_on_ends_the_back_off():
    post = Post(transaction(seq=7, mode=OFFLINE), codes=("91", "91", "91", "00"))
    async with post.running():
        await until(lambda: len(post.sent()) == 3)
        post.bench.link.is_up = False
        await asyncio.sleep(1)
        post.bench.link.is_up = True
        await until(lambda: 7 in post.journal.gone, 10)


@virtual
async def test_live_traffic_does_not_wait_for_the_queue():
    post = Post(*[transaction(seq=seq, mode=OFFLINE) for seq in range(1, 30)], codes=("silence",))
    async with post.running():
        await asyncio.sleep(1)
        plain = post._answer
        post.bench.on_value = lambda raw: [(20, answer(raw, points=1, balance=1))] if raw[:4] == b"0200" else plain(raw)
        started = now()
        await post.bench.session.request(transaction(seq=50))
        assert now() - started < 0.1


@virtual
async def test_offline_nothing_is_tried_and_nothing_changes():
    post = Post(transaction(seq=7, mode=OFFLINE))
    task = asyncio.create_task(post.forward.run())
    await asyncio.sleep(60)
    assert post.journal.told == [] and post.bench.link.pipes == []
    task.cancel()


@virtual
async def test_records_that_cannot_be_a_message_are_buried_and_do_not_block_the_queue():
    orphan = reversal_of(transaction(seq=3), 4, NOW, CLOCK_OK)
    post = Post(orphan, transaction(seq=5, mode=OFFLINE, amount=10**12), transaction(seq=6, mode=OFFLINE))
    async with post.running():
        await until(lambda: 6 in post.journal.gone)
        assert post.journal.told == [("bury", 4, "25"), ("bury", 5, "30"), ("settle", 6)]


def test_a_full_store_at_start_is_told_to_the_one_who_starts():
    class Full(FakeJournal):
        def append(self, record):
            raise StoreFull("full")

    bench = Bench()
    forward = Forward(Full(transaction(seq=3)), bench.session, messages(), bench.clock, bench.log)  # type: ignore[arg-type]
    with pytest.raises(StoreFull):
        forward.start()


def test_a_start_with_nothing_unanswered_takes_no_number_and_writes_nothing():
    class Fresh(FakeJournal):
        def next_seq(self):
            raise StoreNotReady("no sign-on yet")

    bench = Bench()
    journal = Fresh(first_seq=1)
    assert Forward(journal, bench.session, messages(), bench.clock, bench.log).start() == 0  # type: ignore[arg-type]
    assert journal.told == []


OTHER = bytes.fromhex("5D0C7A11")


def by_seq(post: Post, codes: dict[int, str]) -> None:
    """Let the switch answer by SEQ; what is not named is approved. `codes` may be changed meanwhile."""

    def answer_to(raw: bytes) -> list[tuple[int, bytes | Exception]]:
        code = codes.get(int.from_bytes(split(raw)[1][1], "big"), "00")
        return [(20, answer(raw, code, points=125, balance=1375, tags=member_tags()))]

    post.bench.on_value = answer_to


@pytest.mark.parametrize("code", ["68", "91", "96"])
def test_one_record_the_switch_cannot_take_now_holds_up_only_later_records_of_its_card(code):
    async def story() -> None:
        post = Post(
            transaction(seq=3, uid=UID),
            transaction(seq=2, mode=OFFLINE, uid=UID),
            transaction(seq=7, mode=OFFLINE, uid=OTHER),
        )
        codes = {101: code}
        by_seq(post, codes)
        async with post.running():
            fresh(post, transaction(seq=102, mode=OFFLINE, uid=UID), transaction(seq=103, mode=OFFLINE, uid=OTHER))
            await until(lambda: post.journal.gone == {2, 7, 103}, 4)
            await asyncio.sleep(600)
            assert post.journal.gone == {2, 7, 103} and ("0220", 102) not in post.sent()
            assert 5 <= post.sent().count(("0421", 101)) <= 8
            del codes[101]
            await until(lambda: {101, 102} <= post.journal.gone, 140)
            assert [told[1] for told in post.journal.told if told[0] == "settle"][-2:] == [101, 102]

    onhost.run_virtual(story())


REFUSED_TRIES = {3600 * 3: 4, 120: 2}  # a reversal that is refused is tried again after 1, 10, 60 minutes


@pytest.mark.parametrize(
    ("code", "seconds"), [("30", 3600 * 3), *((code, 120) for code in ("12", "13", "57", "58", "14", "51", "05"))]
)
def test_a_refused_reversal_is_kept_and_the_sale_it_makes_room_for_is_not_booked_before_it(code, seconds):
    async def story() -> None:
        post = Post(transaction(seq=3, uid=UID))
        codes = {101: code}
        by_seq(post, codes)
        async with post.running():
            fresh(post, transaction(seq=102, mode=OFFLINE, uid=UID), transaction(seq=103, mode=OFFLINE, uid=OTHER))
            await asyncio.sleep(seconds)
            assert post.journal.gone == {103} and post.bench.logged("L11")
            assert [seq for _, seq in post.sent() if seq != 103] == [101] * REFUSED_TRIES[seconds]
            codes.clear()
            await until(lambda: {101, 102} <= post.journal.gone, 4 * 3600)
            assert not any(told[0] == "bury" for told in post.journal.told)

    onhost.run_virtual(story())


@virtual
async def test_more_waiting_records_than_can_be_kept_in_mind_stop_the_queue_and_none_is_lost():
    records = [transaction(seq=seq, mode=OFFLINE, uid=seq.to_bytes(4, "big")) for seq in range(1, 61)]
    post = Post(*records)
    codes = dict.fromkeys(range(1, 61), "96")
    by_seq(post, codes)
    async with post.running():
        await asyncio.sleep(4)
        sent = {seq for _, seq in post.sent()}
        assert set(range(1, 34)) <= sent <= set(range(1, 33 + WINDOW)), "the whole queue waits"
        await asyncio.sleep(300)
        codes.clear()
        await until(lambda: len(post.journal.gone) == 60, 300)
        assert not any(told[0] == "bury" for told in post.journal.told)


@virtual
async def test_a_waiting_record_that_left_the_queue_by_another_way_holds_nothing_back():
    post = Post(transaction(seq=3, uid=UID))
    by_seq(post, {101: "30"})
    async with post.running():
        fresh(post, transaction(seq=102, mode=OFFLINE, uid=UID))
        await until(lambda: len(post.sent()) == 1)
        post.journal.gone.add(101)
        await until(lambda: 102 in post.journal.gone, 70)


@pytest.mark.parametrize("code", ["00", "10", "94"])
@pytest.mark.parametrize("points", [0, 124, -125, None])
def test_an_acknowledgement_of_other_points_is_a_dead_letter_and_not_settled(code, points):
    async def story() -> None:
        post = Post(transaction(seq=7, mode=OFFLINE))
        post.bench.on_value = lambda raw: [(20, answer(raw, code, points=points, balance=1375, tags=member_tags()))]
        async with post.running():
            await until(lambda: 7 in post.journal.gone)
            assert post.journal.told == [("bury", 7, code)] and post.bench.logged("L12") and post.members == []

    onhost.run_virtual(story())


@virtual
async def test_a_sale_taken_back_after_it_was_read_from_the_queue_is_not_sent():
    post = Post(*[transaction(seq=seq, mode=OFFLINE) for seq in (1, 2, 3)])
    post.bench.on_value = lambda raw: [(500, answer(raw, points=125, balance=1375, tags=member_tags()))]
    async with post.running():
        await until(lambda: len(post.sent()) == 1)
        await asyncio.sleep(0.3)
        post.journal.gone.add(2)  # read already, held back because its card has one in flight
        await until(lambda: 3 in post.journal.gone)
        assert [seq for _, seq in post.sent()] == [1, 3]
