"""What the terminal knows of a customer and a day, from its cache and its journal alone."""

from __future__ import annotations

import pytest

from firmware.core.calendar import to_utc
from firmware.core.types import (
    ACCRUAL,
    AUTH_LEGACY,
    CLOCK_DRIFTED,
    CLOCK_NEVER_SET,
    CLOCK_OK,
    OFFLINE,
    REDEMPTION,
    VISIT_NEW,
    VISIT_NONE,
    VISIT_REACTIVATED,
    VISIT_RETURNING,
    Member,
    Transaction,
)
from firmware.loyalty.facts import Facts, day_of, facts_of
from firmware.loyalty.rules import Rules

UID = b"card"
DAY_S = 86_400
NOW = to_utc(2026, 11, 28, 8, 0, 0)  # a Saturday, half past eleven in Tehran
RULES = Rules(1000, 1, 500, 100, 100)


def member(visits: int = 0, days_ago: int = -1, years: int = -1, tier: int = 0) -> Member:
    last = (day_of(NOW) - days_ago) * DAY_S - 12_600 if days_ago >= 0 else 0
    return Member(UID, 1001, "ali", 0, NOW, tier, visits, last, years=years)


def sale(days_ago: int, points: int = 10, verb: int = ACCRUAL) -> Transaction:
    return Transaction(7, verb, OFFLINE, UID, AUTH_LEGACY, 1000, points, NOW - days_ago * DAY_S, CLOCK_OK)


def known(who: Member | None, *pending: Transaction, clock: int = CLOCK_OK, now: int = NOW) -> Facts:
    return facts_of(RULES, who, pending, now, clock)


@pytest.mark.parametrize(
    ("who", "pending", "visit", "is_new", "days", "kind"),
    [
        (member(), [], 1, True, -1, VISIT_NEW),
        (member(1, 0), [], 1, False, 0, VISIT_NONE),
        (member(1, 1), [], 2, True, 1, VISIT_RETURNING),
        (member(), [sale(0)], 1, False, 0, VISIT_NONE),
        (member(5, 9), [sale(2), sale(2), sale(1)], 8, True, 1, VISIT_RETURNING),
        (member(5, 2), [sale(2), sale(0)], 6, False, 0, VISIT_NONE),
        (member(5, 2), [sale(2, -500, REDEMPTION), sale(1, -500, REDEMPTION)], 6, True, 2, VISIT_RETURNING),
        (member(3, 70), [], 4, True, 70, VISIT_RETURNING),
        (member(3, 71), [], 4, True, 71, VISIT_REACTIVATED),
        (member(2, 71), [], 3, True, 71, VISIT_RETURNING),
        (member(2, 500), [sale(72)], 4, True, 72, VISIT_REACTIVATED),
        (member(3, 71), [sale(0)], 4, False, 0, VISIT_NONE),
        (None, [], 0, False, -1, VISIT_NONE),
        (None, [sale(0)], 0, False, -1, VISIT_NONE),
    ],
)
def test_a_visit_is_a_day_with_a_purchase_whether_the_switch_has_heard_of_it_or_not(
    who, pending, visit, is_new, days, kind
):
    facts = known(who, *pending)
    assert (facts.visit, facts.is_new, facts.days, facts.visit_kind) == (visit, is_new, days, kind)


def test_who_stayed_away_has_lapsed_after_the_days_of_the_rules_and_not_on_them():
    for days, lapsed, silent in ((70, False, False), (71, True, False), (180, True, False), (181, True, True)):
        facts = known(member(3, days))
        assert (facts.lapsed, facts.six_months) == (lapsed, silent), days
    strict = Rules(1000, 1, 500, 100, 100, lapse_visits=2, lapse_days=10, six_months_days=30)
    facts = facts_of(strict, member(2, 31), [], NOW, CLOCK_OK)
    assert facts.lapsed
    assert facts.six_months
    never = Rules(1000, 1, 500, 100, 100, lapse_visits=0)
    assert not facts_of(never, member(9, 900), [], NOW, CLOCK_OK).lapsed


def test_the_day_is_tehrans_and_begins_on_saturday():
    assert known(member()).weekday == 0
    assert known(member(), now=NOW - DAY_S).weekday == 6
    before_midnight = to_utc(2026, 11, 28, 20, 29, 59)
    assert known(member(), now=before_midnight).weekday == 0
    assert known(member(), now=before_midnight + 1).weekday == 1


def test_points_that_wait_count_for_today_alone():
    facts = known(member(1, 5), sale(1, 1000), sale(0, 30), sale(0, 12), sale(0, -500, REDEMPTION))
    assert facts.earned_today == 42


def test_without_a_day_there_is_no_visit_and_no_special_day():
    facts = known(member(5, 100, years=3, tier=2), sale(0), clock=CLOCK_NEVER_SET)
    assert (facts.weekday, facts.visit, facts.is_new, facts.lapsed, facts.visit_kind) == (-1, 0, False, False, 0)
    assert (facts.tier, facts.years) == (2, 3)
    assert known(member(5, 100), clock=CLOCK_DRIFTED).lapsed


def test_years_nobody_knows_are_none():
    assert known(member(1, 1, years=-1)).years == 0
    assert known(member(1, 1, years=4)).years == 4
