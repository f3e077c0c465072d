"""Spending without the switch as a person sees it: online first, then what is reserved, once, told from the journal."""

import pytest

from firmware.core.errors import NoAnswer, StoreFull
from firmware.core.types import AUTH_LEGACY, CLOCK_DRIFTED, OFFLINE, REDEMPTION, Allowance, CardData, Member, Reply
from firmware.loyalty.allowances import key_of
from firmware.loyalty.offline import Spending
from host_tests.unit.cashier_kit import ALI, START_UTC, FakeClock, World, member

UNTIL = START_UTC + 72 * 3600


def world(reserved: int = 1_000, until: int = UNTIL, **limits) -> World:
    """Offline, with so many points reserved for the card, which was last heard of an hour ago."""
    made = World()
    made.switch.up = False
    made.spending = Spending(**{"per_redemption": 3_000, "in_all": 10_000, "age_s": 86_400, "legacy": True, **limits})
    made.members.known[ALI.uid] = member(5_000, START_UTC - 3600)
    if reserved:
        held = Member(key_of(ALI.uid), 7, "", reserved, START_UTC - 3600, last_visit_utc=until)
        made.members.known[held.uid] = held
    return made


async def spend(w: World, shown: str = "of 1,000") -> None:
    await w.keys("REDEEM")
    await w.sees("TAP CARD")
    await w.tap()
    await w.sees("HOW MANY POINTS")
    await w.sees(shown)
    await w.keys("UP", "UP", "OK")
    await w.sees("USE POINTS?")
    await w.keys("OK")


async def refused(w: World, code: str) -> None:
    await w.keys("REDEEM")
    await w.sees("TAP CARD")
    await w.tap()
    await w.sees(code, 20_000)
    await w.keys("OK")
    await w.sees("READY")


def test_what_is_reserved_is_spent_in_the_journal_before_the_cache_lets_go_and_before_anybody_sees_it() -> None:
    made = world()

    async def story(w: World) -> None:
        await spend(w)
        await w.sees("USED")
        for line in ("-700 points", "reserved", "about 4,300", "Ref"):
            await w.sees(line)
        await w.keys("OK")
        await w.sees("READY")
        await w.keys("MENU", "1")
        await w.sees("Printed")

    made.play(story)
    assert made.order("append", "drop", "show USED", "print") == [
        "append redemption offline",
        "drop",
        "show USED",
        "print",
        "print",
    ]
    (entry,) = made.journal.entries.values()
    t = entry.transaction
    assert (t.verb, t.mode, t.points, t.amount, t.allowance) == (REDEMPTION, OFFLINE, -700, 70_000, 7)
    first, again = made.printer.receipts
    assert again[1:] == first, "the paper comes from the journal"
    assert "Points: -700" in first and "reserved: booked when sent" in first


def test_a_card_spends_offline_once_and_earning_goes_on() -> None:
    made = world()

    async def story(w: World) -> None:
        await spend(w)
        await w.sees("USED")
        await w.keys("OK")
        await w.sees("READY")
        w.members.known[key_of(ALI.uid)] = Member(key_of(ALI.uid), 7, "", 1_000, START_UTC, last_visit_utc=UNTIL)
        await refused(w, "P51")
        await w.keys("5", "0", "0", "0", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("SAVED")

    made.play(story)
    assert made.order("append") == ["append redemption offline", "append accrual offline"]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: world(reserved=0), "P50"),
        (lambda: world(until=START_UTC + 900), "P50"),
        (lambda: world(in_all=400), "P52"),
        (lambda: world(age_s=3000), "P53"),
        (lambda: world(legacy=False), "P21"),
    ],
)
def test_what_may_not_be_spent_is_said_and_nothing_is_written(made, code) -> None:
    there = made()

    async def story(w: World) -> None:
        await refused(w, code)

    there.play(story)
    assert there.journal.entries == {}


def test_a_clock_that_did_not_hear_the_switch_says_so(monkeypatch) -> None:
    monkeypatch.setattr(FakeClock, "quality", CLOCK_DRIFTED)
    made = world()

    async def story(w: World) -> None:
        await refused(w, "P54")

    made.play(story)


