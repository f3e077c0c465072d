"""The newest sectors lose their headers: no number is given again, nothing is hidden from a search by SEQ."""

from __future__ import annotations

import pytest

from firmware.core.errors import StoreError, StoreFull
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.frames import Header
from firmware.store.journal import KIND, Journal
from host_tests.power.headers import behead, header_in, put
from host_tests.power.ledger import SEALER, Ledger, open_journal, with_image
from tools.sim.chips.nor import Nor, PowerCut, Torn

SECTORS = 8


def ends_with_a_settle(unused: int) -> tuple[Nor, Ledger]:
    """`unused` numbers are handed out beside each sale; the newest sector, of generation 4, holds a settle only."""
    nor = Nor(SECTORS * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(1)
    ring = ledger.journal._ring
    while ring.generation < 3 or ring.room() >= 64:
        for _ in range(unused):
            ledger.handed = ledger.journal.next_seq()
        ledger.offline_sale(ledger.handed % 4)
    while ring.generation < 4:
        ledger.settle(min(ledger.pending))
    return nor, ledger


def all_found(journal: Journal, ledger: Ledger) -> bool:
    return all(journal.find(seq) is not None for seq in ledger.transactions)


@pytest.mark.parametrize("unused", [0, 1, 40])
def test_i4_a_newest_sector_without_a_header_gives_no_number_again_and_hides_no_sale(unused: int) -> None:
    nor, ledger = ends_with_a_settle(unused)
    behead(nor, 3)
    for _ in range(3):
        ledger.journal = open_journal(nor, False)
        assert [t.seq for t in ledger.journal.pending()] == sorted(ledger.pending)
        assert all_found(ledger.journal, ledger)
        ledger.offline_sale(1)
    assert ledger.journal.gaps() == 0


def test_i4_two_newest_sectors_without_a_header_give_no_number_again() -> None:
    nor, ledger = ends_with_a_settle(40)
    behead(nor, 2)
    behead(nor, 3)
    ledger.journal = open_journal(nor, False)
    assert [t.seq for t in ledger.journal.pending()] == sorted(ledger.pending)
    assert all_found(ledger.journal, ledger)
    ledger.offline_sale(1)


def test_of_two_sectors_without_headers_each_sale_is_found_whichever_stands_first() -> None:
    nor = Nor(SECTORS * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(1)
    ring = ledger.journal._ring
    while ring.generation <= SECTORS:  # the newest sector is the first one again
        seq = ledger.offline_sale(1)
        if ring.generation < SECTORS - 1:
            ledger.settle(seq)
    ledger.idle()
    behead(nor, SECTORS - 1)
    behead(nor, 0)
    journal = open_journal(nor, False)
    assert [t.seq for t in journal.pending()] == sorted(ledger.pending)
    assert all(journal.find(seq) is not None for seq in ledger.pending)


@pytest.mark.parametrize("hidden", [1, 3])
def test_i4_promises_that_went_bad_before_a_newest_sector_without_a_header_count(hidden: int) -> None:
    nor, ledger = ends_with_a_settle(0)
    ring = ledger.journal._ring
    ring.close_sector()
    for _ in range(64 * hidden + 1):
        ledger.handed = ledger.journal.next_seq()
    ring.close_sector()
    ledger.settle(min(ledger.pending))
    assert ring.generation == 6
    behead(nor, 5)
    for start in (64, 0):  # generation 5: no frame of it opens any more, then nothing at all
        nor.image[4 * 4096 + start : 5 * 4096] = bytes(4096 - start)
        assert open_journal(with_image(bytes(nor.image)), False).next_seq() > ledger.handed


def stale() -> tuple[Nor, Ledger]:
    """The newest header knows fewer numbers than stand in the sectors before it, one of which has no header."""
    nor, ledger = ends_with_a_settle(1)
    ring = ledger.journal._ring
    first = header_in(nor, 0)
    put(nor, 3, SEALER.header(Header(KIND, SECTORS, 4, ring.salt, 3, first.seq_high, 1300), 3))
    return nor, ledger


def test_i4_a_header_that_knows_too_little_hides_no_sale_and_gives_no_number_again() -> None:
    for without in (False, True):
        nor, ledger = stale()
        if without:
            behead(nor, 2)
        ledger.journal = open_journal(nor, False)
        assert [t.seq for t in ledger.journal.pending()] == sorted(ledger.pending)
        assert all_found(ledger.journal, ledger)
        assert ledger.journal.highest_seq() >= ledger.handed
        with pytest.raises(StoreError, match="may have been sent"):
            ledger.journal.void(max(ledger.pending), 1, 1_790_000_000)
        ledger.offline_sale(1)


def test_i4_the_last_number_is_the_last_below_those_of_sessions() -> None:
    last = 0x7FFFFFFF
    nor = Nor(6 * 4096)
    journal = open_journal(nor, False)
    journal.continue_above(last - 64 - 999)
    number = 0
    with pytest.raises(StoreFull):
        for _ in range(300):
            number = journal.next_seq()
            journal.append(Transaction(number, ACCRUAL, OFFLINE, b"\1" * 4, 1, 5, 5, 1_790_000_000, 2))
            journal.settle(number)
    assert number == last
    again = open_journal(nor, False)
    with pytest.raises(StoreFull):
        again.next_seq()
    assert again.highest_seq() == last


def test_a_blank_partition_with_a_bad_first_sector_is_taken_into_use_after_a_cut() -> None:
    cuts = 0
    for torn in Torn:
        for seed in range(3):
            for n in range(1, 8):
                nor = Nor(6 * 4096, seed=seed)
                nor.bad_blocks[0] = "silent"
                nor.cut_at(n, torn)
                try:
                    open_journal(nor, False)
                    continue
                except PowerCut:
                    cuts += 1
                nor.power_on()
                open_journal(nor, False)
    assert cuts > 20
