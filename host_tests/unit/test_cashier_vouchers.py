"""Offers, vouchers, gifts and rewards at the counter: prices before the last key, one intent, and nothing half used."""

from __future__ import annotations

import pytest

from firmware.core.errors import LinkDown, NoAnswer
from firmware.core.types import ACCRUAL, ISSUE, REDEMPTION, USE, Reply
from firmware.loyalty.facts import day_of
from firmware.loyalty.offers import BONUS, COURTESY, MONEY, PERCENT
from firmware.switch import tlv
from firmware.switch.profile import (
    TAG_BASKET,
    TAG_FLAGS,
    TAG_OFFER,
    TAG_REASON,
    TAG_REWARD,
    TAG_TEXT,
    TAG_VOUCHER,
)
from host_tests.unit.cashier_kit import START_UTC, World, member

NUMBER = "1234567897"
PRICE = 100_000


def offer(number: int, kind: int, value: int, *, minimum: int = 0, category: int = 0, count: int = 0, text: str = "x"):
    head = number.to_bytes(2, "big") + bytes([kind]) + value.to_bytes(4, "big") + bytes.fromhex("270220")
    return TAG_OFFER, head + minimum.to_bytes(5, "big") + bytes([category, count]) + text.encode()


def yes(points: int = 0, balance: int | None = None, *tags: tuple[int, bytes], known: bool = False) -> Reply:
    content = tlv.pack(list(tags))
    text = dict(tags).get(TAG_TEXT, b"").decode()
    who = member(balance or 0) if known else None
    return Reply("00", points, balance, "A1B2C3", who, text, tags=tlv.parse(content), content=content)


def said(world: World, verb: int) -> dict[int, bytes]:
    """The details of the newest transaction of this verb, which was in the journal before it was sent."""
    found = [entry.transaction for entry in world.journal.entries.values() if entry.transaction.verb == verb]
    return dict(tlv.items(found[-1].details))


def amounts(world: World, verb: int) -> list[int]:
    return [e.transaction.amount for e in world.journal.entries.values() if e.transaction.verb == verb]


async def sells(w: World, amount: str = "1 0 0 000") -> None:
    w.counter.greets = True
    await w.keys(*amount.split(), "OK")
    await w.sees("TAP CARD")
    await w.tap()


async def types(w: World, digits: str = NUMBER) -> None:
    await w.sees("10 digits, OK")
    await w.keys(*digits, "OK")


async def uses(w: World, amount: str = "1 0 0 000") -> None:
    """MENU 8 1, until the price is agreed to."""
    await w.keys("MENU")
    await w.keys("8")
    await w.sees("1 Use voucher")
    await w.keys("1")
    await types(w)
    await w.sees("Amount, then OK")
    await w.keys(*amount.split(), "OK")
    await w.sees("OK yes CANCEL no")
    await w.keys("OK")
    await w.sees("No card: OK")


def test_before_and_after_are_shown_before_anything_is_sent_and_only_then_it_is_applied() -> None:
    world = World()
    world.switch.replies = [yes(0, 1000, offer(7, PERCENT, 15), known=True), yes(85, 1085)]

    async def story(w: World) -> None:
        await sells(w)
        await w.sees("15% off")
        await w.keys("1")
        await w.sees("-15,000")
        assert any("100,000" in row for row in w.canvas.rows)
        assert any("85,000" in row for row in w.canvas.rows)
        assert w.order("append", "request") == []
        await w.keys("OK")
        await w.sees("EARNED")

    world.play(story)
    assert world.order("append", "request") == ["append accrual online", "request"]
    assert amounts(world, ACCRUAL) == [85_000]
    assert said(world, ACCRUAL)[TAG_OFFER] == b"\0\7" + PRICE.to_bytes(5, "big") + b"\0"
    receipt = "\n".join(world.printer.receipts[-1])
    assert "Paid: 85,000 rial" in receipt and "Amount:" not in receipt
    assert "Price: 100,000 rial" in receipt


