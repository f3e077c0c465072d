"""Blocked or stopped while a story runs, and after a restart: no value moves, and nobody learns of members."""

import pytest

from firmware.core.errors import NoAnswer
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    ONLINE,
    REVERSAL,
    Allowance,
    JournalEntry,
    Reply,
    Result,
    Transaction,
)
from firmware.loyalty.allowances import key_of
from firmware.loyalty.offline import Spending
from host_tests.unit.cashier_kit import ALI, START_UTC, Member, World, member

HALTS = {"L30": "Terminal blocked", "L31": "Office stopped", "P27": "Selling stopped"}


def halt(world: World, code: str) -> None:
    """As the session does: it knows why, and the line is down."""
    world.switch.halt, world.switch.up = code, False


@pytest.mark.parametrize("code", HALTS)
def test_a_halt_between_the_amount_and_the_card_ends_the_sale_with_its_code(code: str) -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("1", "2", "5", "000", "OK")
        await w.sees("TAP CARD")
        halt(w, code)
        await w.tap()
        await w.sees(HALTS[code])

    world.play(story)
    assert world.order("append") == []


def test_a_sale_whose_answer_a_halt_cuts_off_is_undone_and_not_approved_here() -> None:
    world = World()

    def cut_off() -> Reply:
        halt(world, "L30")
        raise NoAnswer

    world.switch.replies = [cut_off]

    async def story(w: World) -> None:
        await w.keys("5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees(HALTS["L30"])

    world.play(story)
    written = [entry.transaction.verb for entry in world.journal.entries.values()]
    assert written == [ACCRUAL, REVERSAL], written


def reserved() -> World:
    made = World()
    made.spending = Spending(3_000, 100_000, 86_400, legacy=True)
    made.members.known[ALI.uid] = member(5_000)
    held = Member(key_of(ALI.uid), 9, "", 1_000, START_UTC, last_visit_utc=START_UTC + 90_000)
    made.members.known[held.uid] = held
    return made


@pytest.mark.parametrize("seen", ["TAP CARD", "HOW MANY POINTS", "USE POINTS?"])
@pytest.mark.parametrize("up", [False, True])
def test_a_halt_at_any_step_of_a_redemption_spends_nothing_and_lets_go_of_no_reserve(seen: str, up: bool) -> None:
    world = reserved()
    world.switch.up = up
    held = Allowance(9, 1_000, START_UTC + 90_000, START_UTC)
    world.switch.replies = [Reply("00", 0, 5_000, "", member(5_000), allowance=held)]

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        for shown, then in (("TAP CARD", ""), ("HOW MANY POINTS", "OK"), ("USE POINTS?", "OK")):
            await w.sees(shown)
            if shown == seen:
                w.switch.halt, w.switch.up = "L31", up and seen != "TAP CARD"
            await (w.keys(then) if then else w.tap())
            if shown == seen == "TAP CARD":
                break
        await w.sees(HALTS["L31"])

    world.play(story)
    assert world.order("append", "drop") == []


def test_a_halt_while_the_switch_is_asked_to_spend_tells_nothing_of_a_reserve() -> None:
    world = reserved()

    def cut_off() -> Reply:
        halt(world, "L30")
        raise NoAnswer

    world.switch.replies = [cut_off] * 2

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees(HALTS["L30"], 15_000)

    world.play(story)
    assert world.order("append", "drop") == []


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("seen", ["", "TAP CARD", "HOW MANY POINTS", "USE POINTS?"])
def test_a_program_that_is_too_old_spends_nothing_and_earns(seen: str, up: bool) -> None:
    world = reserved()
    world.switch.up, world.switch.earns_only = up, not seen
    held = Allowance(9, 1_000, START_UTC + 90_000, START_UTC)
    world.switch.replies = [Reply("00", 0, 5_000, "", member(5_000), allowance=held)]

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        for shown, then in (("TAP CARD", ""), ("HOW MANY POINTS", "OK"), ("USE POINTS?", "OK")):
            if not seen:
                break
            await w.sees(shown)
            w.switch.earns_only = w.switch.earns_only or shown == seen
            await (w.keys(then) if then else w.tap())
            if shown == seen == "TAP CARD":
                break
        await w.sees("Program too old")
        assert world.order("append", "drop") == []
        w.switch.earns_only, w.switch.up = True, False
        await w.keys("CANCEL", "5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("SAVED")

    world.play(story)
    assert [entry.transaction.verb for entry in world.journal.entries.values()] == [ACCRUAL]


@pytest.mark.parametrize("code", HALTS)
def test_who_holds_a_blocked_or_stopped_terminal_learns_nothing_of_members(code: str) -> None:
    world = World()
    world.members.put(member(1_375))
    sold = Transaction(90, ACCRUAL, ONLINE, ALI.uid, AUTH_LEGACY, 125_000, 125, START_UTC - 600, CLOCK_OK, 4711)
    world.journal.entries[90] = JournalEntry(sold, APPROVED, Result(90, APPROVED, "00", 125, 1_375, "A1B2C3"))
    halt(world, code)
    told = code == "P27"

    async def story(w: World) -> None:
        await w.sees("EARNED" if told else HALTS[code])
        await w.keys("OK")
        await w.sees("STOPPED")
        await w.tap()
        await w.sees("Ali" if told else HALTS[code])
        await w.keys("CANCEL", "BALANCE")
        await w.sees("TAP CARD" if told else HALTS[code])
        await w.keys("CANCEL", "MENU", "1")
        await w.sees("Printed" if told else HALTS[code])

    world.play(story)
    assert len(world.printer.receipts) == told


def test_a_block_while_the_switch_is_asked_for_a_balance_hides_the_remembered_one() -> None:
    world = World()
    world.members.put(member(640))

    def cut_off() -> Reply:
        halt(world, "L30")
        raise NoAnswer

    world.switch.replies = [cut_off]

    async def story(w: World) -> None:
        await w.tap()
        await w.sees(HALTS["L30"])

    world.play(story)
