"""No two sectors bear one generation, whatever ends the opening of one; and when two do, nothing is lost of either."""

from __future__ import annotations

import pytest

from firmware.core.errors import FlashUnreadable, StoreFull
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.frames import LAST_GENERATION, Header, parse_header
from firmware.store.journal import KIND, Journal
from host_tests.power.headers import put
from host_tests.power.ledger import SEALER, Ledger, observe, open_journal
from tools.sim.chips.nor import Nor, NorPartition

SECTORS = 8


class Sick(NorPartition):
    """The second header copy of sector `bad` is wrong in one bit; sector `unread` cannot be read, once."""

    def __init__(self, nor: Nor) -> None:
        super().__init__(nor, 0, nor.size // 4096)
        self.bad = self.unread = -1

    def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int | None = None) -> None:
        if block_num == self.bad and offset == 0:
            buf = bytearray(buf)
            buf[40] ^= 0x80
            self.bad = -1
        super().writeblocks(block_num, buf, offset)

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        if block_num == self.unread:
            self.unread = -1
            raise OSError(5)
        super().readblocks(block_num, buf, offset)


def generations(nor: Nor) -> list[int]:
    found = []
    for at in range(0, nor.size, 4096):
        headers = [parse_header(nor.image[at + copy : at + copy + 32]) for copy in (0, 32)]
        found.extend([header.generation for header in headers if header is not None][:1])
    return found


def filled(sectors: int = SECTORS) -> tuple[Nor, Sick, Ledger]:
    """A journal whose first sector takes no other sale."""
    nor = Nor(sectors * 4096)
    part = Sick(nor)
    journal = Journal(part, SEALER, 0x5A17)
    journal.open()
    ledger = Ledger(journal)
    ledger.sign_on(1)
    while journal._ring.room() >= 64:
        ledger.offline_sale()
    return nor, part, ledger


def test_a_header_that_failed_before_a_read_error_keeps_its_generation() -> None:
    nor, part, ledger = filled()
    part.bad, part.unread = 1, 2
    with pytest.raises(FlashUnreadable):
        ledger.offline_sale()
    for _ in range(5):
        ledger.offline_sale()
    assert len(set(generations(nor))) == len(generations(nor)) == 3
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


def test_a_header_that_failed_where_no_other_sector_was_free_keeps_its_generation() -> None:
    nor, part, ledger = filled(4)
    ring = ledger.journal._ring
    for sector in (2, 3):
        nor.bad_blocks[sector] = "silent"
        nor.image[sector * 4096 + 99] = 0
    part.bad = 1
    with pytest.raises(StoreFull):
        ring.append(9, 0, bytes(8), 0)
    nor.bad_blocks.clear()
    ring._bad.discard(2)
    ring._recount()
    ring.append(9, 0, bytes(8), 0)
    assert generations(nor) == [1, 2, 3]


def test_a_header_that_failed_with_the_last_generation_ends_them() -> None:
    nor = Nor(4 * 4096)
    nor.program(0, SEALER.header(Header(KIND, 4, LAST_GENERATION - 1, 0x5A17, 0, 900, 1000), 0))
    part = Sick(nor)
    journal = Journal(part, SEALER, 0x5A17)
    journal.open()
    journal._ring.close_sector()
    part.bad = 1
    for _ in range(2):
        with pytest.raises(StoreFull):
            journal._ring.append(9, 0, bytes(8), 0)
    assert generations(nor) == [LAST_GENERATION - 1, LAST_GENERATION]


def twins() -> tuple[Nor, Ledger]:
    """Generation 3 stands twice, with proved headers: in sector 2 it has no frames, in sector 3 sales."""
    nor, _part, ledger = filled()
    while ledger.journal._ring.generation < 2 or ledger.journal._ring.room() >= 64:
        ledger.offline_sale(2)
    ring = ledger.journal._ring
    put(nor, 2, SEALER.header(Header(KIND, SECTORS, 3, ring.salt, 2, ring.seq_high, ring.seq_ceiling), 2))
    ring._bad.add(2)
    for card in range(4):
        ledger.offline_sale(card)
    assert ring.sector_of(3) == 3
    return nor, ledger


def test_of_two_sectors_with_one_generation_the_one_with_records_counts() -> None:
    nor, ledger = twins()
    journal = open_journal(nor, False)
    assert observe(journal, ledger.probe) == ledger.state()
    assert journal.gaps() == 0 and journal.next_seq() > ledger.handed
    while journal.idle_work():
        pass
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


def test_when_both_have_records_the_lesser_is_kept_and_told_and_its_numbers_are_not_given_again() -> None:
    nor, ledger = twins()
    other = Nor(nor.size)
    other.image[:] = nor.image
    other.image[3 * 4096 : 4 * 4096] = b"\xff" * 4096
    strayed = open_journal(other, False)
    number = [strayed.next_seq() for _ in range(200)][-1]
    strayed.append(Transaction(number, ACCRUAL, OFFLINE, b"\1" * 4, 1, 5, 5, 1_790_000_000, 2))
    nor.image[2 * 4096 : 3 * 4096] = kept = bytes(other.image[2 * 4096 : 3 * 4096])
    for _ in range(3):
        ledger.offline_sale(2)
    journal = open_journal(nor, False)
    assert [t.seq for t in journal.pending()] == sorted(ledger.pending)
    assert journal.gaps() > 0
    assert journal.next_seq() > number
    while journal.idle_work():
        pass
    assert bytes(nor.image[2 * 4096 : 3 * 4096]) == kept
