"""A journal beside failing flash: what was sent stays sent, what went bad lets go, what stands twice counts once."""

from __future__ import annotations

import pytest

from firmware.core.errors import StoreError
from firmware.core.types import APPROVED, OFFLINE, REVERSAL, SETTLED, VOIDED, Transaction
from firmware.store import records
from firmware.store.frames import SECTOR
from firmware.store.journal import Journal
from host_tests.power.faults import Unreadable
from host_tests.power.ledger import CARDS, SEALER, Ledger, open_journal
from tools.sim.chips.nor import Nor, NorPartition

SALT = 0x5A17


def ledger_on(nor: Nor) -> Ledger:
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(1)
    return ledger


def place(journal: Journal, position: int) -> int:
    """Where the frame of a position begins on the flash."""
    generation, cell = divmod(position, 64)
    frame = journal._entries.frame(position, (records.TRANSACTION, records.DEAD))
    assert frame is not None
    return journal._ring.sector_of(generation) * SECTOR + frame.at


def state_of(journal: Journal, seq: int) -> int:
    entry = journal.find(seq)
    assert entry is not None
    return entry.state


def two_bits_go_bad(nor: Nor, at: int) -> None:
    """More than is put right."""
    nor.image[at + 20] ^= 1
    nor.image[at + 30] ^= 1


# --- what was sent --------------------------------------------------------------------------------------------------


def test_a_sent_sale_whose_refusal_is_not_written_is_not_voided() -> None:
    ledger = ledger_on(Nor(6 * SECTOR))
    sale = ledger.offline_sale()
    assert ledger.journal.sending(sale)
    with pytest.raises(StoreError):
        ledger.journal.bury(sale, "ABC")
    with pytest.raises(StoreError, match="may have been sent"):
        ledger.journal.void(sale, 1, 1)
    assert state_of(ledger.journal, sale) == APPROVED


def test_a_sent_sale_whose_settlement_fails_is_not_voided() -> None:
    failed = 0
    for read in range(1, 12):
        flash = Unreadable(Nor(6 * SECTOR))
        journal = Journal(flash, SEALER, SALT)
        journal.open()
        ledger = Ledger(journal)
        ledger.sign_on(1)
        sale = ledger.offline_sale()
        assert journal.sending(sale)
        while journal._ring.room() >= 32:
            journal._ring.append(records.MARK, 0, records.pack_mark(1, journal._ring.seq_ceiling), 1)
        flash.fail_in = read
        try:
            journal.settle(sale)
        except StoreError:
            failed += 1
            with pytest.raises(StoreError, match="may have been sent"):
                journal.void(sale, 1, 1)
            journal.settle(sale)
        flash.fail_in = 0
        assert state_of(journal, sale) == SETTLED
    assert failed


def test_a_sale_whose_reversal_is_pending_is_not_voided() -> None:
    ledger = ledger_on(Nor(6 * SECTOR))
    sale, other = ledger.offline_sale(), ledger.offline_sale()
    seq = ledger.journal.next_seq()
    ledger.journal.append(Transaction(seq, REVERSAL, OFFLINE, CARDS[0], 1, 5, 5, 1_790_000_000, 2, original_seq=sale))
    with pytest.raises(StoreError, match="reversal"):
        ledger.journal.void(sale, 1, 1)
    ledger.journal.void(other, 1, 1)
    assert [t.seq for t in ledger.journal.pending()] == [seq, sale]


# --- what went bad --------------------------------------------------------------------------------------------------


def go_on_until_round(ledger: Ledger, skip: set[int]) -> None:
    """Sell and settle for three rounds of the ring."""
    journal = ledger.journal
    for _ in range(3 * 8 * 40):
        seq = journal.next_seq()
        journal.append(Transaction(seq, 1, OFFLINE, b"\1" * 4, 1, 5, 5, 1_790_000_000, 2))
        assert seq not in skip
        journal.settle(seq)
        while journal.idle_work():
            pass


@pytest.mark.parametrize("kind", ["pending", "open", "dead"])
def test_a_record_that_goes_bad_in_use_lets_the_ring_go_on_and_is_counted(kind: str) -> None:
    nor = Nor(8 * SECTOR)
    ledger = ledger_on(nor)
    journal = ledger.journal
    if kind == "open":
        seq = ledger.online_intent()
        position = journal._open[seq]
    else:
        seq = ledger.offline_sale()
        position = journal._entries.position(seq)
        if kind == "dead":
            ledger.bury(seq)
            position = journal._dead[seq]
    two_bits_go_bad(nor, place(journal, position))
    ledger.offline_sale()
    journal.settle(max(ledger.pending))
    go_on_until_round(ledger, {seq})
    assert journal.gaps() == 1
    assert (journal.pending_count(), journal.dead_count(), len(journal._open)) == (0, 0, 0)
    journal.settle(seq)


@pytest.mark.parametrize("sent", [False, True])
def test_a_pending_sale_that_went_bad_is_gone_from_the_queue_and_settling_it_is_no_error(sent: bool) -> None:
    nor = Nor(8 * SECTOR)
    ledger = ledger_on(nor)
    journal = ledger.journal
    bad, good = ledger.offline_sale(), ledger.offline_sale()
    if sent:
        assert journal.sending(bad)
    two_bits_go_bad(nor, place(journal, journal._entries.position(bad)))
    assert [t.seq for t in journal.pending()] == [good]
    assert (journal.pending_count(), journal.gaps()) == (1, 1)
    journal.settle_all([bad, good])
    assert (journal.pending_count(), journal.gaps()) == (0, 1)


