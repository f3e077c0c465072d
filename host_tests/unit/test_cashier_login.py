"""Nobody sells before a number and its PIN; tries are counted, waits last, and a lost PIN has a way out."""

import asyncio

import pytest

from firmware.cashier.login import pause_s
from firmware.core.types import Reply
from firmware.screen import staff as screens
from firmware.text import catalogue
from host_tests.unit.cashier_kit import START_UTC
from host_tests.unit.staff_kit import PINS, SHOP, Till


def ok(points: int = 5) -> Reply:
    return Reply("00", points, 1000, "123456")


@pytest.fixture
def till(tmp_path):
    return Till(tmp_path, SHOP)


def test_a_shop_without_clerks_sells_as_ever(tmp_path):
    async def story(till):
        await till.sees("READY")
        till.switch.replies = [ok()]
        await till.keys("5", "000", "OK")
        await till.tap()
        await till.sees("EARNED")
        assert till.switch.sent[0].clerk == 0

    Till(tmp_path).play(story)


def test_a_clerk_sells_after_the_pin_and_the_sale_carries_the_number(till):
    async def story(till):
        await till.at_the_till(3)
        await till.sees("Clerk 3")
        till.switch.replies = [ok()]
        await till.keys("5", "000", "OK")
        await till.tap()
        await till.sees("EARNED")
        assert till.switch.sent[0].clerk == 3

    till.play(story)
    assert not any("7391" in line for line in till.log.newest(200))


def test_a_locked_till_tells_nothing_of_a_card(till):
    async def story(till):
        await till.sees("LOCKED")
        await till.tap()
        await till.sees("WHO IS THERE?")
        assert till.order("inquire") == []

    till.play(story)


def test_it_locks_after_rest_and_not_while_a_story_runs(till):
    async def story(till):
        await till.at_the_till(3)
        await asyncio.sleep(290)
        assert any("READY" in row for row in till.canvas.rows)
        await till.keys("5", "OK")
        await till.sees("TAP CARD")
        await asyncio.sleep(25)
        await till.keys("CANCEL")
        await till.sees("READY")
        await asyncio.sleep(299)
        await till.sees("LOCKED")
        assert till.books.clerk == 0

    till.play(story)


def test_it_never_locks_when_the_setting_is_0(till):
    till.staff.lock_s = 0

    async def story(till):
        await till.at_the_till(3)
        await asyncio.sleep(700)
        await till.sees("Clerk 3")

    till.play(story)


def test_wrong_pin_and_unknown_number_are_told_counted_and_paused_alike(till):
    seen = {}

    async def story(till):
        for number in (4, 77):
            for _ in range(3):
                await till.log_in(number, "1111")
                await till.sees("P90")
                await till.keys("OK")
            began = asyncio.get_running_loop().time()
            await till.log_in(number, "1111")
            await till.sees("P91")
            seen[number] = [row for row in till.canvas.rows if row.startswith("Wait")]
            seen[number, "s"] = asyncio.get_running_loop().time() - began
            await till.keys("OK")
        await till.at_the_till(3)  # another number is not concerned, and forgives nothing
        await till.keys("MENU", "9", "1")
        await till.log_in(4)
        await till.sees("P91")

    till.play(story)
    assert seen[4] == seen[77] == ["Wait 30 s"]
    assert abs(seen[4, "s"] - seen[77, "s"]) < 0.1


@pytest.mark.parametrize(("left_s", "told"), [(1, "5"), (28, "30"), (30, "30"), (31, "35"), (3600, "3600")])
def test_a_pause_is_told_in_whole_steps_and_never_too_short(left_s: int, told: str) -> None:
    text = catalogue.load("en")
    assert f"Wait {told} s" in [line[1] for line in screens.paused(text, "P91", left_s)]


@pytest.mark.parametrize("number", [0, 255, 256, 999])
def test_a_number_nobody_can_have_is_told_counted_and_paused_as_any_other(till, number):
    async def story(till):
        for _ in range(3):
            await till.log_in(number, "1111")
            await till.sees("P90")
            await till.keys("OK")
        await till.log_in(number, "1111")
        await till.sees("P91")
        await till.keys("OK")
        await till.at_the_till(3)

    till.play(story)
    store = till.staff.store()
    store.open()
    assert store.tries(number if number <= 255 else 0) == 3


def test_waits_grow_and_a_success_forgives():
    assert [pause_s(tries) for tries in (0, 1, 2, 3, 4, 5, 6, 9)] == [0, 0, 0, 30, 120, 480, 1800, 1800]


def test_after_the_wait_the_right_pin_is_taken_and_all_tries_are_there_again(till):
    async def story(till):
        for _ in range(3):
            await till.log_in(3, "1111")
            await till.sees("P90")
            await till.keys("OK")
        await asyncio.sleep(31)
        await till.at_the_till(3)
        await till.keys("MENU", "9", "1")
        await till.log_in(3, "1111")
        await till.sees("P90")
        await till.keys("OK")
        await till.at_the_till(3)

    till.play(story)


