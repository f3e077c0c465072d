"""Remarks in the queue: after everything that moves points, in nobody's way, and refused without alarm."""

import asyncio

import pytest

from firmware.core.types import OFFLINE, REMARK
from firmware.switch import tlv
from firmware.switch.messages import reversal_of
from firmware.switch.profile import TAG_SURVEY
from host_tests.unit.session_kit import now, until, virtual
from host_tests.unit.switch_kit import NOW, UID, answer, transaction
from host_tests.unit.test_store_journal import journal
from host_tests.unit.test_switch_forward import Post, fresh

OTHER = bytes.fromhex("04A1B2C3D4E5F6")


def remark(seq: int, uid: bytes = UID, **more):
    said = tlv.pack([(TAG_SURVEY, bytes((3, 4, not uid)))])
    return transaction(seq, OFFLINE, verb=REMARK, uid=uid, amount=0, points=0, details=said, **more)


def advice(seq: int, uid: bytes = UID):
    return transaction(seq, OFFLINE, uid=uid)


class OneRefused(Post):
    """The switch answers remarks with `code`, or not at all when it is "silence"; all else it takes."""

    def __init__(self, code: str, *records: object) -> None:
        super().__init__(*records)
        self.code = code

    def _answer(self, raw: bytes) -> list[tuple[int, bytes | Exception]]:
        if raw[:3] != b"012":
            return super()._answer(raw)
        return [] if self.code == "silence" else [(20, answer(raw, self.code))]


@virtual
async def test_remarks_go_when_all_that_moves_points_is_out():
    undone = transaction(44, uid=bytes(range(1, 8)))
    post = Post(remark(40), advice(41), remark(42, uid=b""), advice(43, OTHER), undone, start=False)
    post.journal.append(reversal_of(undone, 45, NOW, 2))
    post.forward.start()
    async with post.running():
        await until(lambda: len(post.journal.gone) == 5, seconds=1900)
    order = [seq for _, seq in post.sent()]
    assert (order[0], {*order[1:3]}, {*order[3:]}) == (45, {41, 43}, {40, 42})
    assert {mti[:3] for mti, seq in post.sent() if seq in (40, 42)} == {"012"}


@virtual
async def test_a_sale_appended_while_remarks_wait_goes_before_them():
    post = OneRefused("91", *(remark(seq) for seq in range(40, 46)))
    async with post.running():
        await until(lambda: len(post.sent()) >= 6)
        fresh(post, advice(50))
        await until(lambda: 50 in post.journal.gone, seconds=3)
    assert post.journal.gone == {50}


@pytest.mark.parametrize("code", ["91", "silence"])
def test_a_remark_that_waits_holds_up_no_sale_of_its_card(code):
    @virtual
    async def story():
        post = OneRefused(code, remark(40))
        async with post.running():
            await until(lambda: len(post.sent()) >= 1)
            fresh(post, advice(41), advice(42))
            await until(lambda: {41, 42} <= post.journal.gone, seconds=40)
            assert 40 not in post.journal.gone

    story()


@virtual
async def test_a_remark_the_switch_cannot_take_now_is_asked_again_at_longer_intervals():
    post = OneRefused("96", remark(40))
    async with post.running():
        await until(lambda: len(post.sent()) == 1)
        began = now()
        await until(lambda: len(post.sent()) == 3, seconds=40)
        assert now() - began > 18  # after 5 and 15 s more, not every 5
        post.code = "00"
        await until(lambda: 40 in post.journal.gone, seconds=60)


@pytest.mark.parametrize("code", ["12", "14", "57", "30", "41"])
def test_a_refused_remark_is_settled_logged_and_no_letter(code):
    @virtual
    async def story():
        post = OneRefused(code, remark(40), advice(41))
        async with post.running():
            await until(lambda: post.journal.gone == {40, 41})
            assert list(post.journal.dead()) == []
            assert post.bench.logged("H" + code)

    story()


@virtual
async def test_an_answer_without_points_settles_a_remark():
    post = OneRefused("00", remark(40))
    async with post.running():
        await until(lambda: post.journal.gone == {40})
    assert list(post.journal.dead()) == []
    assert not post.bench.logged("L12")


@virtual
async def test_a_remark_that_cannot_be_a_message_is_settled_too():
    post = Post(transaction(40, OFFLINE, verb=REMARK, amount=0, points=0, details=b"\x50\x01\x01"), advice(41))
    async with post.running():
        await until(lambda: post.journal.gone == {40, 41})
    assert list(post.journal.dead()) == []


@virtual
async def test_without_a_name_nothing_in_the_message_says_who_or_when():
    day = NOW - (NOW + 12_600) % 86_400
    post = Post(remark(40, uid=b"", auth=0, time_utc=day))
    async with post.running():
        await until(lambda: 40 in post.journal.gone, seconds=1900)
    fields, tags = post.bench.link.sent[-1]
    assert fields["t"] in ("0120", "0121")
    assert fields["12"] == "000000"
    assert fields["37"][4:6] == "00"
    assert set(tags) == {0x01, 0x02, 0x03, 0x04, 0x09, 0x0A, 0x0D, 0x50, 0x60}
    assert tags[0x50] == b"\3\4\1"


def test_the_age_of_the_queue_is_that_of_what_moves_points():
    store = journal().journal
    store.append(remark(store.next_seq(), time_utc=NOW - 40_000))
    assert store.oldest_pending_utc() == 0
    sale = advice(store.next_seq())
    sale.time_utc = NOW
    store.append(sale)
    assert store.oldest_pending_utc() == NOW
    assert store.pending_count() == 2


@virtual
async def test_an_answer_without_a_name_does_not_go_right_behind_its_sale_nor_does_one_given_while_it_waits():
    post = Post(advice(40), remark(41, uid=b""))
    async with post.running():
        await until(lambda: 40 in post.journal.gone)
        began = now()
        await asyncio.sleep(55)
        assert [seq for _, seq in post.sent()] == [40]
        fresh(post, advice(42, OTHER), remark(43, uid=b""), remark(44))
        await until(lambda: 44 in post.journal.gone)
        await until(lambda: 41 in post.journal.gone, seconds=1800)
        first = now()
        assert first - began >= 59 and 43 not in post.journal.gone
        await until(lambda: 43 in post.journal.gone, seconds=1870)
        assert now() - first >= 59


@virtual
async def test_what_is_held_goes_at_once_when_all_is_to_be_sent():
    post = Post(advice(40), remark(41, uid=b""))
    async with post.running():
        await until(lambda: 40 in post.journal.gone)
        await asyncio.sleep(20)
        assert 41 not in post.journal.gone
        post.forward.let_go()
        await until(lambda: 41 in post.journal.gone, seconds=10)