def test_an_allowance_that_ends_while_the_customer_thinks_is_not_spent() -> None:
    made = world(until=START_UTC + 910)

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.tap()
        await w.sees("HOW MANY POINTS")
        await w.keys("OK")
        await w.sees("USE POINTS?")
        made.clock._born -= 20_000_000
        await w.keys("OK")
        await w.sees("P50")

    made.play(story)
    assert made.journal.entries == {}


def test_a_full_journal_spends_nothing_and_keeps_what_is_reserved() -> None:
    made = world()
    made.journal.room = 0

    async def story(w: World) -> None:
        await spend(w)
        await w.sees(StoreFull.code)

    made.play(story)
    assert made.order("drop", "show USED") == []


# --- online first -----------------------------------------------------------------------------------------------------

TOLD = Allowance(8, 1_200, UNTIL, START_UTC)


def test_twice_no_answer_and_the_reserve_is_spent() -> None:
    made = world()
    made.switch.up = True
    made.switch.replies = [NoAnswer(), NoAnswer()]

    async def story(w: World) -> None:
        await spend(w)
        await w.sees("USED")

    made.play(story)
    assert made.order("inquire", "append") == ["inquire", "inquire", "append redemption offline"]
    assert next(iter(made.journal.entries.values())).transaction.offline_reason == 2


def test_online_the_reserve_is_given_up_before_the_request_that_gives_it_back() -> None:
    made = world()
    made.switch.up = True
    made.switch.replies = [
        Reply("00", 0, 6_000, "", member(6_000), allowance=TOLD),
        Reply("00", -700, 5_300, "ABC123", member(5_300)),
    ]

    async def story(w: World) -> None:
        await spend(w, "of 6,000")
        await w.sees("USED")

    made.play(story)
    assert made.order("inquire", "hold", "drop", "append", "request") == [
        "inquire", "hold 1200", "drop", "append redemption online", "request",
    ]  # fmt: skip
    assert made.switch.allowances == [(7, 1_000), (8, 1_200)]


def test_a_sale_and_a_look_at_the_balance_ask_for_one_and_what_is_not_told_again_is_dropped() -> None:
    made = world()
    made.switch.up = True
    made.switch.replies = [
        Reply("00", 0, 5_000, "", member(5_000), allowance=Allowance(7, 1_000, UNTIL + 60, START_UTC)),
        Reply("00", 50, 5_050, "ABC123", member(5_050)),
    ]

    async def story(w: World) -> None:
        await w.tap()
        await w.sees("5,000")
        assert w.order("hold", "drop") == [], "the same again is no reason to write"
        await w.keys("OK")
        await w.sees("READY")
        await w.keys("5", "0", "0", "0", "0", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")

    made.play(story)
    assert made.switch.allowances == [(7, 1_000), (7, 1_000)]
    assert made.order("hold", "drop") == ["drop"]


def test_while_a_redemption_of_the_card_waits_nothing_is_asked_and_the_balance_told_is_less() -> None:
    made = world()

    async def story(w: World) -> None:
        await spend(w)
        await w.sees("USED")
        await w.keys("OK")
        await w.sees("READY")
        w.switch.up = True
        w.switch.replies = [Reply("00", 0, 5_000, "", member(5_000))]
        await w.tap()
        await w.sees("4,300")
        await w.sees("estimated")

    made.play(story)
    assert made.switch.allowances == [None]


def test_a_card_of_ten_bytes_is_never_asked_for() -> None:
    made = world()
    made.switch.up = True
    made.switch.replies = [Reply("00", 0, 5_000)]

    async def story(w: World) -> None:
        await w.tap(CardData(bytes(10), "desfire", AUTH_LEGACY, 4711))
        await w.sees("5,000")

    made.play(story)
    assert made.switch.allowances == [None]


def test_risk_is_told_at_every_start_and_spends_what_is_not_reserved() -> None:
    made = world(reserved=0, risk=True)

    async def story(w: World) -> None:
        await w.sees("OFFLINE AT RISK")
        await w.keys("OK")
        await w.sees("READY")
        await spend(w)
        await w.sees("USED")
        await w.sees("to be confirmed")

    made.play(story)
    (entry,) = made.journal.entries.values()
    assert (entry.transaction.points, entry.transaction.allowance) == (-700, 0)
