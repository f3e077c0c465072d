"""A sale is booked in the unit it was keyed in, over a day of redemption too, and each record keeps its own."""

from __future__ import annotations

import asyncio

from firmware.core.types import Reply
from firmware.loyalty.rules import Rules
from firmware.text import days
from firmware.text.money import RIAL, TOMAN, Change, Money
from host_tests.unit.cashier_kit import START_UTC, World, member

CHANGE = Change(999, 2, 10_000, days.of(START_UTC) + 1)


def world(held: Money) -> World:
    made = World()
    made.switch.replies = [Reply("00", 125, 1125, "ABC123", member(1125))] * 4
    made.held = held
    return made


def settle(w: World) -> None:
    """What the settings make at a start."""
    w.counter.panel.text.money = w.books.money = w.held
    w.held.told.append(w.books.rules.count_in)
    w.counter.limits.max_amount = 1_000_000


def till(w: World, seconds_after_midnight: int) -> None:
    """Set the clock; midnight is Tehran's."""
    midnight = CHANGE.day * 86_400 - 12_600
    w.clock._born -= (midnight + seconds_after_midnight - w.clock.now_utc()) * 1_000_000


async def sold(w: World, *keys: str) -> None:
    await w.keys(*keys, "OK")
    await w.sees("TAP CARD")
    await w.tap()
    await w.sees("EARNED")
    await w.keys("OK")
    await w.sees("READY")


def booked(w: World) -> list[tuple[int, int, bool]]:
    found = [entry.transaction for entry in w.journal.entries.values()]
    return [(t.amount, t.points, t.new_money) for t in found]


def test_keyed_toman_are_ten_times_as_many_rial() -> None:
    made = world(Money(TOMAN))

    async def story(w: World) -> None:
        await w.sees("READY")
        settle(w)
        await w.keys("1", "2", "5", "000")
        await w.sees("125,000")
        await w.sees("T  = 1,250,000 R")
        await w.keys("OK")
        await w.sees("too large")  # of a million rial
        await w.keys("CLEAR")
        await w.sees("12,500")
        await sold(w)

    made.play(story)
    assert booked(made) == [(125_000, 125, False)]
    assert "Amount: 12,500 toman" in made.printer.receipts[0]


def test_the_second_before_midnight_is_old_and_midnight_is_new() -> None:
    made = world(Money(RIAL, change=CHANGE))

    async def story(w: World) -> None:
        await w.sees("READY")
        settle(w)
        till(w, -30)
        await w.keys("1", "2", "5", "000", "OK")
        await w.sees("125,000 rial")
        till(w, 60)  # the customer looks for the card
        await w.tap()
        await w.sees("EARNED")
        await w.keys("OK")
        await w.sees("READY")
        await w.keys("1", "2", "4", "0")
        await w.sees("12.40")
        await sold(w)
        await w.keys("1", "0", "0", "0", "1", "OK")
        await w.sees("too large")  # a million rial are ten thousand qeran

    made.play(story)
    assert booked(made) == [(125_000, 125, False), (1240, 124, True)]
    assert "Amount: 125,000 rial" in made.printer.receipts[0]
    assert "Amount: 12.40 new rial" in made.printer.receipts[1]


def test_a_void_is_in_the_currency_of_what_it_undoes() -> None:
    made = world(Money(RIAL, change=CHANGE))

    async def story(w: World) -> None:
        await w.sees("READY")
        settle(w)
        await sold(w, "1", "2", "5", "000")
        till(w, 1)
        await w.keys("MENU", "7", "1")
        await w.sees("125,000 rial")
        await asyncio.sleep(0.5)
        await w.keys("OK")
        await w.sees("VOIDED")

    made.play(story)
    assert booked(made)[1][0::2] == (125_000, False)


def test_points_are_equal_by_the_rules_row_and_without_it() -> None:
    for rows in ((), (999, 100, 1)):
        rules = Rules(1000, 1, 500, 100, 100, currencies=rows)
        before = rules.earned(125_000), rules.worth(600)
        rules.count_in(999, 100)
        assert (rules.earned(1250), rules.worth(600) * 100) == before
        assert rules.in_money(60_000) == 600
        rules.count_in(364, 1)
        assert (rules.earned(125_000), rules.worth(600)) == before
