"""Runs on the device's interpreter: heap held by an open journal, 64-bit, after a collection.

Called with the sectors of the ring; prints a line of JSON with nothing pending, and at 256 sectors with 500 and 5,000
pending, and what one `pending_points` reads then. The sector buffer is the terminal's, which both stores share, and is
not counted.
"""

import sys

from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from tools.bench.on_device.counting_flash import Nor, heap, tell

_SECTOR = 4096
_CARDS = 300


def _opened(flash: Nor, sealer: Sealer, sector: bytearray) -> Journal:
    journal = Journal(flash, sealer, 1, False, sector)
    journal.open()
    while journal.idle_work():
        pass
    return journal


def _uid(n: int) -> bytes:
    return bytes((4, n * 7 % _CARDS >> 8, n * 7 % _CARDS & 255, 7, 7, 7, 7))


def main() -> None:
    """One size of ring."""
    sectors = int(sys.argv[1])
    sealer, sector = Sealer(bytes(range(16)), b"VAFA0001"), bytearray(_SECTOR)
    flash = Nor(sectors)
    first = _opened(flash, sealer, sector)  # what a first one leaves behind for all is there now
    first.continue_above(0)
    before = heap()
    journal = _opened(flash, sealer, sector)
    empty = heap() - before
    tell("ram", "journal", sectors=sectors, pending=0, ram=empty)
    for pending in (500, 5000) if sectors == 256 else ():
        while journal.pending_count() < pending:
            seq = journal.next_seq()
            journal.append(Transaction(seq, ACCRUAL, OFFLINE, _uid(seq), 1, 125000, 125, 1790000000, 2))
        ram = heap() - before - empty
        flash.reset()
        for card in range(_CARDS):
            journal.pending_points(_uid(card))
        read, reads = flash.read / _CARDS, flash.reads / _CARDS
        tell("ram", "journal", sectors=sectors, pending=pending, ram=ram, points_read=read, points_reads=reads)
    del first


if __name__ == "__main__":
    main()
