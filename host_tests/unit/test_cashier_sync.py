"""UP at the idle screen: what waits goes now, how many are left is shown, and it ends by itself or says why not."""

from __future__ import annotations

import asyncio

import pytest

from firmware.core.types import ACCRUAL, AUTH_LEGACY, CLOCK_OK, OFFLINE, Transaction
from host_tests.unit.cashier_kit import ALI, START_UTC, World


def world_with(waiting: int) -> World:
    world = World()
    for seq in range(1, waiting + 1):
        told = START_UTC - 90_000  # too long ago to be told at the start
        world.journal.append(Transaction(seq, ACCRUAL, OFFLINE, ALI.uid, AUTH_LEGACY, 50_000, 50, told, CLOCK_OK))
    return world


async def sent_one_by_one(world: World, count: int) -> None:
    for seq in range(1, count + 1):
        await asyncio.sleep(1)
        world.journal.settle(seq)


def test_one_key_sends_what_waits_and_counts_down_to_done() -> None:
    world = world_with(3)

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("UP")
        await w.sees("3 LEFT")
        sending = asyncio.create_task(sent_one_by_one(w, 3))
        await w.sees("1 LEFT", 5000)
        await w.sees("SENT")
        await w.sees("3 sent")
        await w.keys("OK")
        await w.sees("READY")
        await sending

    world.play(story)
    assert "hurry" in world.calls
    assert 1800 in world.sounder.tones and 400 not in world.sounder.tones


@pytest.mark.parametrize(
    ("up", "fault", "halt", "shown"),
    [(False, "L05", "", "L05"), (False, "", "", "L01"), (True, "", "", "P44"), (True, "", "L31", "L31")],
)
def test_what_does_not_go_is_told_with_its_number_the_code_and_the_low_tone(
    up: bool, fault: str, halt: str, shown: str
) -> None:
    world = world_with(2)
    world.switch.up, world.switch.fault, world.switch.halt = up, fault, halt

    async def story(w: World) -> None:
        await asyncio.sleep(1)
        await w.keys("UP")
        await w.sees("2 LEFT")
        await w.sees(shown, 25_000)
        await w.sees("2 LEFT")

    world.play(story)
    assert 400 in world.sounder.tones


def test_a_key_of_the_next_customer_ends_the_watching_and_begins_the_sale() -> None:
    world = world_with(2)

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("UP")
        await w.sees("2 LEFT")
        await w.keys("7")
        await w.sees("SALE")

    world.play(story)


def test_menu_2_does_the_same() -> None:
    world = world_with(1)

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("MENU", "2")
        await w.sees("1 LEFT")
        await w.keys("CANCEL")
        await w.sees("READY")

    world.play(story)


def test_with_nothing_waiting_the_line_is_tried_and_said_to_be_settled() -> None:
    world = world_with(0)

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("UP")
        await w.sees("nothing waiting")
        await w.sees("SENT")

    world.play(story)


def test_with_nothing_waiting_that_is_said_at_once_without_a_line_too() -> None:
    world = world_with(0)
    world.switch.up = False

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("UP")
        await w.sees("nothing waiting", 1_000)
        await w.sees("SENT", 1_000)
        await w.sees("OFFLINE", 1_000)

    world.play(story)
    assert "hurry" in world.switch.calls


def test_what_the_last_try_failed_of_is_said_within_seconds() -> None:
    world = world_with(2)
    world.switch.up, world.switch.fault = False, "L05"

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("UP")
        await w.sees("Connecting", 2_000)
        await w.sees("L05", 8_000)

    world.play(story)
