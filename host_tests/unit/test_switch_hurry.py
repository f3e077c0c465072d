"""Somebody at the counter wants it sent now: pauses between tries end, once, and nothing is hammered."""

import asyncio

from firmware.core.types import OFFLINE
from firmware.switch.link import WifiDown
from host_tests.unit.session_kit import Bench, now, until, virtual
from host_tests.unit.switch_kit import transaction
from host_tests.unit.test_switch_forward import Post


@virtual
async def test_a_hurry_ends_the_pause_before_the_next_try_and_ends_it_once():
    bench = Bench()
    bench.link.errors = [WifiDown("x")] * 5
    async with bench.running(signed_on=False) as session:
        await asyncio.sleep(30)
        tried, asked = len(bench.link.connect_times), now()
        session.hurry()
        await until(lambda: len(bench.link.connect_times) > tried)
        assert bench.link.connect_times[tried] - asked < 0.5
        await asyncio.sleep(4)
        assert len(bench.link.connect_times) == tried + 1


@virtual
async def test_a_hurry_while_the_line_stands_asks_whether_it_does():
    bench = Bench()
    async with bench.running() as session:
        await asyncio.sleep(1)
        before = len(bench.link.pipes[0].sent)
        session.hurry()
        await asyncio.sleep(2)
        assert len(bench.link.pipes[0].sent) == before + 1 and session.online()


@virtual
async def test_a_record_that_waits_for_its_own_time_goes_when_all_is_to_be_sent_now():
    post = Post(transaction(seq=1, mode=OFFLINE), codes=("91", "91", "91", "00"))
    async with post.running():
        await until(lambda: len(post.sent()) == 3, seconds=120)
        asked = now()
        post.forward.let_go()
        await until(lambda: 1 in post.journal.gone, seconds=120)
        assert now() - asked < 5
