"""The programme's arithmetic, for all numbers the wire can carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_NEVER_SET,
    CLOCK_OK,
    OFFLINE,
    REDEMPTION,
    JournalEntry,
    Transaction,
)
from firmware.loyalty.facts import Facts, facts_of
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.outcome import outcome_of
from firmware.loyalty.rules import BY_AMOUNT, BY_TIER, BY_VISIT, Rules

AMOUNTS = st.integers(1, 10**12 - 1)
BALANCES = st.integers(-(10**9), 10**12)
RULES = st.builds(
    Rules,
    st.integers(1, 10**6),
    st.integers(0, 1000),
    st.integers(1, 10**5),
    st.integers(1, 10**4),
    st.integers(1, 10**5),
)


def test_the_defaults_earn_a_point_a_thousand_rounded_down() -> None:
    rules = Rules(1000, 1, 500, 100, 100)
    assert [rules.earned(amount) for amount in (1, 999, 1000, 1999, 125_000)] == [0, 0, 1, 1, 125]
    assert rules.worth(500) == 50_000
    assert [rules.spendable(balance) for balance in (-5, 0, 499, 500, 1240)] == [0, 0, 0, 500, 1200]


@given(RULES, AMOUNTS, AMOUNTS)
def test_a_larger_sale_never_earns_less_and_splitting_one_never_earns_more(rules: Rules, one: int, other: int) -> None:
    assert 0 <= rules.earned(one) <= 0x7FFFFFFF
    assert rules.earned(min(one, other)) <= rules.earned(max(one, other))
    if rules.earned(one + other) < 0x7FFFFFFF:
        assert rules.earned(one) + rules.earned(other) <= rules.earned(one + other)


RICH = st.builds(
    Rules,
    earn_unit=st.integers(1, 10**6),
    earn_rate=st.integers(0, 1000),
    redeem_threshold=st.just(500),
    redeem_step=st.just(100),
    point_value=st.just(100),
    tier_percent=st.lists(st.integers(100, 1000), min_size=4, max_size=4).map(tuple),
    happy_days=st.integers(0, 127),
    happy_percent=st.integers(0, 1000),
    basket_percent=st.lists(st.integers(0, 1000), max_size=9).map(tuple),
    visit_every=st.integers(0, 4),
    visit_points=st.integers(0, 1_000_000),
    tenure_points=st.integers(0, 100_000),
    tenure_years=st.integers(0, 50),
    cap_sale=st.integers(0, 10**6),
    cap_day=st.integers(0, 10**6),
    currencies=st.sampled_from([(), (364, 10_000, 1), (364, 1, 10_000), (840, 3, 7)]),
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    made = Facts()
    made.tier = draw(st.integers(0, 7))  # the wire has room for more than there are
    made.weekday = draw(st.integers(-1, 6))
    made.is_new, made.visit = draw(st.booleans()), draw(st.integers(0, 65_535))
    made.years, made.earned_today = draw(st.integers(0, 253)), draw(st.integers(0, 10**7))
    made.basket, made.bonus_percent = draw(st.integers(0, 255)), draw(st.integers(0, 1000))
    return made


@given(RICH, facts(), AMOUNTS)
def test_parts_are_above_nothing_in_order_and_within_the_caps(rules: Rules, known: Facts, amount: int) -> None:
    parts = rules.parts(amount, known)
    assert [reason for reason, _ in parts] == sorted({reason for reason, _ in parts})
    assert all(points > 0 for _, points in parts)
    total = sum(points for _, points in parts)
    assert total == rules.earned(amount, known) <= 0x7FFFFFFF
    assert not rules.cap_sale or total <= rules.cap_sale
    assert not rules.cap_day or total <= max(0, rules.cap_day - known.earned_today)
    assert dict(parts).get(BY_AMOUNT, 0) <= rules.base(amount)


@given(RICH, facts(), AMOUNTS, AMOUNTS)
def test_with_all_its_parts_too_a_larger_sale_never_earns_less(
    rules: Rules, known: Facts, one: int, other: int
) -> None:
    assert rules.earned(min(one, other), known) <= rules.earned(max(one, other), known)


def test_a_cap_takes_from_the_last_part_first():
    rules = Rules(1000, 1, 500, 100, 100, tier_percent=(100, 100, 100, 150), visit_every=2, visit_points=30)
    known = Facts()
    known.tier, known.is_new, known.visit = 3, True, 4
    assert rules.parts(100_000, known) == [(BY_AMOUNT, 100), (BY_TIER, 50), (BY_VISIT, 30)]
    for cap, parts in ((160, [(1, 100), (2, 50), (5, 10)]), (120, [(1, 100), (2, 20)]), (40, [(1, 40)])):
        rules.cap_sale = cap
        assert rules.parts(100_000, known) == parts
    rules.cap_sale, rules.cap_day, known.earned_today = 0, 200, 199
    assert rules.parts(100_000, known) == [(BY_AMOUNT, 1)]
    known.earned_today = 5000
    assert rules.parts(100_000, known) == []


def test_new_money_earns_and_pays_by_the_same_rules():
    old, new = Rules(1000, 1, 500, 100, 100), Rules(1000, 1, 500, 100, 100, currencies=(999, 10_000, 1), currency=999)
    for amount in (1, 12, 12_345):
        assert new.earned(amount) == old.earned(amount * 10_000)
    assert new.worth(500) == old.worth(500) // 10_000 == 5
    dear = Rules(1000, 1, 500, 100, 100, currencies=(999, 1, 10_000), currency=999)
    assert dear.worth(500) == 50_000 * 10_000
    assert dear.worth(dear.spendable(10**9)) < 10**12


@given(RULES, BALANCES)
def test_what_may_be_spent_is_in_steps_above_the_threshold_and_within_balance_and_wire(
    rules: Rules, balance: int
) -> None:
    most = rules.spendable(balance)
    assert most == 0 or (
        rules.redeem_threshold <= most <= balance
        and most % rules.redeem_step == 0
        and most <= 0x7FFFFFFF
        and rules.worth(most) < 10**12
    )
    assert most == 0 or rules.may_redeem(most, balance)
    assert not rules.may_redeem(most + rules.redeem_step, balance) or most == 0
    assert not rules.may_redeem(0, balance)


@given(RULES, BALANCES, st.integers(-(10**6), 10**6))
def test_nothing_is_redeemed_that_breaks_a_rule(rules: Rules, balance: int, points: int) -> None:
    if rules.may_redeem(points, balance):
        assert rules.redeem_threshold <= points <= balance
        assert points % rules.redeem_step == 0


@given(st.booleans(), st.integers(1, 500), st.integers(0, 1000), st.booleans(), st.sampled_from([ACCRUAL, REDEMPTION]))
def test_offline_only_an_allowed_accrual_of_a_card_not_blocked_fits_the_queue(
    allowed: bool, limit: int, pending: int, blocked: bool, verb: int
) -> None:
    policy = OfflinePolicy(allowed, limit, 0, lambda _uid: blocked)
    expected = allowed and pending < limit and not blocked and verb == ACCRUAL
    assert policy.decide(verb, b"card", pending).approved == expected


def test_a_large_offline_sale_is_queued_under_review_and_an_online_one_is_not() -> None:
    policy = OfflinePolicy(True, 10, 1000)
    assert policy.decide(ACCRUAL, b"card", 0).approved
    for amount, mode, review in ((1001, OFFLINE, True), (1000, OFFLINE, False), (1001, 0, False)):
        t = Transaction(1, ACCRUAL, mode, b"card", AUTH_LEGACY, amount, 1, 0, CLOCK_OK)
        told = outcome_of(JournalEntry(t, APPROVED), None, 0, 0, policy.review_above)
        assert told.under_review is review


def test_a_queue_that_is_full_or_waits_for_too_long_takes_no_more_and_says_so_before():
    policy = OfflinePolicy(True, 200, 0)
    assert [policy.fill(n) for n in (0, 179, 180, 199, 200, 500)] == [0, 0, 90, 99, 100, 100]
    assert policy.decide(ACCRUAL, b"card", 199, policy.max_age_s - 1).approved
    assert policy.decide(ACCRUAL, b"card", 1, policy.max_age_s).code == "P42"
    assert policy.decide(ACCRUAL, b"card", 200, 0).code == "P24"


@given(st.integers(0, 10), st.integers(0, 20))
def test_a_card_whose_sales_of_today_wait_so_often_earns_no_more_and_nought_is_no_limit(
    most: int, waiting: int
) -> None:
    policy = OfflinePolicy(True, 500, 0)
    policy.earns_a_day = most
    assert policy.decide(ACCRUAL, b"card", 1, 0, waiting).code == ("P43" if most and waiting >= most else "")


@pytest.mark.parametrize(("quality", "counted"), [(CLOCK_OK, 2), (CLOCK_NEVER_SET, 3)])
def test_the_sales_that_wait_are_those_of_the_day_in_tehran_and_all_while_there_is_no_day(quality, counted) -> None:
    midnight_utc = 20_000 * 86_400 - 12_600
    times = (
        (midnight_utc - 1, ACCRUAL),
        (midnight_utc, ACCRUAL),
        (midnight_utc + 9, ACCRUAL),
        (midnight_utc, REDEMPTION),
    )
    waiting = [
        Transaction(seq, verb, OFFLINE, b"card", AUTH_LEGACY, 1_000, 1, time_utc, CLOCK_OK)
        for seq, (time_utc, verb) in enumerate(times, 1)
    ]
    rules = Rules(1_000, 1, 500, 100, 100)
    assert facts_of(rules, None, waiting, midnight_utc + 10, quality).waiting_today == counted
