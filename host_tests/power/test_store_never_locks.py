"""A full ring always takes what empties it: however it was filled, however often the power goes in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from firmware.core.errors import StoreFull
from firmware.core.types import ACCRUAL, OFFLINE, REVERSAL
from firmware.store.journal import Journal
from host_tests.power.ledger import LONG, Ledger, State, observe, open_journal
from tools.sim.chips.nor import Nor, PowerCut, Torn

POWER_ONS = 600


def value(ledger: Ledger) -> None:
    ledger.offline_sale(2)


def results(ledger: Ledger) -> None:
    ledger.answer(ledger.online_intent())
    ledger.offline_sale()


def reversals(ledger: Ledger) -> None:
    ledger.reverse(ledger.online_intent(1))
    ledger.offline_sale()


def dead_letters(ledger: Ledger) -> None:
    ledger.bury(ledger.offline_sale(1))


def marks(ledger: Ledger) -> None:
    ledger.offline_sale()
    for _ in range(70):
        ledger.handed = ledger.journal.next_seq()


def voids(ledger: Ledger) -> None:
    ledger.void(ledger.offline_sale(3))


def all_kinds(ledger: Ledger) -> None:
    for step in (value, results, reversals, dead_letters, marks, voids):
        step(ledger)


FILLINGS = [value, results, reversals, dead_letters, marks, all_kinds]
SOME = FILLINGS if LONG else [value, dead_letters, all_kinds]
WAYS = [
    (filling, page_only)
    for filling in FILLINGS
    for page_only in (False, True)
    if LONG or page_only == (filling in SOME)
]


def filled(filling: Callable[[Ledger], None], page_only: bool, sectors: int = 6) -> tuple[Nor, Ledger]:
    nor = Nor(sectors * 4096, seed=sectors)
    ledger = Ledger(open_journal(nor, page_only))
    ledger.sign_on(0)
    with pytest.raises(StoreFull):
        while True:
            filling(ledger)
            ledger.idle()
    for seq in sorted(ledger.open):
        ledger.reverse(seq)
    return nor, ledger


def power_on(nor: Nor, ledger: Ledger, page_only: bool) -> None:
    ledger.journal = open_journal(nor, page_only)
    ledger.idle()


def refused_sale(ledger: Ledger) -> None:
    """What a cashier tries at a full terminal."""
    with pytest.raises(StoreFull):
        ledger.journal.append(ledger.make(ACCRUAL, OFFLINE))


def books(state: State) -> State:
    """All but the reprint, which a full ring may give up."""
    return {key: value for key, value in state.items() if key not in ("last", "found")}


def not_settled(nor: Nor, page_only: bool) -> int:
    journal = open_journal(nor, page_only)
    return journal.pending_count() + journal.dead_count()


def order_of_sending(journal: Journal) -> Iterator[int]:
    yield from [t.seq for t in journal.pending()]
    yield from [t.seq for t, _rc in journal.dead()]


@pytest.mark.parametrize(("filling", "page_only"), WAYS)
def test_any_full_ring_is_emptied_one_by_one_through_power_ons_and_cuts(
    filling: Callable[[Ledger], None], page_only: bool
) -> None:
    nor, ledger = filled(filling, page_only)
    refused = False
    for _ in range(POWER_ONS if filling is value else POWER_ONS // 10):
        power_on(nor, ledger, page_only)
        refused = False
        try:
            ledger.handed = ledger.journal.next_seq()
        except StoreFull:
            refused = True
    assert refused or filling is not value
    torn = list(Torn)
    for n, seq in enumerate(list(order_of_sending(ledger.journal))):
        if n % 5 == 0:
            power_on(nor, ledger, page_only)
        if n % 16 == 0:
            nor.cut_at(1, torn[n // 16 % len(torn)])
            try:
                ledger.settle(seq)
            except PowerCut:
                pass
            nor.power_on()
            power_on(nor, ledger, page_only)
        ledger.settle(seq)
        if n % 5 == 0:
            assert open_journal(nor, page_only).pending_count() == len(ledger.pending), "durable when it returns"
    assert ledger.journal.pending_count() == ledger.journal.dead_count() == 0
    power_on(nor, ledger, page_only)
    for _ in range(100):
        ledger.offline_sale(1)
    assert observe(open_journal(nor, page_only), ledger.probe) == ledger.state()


@pytest.mark.parametrize("filling", SOME)
@pytest.mark.parametrize("order", ["newest first", "every third"])
def test_settling_in_any_order_never_fails(filling: Callable[[Ledger], None], order: str) -> None:
    nor, ledger = filled(filling, True, sectors=9)
    seqs = list(order_of_sending(ledger.journal))
    seqs = seqs[::-1] if order == "newest first" else seqs[1::3] + seqs[2::3] + seqs[::3]
    for n, seq in enumerate(seqs):
        ledger.settle(seq)
        assert n % 32 or books(observe(ledger.journal, [])) == books(ledger.state())
    assert not_settled(nor, True) == 0
    ledger.offline_sale(1)


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("order", ["as sent", "newest first"])
def test_everything_may_be_buried_and_then_resolved(filling: Callable[[Ledger], None], order: str) -> None:
    nor, ledger = filled(filling, False)
    seqs = [t.seq for t in ledger.journal.pending()]
    for seq in seqs if order == "as sent" else seqs[::-1]:
        ledger.bury(seq)
    assert books(observe(ledger.journal, [])) == books(ledger.state())
    ledger.idle()
    again = open_journal(nor, False)
    assert again.pending_count() + again.dead_count() == len(ledger.dead), "a cut brings some back, none is lost"
    for seq in sorted(ledger.dead):
        ledger.settle(seq)
    assert not_settled(nor, False) == 0
    ledger.offline_sale(1)


def test_power_ons_and_refused_sales_leave_room_for_the_reversal_of_what_stays_open() -> None:
    nor = Nor(8 * 4096)
    ledger = Ledger(open_journal(nor, True))
    ledger.sign_on(0)
    open_intent = ledger.online_intent()
    with pytest.raises(StoreFull):
        while True:
            ledger.offline_sale()
    for _ in range(30):
        power_on(nor, ledger, True)
        refused_sale(ledger)
    power_on(nor, ledger, True)
    reversal = ledger.reverse(open_intent)
    assert next(iter(open_journal(nor, True).pending())).seq == reversal


def test_a_power_on_of_a_full_ring_writes_nothing_new() -> None:
    nor, ledger = filled(all_kinds, True)
    power_on(nor, ledger, True)
    before = bytes(nor.image)
    for _ in range(50):
        power_on(nor, ledger, True)
        assert ledger.journal.highest_seq() >= ledger.handed
    assert bytes(nor.image) == before


def test_a_sign_on_with_a_higher_number_is_taken_by_a_full_ring_and_never_undercut() -> None:
    nor, ledger = filled(value, False)
    for _ in range(POWER_ONS):
        power_on(nor, ledger, False)
        ledger.sign_on(ledger.journal.highest_seq() + 1000)
    for t in list(ledger.journal.pending()):
        ledger.settle(t.seq)
    assert ledger.make(REVERSAL, OFFLINE).seq > ledger.handed - 1


def test_many_reversals_of_a_full_ring_settle_durably_one_by_one() -> None:
    nor, ledger = filled(reversals, True, sectors=22)
    waiting = [t.seq for t in ledger.journal.pending() if t.verb == REVERSAL]
    assert len(waiting) * 32 > 2 * 4096, "their acknowledgements alone fill what value leaves free"
    for seq in waiting:
        ledger.settle(seq)
    assert open_journal(nor, True).pending_count() == len(ledger.pending)
