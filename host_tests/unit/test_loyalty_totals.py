"""Totals of a batch: whole numbers, and whatever way they are cut the parts make the whole."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    DEAD,
    ENROL,
    ISSUE,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUND,
    REFUSED,
    REMARK,
    REVERSAL,
    REVERSED,
    SETTLED,
    USE,
    VOID,
    VOIDED,
    JournalEntry,
    Result,
)
from firmware.loyalty.totals import COMPARED, KINDS, Totals, kind_of, points_of
from host_tests.unit.switch_kit import transaction


def entry(seq=1, verb=ACCRUAL, mode=ONLINE, state=APPROVED, clerk=0, amount=125_000, points=125, booked=None):
    record = transaction(seq=seq, verb=verb, mode=mode, clerk=clerk, amount=amount, points=points)
    answered = mode == ONLINE and state in (APPROVED, REFUSED)
    result = Result(seq, state, "00", points if booked is None else booked, None, "") if answered else None
    return JournalEntry(record, state, result)


def test_every_state_counts_in_its_one_place():
    places = {
        (ACCRUAL, ONLINE, APPROVED): "AC",
        (REDEMPTION, ONLINE, APPROVED): "RE",
        (ACCRUAL, OFFLINE, SETTLED): "OA",
        (ACCRUAL, OFFLINE, APPROVED): "OA",
        (REDEMPTION, OFFLINE, SETTLED): "OR",
        (REVERSAL, OFFLINE, SETTLED): "RV",
        (REVERSAL, OFFLINE, DEAD): "DL",
        (ACCRUAL, OFFLINE, DEAD): "DL",
        (ACCRUAL, OFFLINE, VOIDED): "VO",
        (ACCRUAL, ONLINE, REFUSED): "",
        (ACCRUAL, ONLINE, REVERSED): "",
        (REDEMPTION, ONLINE, OPEN): "",
        (REFUND, ONLINE, APPROVED): "RF",
        (VOID, ONLINE, APPROVED): "VD",
        (VOID, ONLINE, REVERSED): "",
        (ENROL, ONLINE, APPROVED): "EN",
        (ENROL, OFFLINE, SETTLED): "EN",
        (ISSUE, ONLINE, APPROVED): "VI",
        (USE, ONLINE, APPROVED): "VU",
        (REMARK, OFFLINE, SETTLED): "",
        (REMARK, OFFLINE, DEAD): "",
    }
    for (verb, mode, state), kind in places.items():
        assert kind_of(entry(verb=verb, mode=mode, state=state)) == kind, (verb, mode, state)


def test_the_points_the_switch_booked_count_not_those_asked():
    assert points_of(entry(points=125, booked=130)) == 130
    assert points_of(entry(mode=OFFLINE, state=SETTLED, points=125)) == 125


def test_what_waits_is_what_the_switch_has_not_settled():
    totals = Totals()
    for state, mode in ((SETTLED, OFFLINE), (APPROVED, OFFLINE), (APPROVED, ONLINE), (OPEN, ONLINE)):
        totals.add(entry(mode=mode, state=state))
    assert totals.waiting == 2


entries = st.builds(
    entry,
    seq=st.integers(1, 2**31 - 1),
    verb=st.sampled_from((ACCRUAL, REDEMPTION, REVERSAL, REFUND, VOID, ENROL, ISSUE, USE, REMARK)),
    mode=st.sampled_from((ONLINE, OFFLINE)),
    state=st.sampled_from((APPROVED, REFUSED, REVERSED, SETTLED, DEAD, VOIDED)),
    clerk=st.integers(0, 255),
    amount=st.integers(0, 2**40 - 1),
    points=st.integers(-(2**31), 2**31 - 1),
)


@given(st.lists(entries, max_size=60), st.integers(0, 60))
def test_the_parts_make_the_whole(records, cut):
    whole, left, right = Totals(), Totals(), Totals()
    for number, one in enumerate(records):
        whole.add(one)
        (left if number < cut else right).add(one)
    counted = [one for one in records if kind_of(one)]
    for figure, of in enumerate((lambda _: 1, lambda one: one.transaction.amount, points_of)):
        assert sum(whole.of(kind)[figure] for kind in KINDS) == sum(of(one) for one in counted)
        for kind in KINDS:
            assert whole.of(kind)[figure] == left.of(kind)[figure] + right.of(kind)[figure]
            assert whole.of(kind)[figure] == sum(whole.of(kind, clerk)[figure] for clerk in whole.clerks())
    assert sum(row[2] for row in whole.rows()) == len(counted)
    assert whole.compared() == sum(kind_of(one) in COMPARED for one in records)
    if records:
        seqs = [one.transaction.seq for one in records]
        assert (whole.low, whole.high) == (min(seqs), max(seqs))


def test_a_sale_that_was_voided_is_no_visit_and_one_whose_void_is_not_known_is():
    totals = Totals()
    for seq, verb, state, clerk in ((1, ACCRUAL, APPROVED, 1), (2, ACCRUAL, APPROVED, 1), (3, VOID, APPROVED, 2)):
        one = entry(seq=seq, verb=verb, state=state, clerk=clerk)
        one.transaction.visit = 1
        totals.add(one)
    unknown = entry(seq=4, verb=VOID, state=REVERSED)
    unknown.transaction.visit = 1
    totals.add(unknown)
    assert totals.visits() == [1, 0, 0]
    assert totals.visits(2) == [0, 0, 0], "the other clerk's"
