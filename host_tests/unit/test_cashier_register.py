"""What the cash register orders runs as the cashier's own sale does, once for each reference; the answer follows from
the journal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware.core.errors import LinkDown, NoAnswer, RpcError
from firmware.core.types import ACCRUAL, OPEN, REDEMPTION, REVERSAL, Reply, Transaction
from firmware.screen import keys as key
from host_tests.unit.cashier_kit import ALI, member
from host_tests.unit.till_kit import EARNED, HAS, Shop, refused, stocked

SPENT = Reply("00", -700, 665, "ABC124", member(665))


@pytest.fixture
def shop() -> Shop:
    return stocked()


def test_an_order_is_the_sale_of_the_keys_with_its_reference_in_the_intent(shop: Shop) -> None:
    shop.switch.replies = [EARNED]

    async def story(world: Shop) -> None:
        assert await world.register.sale("R-1", 125_000, "earn") == {
            "ref": "R-1", "state": "waiting_card", "again": False,
        }  # fmt: skip
        await world.sees("125,000")
        await world.tap()
        status = await world.done("R-1")
        assert (status["outcome"], status["points"], status["discount"], status["payable"]) == (
            "approved", 125, 0, 125_000,
        )  # fmt: skip
        assert (status["balance"], status["estimated"]) == (1365, False)
        assert world.states("R-1") == ["waiting_card", "card", "sending", "done"]
        assert world.plug().last() == {"ref": "R-1", "state": "done"}, "also after a restart"
        again = {**await world.register.status("R-1"), "balance_age_s": 0}
        assert again == {**status, "balance_age_s": 0}, "the same answer after a restart"
        assert await world.register.status("") == await world.register.status("R-1")

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1")]
    assert shop.order("append", "request") == ["append accrual online", "request"]


def test_the_same_order_again_is_the_same_sale_before_and_after_a_restart(shop: Shop) -> None:
    shop.switch.replies = [EARNED]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        again = await world.register.sale("R-1", 125_000, "earn")
        assert again == {"ref": "R-1", "state": "waiting_card", "again": True}
        assert await refused(world.register.sale("R-1", 125_001, "earn")) == (1005, "E14")
        await world.tap()
        await world.done("R-1")
        for _ in range(2):
            assert (await world.register.sale("R-1", 125_000, "earn"))["again"] is True
            assert await refused(world.register.sale("R-1", 5, "earn")) == (1005, "E14")
            assert await refused(world.register.balance("R-1")) == (1005, "E14")
            assert world.register.clashes >= 2, "health tells of them"
            world.plug()

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1")]


def test_without_an_answer_the_advice_has_the_reference_and_counts(shop: Shop) -> None:
    shop.switch.replies = [NoAnswer()]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        await world.tap()
        for _ in range(2):
            status = await world.done("R-1")
            assert (status["outcome"], status["points"], status["estimated"]) == ("approved_offline", 125, True)
            world.plug()

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1"), (REVERSAL, ""), (ACCRUAL, "R-1")]


def test_an_open_intent_is_unknown_and_becomes_reversed(shop: Shop) -> None:
    shop.journal.append(Transaction(101, ACCRUAL, 0, ALI.uid, 1, 125_000, 125, 1_795_400_000, 2, reference="R-9"))
    shop.journal.high = 101

    async def story(world: Shop) -> None:
        assert (await world.register.status("R-9"))["outcome"] == "reversed", "the start reversed it"
        world.journal.entries[101].state = OPEN
        status = await world.register.status("R-9")
        assert (status["state"], status["outcome"]) == ("sending", "unknown"), "which is no end"

    shop.play(story)


def test_points_pay_no_more_than_the_receipt(shop: Shop) -> None:
    shop.switch.replies = [HAS, SPENT]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 75_000, "burn")
        await world.tap()
        await world.sees("500")
        await world.keys("UP", "UP", "UP", "UP", "OK")
        await world.sees("700", 4000)
        await world.keys("OK")
        for _ in range(2):
            status = await world.done("R-1")
            assert (status["outcome"], status["points"], status["discount"], status["payable"]) == (
                "approved", -700, 70_000, 5_000,
            )  # fmt: skip
            assert await refused(world.register.sale("R-1", 70_000, "earn")) == (1005, "E14")
            assert (await world.register.sale("R-1", 75_000, "burn"))["again"] is True
            world.plug()

    shop.play(story)
    assert shop.kinds() == [(REDEMPTION, "R-1")]
    assert "asking" in shop.states("R-1")


def test_the_customer_says_whether_points_are_earned_or_used(shop: Shop) -> None:
    shop.switch.replies = [EARNED]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "ask")
        await world.tap()
        await world.sees("Use points")
        await world.keys("1")
        assert (await world.done("R-1"))["points"] == 125

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1")]


def test_a_receipt_below_the_fewest_points_says_so(shop: Shop) -> None:
    shop.switch.replies = [HAS]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 49_999, "burn")
        await world.tap()
        status = await world.done("R-1")
        assert (status["outcome"], status["code"], status["payable"]) == ("declined", "E17", 49_999)

    shop.play(story)
    assert shop.kinds() == []


def test_one_reference_stands_for_one_use_of_the_points(shop: Shop) -> None:
    shop.switch.replies = [EARNED]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "ask")
        assert await refused(world.register.sale("R-1", 125_000, "earn")) == (1005, "E14")
        await world.tap()
        await world.sees("Use points")
        await world.keys("1")
        await world.done("R-1")
        assert await refused(world.register.sale("R-1", 125_000, "burn")) == (1005, "E14")
        world.plug()
        assert await refused(world.register.sale("R-1", 125_000, "burn")) == (1005, "E14")
        for use in ("ask", "earn"):  # which of the two it was the record does not tell
            assert (await world.register.sale("R-1", 125_000, use))["again"] is True

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1")]


class Locked:
    """Staff whose rest is over just when the order has been looked at."""

    clerk = 0

    def __init__(self) -> None:
        self.rested = False

    def locked(self) -> bool:
        return self.rested

    def rest(self) -> None: ...

    def touch(self) -> None: ...


def test_an_order_that_cannot_begin_is_told_why(shop: Shop) -> None:
    async def told(world: Shop) -> tuple[str, int]:
        with pytest.raises(RpcError) as error:
            await world.register.sale("R-1", 125_000, "earn")
        return error.value.code, error.value.retry_ms

    async def story(world: Shop) -> None:
        order = world.desk.order

        def and_it_is_stopped(begin: Any) -> None:
            order(begin)
            world.switch.halt = "P26" if begin is not None else ""

        world.desk.order = and_it_is_stopped  # type: ignore[method-assign]
        assert await told(world) == ("P26", 0)
        world.desk.order = order  # type: ignore[method-assign]
        await world.keys("CANCEL")
        await world.sees("READY")
        staff = world.counter.staff = Locked()  # type: ignore[assignment]

        def and_it_locks(begin: Any) -> None:
            order(begin)
            staff.rested = True

        world.desk.order = and_it_locks  # type: ignore[method-assign]
        assert await told(world) == ("E11", 0)
        world.desk.order = order  # type: ignore[method-assign]
        await asyncio.sleep(1)
        assert any("LOCKED" in row for row in world.canvas.rows), "nobody came who would say who they are"
        world.counter.staff = None
        world.canvas.go()
        await asyncio.sleep(4)
        assert await told(world) == ("R02", 0)
        world.canvas.go(False)
        await asyncio.sleep(2)
        assert (await world.register.sale("R-1", 125_000, "earn"))["again"] is False

    shop.play(story)
    assert shop.kinds() == []


def test_an_order_is_refused_while_something_else_is_on_the_screen_and_ends_an_outcome(shop: Shop) -> None:
    shop.switch.replies = [EARNED, EARNED]

    async def story(world: Shop) -> None:
        await world.keys("SALE")
        await world.sees("SALE")
        assert await refused(world.register.sale("R-1", 125_000, "earn")) == (1001, "E10")
        await world.keys("CANCEL")
        await world.sees("READY")
        await world.register.sale("R-1", 125_000, "earn")
        assert await refused(world.register.sale("R-2", 7_000, "earn")) == (1001, "E10")
        await world.tap()
        await world.done("R-1")
        await world.sees("EARNED")
        assert (await world.register.sale("R-2", 7_000, "earn"))["again"] is False, "nobody has to press a key first"
        await world.sees("7,000")
        await world.tap()
        await world.done("R-2")
        world.switch.stopped = True
        assert await refused(world.register.sale("R-3", 7_000, "earn")) == (1001, "P27")

    shop.play(story)
    assert shop.kinds() == [(ACCRUAL, "R-1"), (ACCRUAL, "R-2")]


def test_a_key_that_was_quicker_gets_the_till_and_the_order_none(shop: Shop) -> None:
    async def story(world: Shop) -> None:
        order = world.desk.order

        def and_a_key(begin: Any) -> None:
            order(begin)
            world.counter.panel.give_back(key.SALE)  # before the order, and not yet taken

        world.desk.order = and_a_key  # type: ignore[method-assign]
        assert await refused(world.register.sale("R-1", 125_000, "earn")) == (1001, "E10")
        world.desk.order = order  # type: ignore[method-assign]
        assert await refused(world.register.status("R-1")) == (1004, "E13")
        await world.keys("CANCEL")
        await world.sees("READY")
        await asyncio.sleep(1)
        assert any("READY" in row for row in world.canvas.rows), "the order does not begin later"

    shop.play(story)


def test_a_balance_is_asked_for_and_a_sale_marked_as_booked(shop: Shop) -> None:
    shop.switch.replies = [HAS]

    async def story(world: Shop) -> None:
        await world.register.balance("B-1")
        await world.tap()
        status = await world.done("B-1")
        assert (status["outcome"], status["balance"], status["estimated"]) == ("approved", 1365, False)
        assert await refused(world.register.booked("R-0")) == (1004, "E13")
        assert (await world.register.booked("B-1"))["state"] == "done"

    shop.play(story)


def test_offline_without_a_line_and_the_receipt_of_it(shop: Shop) -> None:
    shop.switch.replies = [LinkDown()]

    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        await world.tap()
        status = await world.done("R-1")
        lines = await world.register.receipt("R-1")
        assert any(status["rrn"] in line for line in lines)
        assert any("Corner Shop" in line for line in lines)
        assert all(len(line) <= 32 for line in lines)

    shop.play(story)


def test_the_room_is_let_go_when_no_register_has_spoken_for_long(shop: Shop) -> None:
    async def story(world: Shop) -> None:
        await world.register.sale("R-1", 125_000, "earn")
        assert not world.register.idle()
        await asyncio.sleep(400)
        assert not world.register.idle()
        await asyncio.sleep(201)
        assert world.register.idle()

    shop.play(story)
