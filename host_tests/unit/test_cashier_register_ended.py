"""An order of the cash register is cancelled or runs out of time: whatever ended it leaves no record behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from firmware.cashier.register_order import SALE, TAKE_BACK, Order
from firmware.core.errors import Cancelled, NoAnswer
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, REDEMPTION, VOID
from host_tests.unit.cashier_kit import ALI
from host_tests.unit.till_kit import EARNED, HAS, Shop, at_once, refused, stocked


@pytest.fixture
def shop() -> Shop:
    return stocked()


def test_it_can_be_cancelled_at_the_register_and_at_the_keys_until_it_is_recorded(shop: Shop) -> None:
    shop.switch.replies = [EARNED]
    shop.switch.takes_ms = 1000

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        assert world.register.cancel("R-1") == {"ref": "R-1", "state": "cancelling"}
        assert (await world.done("R-1", 600))["outcome"] == "cancelled"
        assert await refused(at_once(world.register.cancel, "R-1")) == (1006, "E15")
        assert await refused(at_once(world.register.cancel, "R-0")) == (1004, "E13")
        await world.register.sale("R-2", 125_000, "earn")
        await world.keys("CANCEL")
        assert (await world.done("R-2", 600))["outcome"] == "cancelled"
        await world.sees("READY")
        await world.register.sale("R-3", 125_000, "earn")
        await world.tap()
        assert await refused(at_once(world.register.cancel, "R-3")) == (1006, "E15")
        assert (await world.done("R-3"))["outcome"] == "approved"

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-3")]


def test_what_was_cancelled_while_the_switch_was_asked_who_it_is_leaves_no_record(shop: Shop) -> None:
    shop.switch.replies = [HAS, NoAnswer(), HAS]
    shop.switch.takes_ms = 2500

    async def story(world: Shop) -> None:
        world.counter.greets = True
        for ref in ("R-1", "R-2"):  # the switch answers the greeting, and does not
            await world.register.sale(ref, 125_000, "earn")
            await world.tap()
            assert world.register.cancel(ref) == {"ref": ref, "state": "cancelling"}
            assert (await world.done(ref))["outcome"] == "cancelled"
            assert await refused(at_once(world.register.cancel, ref)) == (1006, "E15")
            await world.sees("READY")
        world.switch.takes_ms = 45_000
        await world.register.sale("R-3", 125_000, "earn")
        await asyncio.sleep(80)
        await world.tap()
        assert (await world.done("R-3", 60_000))["outcome"] == "timed_out", "nor what took too long"

    shop.play(story)
    assert shop.kinds() == []
    assert "request" not in shop.calls


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        (SALE, lambda books: books.accrual(ALI, 125_000, ONLINE)),
        (SALE, lambda books: books.accrual(ALI, 125_000, OFFLINE, 1)),
        (SALE, lambda books: books.redemption(ALI, 500)),
        (SALE, lambda books: books.release(ALI)),
        (SALE, lambda books: books.record(REDEMPTION, OFFLINE, ALI, 50_000, -500)),
        (TAKE_BACK, lambda books: books.record(VOID, ONLINE, ALI, 125_000, -125, original_seq=101)),
    ],
)
def test_every_record_of_an_order_is_made_only_while_it_is_wanted(
    shop: Shop, kind: int, write: Callable[[Any], Any]
) -> None:
    async def story(world: Shop) -> None:
        late = Order("R-1", kind, 125_000, "", 0, 0)
        gone = Order("R-2", kind, 125_000, "", 0, 60_000)
        gone.cancelling = True
        for order in (late, gone):
            world.books.order = order
            with pytest.raises(Cancelled):
                write(world.books)
        world.books.order = Order("R-3", kind, 125_000, "", 0, 60_000)
        write(world.books)
        world.books.order = None

    shop.play(story)
    assert "R-1" not in str(shop.kinds())
    assert "R-2" not in str(shop.kinds())


def test_nobody_comes_with_a_card_within_90_seconds_nor_answers_within_120(shop: Shop) -> None:
    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        await asyncio.sleep(89)
        assert (await world.register.status("R-1"))["state"] == "waiting_card"
        await asyncio.sleep(2)
        assert (await world.register.status("R-1"))["outcome"] == "timed_out"
        await world.register.sale("R-2", 125_000, "ask")
        await asyncio.sleep(80)
        await world.tap()
        for _ in range(3):
            await asyncio.sleep(13)
            await world.keys("9")  # somebody presses what is no answer
        assert (await world.done("R-2", 1500))["outcome"] == "timed_out"

    shop.play(story)
    assert shop.kinds() == []
