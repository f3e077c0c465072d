"""After a sale: who is asked, what an answer leaves behind, and that nobody waits for it."""

import pytest

from firmware.core.types import ACCRUAL, OFFLINE, OFFLINE_FORCED, OFFLINE_LINK_DOWN, REMARK, Member, Reply
from firmware.loyalty.facts import facts_of
from firmware.loyalty.rules import Rules
from firmware.switch import tlv
from host_tests.unit.cashier_kit import ALI, START_UTC, World, member

DAY_S = 86_400
SURVEY, REASON = 0x50, 0x51


def visitor(visits: int, days_ago: int) -> Member:
    return Member(ALI.uid, 4711, "Ali", 1000, START_UTC, visits=visits, last_visit_utc=START_UTC - days_ago * DAY_S)


def world(visits: int = 2, days_ago: int = 5, **rules) -> World:
    """A shop that asks every third visit; Ali was there `visits` times."""
    made = World()
    made.members.known[ALI.uid] = visitor(visits, days_ago)
    made.rules = {"survey_every": 3, "survey_question": "Were you served well?", **rules}
    return made


async def sold(w: World, key: str = "OK") -> None:
    """A sale up to its outcome, which this key ends."""
    if not hasattr(w, "asked_rules"):
        for name, value in w.rules.items():
            setattr(w.books.rules, name, value)
        w.asked_rules = True
    w.switch.replies.append(Reply("00", 50, 1050, "A1B2C3", member(1050)))
    await w.keys("5", "000", "0", "OK")
    await w.sees("TAP CARD")
    await w.tap()
    await w.sees("SAVED" if not w.switch.up else "EARNED")
    await w.keys(key)


def remarks(w: World):
    return [entry.transaction for entry in w.journal.entries.values() if entry.transaction.verb == REMARK]


def sales(w: World):
    return [entry.transaction.amount for entry in w.journal.entries.values() if entry.transaction.verb == ACCRUAL]


@pytest.mark.parametrize("up", [True, False])
def test_an_answer_is_a_remark_of_this_member_and_is_thanked_for_when_it_is_kept(up):
    w = world()
    w.switch.up = up

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        await w.sees("well?")
        await w.keys("4")
        await w.sees("your answer")
        assert remarks(w) == []
        await w.keys("OK")
        await w.sees("THANKS")
        await w.sees("READY")

    w.play(story)
    (kept,) = remarks(w)
    assert (kept.uid, kept.member_no, kept.mode, kept.amount, kept.points) == (ALI.uid, 4711, OFFLINE, 0, 0)
    assert tlv.items(kept.details) == [(SURVEY, b"\1\4\0")]
    assert kept.offline_reason == (OFFLINE_FORCED if up else OFFLINE_LINK_DOWN)
    # Asked, chosen, kept, and only then thanked for.
    told = w.order("append remark", "show FOR THE CUSTOMER")
    assert told == ["show FOR THE CUSTOMER"] * 2 + ["append remark offline", "show FOR THE CUSTOMER"]


def test_without_a_name_the_record_says_nobody_and_the_day_alone():
    w = world()

    async def story(w: World) -> None:
        w.books.clerk = 7
        await sold(w)
        await w.sees("with your name")
        await w.keys("UP")
        await w.sees("WITHOUT NAME")
        await w.keys("5")
        await w.sees("THANKS", 4000)
        await w.sees("WITHOUT NAME")

    w.play(story)
    (kept,) = remarks(w)
    assert (kept.uid, kept.member_no, kept.clerk, kept.auth, kept.card_counter) == (b"", 0, 0, 0, 0)
    assert (kept.time_utc + 12_600) % DAY_S == 0
    assert 0 <= START_UTC - kept.time_utc < DAY_S
    assert tlv.items(kept.details) == [(SURVEY, b"\1\5\1")]


def test_the_name_is_taken_back_by_the_same_key():
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("with your name")
        await w.keys("UP", "DOWN", "2")
        await w.sees("THANKS", 4000)

    w.play(story)
    assert remarks(w)[0].uid == ALI.uid


@pytest.mark.parametrize(
    "visits, days_ago, asks", [(2, 5, True), (5, 1, True), (3, 5, False), (3, 0, False), (0, 5, False)]
)
def test_one_is_asked_at_every_third_visit_and_not_twice_a_day(visits, days_ago, asks):
    rules = Rules(1000, 1, 500, 100, 100, survey_every=3, survey_question="Well?")
    assert rules.asks(facts_of(rules, visitor(visits, days_ago), (), START_UTC, 2)) is asks


