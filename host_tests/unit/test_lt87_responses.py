"""Every response code of the table, played: a live request, a queued advice and a queued reversal meet it."""

import asyncio

import pytest

from firmware.core.errors import BadAnswer
from firmware.core.types import CLOCK_OK, OFFLINE
from firmware.switch.messages import reversal_of
from firmware.switch.session import SwitchUnable
from host_tests.unit.session_kit import Bench, until
from host_tests.unit.switch_kit import NOW, FakeJournal, answer, transaction
from host_tests.unit.test_switch_forward import Post
from tools.lt87.table import Response, responses
from tools.sim import onhost

# "05" stands for any other code.
CODES = [pytest.param("05" if row.code == "??" else row.code, row, id=row.code) for row in responses()]
SAID = {
    "settle": lambda seq, rc: ("settle", seq),
    "bury": lambda seq, rc: ("bury", seq, rc),
}


@pytest.mark.parametrize(("rc", "row"), CODES)
def test_a_live_request_ends_as_the_table_says(rc: str, row: Response):
    async def story() -> None:
        bench = Bench(lambda raw: [(10, answer(raw, rc, points=125, balance=1375, approval="A1B2C3"))])
        async with bench.running() as session:
            try:
                reply = await session.request(transaction())
                ended = "done" if reply.points == 125 and rc in ("00", "10", "94") else "refused"
                assert reply.rc == rc
            except SwitchUnable as error:
                assert isinstance(error, BadAnswer) and error.rc == rc
                ended = "counted" if session._management.refused else "no outcome"
        words = {"outcome unknown": "counted", "no outcome: reversal": "no outcome"}
        assert ended == words.get(row.live.split(": reversal;")[0], row.live)

    onhost.run_virtual(story())


async def _queue_of_one(post: Post, seq: int, rc: str, behaviour: str) -> None:
    async with post.running():
        if behaviour in SAID:
            await until(lambda: seq in post.journal.gone)
            ends = [told for told in post.journal.told if told[0] in ("settle", "bury")]
            assert ends == [SAID[behaviour](seq, rc)]
            return
        await until(lambda: len(post.sent()) == 1)
        await asyncio.sleep(70 if behaviour == "keep, try late" else 25)
        assert post.journal.gone == set() and post.forward.paused == (behaviour == "keep, pause the queue")
        tries = {"keep, try later": 3, "keep, try late": 2, "keep, pause the queue": 1}[behaviour]
        assert len(post.sent()) == tries


@pytest.mark.parametrize(("rc", "row"), CODES)
def test_a_queued_advice_ends_as_the_table_says(rc: str, row: Response):
    async def story() -> None:
        await _queue_of_one(Post(transaction(seq=7, mode=OFFLINE), codes=(rc,)), 7, rc, row.advice)

    onhost.run_virtual(story())


@pytest.mark.parametrize(("rc", "row"), CODES)
def test_a_queued_reversal_ends_as_the_table_says(rc: str, row: Response):
    async def story() -> None:
        post, original = Post(codes=(rc,), start=False), transaction(seq=3)
        for record in (original, reversal_of(original, 4, NOW, CLOCK_OK)):
            post.journal.append(record)
        assert isinstance(post.journal, FakeJournal)
        await _queue_of_one(post, 4, rc, row.reversal)

    onhost.run_virtual(story())
