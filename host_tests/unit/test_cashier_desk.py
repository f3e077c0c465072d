"""The desk between stories: balance, menu, start after a power cut, faults."""

import asyncio

import pytest

from firmware.core.errors import NoAnswer, ReaderDead, TwoCards
from firmware.core.types import ACCRUAL, AUTH_LEGACY, CLOCK_OK, OFFLINE, ONLINE, REDEMPTION, Reply, Transaction
from host_tests.unit.cashier_kit import ALI, START_UTC, World, member


def _intent(seq: int, verb: int, mode: int, points: int, age_s: int = 30) -> Transaction:
    return Transaction(seq, verb, mode, ALI.uid, AUTH_LEGACY, 50_000, points, START_UTC - age_s, CLOCK_OK)


def test_a_tap_at_idle_shows_the_confirmed_balance() -> None:
    world = World()
    world.switch.replies = [Reply("00", 0, 640, "", member(640))]

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.tap()
        await w.sees("640")
        await w.sees("confirmed")
        await w.sees("Ali")
        await w.sees("READY", 25_000)

    world.play(story)
    assert world.order("append") == []


@pytest.mark.parametrize("up", [False, True])
def test_without_the_switch_the_balance_is_an_estimate_with_its_age(up: bool) -> None:
    world = World()
    world.switch.up = up
    world.switch.replies = [NoAnswer()]
    world.members.put(member(640, START_UTC - 3 * 3600))
    world.journal.append(_intent(1, ACCRUAL, OFFLINE, 50, 3000))

    async def story(w: World) -> None:
        await w.keys("BALANCE")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("690")
        await w.sees("estimated 3 h")

    world.play(story)


def test_an_unknown_card_offline_has_no_balance_to_show() -> None:
    world = World()
    world.switch.up = False

    async def story(w: World) -> None:
        await w.keys("BALANCE")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("Balance unknown")
        await w.keys("7")
        await w.sees("SALE")

    world.play(story)


def test_a_refused_card_is_not_shown_a_remembered_balance() -> None:
    world = World()
    world.members.put(member(640))
    world.switch.replies = [Reply("41")]

    async def story(w: World) -> None:
        await w.tap()
        await w.sees("Card is lost")

    world.play(story)


@pytest.mark.parametrize(("error", "shown"), [(TwoCards(3), "3 CARDS"), (ReaderDead(), "Reader fault")])
def test_a_bad_tap_at_idle_is_told_and_the_keys_go_on_working(error: Exception, shown: str) -> None:
    world = World()

    async def story(w: World) -> None:
        await w.tap(error)  # type: ignore[arg-type]
        await w.sees(shown)
        await w.keys("4")
        await w.sees("SALE")

    world.play(story)


def test_an_intent_cut_off_by_power_is_reversed_before_anything_is_sold_and_told() -> None:
    world = World()
    world.journal.append(_intent(1, REDEMPTION, ONLINE, -500))

    async def story(w: World) -> None:
        await w.sees("NOT USED")
        await w.sees("Points are safe")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.calls[1] == "append reversal"


def test_an_offline_sale_cut_off_after_its_frame_is_told_as_it_stands() -> None:
    world = World()
    world.journal.append(_intent(1, ACCRUAL, OFFLINE, 50))

    async def story(w: World) -> None:
        await w.sees("LAST SALE")
        await w.sees("SAVED")
        await w.sees("about +50")

    world.play(story)


def test_an_old_last_sale_is_not_told_at_start() -> None:
    world = World()
    world.journal.append(_intent(1, ACCRUAL, OFFLINE, 50, 90_000))

    async def story(w: World) -> None:
        await w.sees("READY")

    world.play(story)
    assert "show LAST SALE" not in str(world.calls)


def test_the_menu_reprints_sends_and_tells() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("MENU", "1")
        await w.sees("No last sale")
        await w.keys("MENU")
        await w.sees("Reprint last")
        await w.keys("9")
        await w.sees("Not this key")
        await w.keys("2")
        await w.sees("SENT")
        await w.keys("MENU")
        await w.keys("3")
        await w.sees("T0000001")
        await w.keys("OK", "CANCEL")
        await w.sees("READY")

    world.play(story)
    assert "hurry" in world.calls


def test_the_desk_is_quiet_only_between_stories() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.sees("READY")
        await asyncio.sleep(5)
        assert w.desk.quiet(3000)
        await w.keys("5")
        await w.sees("SALE")
        assert not w.desk.quiet(0)
        await w.keys("CANCEL")
        await w.sees("READY")
        assert w.desk.quiet(0)
        assert not w.desk.quiet(3000)

    world.play(story)


def test_keys_without_meaning_at_idle_change_nothing() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("OK", "CANCEL", "CLEAR")
        await w.sees("READY")

    world.play(story)
    assert [call for call in world.calls if call.startswith("show")] == ["show Corner Sho 14:05"]


def test_the_desk_gives_signs_of_life_while_a_person_thinks() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("5")
        before = w.beats
        await asyncio.sleep(10)
        assert w.beats - before >= 10

    world.play(story)
