"""The cash register takes a sale back by its reference, before and after it was sent, once."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.core.types import VOIDED
from host_tests.unit.till_kit import EARNED, TAKEN, Shop, refused, stocked


@pytest.fixture
def shop() -> Shop:
    return stocked()


def test_a_void_that_was_cancelled_takes_nothing_back(shop: Shop) -> None:
    async def story(world: Shop) -> None:
        world.switch.up = False
        await world.register.sale("R-1", 125_000, "earn")
        await world.tap()
        await world.done("R-1")
        confirmed = world.counter.panel.confirm

        async def and_the_register_cancels(*asked: Any) -> None:
            await confirmed(*asked)
            world.register.cancel("V-1")

        world.counter.panel.confirm = and_the_register_cancels  # type: ignore[method-assign]
        await world.register.take_back("V-1", "R-1")
        await world.sees("VOID")
        await world.keys("OK")
        assert (await world.done("V-1"))["outcome"] == "cancelled"
        assert (await world.register.status("R-1"))["outcome"] == "approved_offline"

    shop.play(story)
    assert "void" not in shop.calls


def test_a_void_by_reference_before_and_after_it_was_sent(shop: Shop) -> None:
    shop.switch.replies = [EARNED, TAKEN]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        await world.tap()
        await world.done("R-1")
        assert await refused(world.register.take_back("V-1", "R-0")) == (1004, "E13")
        await world.register.take_back("V-1", "R-1")
        await world.sees("VOID")
        await world.keys("OK")
        for _ in range(2):
            assert (await world.done("V-1"))["outcome"] == "approved"
            assert (await world.register.take_back("V-1", "R-1"))["again"] is True
            world.plug()
        world.switch.up = False
        await world.register.sale("R-2", 125_000, "earn")
        await world.tap()
        assert (await world.done("R-2"))["outcome"] == "approved_offline"
        await world.register.take_back("V-2", "R-2")
        await world.sees("VOID")
        await world.keys("OK")
        assert (await world.done("V-2"))["outcome"] == "approved"
        for _ in range(2):
            assert (await world.register.status("R-2"))["outcome"] == "reversed"
            assert (await world.register.status("V-2"))["outcome"] == "approved", "and known before it comes again"
            assert (await world.register.take_back("V-2", "R-2"))["again"] is True, "nothing is taken back twice"
            assert await refused(world.register.sale("V-2", 125_000, "earn")) == (1005, "E14")
            assert await refused(world.register.take_back("V-2", "R-1")) == (1005, "E14")
            assert await refused(world.register.take_back("R-2", "R-2")) == (1005, "E14"), "not by itself"
            world.plug()
        await world.sees("READY", 25_000)
        await world.register.take_back("V-3", "R-2")
        assert (await world.done("V-3"))["outcome"] == "declined", "nothing was left to be taken back"

    shop.play(story)
    assert [e.state for e in shop.journal.entries.values() if e.transaction.reference == "R-2"] == [VOIDED]