@pytest.mark.parametrize("error", [NoAnswer(), LinkDown()])
def test_an_offer_without_the_switchs_word_is_reversed_and_never_approved_here(error: Exception) -> None:
    world = World()
    world.switch.replies = [yes(0, 1000, offer(7, PERCENT, 15), known=True), error]

    async def story(w: World) -> None:
        await sells(w)
        await w.sees("15% off")
        await w.keys("1")
        await w.sees("85,000")
        await w.keys("OK")
        await w.sees("Needs the line")

    world.play(story)
    assert world.order("append") == ["append accrual online", "append reversal"]


def test_an_offer_that_does_not_fit_leaves_the_choice_open() -> None:
    world = World()
    world.switch.replies = [yes(0, 1000, offer(7, PERCENT, 15, minimum=200_000), known=True), yes(100, 1100)]

    async def story(w: World) -> None:
        await sells(w)
        await w.sees("15% off")
        await w.keys("1")
        await w.sees("Not this sale")
        await w.keys("OK")
        await w.sees("15% off")
        await w.keys("OK")
        await w.sees("EARNED")

    world.play(story)
    assert amounts(world, ACCRUAL) == [PRICE]
    assert TAG_OFFER not in said(world, ACCRUAL)


def test_a_multi_buy_says_its_basket_and_count_and_a_bonus_is_in_the_estimate() -> None:
    world = World()
    world.switch.replies = [yes(0, 1000, offer(7, PERCENT, 10, category=4, count=3), known=True), yes(90, 1090)]

    async def story(w: World) -> None:
        await sells(w)
        await w.sees("10% off")
        await w.keys("1")
        await w.sees("3 of basket 4?")
        await w.keys("OK")
        await w.sees("EARNED")

    world.play(story)
    assert said(world, ACCRUAL)[TAG_BASKET] == b"\4"
    assert said(world, ACCRUAL)[TAG_OFFER][-1] == 3

    bonus = World()
    bonus.switch.replies = [yes(0, 1000, offer(8, BONUS, 50), known=True), yes(150, 1150)]

    async def more(w: World) -> None:
        await sells(w)
        await w.sees("1: use")
        await w.keys("1")
        await w.sees("+50% POINTS")
        await w.keys("OK")
        await w.sees("EARNED")

    bonus.play(more)
    (sale,) = [e.transaction for e in bonus.journal.entries.values() if e.transaction.verb == ACCRUAL]
    assert (sale.amount, sale.points) == (PRICE, 150)


def test_a_gift_is_one_key_and_gets_its_courtesy_and_a_basket_is_turned_over_with_another() -> None:
    world = World()
    world.switch.replies = [yes(0, 1000, offer(9, COURTESY, 0, text="Free wrapping"), known=True), yes(100, 1100)]

    async def story(w: World) -> None:
        await sells(w, "1 0 0 000 UP DOWN DOWN")
        await w.sees("1: use")
        await w.keys("OK")
        await w.sees("Free wrapping")
        await w.keys("OK")
        await w.sees("EARNED")

    world.play(story)
    details = said(world, ACCRUAL)
    assert details[TAG_FLAGS] == b"\1"
    assert details[TAG_BASKET] == b"\2"
    assert details[TAG_OFFER][:2] == b"\0\x09"
    assert "GIFT" in "\n".join(world.printer.receipts[-1])


def test_a_voucher_rides_in_the_sale_so_there_is_one_intent_and_nothing_between() -> None:
    world = World()
    world.switch.replies = [yes(0, None, offer(0, MONEY, 30_000)), yes(70, 1070)]

    async def story(w: World) -> None:
        await uses(w)
        await w.tap()
        await w.sees("EARNED")

    world.play(story)
    assert world.order("append", "request") == ["append accrual online", "request"]
    assert amounts(world, ACCRUAL) == [70_000]
    details = said(world, ACCRUAL)
    assert details[TAG_VOUCHER] == NUMBER.encode()
    assert details[TAG_OFFER] == b"\0\0" + PRICE.to_bytes(5, "big") + b"\0"
    assert "Voucher used: ******7897" in "\n".join(world.printer.receipts[-1])