def test_a_wait_begins_again_with_each_start_and_the_clock_has_no_say(till):
    async def three_wrong(till):
        for _ in range(3):
            await till.log_in(3, "1111")
            await till.sees("P90")
            await till.keys("OK")
        await asyncio.sleep(29)

    async def after_the_start(till):
        await till.log_in(3)
        await till.sees("P91")
        await till.keys("OK")
        await asyncio.sleep(20)
        await till.log_in(3)
        await till.sees("P91")
        await till.keys("OK")
        await asyncio.sleep(15)
        await till.at_the_till(3)

    till.play(three_wrong)
    till.restart().play(after_the_start)


def test_ten_wrong_pins_lock_a_number_until_a_supervisor_unlocks_it(till):
    store = till.staff.store()
    store.open()
    for _ in range(10):
        store.count(3)

    async def story(till):
        await till.log_in(3)
        await till.sees("P92")
        await till.keys("OK")
        await till.at_the_till(9)
        await till.keys("MENU", "9", "4", "4")
        await till.sees("Which number?")
        await till.keys("3", "OK")
        await till.sees("Saved")
        await till.keys("OK", "CANCEL")
        await till.sees("READY")
        await till.keys("MENU", "9", "1")
        await till.at_the_till(3)

    till.play(story)


@pytest.mark.parametrize("lost", ["nobody yet", "lost pin", "damaged"])
def test_the_switch_s_answer_makes_a_supervisor(tmp_path, lost):
    till = Till(tmp_path, () if lost == "nobody yet" else SHOP)
    if lost == "damaged":
        (tmp_path / "staff.dat").write_bytes(b"\0" * 200)

    async def story(till):
        if lost == "nobody yet":
            await till.sees("READY")
            await till.keys("MENU", "9", "4")
        elif lost == "lost pin":
            await till.sees("LOCKED")
            await till.keys("MENU")
        else:
            await till.sees("LOCKED")
            await till.keys("5")
            await till.sees("P96")
            await till.keys("MENU")
        await till.answer()
        await till.sees("Which number?")
        await till.keys("9", "OK")
        for title in ("6 digits", "Once more"):
            await till.sees(title)
            await till.keys(*"847362", "OK")
        await till.sees("Saved")
        await till.keys("OK")
        await till.log_in(9, "847362")
        await till.sees("Supervisor")

    till.play(story)


def test_easy_short_and_used_pins_are_refused_alike(till):
    async def story(till):
        await till.at_the_till(9)
        await till.keys("MENU", "9", "4")
        for number, tried in ((5, "1234"), (5, "739"), (5, "73911"), (5, PINS[3])):
            await till.sees("2 Add")
            await till.keys("2")
            await till.sees("Which number?")
            await till.keys(*str(number), "OK")
            await till.sees("1 Clerk")
            await till.keys("1")
            await till.sees("4 digits")
            await till.keys(*tried, "OK")
            if tried == PINS[3]:
                await till.sees("Once more")
                await till.keys(*tried, "OK")
            await till.sees("P93")
            await till.keys("OK")
        await till.sees("2 Add")
        await till.keys("2")
        await till.sees("Which number?")
        await till.keys("5", "OK", "1")
        for _ in range(2):
            await till.sees("NEW PIN")
            await till.keys(*"8264", "OK")
        await till.sees("Saved")

    till.play(story)
    store = till.staff.store()
    store.open()
    assert [one.number for one in store.clerks] == [3, 4, 5, 9]


def test_an_own_card_earns_nothing_at_its_owner_s_login(till):
    async def story(till):
        await till.at_the_till(9)
        await till.keys("MENU", "9", "4", "6")
        await till.sees("Which number?")
        await till.keys("3", "OK")
        await till.sees("TAP CARD")
        await till.tap()
        await till.sees("Saved")
        await till.keys("OK", "CANCEL")
        await till.sees("READY")
        till.switch.replies = [ok()]
        await till.keys("5", "000", "OK")
        await till.tap()
        await till.sees("EARNED")
        await till.keys("OK", "MENU", "9", "1")
        await till.at_the_till(3)
        await till.keys("7", "000", "OK")
        await till.tap()
        await till.sees("P95")

    till.play(story)
    assert len(till.switch.sent) == 1


def test_the_last_transaction_is_told_to_whoever_comes_to_the_till(till):
    async def sold(till):
        await till.at_the_till(3)
        till.switch.replies = [ok()]
        await till.keys("5", "000", "OK")
        await till.tap()
        await till.sees("EARNED")

    async def later(till):
        await till.sees("LOCKED")
        assert not any("LAST SALE" in row for row in till.canvas.rows)
        await till.log_in(3)
        await till.sees("Good work")
        await till.keys("OK")
        await till.sees("LAST SALE")

    till.play(sold)
    again = till.restart()
    for entry in till.journal.entries.values():
        entry.transaction.time_utc = START_UTC - 60
    again.journal.entries.update(till.journal.entries)
    again.play(later)
