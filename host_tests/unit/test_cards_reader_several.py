"""Several cards on the reader: counted, told once, never chosen from; a spark is no second card."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.rc522_errors import Collision
from firmware.core.errors import CardTimeout, TwoCards
from host_tests.unit.reader_kit import Shop, aes_card, gold, outcome, silver, summary
from tools.sim.cards import make_card


async def told(shop: Shop, ms: int = 800) -> int:
    """How many cards the next wait names, 0 when it names none."""
    try:
        await shop.reader.wait_card(ms)
    except TwoCards as error:
        return error.count
    except CardTimeout:
        return 0
    raise AssertionError("a card was chosen")


def cards(count: int) -> list[Any]:
    return [gold(), silver(), aes_card(), make_card("classic", "9C599B33"), make_card("ntag215", "04A1B2C3D4E5F7")][
        :count
    ]


@pytest.mark.parametrize(("lying", "shown"), [(2, 2), (3, 3), (4, 4), (5, 4)])
def test_several_cards_are_counted_up_to_four_and_told_once(lying: int, shown: int) -> None:
    shop = Shop(way="sun")

    async def story() -> None:
        for card in cards(lying):
            shop.field.lay(card)
        assert await told(shop) == shown
        assert await told(shop, 1_500) == 0

    shop.open(story)
    assert shop.seen == []
    assert shop.reader.two_cards == 1


def test_they_are_told_again_when_the_set_has_changed_and_the_last_one_is_read() -> None:
    shop = Shop()
    one, other, third = gold(), silver(), make_card("classic", "9C599B33")

    async def story() -> None:
        shop.field.lay(one)
        shop.field.lay(other)
        assert await told(shop) == 2
        shop.later(200, lambda: shop.field.lay(third))
        assert await told(shop) == 3
        shop.later(200, lambda: shop.field.remove(one))
        assert await told(shop) == 2
        shop.later(200, lambda: shop.field.remove(third))
        assert summary(await outcome(shop.reader))[2] == 1002

    shop.open(story)
    assert len(shop.seen) == 1


def test_a_second_card_at_the_edge_of_the_field_flickers_nothing() -> None:
    shop = Shop()
    one, other = gold(), silver()

    async def story() -> None:
        shop.field.lay(one)
        shop.field.lay(other)
        assert await told(shop) == 2
        for _ in range(6):
            shop.later(0, lambda: shop.field.remove(other))
            shop.later(100, lambda: shop.field.lay(other))  # away for one or two polls
            assert await told(shop, 600) == 0

    shop.open(story)
    assert shop.seen == []


def test_a_second_card_laid_on_a_resting_one_is_told_as_two_also_when_nobody_waited_meanwhile() -> None:
    for waiting in (True, False):
        shop = Shop()

        async def story(shop: Shop = shop, waiting: bool = waiting) -> None:
            shop.field.lay(gold())
            await outcome(shop.reader)
            if waiting:
                shop.later(300, lambda: shop.field.lay(make_card("classic", "11223344")))
            else:
                shop.field.lay(make_card("classic", "11223344"))
                await asyncio.sleep(2)
            assert await told(shop) == 2

        shop.open(story)


def test_a_card_that_joins_while_another_is_read_is_told_as_two() -> None:
    for delay_ms in range(7, 30, 3):
        shop = Shop()

        async def story(shop: Shop = shop, delay_ms: int = delay_ms) -> None:
            one, other = gold(), make_card("classic", "11223344")
            shop.field.lay(one)
            task = asyncio.create_task(outcome(shop.reader))
            await asyncio.sleep(delay_ms / 1000)
            shop.field.lay(other)
            first = await task
            assert first is TwoCards or summary(first)[2] == 1001
            if first is not TwoCards:
                assert await told(shop) == 2

        shop.open(story)


@pytest.mark.parametrize("resting", [False, True])
def test_a_collision_that_resolves_to_one_card_was_a_spark(resting: bool) -> None:
    shop = Shop()
    picc = shop.reader._picc
    whole = picc._anticollision
    sparks = 3

    async def sparking(code: int) -> None:
        nonlocal sparks
        if sparks and shop.reader._waiting and (shop.reader._resting or not resting):
            sparks -= 1
            raise Collision(5)
        await whole(code)

    picc._anticollision = sparking  # type: ignore[method-assign]

    async def story() -> None:
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader))[2] == 1001
        assert await outcome(shop.reader, 1_000) is CardTimeout

    shop.open(story)
    assert sparks == 0
    assert shop.reader.two_cards == 0
    assert len(shop.seen) == 1


def test_the_console_is_told_what_happened_since_the_start() -> None:
    shop = Shop()
    one, other = gold(), silver()

    async def story() -> None:
        shop.field.lay(one)
        shop.field.lay(other)
        await told(shop)
        shop.field.clear()
        await asyncio.sleep(1)
        shop.field.lay(one)
        shop.field.pull_at_frame(one, 4)
        await outcome(shop.reader)
        shop.field.lay(make_card("classic-magic", "11223344").imitate(one))  # type: ignore[attr-defined]
        await outcome(shop.reader, 1_000, True)

    shop.open(story)
    assert shop.reader.status() == (
        "reader ok version 92 NXP MFRC522 2.0, set up again 0 healed 0 line faults 0 two cards 1 left early 1 "
        "unreadable 0 suspicious 1"
    )


def test_the_console_is_told_what_the_driver_healed() -> None:
    shop = Shop()

    async def story() -> None:
        shop.board.rc522.power_off()
        shop.board.rc522.power_on()  # a dip of the supply: registers found changed
        shop.field.lay(gold())
        await outcome(shop.reader)
        shop.board.rc522.faults.at(1, "zeros")
        shop.chip._alive()

    shop.open(story)
    chip = shop.chip
    healed = chip.register_faults + chip.bus_faults + chip.stalls
    assert healed > 0
    assert chip.bus_faults == 1
    assert "set up again 1 healed {} ".format(healed) in shop.reader.status()