def test_without_a_card_its_use_is_an_intent_of_its_own_and_is_reversed_when_nobody_knows() -> None:
    world = World()
    world.switch.replies = [yes(0, None, offer(0, MONEY, 30_000)), NoAnswer()]

    async def story(w: World) -> None:
        await uses(w)
        await w.keys("OK")
        await w.sees("NOT USED")
        assert any("Still good" in row for row in w.canvas.rows)

    world.play(story)
    assert world.order("append", "request") == ["append use online", "request", "append reversal"]
    assert amounts(world, USE) == [70_000]


def test_a_sale_with_a_voucher_that_nobody_answered_is_reversed_with_it() -> None:
    world = World()
    world.switch.replies = [yes(0, None, offer(0, PERCENT, 15)), NoAnswer()]

    async def story(w: World) -> None:
        await uses(w)
        await w.tap()
        await w.sees("Needs the line")

    world.play(story)
    assert world.order("append") == ["append accrual online", "append reversal"]


def test_a_number_that_cannot_be_one_keeps_the_question_and_asks_nobody() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("MENU")
        await w.keys("8")
        await w.sees("4 Look at one")
        await w.keys("4")
        await types(w, "1234567890")
        await w.sees("Number is wrong")
        await w.keys("CLEAR", "OK")
        await w.sees("Number is wrong")

    world.play(story)
    assert world.order("inquire", "append") == []


def test_what_the_switch_says_of_a_voucher_is_told_and_nothing_is_written() -> None:
    world = World()
    world.switch.replies = [yes(0, None, offer(0, PERCENT, 15)), Reply("79")]

    async def story(w: World) -> None:
        for expected in ("15% OFF", "Used already"):
            await w.keys("MENU")
            await w.keys("8")
            await w.sees("4 Look at one")
            await w.keys("4")
            await types(w)
            await w.sees(expected)
            await w.keys("OK")

    world.play(story)
    assert world.order("append") == []


def test_something_is_made_good_for_a_reason_and_number_and_end_are_on_screen_and_paper() -> None:
    world = World()
    world.switch.replies = [yes(0, None, (TAG_VOUCHER, NUMBER.encode()), offer(0, MONEY, 50_000))]

    async def story(w: World) -> None:
        await w.keys("MENU")
        await w.keys("8")
        await w.sees("2 Make good")
        await w.keys("2")
        await w.sees("3 Wrong goods")
        await w.keys("3")
        await w.keys("5", "0", "000", "OK")
        await w.sees("No card: OK")
        await w.tap()
        await w.sees("Make voucher?")
        assert w.order("append") == []
        await w.keys("OK")
        await w.sees("VOUCHER")
        assert any(NUMBER in row for row in w.canvas.rows)
        assert any("until 2027-02-20" in row for row in w.canvas.rows)

    world.play(story)
    assert said(world, ISSUE) == {TAG_REASON: b"\3"}
    receipt = world.printer.receipts[-1]
    assert f"Voucher: {NUMBER}" in receipt
    assert "Good until: 2027-02-20" in receipt
    (entry,) = [e for e in world.journal.entries.values() if e.transaction.verb == ISSUE]
    assert entry.result is not None
    assert entry.result.voucher == NUMBER
    assert day_of(START_UTC) + entry.result.voucher_days == 20_869  # 2027-02-20


def test_a_gift_card_is_sold_without_a_reason_and_nothing_is_made_while_the_line_is_down() -> None:
    world = World()
    world.switch.replies = [yes(0, None, (TAG_VOUCHER, NUMBER.encode()), offer(0, MONEY, 50_000))]

    async def story(w: World) -> None:
        await w.keys("MENU")
        await w.keys("8")
        await w.sees("3 Gift card")
        await w.keys("3")
        await w.keys("5", "0", "000", "OK")
        await w.sees("No card: OK")
        await w.keys("OK")
        await w.sees("Make voucher?")
        await w.keys("OK")
        await w.sees(NUMBER)
        w.switch.up = False
        await w.keys("OK", "MENU")
        await w.keys("8")
        await w.sees("3 Gift card")
        await w.keys("3")
        await w.sees("No voucher now")

    world.play(story)
    assert said(world, ISSUE) == {TAG_FLAGS: b"\1"}
    assert not any("Card:" in line for line in world.printer.receipts[-1])


