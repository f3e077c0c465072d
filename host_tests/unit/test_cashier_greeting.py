"""The greeting between tap and sale: what is shown to whom, what it never holds up, and what the sale says of it."""

from __future__ import annotations

import pytest

from firmware.core.errors import LinkDown, NoAnswer
from firmware.core.types import (
    OFFLINE_LINK_DOWN,
    OFFLINE_NO_ANSWER,
    OFFLINE_SWITCH_DOWN,
    ONLINE,
    RUNG_ENROLLED,
    RUNG_FIRST,
    SMS_NO_NUMBER,
    SMS_QUEUED,
    Member,
    Reply,
)
from firmware.loyalty.facts import Facts
from firmware.loyalty.greeting import Greeting
from firmware.loyalty.offers import Offer
from firmware.screen import greeting as screens
from firmware.switch import greeted, profile, tlv
from firmware.switch.session import SwitchUnable
from firmware.text import catalogue
from host_tests.unit.cashier_kit import ALI, START_UTC, World, member
from host_tests.unit.screen_kit import assert_fits, pages_of, rows_of

DAY_S = 86_400
TEXT = catalogue.load("en")
NOTE, SEGMENT, WINBACK = profile.TAG_NOTE, profile.TAG_SEGMENT, profile.TAG_WINBACK
TIER, NEXT, SMS, BENEFIT = profile.TAG_TIER, profile.TAG_NEXT, profile.TAG_SMS, profile.TAG_BENEFIT


def reply(points: int, known: Member | None, tags: list[tuple[int, bytes]] = (), approval: str = "") -> Reply:
    content = tlv.pack(list(tags))
    balance = known.points if known is not None else None
    return Reply("00", points, balance, approval, known, tags=tlv.parse(content), content=content)


def regular(visits: int = 4, days_ago: int = 7, **more: object) -> Member:
    return Member(ALI.uid, 4711, "Ali", 1000, START_UTC, 2, visits, START_UTC - days_ago * DAY_S, **more)


SOLD = reply(125, regular(5, 0), approval="ABC123")


def selling(world: World, *told: Reply | Exception, greets: bool = True):
    """A story that begins with a sale of 125,000 and the tap."""
    world.switch.replies = list(told)

    async def begin(w: World) -> None:
        w.desk._counter.greets = greets
        await w.sees("READY")
        await w.keys("1", "2", "5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()

    return begin


def sale_of(world: World):
    return [entry.transaction for entry in world.journal.entries.values()][-1]


def test_who_comes_is_asked_for_before_anything_is_written_and_named_while_the_sale_is_asked() -> None:
    world = World()
    begin = selling(world, reply(0, regular()), SOLD)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("visit 5")
        await w.sees("EARNED")
        await w.sees("Thank you, Ali")

    world.play(story)
    order = world.order("inquire", "append", "request", "result")
    assert order == ["inquire", "append accrual online", "request", "result 00"]
    assert sale_of(world).details == b"", "a plain sale stays as small as it was"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(NoAnswer(), OFFLINE_NO_ANSWER), (LinkDown(), OFFLINE_LINK_DOWN), (SwitchUnable("91"), OFFLINE_SWITCH_DOWN)],
)
def test_no_answer_to_the_greeting_is_waited_for_once_only(fault: Exception, reason: int) -> None:
    world = World()
    begin = selling(world, fault)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("SAVED")

    world.play(story)
    assert world.order("append", "request") == ["append accrual offline"]
    assert sale_of(world).offline_reason == reason


def test_a_card_the_switch_refuses_to_greet_is_the_sales_to_refuse() -> None:
    world = World()
    begin = selling(world, Reply("14"), Reply("14"))

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("REFUSED")

    world.play(story)
    assert world.order("inquire", "append", "request") == ["inquire", "append accrual online", "request"]


@pytest.mark.parametrize("presses", [True, False], ids=["OK", "nobody"])
def test_a_note_is_for_the_staff_and_holds_nobody_up(presses: bool) -> None:
    world = World()
    begin = selling(world, reply(0, regular(), [(NOTE, b"Tea without sugar")]), SOLD)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("FOR STAFF")
        await w.sees("Tea without")
        if presses:
            await w.keys("OK")
        await w.sees("EARNED", 7000)

    world.play(story)
    assert not any("Tea" in line for line in world.printer.receipts[0])


def test_the_cancel_key_at_the_greeting_leaves_nothing_behind() -> None:
    world = World()
    begin = selling(world, reply(0, regular(), [(NOTE, b"Tea")]))

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("Tea")
        await w.keys("CANCEL")
        await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {}


