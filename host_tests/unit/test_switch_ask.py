"""What is asked beside people and queue: `Session.ask`, which never takes the place a person needs."""

import asyncio

import pytest

from firmware.core.errors import LinkDown, NoAnswer
from firmware.switch.profile import ECHO
from host_tests.unit.session_kit import Bench, now, until, virtual
from host_tests.unit.switch_kit import NOW, answer, messages, split, transaction


def outgoing(number: int = 900):
    """Something asked beside the rest: here an echo with a number of its own."""
    return messages().network(ECHO, number, NOW, 2)


@virtual
async def test_an_answer_of_any_code_comes_back_and_offline_it_is_told_at_once():
    bench = Bench()
    with pytest.raises(LinkDown):
        await bench.session.ask(outgoing(), 6000)
    async with bench.running() as session:
        bench.on_network = lambda raw: [(20, answer(raw, "96"))]
        assert (await session.ask(outgoing(), 6000)).rc == "96"


@virtual
async def test_silence_closes_nothing_by_itself_and_an_echo_that_fails_does():
    bench = Bench()
    async with bench.running() as session:
        bench.on_network = lambda raw: (
            [] if split(raw)[1][1] == (900 | 1 << 31).to_bytes(4, "big") else [(20, answer(raw))]
        )
        with pytest.raises(NoAnswer):
            await session.ask(outgoing(), 2000)
        await asyncio.sleep(2)
        assert session.online() and len(bench.link.pipes) == 1
        bench.on_network = lambda raw: []
        with pytest.raises(NoAnswer):
            await session.ask(outgoing(901), 2000)
        assert session.online()
        await asyncio.sleep(6.5)
        assert not session.online()


@virtual
async def test_seven_in_flight_leave_a_place_for_a_person_and_none_for_the_rest():
    bench = Bench(lambda raw: [(20, answer(raw, points=125, balance=1375))])
    async with bench.running() as session:
        bench.on_network = lambda raw: []
        asking = [asyncio.ensure_future(session.ask(outgoing(900 + i), 5000)) for i in range(8)]
        await asyncio.sleep(1)
        assert sum(split(raw)[1][1][0] == 0x80 and split(raw)[1][1][2] == 3 for raw in bench.link.pipes[0].sent) == 7
        assert not session.room()
        assert (await session.request(transaction())).balance == 1375
        started = now()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["LinkDown"] + ["NoAnswer"] * 7
        assert now() - started < 6


@virtual
async def test_who_waits_for_a_place_is_before_the_queue():
    bench = Bench()
    bench.on_value = lambda raw: [
        (300 * split(raw)[1][1][3] - 59_700, answer(raw, points=125, balance=1375))
    ]  # SEQ 200..
    async with bench.running() as session:
        flights = [
            await session.post(messages().advice(transaction(seq=200 + i, mode=1), NOW, False)) for i in range(7)
        ]
        task = asyncio.ensure_future(session.ask(outgoing(), 5000))
        await until(lambda: any([session.landed(flight) for flight in flights]))
        assert not task.done() and not session.room()
        assert (await task).rc == "00"


@virtual
async def test_three_refused_macs_in_a_row_stop_value_here_too():
    bench = Bench()
    async with bench.running() as session:
        bench.on_network = lambda raw: [(20, answer(raw, "63"))]
        for number in range(3):
            assert not session.value_stopped()
            assert (await session.ask(outgoing(900 + number), 2000)).rc == "63"
        assert session.value_stopped() and not session.online()