def test_a_prize_is_shown_and_printed_whoever_is_in_a_hurry() -> None:
    world = World()
    won = (TAG_TEXT, b"You won 15% off")
    world.switch.replies = [yes(100, 1100, (TAG_VOUCHER, NUMBER.encode()), offer(0, PERCENT, 15), won)]

    async def story(w: World) -> None:
        await w.keys("1", "0", "0", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.keys("SALE")
        await w.sees("A PRIZE!")
        assert any(NUMBER in row for row in w.canvas.rows)

    world.play(story)
    receipt = world.printer.receipts[-1]
    assert "You won 15% off" in receipt
    assert f"Voucher: {NUMBER}" in receipt


def test_a_voucher_whose_number_cannot_be_right_is_not_promised() -> None:
    world = World()
    world.switch.replies = [yes(100, 1100, (TAG_VOUCHER, b"1234567890"), offer(0, PERCENT, 15))]

    async def story(w: World) -> None:
        await w.keys("1", "0", "0", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert not any("Voucher" in line for line in world.printer.receipts[-1])


REWARDS = ((1, 550, 60_000, "Mug"), (2, 700, 80_000, "Teapot"))


async def redeems(w: World) -> None:
    w.books.rules.rewards = REWARDS
    await w.keys("REDEEM")
    await w.sees("TAP CARD")
    await w.tap()


def test_a_reward_is_chosen_by_number_with_both_its_prices_before_the_last_key() -> None:
    world = World()
    world.switch.replies = [yes(0, 600), yes(-550, 50)]

    async def story(w: World) -> None:
        await redeems(w)
        await w.sees("1 Mug")
        assert not any("Teapot" in row for row in w.canvas.rows)
        assert any("0 Other amount" in row for row in w.canvas.rows)
        await w.keys("1")
        await w.sees("USE POINTS?")
        assert any("60,000 R" in row for row in w.canvas.rows), w.canvas.rows
        assert w.order("append") == []
        await w.keys("OK")
        await w.sees("USED")

    world.play(story)
    (spent,) = [e.transaction for e in world.journal.entries.values() if e.transaction.verb == REDEMPTION]
    assert (spent.points, spent.amount) == (-550, 60_000)
    assert said(world, REDEMPTION)[TAG_REWARD] == b"\0\1"
    assert "Reward: 1" in world.printer.receipts[-1]


def test_another_amount_is_what_the_customer_chooses() -> None:
    world = World()
    world.switch.replies = [yes(0, 600), yes(-500, 100)]

    async def story(w: World) -> None:
        await redeems(w)
        await w.sees("0 Other amount")
        await w.keys("0")
        await w.sees("HOW MANY POINTS")
        await w.keys("OK")
        await w.sees("USE POINTS?")
        await w.keys("OK")
        await w.sees("USED")

    world.play(story)
    assert said(world, REDEMPTION) == {}


def test_below_the_threshold_there_is_nothing_unless_the_catalogue_spares_its_rewards() -> None:
    world = World()
    world.switch.replies = [yes(0, 400), yes(0, 400)]

    async def story(w: World) -> None:
        w.books.rules.rewards = ((3, 300, 20_000, "Tea"),)
        for expected in ("Too few points", "3 Tea"):
            await w.keys("REDEEM")
            await w.sees("TAP CARD")
            await w.tap()
            await w.sees(expected)
            await w.keys("OK")
            w.books.rules.rewards_below = True

    world.play(story)
    assert world.order("append") == []


def test_a_reward_waits_for_the_line_when_it_goes_at_the_last_key() -> None:
    world = World()
    world.switch.replies = [yes(0, 600)]

    async def story(w: World) -> None:
        await redeems(w)
        await w.sees("1 Mug")
        await w.keys("1")
        await w.sees("USE POINTS?")
        w.switch.up = False
        await w.keys("OK")
        await w.sees("No connection")

    world.play(story)
    assert world.order("append") == []
