"""What the switch orders a terminal to do to itself, and what stops value: what stands outlives a restart, ends when
the switch takes it back, and is never escaped by anything less."""

import asyncio

import pytest

from firmware.core.errors import LinkError
from host_tests.unit.keychange_kit import TERMINAL, World, story
from host_tests.unit.session_kit import until
from host_tests.unit.switch_kit import MAC_OUT, ScriptedLink, answer, transaction
from tools.bench_switch import keychange


def test_a_blocked_terminal_says_so_asks_rarely_keeps_that_over_a_restart_and_heals():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            world.ledger.block_terminal(TERMINAL)
            reply = await world.session.request(transaction(seq=next(world.seqs)))
            assert reply.rc == "58"
            await until(lambda: world.session.halted() == "L30", 5)
            assert not world.session.online() and world.session.fault == "L30"
            pipes = len(world.link.pipes)
            await asyncio.sleep(1900)
            assert len(world.link.pipes) - pipes == 3, "every ten minutes"
        world.lose = dict.fromkeys(range(1, 10_000), "request")
        world.start()
        async with world.running():
            await asyncio.sleep(60)
            assert world.session.halted() == "L30", "no antenna, no sale"
            world.lose.clear()
            world.ledger.block_terminal(TERMINAL, blocked=False)
            await until(lambda: world.session.halted() == "", 900)
            await world.sells()

    story(play)


def test_value_stopped_by_order_is_online_and_ends_with_the_order():
    async def play():
        world = World()
        keychange.give_order(world.ledger, TERMINAL, keychange.STOP_VALUE)
        async with world.running():
            await until(world.session.online)
            assert world.session.halted() == "L31" and world.halt
            keychange.give_order(world.ledger, TERMINAL, 0)
            world.session.probe()
            await until(lambda: world.session.halted() == "")
            assert not world.halt and not world.erased

    story(play)


@pytest.mark.parametrize("blocked", [False, True])
def test_keys_go_at_the_first_order_when_nothing_waits_else_at_the_second(blocked):
    async def play():
        world = World()
        world.unsettled = 3
        keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
        world.ledger.block_terminal(TERMINAL, blocked)
        async with world.running():
            await until(lambda: world.logged("K25"))
            assert not world.erased and world.session.halted() == ("L30" if blocked else "L31")
            assert keychange.orders(world.ledger)[TERMINAL].unsettled == 3
        world.start()
        async with world.running():
            await until(lambda: world.erased == 1)
        world = World()
        keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
        async with world.running():
            await until(lambda: world.erased == 1)
            await asyncio.sleep(5)
            assert world.erased == 1 and not world.logged("K25")

    story(play)


def test_the_minimum_build_is_kept_for_who_asks_and_stops_nothing():
    async def play():
        world = World()
        keychange.set_minimum_build(world.ledger, TERMINAL, 7)
        async with world.running():
            await world.sells()
            assert world.orders.minimum_build == 7 and world.session.halted() == ""

    story(play)


@pytest.mark.parametrize("unsettled", [0, 3])
def test_a_zeroise_order_taken_back_while_somebody_stands_at_the_till_is_not_carried_out(unsettled):
    async def play():
        world = World()
        world.calm, world.unsettled = False, unsettled
        async with world.running():
            await until(world.session.online)
            keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
            world.session.probe()
            await until(lambda: world.session.halted() == "L31")
            keychange.give_order(world.ledger, TERMINAL, 0)
            world.session.probe()
            await until(lambda: world.session.halted() == "")
            world.calm = True
            await asyncio.sleep(5)
            assert not world.erased and not world.halt and not world.logged("K25")

    story(play)


def test_the_warning_goes_with_the_order_also_when_the_switch_says_no_00():
    async def play():
        world = World()
        world.unsettled = 3
        world.ledger.block_terminal(TERMINAL)
        keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
        async with world.running():
            await until(lambda: world.logged("K25"))
            keychange.give_order(world.ledger, TERMINAL, 0)
            await asyncio.sleep(700)
            keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
            await asyncio.sleep(700)
            assert not world.erased, "a new order warns anew"
            await until(lambda: world.erased == 1, 900)

    story(play)


def test_a_blocked_terminal_that_is_to_erase_its_keys_stays_blocked():
    async def play():
        world = World()
        world.unsettled = 3
        world.ledger.block_terminal(TERMINAL)
        async with world.running():
            await until(lambda: world.session.halted() == "L30")
            keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
            await until(lambda: world.logged("K25"), 900)
            assert world.session.halted() == "L30"
        world.start()
        assert world.session.halted() == "L30"

    story(play)


async def refused_three_times(world: World) -> None:
    await until(world.session.online)
    for _ in range(3):
        with pytest.raises(LinkError):
            await world.session.request(transaction(seq=next(world.seqs)))
    assert world.session.halted() == "P27"


def test_the_stop_after_three_refusals_outlives_a_restart_and_ends_with_a_sign_on():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            world.switch_knows(bytes(range(16)))
            await refused_three_times(world)
        world.start()
        assert world.session.halted() == "P27"
        async with world.running():
            await asyncio.sleep(30)
            assert world.session.halted() == "P27" and not world.session.online()
            world.switch_knows(MAC_OUT)
            await world.sells()
            assert world.session.halted() == "" and not world.halt
        world.start()
        assert world.session.halted() == ""

    story(play)


def test_no_other_code_ends_the_stop_after_three_refusals():
    async def play():
        world = World()
        said = {"0800": "00"}
        world.link = ScriptedLink(lambda raw: [(10, answer(raw, rc=said.get(raw[:4].decode(), "63")))])
        world.session._link = world.link
        async with world.running():
            await until(world.session.online)
            said["0800"] = "96"
            await refused_three_times(world)
            await asyncio.sleep(300)
            assert world.session.halted() == "P27"
            said["0800"] = "00"
            await until(lambda: world.session.halted() == "", 900)

    story(play)