def test_nobody_is_asked_when_the_shop_asks_nothing_or_nothing_is_known():
    plain = Rules(1000, 1, 500, 100, 100)
    assert not plain.asks(facts_of(plain, visitor(2, 5), (), START_UTC, 2))
    silent = Rules(1000, 1, 500, 100, 100, survey_every=1)
    assert not silent.asks(facts_of(silent, visitor(2, 5), (), START_UTC, 2))
    asking = Rules(1000, 1, 500, 100, 100, survey_every=1, survey_question="Well?")
    assert not asking.asks(facts_of(asking, None, (), START_UTC, 2))
    assert not asking.asks(facts_of(asking, visitor(2, 5), (), START_UTC, 0))


@pytest.mark.parametrize("key", ["OK", "CANCEL", "CLEAR"])
def test_another_key_skips_the_question(key):
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        await w.keys(key)
        await w.sees("READY", 500)

    w.play(story)
    assert remarks(w) == []


def test_time_ends_the_question_and_the_till_is_ready():
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        await w.sees("READY", 9000)

    w.play(story)
    assert remarks(w) == []


def test_an_amount_that_is_typed_over_the_question_is_the_next_sale_and_no_answer():
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        w.switch.replies.append(Reply("00", 12, 1062, "A1B2C4", member(1062)))
        await w.keys("1", "2", "5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")

    w.play(story)
    assert sales(w) == [50_000, 125_000]
    assert remarks(w) == []


def test_keys_typed_before_the_question_is_drawn_begin_the_next_sale_whole():
    w = world()

    async def story(w: World) -> None:
        await sold(w, "OK")
        w.keypad.pressed += [4, 5, 18, 19]  # 1 2 000 OK, faster than anybody draws
        await w.sees("TAP CARD")
        await w.sees("12,000")

    w.play(story)
    assert remarks(w) == []


def test_a_digit_that_ends_the_outcome_begins_the_next_sale_and_nobody_is_asked():
    w = world()

    async def story(w: World) -> None:
        await sold(w, "7")
        await w.sees("Amount, then OK")

    w.play(story)
    assert "show FOR THE CUSTOMER" not in w.calls


def test_a_digit_that_is_no_answer_begins_the_next_sale():
    w = world(survey_answers=2)

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("1 yes")
        await w.keys("3")
        await w.sees("Amount, then OK", 500)

    w.play(story)
    assert remarks(w) == []


def test_an_answer_can_be_taken_back_while_it_is_shown():
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        await w.keys("1")
        await w.sees("your answer")
        await w.keys("CLEAR")
        await w.sees("READY", 500)

    w.play(story)
    assert remarks(w) == []


def test_who_had_stayed_away_is_asked_why_instead():
    w = world(visits=5, days_ago=80)

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("We missed you")
        await w.keys("2", "OK")
        await w.sees("THANKS")

    w.play(story)
    (kept,) = remarks(w)
    assert tlv.items(kept.details) == [(REASON, b"\2")]
    assert kept.uid == ALI.uid


def test_a_reason_has_no_nameless_form_and_can_be_switched_off():
    w = world(visits=5, days_ago=80)

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("We missed you")
        await w.keys("UP")
        await w.sees("READY", 500)

    w.play(story)
    assert remarks(w) == []
    silent = world(visits=5, days_ago=80, survey_reason=False, survey_every=0)

    async def other(w: World) -> None:
        await sold(w)
        await w.sees("READY", 500)

    silent.play(other)


def test_a_sale_that_was_refused_asks_nothing():
    w = world()

    async def story(w: World) -> None:
        for name, value in w.rules.items():
            setattr(w.books.rules, name, value)
        w.switch.replies.append(Reply("61"))
        await w.keys("5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("REFUSED")
        await w.keys("OK")
        await w.sees("READY")

    w.play(story)
    assert "show FOR THE CUSTOMER" not in w.calls


def test_a_full_journal_gives_the_answer_up_and_the_till_goes_on():
    w = world()

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("FOR THE CUSTOMER")
        w.journal.room = 0
        await w.keys("1", "OK")
        await w.sees("READY")

    w.play(story)
    assert remarks(w) == []
    assert any("answer given up" in line for line in w.log.newest(20))


def test_a_queue_that_fills_up_is_left_to_sales():
    w = world()
    w.queue_limit = 1
    w.switch.up = False

    async def story(w: World) -> None:
        await sold(w)
        await w.sees("READY")

    w.play(story)
    assert "show FOR THE CUSTOMER" not in w.calls
