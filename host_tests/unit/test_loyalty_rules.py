"""The programme's arithmetic, for all numbers the wire can carry."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.core.types import ACCRUAL, APPROVED, AUTH_LEGACY, CLOCK_OK, OFFLINE, REDEMPTION, JournalEntry, Transaction
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.outcome import outcome_of
from firmware.loyalty.rules import Rules

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
