"""What the switch orders a terminal to do to itself, and what stops value: what stands outlives a restart, ends when
the switch takes it back, and is never escaped by anything less."""

import asyncio

import pytest

from firmware.core.errors import LinkError
from firmware.core.types import CLOCK_DRIFTED, CLOCK_NEVER_SET, CLOCK_OK
from firmware.switch.minimum import Minimum
from host_tests.unit.keychange_kit import TERMINAL, World, story
from host_tests.unit.session_kit import until
from host_tests.unit.switch_kit import MAC_OUT, ScriptedLink, answer, log, transaction
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


DAY_S = 86_400


def left(world: World, spends: str = "") -> int:
    """Days, after what the switch said; it sells all the same."""
    assert world.session.halted() == "" and world.session.halted(spends=True) == spends
    return world.orders.minimum.days_left()


def test_below_the_minimum_for_fourteen_days_it_earns_only_over_every_restart_until_the_switch_takes_it_back():
    async def play():
        world = World()
        keychange.set_minimum_build(world.ledger, TERMINAL, 7)
        async with world.running():
            await world.sells()
            assert world.orders.minimum.build == 7 and left(world) == 14
        for days in (1, 5, 8):
            await asyncio.sleep(days * DAY_S - 3600)
            world.start()
            async with world.running():
                await asyncio.sleep(1800)
        assert left(world) == 1, "nearly"
        await asyncio.sleep(3 * 3600)
        assert left(world, "U30") == 0, "also without a line"
        world.start()
        async with world.running():
            await until(world.session.online)
        for world.clock.quality in (CLOCK_NEVER_SET, CLOCK_DRIFTED, CLOCK_OK):
            world.start()
            assert left(world, "U30") == 0, "a battery clock changes nothing"
        async with world.running():
            await world.sells()
            assert left(world, "U30") == 0
            keychange.set_minimum_build(world.ledger, TERMINAL, 0)
            world.session.probe()
            await until(lambda: world.session.halted(spends=True) == "")
        world.start()
        assert left(world) == -1 and world.orders.minimum.build == 0

    story(play)


class Clock:
    """What the terminal's clock says, and how good it is."""

    quality = CLOCK_OK
    now = 1_800_000_000

    def now_utc(self) -> int:
        return self.now


class Kept:
    """A terminal's minimum over its starts."""

    def __init__(self) -> None:
        self.clock, self.raw = Clock(), b""
        self.start(5)

    def start(self, build: int) -> None:
        self.one = Minimum(build, self.clock, log(), lambda raw: setattr(self, "raw", raw), self.raw)

    def told(self, build: int, days: int = 0, quality: int = CLOCK_OK) -> str:
        self.clock.now += days * DAY_S
        self.clock.quality = quality
        self.one.told(build)
        return self.one.forbids()


@pytest.mark.parametrize("quality", [CLOCK_NEVER_SET, CLOCK_DRIFTED])
def test_a_clock_that_is_not_the_switchs_neither_begins_nor_ends_the_days(quality: int) -> None:
    kept = Kept()
    kept.clock.now -= 400 * DAY_S
    assert kept.told(7, 0, quality) == "" and kept.one.days_left() == 14
    assert kept.told(7, 400) == "" and kept.one.days_left() == 14, "they begin with the switch's clock"
    assert kept.told(7, 20, quality) == "", "a battery clock that runs ahead"
    assert kept.told(7, -7) == "" and kept.one.days_left() == 1
    assert kept.told(7, 1) == "U30"
    kept.start(5)
    assert kept.told(7, -300, quality) == "U30", "nor set back"


def test_a_switch_whose_clock_was_ahead_is_believed_when_it_is_right_again() -> None:
    kept = Kept()
    assert kept.told(7) == "" and kept.told(7, 365) == "U30"
    assert kept.told(7, -360) == "" and kept.one.days_left() == 9
    kept.told(0)
    assert kept.told(7, 365) == "" and kept.told(7, -365) == "" and kept.told(7, 14) == "U30", "not in a year"


def test_days_go_on_below_another_minimum_and_after_a_trial_and_begin_anew_after_one_that_was_met() -> None:
    kept = Kept()
    assert kept.told(7) == "" and kept.told(9, 13) == "" and kept.told(8, 1) == "U30"
    kept.start(6)
    assert kept.told(8) == "U30", "a newer one, still too old"
    kept.start(8)
    assert kept.one.forbids() == "" and kept.told(8, 1) == ""
    kept.start(6)
    assert kept.told(8) == "U30", "it did not pass its trial"
    kept.start(8)
    assert kept.told(9, 30) == "" and kept.one.days_left() == 14
    assert kept.told(9, 14) == "U30" and kept.told(8) == "" and kept.raw == b"", "the switch wants less"


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
