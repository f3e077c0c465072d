"""What the points of a sale are made of: the switch says it, the books agree, screen and receipt tell it."""

from __future__ import annotations

import datetime

import pytest

from firmware.cashier.books import Books
from firmware.core.log import Log
from firmware.core.types import AUTH_LEGACY, OFFLINE, ONLINE, CardData, Member, Reply
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop, receipt_lines
from firmware.screen import outcomes
from firmware.switch import tlv as terminal_tlv
from firmware.switch.told import parts_of
from firmware.text import catalogue
from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, NOW, SARA, accrual, ask, furnished_desk, reversal
from host_tests.unit.cashier_kit import FakeClock, FakeForward, FakeJournal, FakeMembers, FakeSwitch
from host_tests.unit.paper_kit import texts
from host_tests.unit.screen_kit import rows_of
from tools.bench_switch.programme import Programme

TODAY = datetime.date(2026, 11, 22)  # of NOW in Tehran, a Sunday
RICH = Programme(tier_percent=(100, 110, 125, 150), happy_days=2, happy_percent=10, basket_percent=(0, 20))
VISITS = Programme(visit_every=2, visit_points=30)


@pytest.fixture
def desk(database):
    with furnished_desk(database) as made:
        yield made


def parts(answer) -> dict[int, int]:
    """Of every tag 17 of an answer, in order."""
    raw, at, found = bytes.fromhex(answer.fields["48"]), 0, []
    while at < len(raw):
        if raw[at] == 0x17:
            found.append((raw[at + 2], int.from_bytes(raw[at + 3 : at + 7], "big", signed=True)))
        at += 2 + raw[at + 1]
    assert found == sorted(found)
    assert sum(points for _, points in found) == answer.points
    return dict(found)


def rules(desk, programme: Programme) -> None:
    desk.ledger.programme = programme


def test_an_answer_says_what_the_points_are_made_of(desk):
    rules(desk, RICH)
    answer = ask(desk, accrual(1, 10_000, extra={0x26: b"\2"}))
    assert (answer.rc, parts(answer)) == ("00", {1: 10, 2: 5, 3: 1, 4: 2})
    assert desk.ledger.balances()["ali"] == 618
    assert 0x17 not in ask(desk, accrual(2, 100)).tags


def test_a_visit_is_a_card_a_merchant_and_a_day_and_what_was_undone_is_none(desk):
    rules(desk, VISITS)
    first, undone = accrual(1, 10_000), accrual(2, 10_000, uid=SARA)
    assert parts(ask(desk, first)) == {1: 10}
    assert parts(ask(desk, accrual(3, 10_000))) == {1: 10}  # the same day: no second visit
    assert parts(ask(desk, accrual(4, 10_000, **{"13": "1121", "7": "1121000000"}))) == {1: 10, 5: 30}  # the day before
    assert ask(desk, undone).rc == "00"
    assert ask(desk, reversal(5, undone)).rc == "00"
    assert parts(ask(desk, accrual(6, 10_000, uid=SARA))) == {1: 10}  # her first, still


def test_another_shops_visit_of_the_same_day_is_another_visit(desk):
    rules(desk, VISITS)
    desk.ledger.add_terminal("VAFA0002", "OTHERSHOP000002", KEY_OUT, KEY_IN)
    assert parts(ask(desk, accrual(1, 10_000))) == {1: 10}
    elsewhere = accrual(1, 10_000, **{"41": "VAFA0002", "42": "OTHERSHOP000002"})
    assert parts(ask(desk, elsewhere)) == {1: 10, 5: 30}


def test_years_of_membership_are_full_ones(desk):
    rules(desk, Programme(tenure_points=5, tenure_years=3))
    desk.ledger.set_facts("ali", enrolled=TODAY.replace(year=2024))
    desk.ledger.set_facts("sara", enrolled=TODAY.replace(year=2024) + datetime.timedelta(1))
    assert parts(ask(desk, accrual(1, 10_000))) == {1: 10, 6: 10}
    assert parts(ask(desk, accrual(2, 10_000, uid=SARA))) == {1: 10, 6: 5}