@pytest.mark.parametrize(
    ("visits", "days", "bits", "says"),
    [
        (4, 71, None, True),
        (4, 70, None, False),
        (2, 400, None, False),
        (4, 7, b"\2", True),  # the switch has seen other shops
        (4, 400, b"\0", False),
    ],
)
def test_a_sale_says_that_it_answers_a_win_back(visits: int, days: int, bits: bytes | None, says: bool) -> None:
    world = World()
    tags = [(SEGMENT, bits)] if bits is not None else []
    begin = selling(world, reply(0, regular(visits, days), tags), SOLD)

    async def story(w: World) -> None:
        await begin(w)
        if says:
            await w.sees("Welcome back!")
            await w.keys("OK")
        await w.sees("EARNED", 8000)

    world.play(story)
    assert tlv.parse(sale_of(world).details) == ({WINBACK: b"\1"} if says else {})
    assert sale_of(world).mode == ONLINE


def test_offline_the_same_rule_is_asked_of_the_cache_and_once() -> None:
    world = World()
    world.switch.up = False
    world.members.put(regular(3, 71))
    begin = selling(world)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("Welcome back!")
        await w.keys("OK")
        await w.sees("SAVED")
        await w.keys("OK", "CANCEL")
        await w.sees("READY")
        await w.keys("2", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("SAVED")

    world.play(story)
    first, second = [entry.transaction for entry in world.journal.entries.values()]
    assert tlv.parse(first.details) == {WINBACK: b"\1"}
    assert second.details == b""


def test_offline_a_stranger_is_nobody_to_greet() -> None:
    world = World()
    world.switch.up = False
    begin = selling(world)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("SAVED")

    world.play(story)
    assert sale_of(world).details == b""


def test_a_key_pressed_before_the_offer_was_seen_does_not_take_it() -> None:
    world = World()
    value = b"\0\7" + b"\1" + (15).to_bytes(4, "big") + bytes(3) + bytes(5) + bytes(2) + b"Tea"
    begin = selling(world, reply(0, regular(), [(profile.TAG_OFFER, value)]), SOLD)

    async def story(w: World) -> None:
        await begin(w)
        await w.keys("1")  # while the switch is being asked
        await w.sees("1 Tea")
        await w.keys("OK")
        await w.sees("EARNED")

    world.play(story)
    assert sale_of(world).details == b""
    assert sale_of(world).amount == 125_000


HOSTILE = [
    [(NOTE, b"\xff\xfe"), (profile.TAG_SUGGEST, b"\xc3"), (profile.TAG_ACK, b"\x26\x13\x45\xff")],
    [(profile.TAG_ACK, b"\0\0\0"), (SEGMENT, b"\xf8"), (BENEFIT, b"\0\xff\x09")],
    [(profile.TAG_OFFER, b"\0\1"), (profile.TAG_OFFER, b"\0\1\x09" + bytes(40))],
    [(profile.TAG_RUNG, b"\xff"), (NEXT, b"\xff\xff\xff\xff\xff"), (profile.TAG_EXPIRING, b"\xff" * 7)],
    [(NOTE, b" \n\t "), (NEXT, b"\1\xff\xff\xff\xff" + b"\xff" * 60), (profile.TAG_YEARS, b"\xff")],
]


@pytest.mark.parametrize("tags", HOSTILE)
def test_nothing_a_switch_may_tell_stops_a_sale(tags: list[tuple[int, bytes]]) -> None:
    world = World()
    begin = selling(world, reply(0, regular(), tags), reply(125, regular(5, 0), [*tags, (TIER, b"\xff" * 4)], "ABC123"))

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("EARNED", 17_000)
        await w.keys("OK")
        await w.sees("READY", 25_000)

    world.play(story)
    assert len(world.printer.receipts) == 1


def test_a_new_tier_is_told_once_with_a_screen_a_sound_and_on_paper() -> None:
    world = World()
    higher = Member(ALI.uid, 4711, "Ali", 1125, START_UTC, 3, 5, START_UTC)
    tags = [(TIER, b"\3\x27\x11\x22"), (BENEFIT, b"\1"), (SMS, b"\1")]
    more = reply(40, higher, [(TIER, b"\3\x27\x11\x22"), (SMS, b"\2"), (NEXT, b"\1\0\0\1\0")], "DEF456")
    begin = selling(world, reply(0, regular()), reply(125, higher, tags, "ABC123"), reply(0, higher), more)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("EARNED")
        await w.sees("SMS will be sent")
        before = len(w.sounder.tones)
        await w.keys("OK")
        await w.sees("NEW LEVEL")
        await w.sees("GOLD")
        await w.sees("silver -> gold")
        await w.sees("Serve first")
        assert [tone for tone in w.sounder.tones[before:] if tone][-4:] == [1800, 2400, 1800, 2400]
        await w.keys("OK")
        await w.sees("READY")
        await w.keys("4", "0", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("256 to a reward")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.calls.count("show NEW LEVEL") == 1
    first, second = world.printer.receipts
    assert {"NEW LEVEL: gold", "SMS will be sent"} <= set(first)
    assert {"Next: 256 points to a reward", "No SMS: no mobile number known"} <= set(second)
    assert not any("LEVEL" in line for line in second)
    results = [entry.result for entry in world.journal.entries.values()]
    assert [(one.new_tier, one.tier, one.sms) for one in results if one] == [
        (True, 3, SMS_QUEUED),
        (False, 3, SMS_NO_NUMBER),
    ]


def test_a_cashier_in_a_hurry_is_not_stopped_by_a_new_tier() -> None:
    world = World()
    higher = Member(ALI.uid, 4711, "Ali", 1125, START_UTC, 3, 5, START_UTC)
    begin = selling(world, reply(0, regular()), reply(125, higher, [(TIER, b"\3\0\0\0")], "ABC123"))

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("EARNED")
        await w.keys("7")
        await w.sees("Amount, then OK")

    world.play(story)
    assert "show NEW LEVEL" not in world.calls
    assert "NEW LEVEL: gold" in world.printer.receipts[0]


def test_a_member_who_was_never_known_here_has_no_new_tier() -> None:
    world = World()
    begin = selling(world, reply(125, member(1125), [(TIER, b"\3\0\0\0")], "ABC123"), greets=False)

    async def story(w: World) -> None:
        await begin(w)
        await w.sees("EARNED")

    world.play(story)
    assert [entry.result.new_tier for entry in world.journal.entries.values()] == [False]


# --- the screens ------------------------------------------------------------------------------------------------------


def greeting(**more: object) -> Greeting:
    made = Greeting(True, Facts(), Member(ALI.uid, 1, "Ali", 0, 0))
    for name, value in more.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    return made


OFFER = Offer(7, 1, 15, 20_800, text="Tea and saffron cake")


@pytest.mark.parametrize("name", ["", "Ali", "A very long family name"])
@pytest.mark.parametrize("visit", [0, 1, 65_535])
@pytest.mark.parametrize("offers", [[], [OFFER], [OFFER] * 3])
@pytest.mark.parametrize("note", ["", "two lines of twenty characters each here", "x" * 60])
def test_a_greeting_fits_and_a_text_is_whole(name: str, visit: int, offers: list[Offer], note: str) -> None:
    told = greeting(name=name, visit=visit, offers=offers, note=note, best=True, lapsed=True, ack=note, ack_day=20_800)
    told.suggest, told.say, told.benefits = note, note, bytes(range(1, 9))
    lines = screens.whole(TEXT, told, lambda lines: len(pages_of(lines)))
    assert_fits(lines, pages=10, name=name)
    rows = rows_of(lines)
    for number in range(1, len(offers) + 1):
        assert any(row.startswith(f"{number} ") for row in rows)
    assert ("FOR STAFF" in rows) and all(word[:16] in " ".join(rows) for word in note.split())
    assert_fits([*screens.passing(TEXT, told), (4, "")], name=name)


def test_what_is_the_staffs_stands_below_what_is_the_customers() -> None:
    told = greeting(lapsed=True, note="Tea", offers=[OFFER])
    rows = rows_of(screens.whole(TEXT, told, lambda lines: len(pages_of(lines))))
    assert rows.index("Welcome back!") < rows.index("FOR STAFF") < rows.index("Tea")
    assert any(row.startswith("1 ") for row in rows[: rows.index("FOR STAFF")])


@pytest.mark.parametrize(
    ("more", "stops"),
    [({}, False), ({"rung": RUNG_ENROLLED}, False), ({"rung": RUNG_FIRST, "tier": 3}, False),
     ({"benefits": b"\x09"}, False), ({"benefits": b"\1"}, True), ({"best": True}, True),
     ({"say": "New: cake"}, True), ({"six_months": True}, True)],
)  # fmt: skip
def test_a_name_alone_stops_nobody(more: dict[str, object], stops: bool) -> None:
    assert greeting(**more).stops() is stops


def test_what_expires_is_the_hosts_figure_or_nothing() -> None:
    def expiring(points: int, day: str) -> tuple[int, int]:
        return greeted.expiring({profile.TAG_EXPIRING: points.to_bytes(4, "big") + bytes.fromhex(day)})

    assert expiring(200, "261231") == (200, 20_818)
    assert expiring(200, "000000") == expiring(200, "261331") == (0, 0)
    assert greeted.expiring({}) == (0, 0)