def test_readings_that_differ_lose_no_sale() -> None:
    """The reader errs: what stands on the flash is whole, and its sector must stay."""

    class Noisy(NorPartition):
        reads = 0

        def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
            super().readblocks(block_num, buf, offset)
            if self.reads and len(buf) < SECTOR:
                self.reads += 1
                buf[20] ^= self.reads & 127
                buf[30] ^= 3

    flash = Noisy(Nor(8 * SECTOR), 0, 8)
    journal = Journal(flash, SEALER, SALT)
    journal.open()
    ledger = Ledger(journal)
    ledger.sign_on(1)
    sale = ledger.offline_sale()
    flash.reads = 1
    assert list(journal.pending()) == []
    flash.reads = 0
    assert [t.seq for t in journal.pending()] == [sale]
    assert journal.gaps() == 0


# --- what stands twice ----------------------------------------------------------------------------------------------


class SaysNo(NorPartition):
    """Takes the next program and says that it failed; that sector then refuses so many more."""

    next_fails = False
    refuses = -1
    refusals = 99

    def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int | None = None) -> None:
        if self.refuses == block_num and self.refusals:
            self.refusals -= 1
            raise OSError(5)
        super().writeblocks(block_num, buf, offset)
        if self.next_fails:
            self.next_fails, self.refuses = False, block_num
            raise OSError(116)


def twice(end: str, refusals: int) -> tuple[Nor, Ledger, int]:
    """A journal with a sale that stands twice, ended in some way; then more."""
    nor = Nor(6 * SECTOR)
    flash = SaysNo(nor, 0, 6)
    journal = Journal(flash, SEALER, SALT)
    journal.open()
    ledger = Ledger(journal)
    ledger.sign_on(1)
    ledger.offline_sale()
    flash.next_fails, flash.refusals = True, refusals
    sale = ledger.offline_sale()
    ledger.offline_sale()  # no longer the one that was written last
    if end == "void":
        ledger.void(sale)
    elif end == "settle":
        ledger.settle(sale)
    elif end == "bury":
        ledger.bury(sale)
    ledger.offline_sale()
    return nor, ledger, sale


@pytest.mark.parametrize("refusals", [1, 99], ids=["in one sector", "in two"])
@pytest.mark.parametrize("end", ["", "void", "settle", "bury"])
def test_a_sale_that_stands_twice_is_one_sale(end: str, refusals: int) -> None:
    nor, ledger, sale = twice(end, refusals)
    for journal in (ledger.journal, open_journal(nor, False)):
        assert sorted(t.seq for t in journal.pending()) == sorted(ledger.pending)
        assert journal.pending_count() == len(ledger.pending)
        assert journal.dead_count() == len(ledger.dead)
        assert state_of(journal, sale) == ledger.entry_state(sale)
        assert journal.gaps() == 0
    again = open_journal(nor, False)
    again.settle_all(sorted(ledger.pending | set(ledger.dead)))
    assert (again.pending_count(), again.dead_count()) == (0, 0)
    assert open_journal(nor, False).pending_count() == 0


def test_an_acknowledgement_that_stands_twice_is_no_gap() -> None:
    nor = Nor(6 * SECTOR)
    flash = SaysNo(nor, 0, 6)
    journal = Journal(flash, SEALER, SALT)
    journal.open()
    ledger = Ledger(journal)
    ledger.sign_on(1)
    sale = ledger.offline_sale()
    flash.next_fails = True
    ledger.settle(sale)
    ledger.offline_sale()
    assert open_journal(nor, False).gaps() == 0


def test_a_voided_sale_that_stands_twice_stays_voided() -> None:
    nor, _ledger, sale = twice("void", 99)
    assert state_of(open_journal(nor, False), sale) == VOIDED


# --- a read that fails ----------------------------------------------------------------------------------------------


def test_a_read_that_fails_leaves_the_chain_as_it_was() -> None:
    """No sector that is needed holds a linked record, so the chain's end is looked for in older ones."""
    nor = Nor(6 * SECTOR)
    ledger = ledger_on(nor)
    journal = ledger.journal
    while journal._ring.generation < 2 or journal._ring.room() >= 2048:  # not to its end: looked for once all is read
        ledger.settle(ledger.offline_sale())
    journal._state.last = 0
    journal._ring.close_sector()
    for tail in (1, journal._ring.generation + 1):
        journal._ring.append(records.MARK, 0, records.pack_mark(tail, journal._ring.seq_ceiling), 0)
    links: set[bytes] = set()
    for read in range(12):
        copy = Nor(nor.size)
        copy.image[:] = nor.image
        flash = Unreadable(copy)
        opened = Journal(flash, SEALER, SALT)
        opened.open()
        flash.fail_in = read
        for _ in range(3):
            try:
                opened.gaps()
            except StoreError:
                continue
        links.add(opened._ring.chain.link())
    assert len(links) == 1