def test_the_cap_of_a_day_counts_what_stands_of_the_card(desk):
    rules(desk, Programme(cap_day=100))
    undone = accrual(1, 60_000)
    assert ask(desk, undone).points == 60
    assert ask(desk, reversal(2, undone)).rc == "00"
    assert ask(desk, accrual(3, 70_000)).points == 70
    assert ask(desk, accrual(4, 70_000)).points == 30
    assert ask(desk, accrual(5, 70_000)).points == 0
    assert ask(desk, accrual(6, 70_000, uid=SARA)).points == 70


@pytest.mark.parametrize(("promised", "difference"), [(25, 5), (12, -8), (20, 0)])
def test_what_a_terminal_promised_offline_is_kept_and_the_difference_is_a_part(desk, promised, difference):
    rules(desk, Programme(tier_percent=(100, 110, 125, 200)))
    advice = accrual(1, 10_000, "0220")
    sent = {**advice, "48": advice["48"].replace((10).to_bytes(4, "big").hex().upper(), f"{promised:08X}")}
    answer = ask(desk, sent)
    assert answer.rc == "00"
    assert parts(answer) == {1: 10, 2: 10, **({8: difference} if difference else {})}
    assert desk.ledger.balances()["ali"] == 600 + promised


def test_money_of_another_currency_counts_by_its_rate(desk):
    rules(desk, Programme(currencies=((999, 10_000, 1),)))
    assert ask(desk, accrual(1, 12, **{"49": "999"})).points == 120
    assert ask(desk, accrual(2, 12)).points == 0


# --- at the terminal --------------------------------------------------------------------------------------------------


def reply(points: int, *told: tuple[int, int]) -> Reply:
    content = b"".join(b"\x17\x05" + bytes((reason,)) + part.to_bytes(4, "big") for reason, part in told)
    return Reply("00", points, 1000, "A1", tags=terminal_tlv.parse(content), content=content)


def test_parts_that_do_not_add_up_are_not_told():
    assert parts_of(reply(15, (1, 10), (2, 5))) == [(1, 10), (2, 5)]
    assert parts_of(reply(15, (1, 10), (2, 4))) == []
    assert parts_of(reply(15)) == []


@pytest.fixture
def books():
    """The cashier's, with rules that have more than one part, and a member they know."""
    calls: list[str] = []
    journal, members = FakeJournal(calls), FakeMembers(calls)
    members.put(Member(bytes.fromhex(ALI), 1001, "ali", 600, NOW, 3))
    rules = Rules(1000, 1, 500, 100, 100, tier_percent=(100, 110, 125, 150))
    policy = OfflinePolicy(True, 500, 100_000_000)
    return Books(journal, members, FakeSwitch(calls), FakeClock(), rules, policy, FakeForward(journal), Log(50))


def told(books, seq):
    outcome = books.outcome(seq)
    lines = rows_of(outcomes.outcome(catalogue.load("en"), outcome))
    return lines, texts(receipt_lines(catalogue.load("en"), Shop("", "M", "T"), outcome, False))


def test_screen_and_receipt_tell_the_switchs_parts_not_the_terminals(books):
    card = CardData(bytes.fromhex(ALI), "classic-1k", AUTH_LEGACY)
    intent = books.accrual(card, 10_000, ONLINE)
    assert intent.points == 15
    books.answer(intent, reply(40, (1, 10), (2, 5), (5, 25)))
    screen, paper = told(books, intent.seq)
    assert "+40 (30 bonus)" in screen
    assert "Points: +40" in paper
    assert "incl. +25 for this visit" in paper
    assert "incl. +5 for your tier" in paper
    books.accrual(card, 1_000, ONLINE)  # of an older one nothing is known any more
    assert "+40 points" in told(books, intent.seq)[0]


def test_an_offline_sale_tells_the_estimates_own_parts(books):
    card = CardData(bytes.fromhex(ALI), "classic-1k", AUTH_LEGACY)
    advice = books.accrual(card, 10_000, OFFLINE, 1)
    screen, paper = told(books, advice.seq)
    assert "about +15 points" in screen
    assert "incl. +5 for your tier" in paper
