"""A pending reversal keeps its original: what it undoes can be told as long as it waits, whatever the ring does."""

from __future__ import annotations

import pytest

from firmware.core.errors import StoreFull
from firmware.core.types import ACCRUAL, ONLINE, REVERSED
from firmware.store.journal import Journal
from host_tests.power.headers import behead
from host_tests.power.ledger import Ledger, open_journal
from tools.sim.chips.nor import Nor

SECTORS = 8


def until_room(ledger: Ledger, room: int) -> None:
    """Settled sales until the open sector has less than one slot more than `room`."""
    while not room <= ledger.journal._ring.room() < room + 64:
        ledger.settle(ledger.offline_sale())
        ledger.idle()


def waiting_over_a_border() -> tuple[Nor, Ledger, int, int]:
    """An original that is the last of its sector, and its reversal in the next."""
    nor = Nor(SECTORS * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.settle(ledger.offline_sale())
    until_room(ledger, 64)
    original = ledger.online_intent()
    generation = ledger.journal._ring.generation
    reversal = ledger.reverse(original)
    assert ledger.journal._ring.generation == generation + 1
    return nor, ledger, original, reversal


def answered_sales(journal: Journal, ledger: Ledger) -> int:
    """Online sales, each answered, until the ring takes no more or has gone round twice."""
    for sold in range(SECTORS * 80):
        try:
            ledger.answer(ledger.online_intent())
        except StoreFull:
            return sold
        ledger.idle()
    return SECTORS * 80


@pytest.mark.parametrize("start", ["running", "restarted", "lost its header"])
def test_the_original_of_a_pending_reversal_outlives_every_later_sale(start: str) -> None:
    nor, ledger, original, reversal = waiting_over_a_border()
    if start == "lost its header":
        behead(nor, ledger.journal._ring.sector_of(ledger.journal._ring.generation - 1))
    if start != "running":
        ledger.journal = open_journal(nor, False)
    assert answered_sales(ledger.journal, ledger) > 100
    for journal in (ledger.journal, open_journal(nor, False)):
        ledger.journal = journal
        answered_sales(journal, ledger)
        entry = journal.find(original)
        assert entry is not None
        assert entry.state == REVERSED
        assert entry.transaction.time_utc == ledger.transactions[original].time_utc
        assert [t.seq for t in journal.pending()] == [reversal]


@pytest.mark.parametrize("end", ["settled", "buried"])
def test_a_reversal_that_is_done_lets_its_originals_sector_go(end: str) -> None:
    nor, ledger, original, reversal = waiting_over_a_border()
    answered_sales(ledger.journal, ledger)
    if end == "settled":
        ledger.settle(reversal)
    else:
        ledger.bury(reversal)
    ledger.idle()
    assert answered_sales(ledger.journal, ledger) == SECTORS * 80
    assert open_journal(nor, False).find(original) is None


def test_a_sector_of_reversals_holds_the_oldest_original_until_its_last_one_is_done() -> None:
    nor = Nor(SECTORS * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.settle(ledger.offline_sale())
    until_room(ledger, 256)
    originals = [ledger.online_intent() for _ in range(4)]
    reversals = [ledger.reverse(seq) for seq in originals]
    for seq in reversals[:3]:
        ledger.settle(seq)
        ledger.journal = open_journal(nor, False)
    answered_sales(ledger.journal, ledger)
    entry = open_journal(nor, False).find(originals[3])
    assert entry is not None
    assert (entry.transaction.verb, entry.transaction.mode) == (ACCRUAL, ONLINE)


def test_a_reversal_of_an_answered_sale_holds_it_too() -> None:
    nor = Nor(SECTORS * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    original = ledger.online_intent()
    ledger.answer(original)
    until_room(ledger, 0)
    reversal = ledger.reverse(original)
    answered_sales(ledger.journal, ledger)
    journal = open_journal(nor, False)
    assert [t.seq for t in journal.pending()] == [reversal]
    assert journal.find(original) is not None
