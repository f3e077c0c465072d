"""A display that dies in the middle of a story: what nobody can read is no question, a glitch ends nothing."""

from __future__ import annotations

import asyncio

from firmware.core.types import Reply
from host_tests.unit.cashier_kit import ALI, World


async def card_awaited(w: World) -> None:
    await w.sees("READY")
    await w.keys("5", "000", "OK")
    await w.sees("Hold card")


def test_no_sale_is_booked_of_a_card_that_is_tapped_while_the_display_is_dead() -> None:
    world = World()

    async def story(w: World) -> None:
        await card_awaited(w)
        w.canvas.go()
        await w.tap(ALI)
        await asyncio.sleep(6)
        w.canvas.go(away=False)
        await w.sees("READY")

    world.play(story)
    assert not world.order("append")
    assert 400 in world.sounder.tones
    assert any("R02" in line for line in world.log.newest(20))


def test_no_ok_counts_as_consent_while_the_display_is_dead() -> None:
    world = World()
    world.switch.replies = [Reply("00", 0, 1_240)]

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("HOW MANY POINTS")
        await w.keys("OK")
        await w.sees("USE POINTS?")
        w.canvas.go()
        await w.keys("OK", "OK")
        await asyncio.sleep(6)

    world.play(story)
    assert not world.order("append")


def test_a_question_that_nobody_answers_ends_too_and_the_tone_comes_once() -> None:
    world = World()

    async def story(w: World) -> None:
        await card_awaited(w)
        w.canvas.go()
        await asyncio.sleep(10)

    world.play(story)
    assert world.sounder.tones.count(400) == 2, "it begins at once, and is then played"


def test_a_glitch_of_the_display_ends_no_sale() -> None:
    world = World()
    world.switch.replies = [Reply("00", 50, 690)]

    async def story(w: World) -> None:
        await card_awaited(w)
        w.canvas.go()
        await w.tap(ALI)
        await asyncio.sleep(1)
        assert not w.order("append")
        w.canvas.go(away=False)
        await w.sees("EARNED")

    world.play(story)
    assert len(world.order("append")) == 1
