"""What was taken out of a journal, or overwritten, is told: at its start too. What only was skipped is not."""

from __future__ import annotations

import pytest

from firmware.core.errors import StoreFull
from firmware.store.frames import HEADER, SECTOR, Header
from host_tests.power.headers import forged, put
from host_tests.power.ledger import Ledger, open_journal
from tools.sim.chips.nor import Nor, PowerCut, Torn

SALT = 0x5A17


def filled(generations: int, keep: int = 0, sectors: int = 8) -> tuple[Nor, Ledger]:
    """A journal of so many sectors; with `keep`, what is older than so many sales is settled."""
    nor = Nor(sectors * SECTOR)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(1)
    while ledger.journal._ring.generation < generations:
        ledger.offline_sale()
        if keep and len(ledger.pending) > keep:
            ledger.settle(*sorted(ledger.pending)[:40])
            ledger.idle()
    return nor, ledger


def with_sector(nor: Nor, sector: int, raw: bytes) -> Nor:
    copy = Nor(nor.size)
    copy.image[:] = nor.image
    copy.image[sector * SECTOR : (sector + 1) * SECTOR] = raw
    return copy


@pytest.mark.parametrize("raw", [b"\xff" * SECTOR, bytes(SECTOR)], ids=["erased", "zeros"])
@pytest.mark.parametrize("keep", [0, 200], ids=["from the first", "behind a tail"])
def test_every_sector_that_is_gone_is_told_but_the_newest(keep: int, raw: bytes) -> None:
    nor, ledger = filled(11 if keep else 5, keep)
    ring = ledger.journal._ring
    assert open_journal(nor, False).gaps() == 0
    assert (ring.tail == 1) == (not keep)
    for generation in range(ring.tail, ring.generation):
        left = open_journal(with_sector(nor, ring.sector_of(generation), raw), False)
        assert left.pending_count() < len(ledger.pending)
        assert left.gaps() == 1, generation


def test_a_sector_that_shows_an_older_life_is_told() -> None:
    nor, ledger = filled(3)
    older = bytes(nor.image)
    while ledger.journal._ring.generation < 11:
        ledger.offline_sale()
        if len(ledger.pending) > 200:
            ledger.settle(*sorted(ledger.pending)[:40])
            ledger.idle()
    ring = ledger.journal._ring
    sector = ring.sector_of(ring.tail)
    while ring.tail < 9:
        ledger.settle(min(ledger.pending))
        sector = ring.sector_of(ring.tail)
    raw = older[sector * SECTOR : (sector + 1) * SECTOR]
    assert open_journal(with_sector(nor, sector, raw), False).gaps() == 1


def test_the_first_record_that_is_needed_is_missed() -> None:
    """No record that is needed stands before it: the sector before tells, which nobody needs any more."""
    nor, ledger = filled(3)
    ledger.settle(*[seq for seq in ledger.pending if seq != max(ledger.pending)])
    first = max(ledger.pending)
    for _ in range(5):
        ledger.offline_sale()
    journal = ledger.journal
    assert journal._ring.tail == journal._ring.generation == 3
    assert open_journal(nor, False).gaps() == 0
    generation, cell = divmod(journal._entries.position(first), 64)
    at = journal._ring.sector_of(generation) * SECTOR + cell * 64
    nor.image[at : at + 64] = bytes(64)
    left = open_journal(nor, False)
    assert (left.pending_count(), left.gaps()) == (5, 1)


@pytest.mark.parametrize("salt", [SALT, 7])
@pytest.mark.parametrize("copies", ["both", "first", "second"])
def test_the_newest_sector_is_found_behind_a_header_that_was_overwritten(copies: str, salt: int) -> None:
    nor, ledger = filled(11, 200)
    ring = ledger.journal._ring
    sector = ring._head
    for generation in (2, 6, 9, 10, 12, 111):
        copy = with_sector(nor, sector, bytes(nor.image[sector * SECTOR : (sector + 1) * SECTOR]))
        raw = forged(Header(1, 8, generation, salt, 1, 0, 1), sector)
        if copies == "both":
            put(copy, sector, raw)
        else:
            at = sector * SECTOR + (HEADER if copies == "second" else 0)
            copy.image[at : at + HEADER] = raw[:HEADER]
        left = open_journal(copy, False)
        assert {t.seq for t in left.pending()} == ledger.pending, generation
        assert left.gaps() == 0


def test_a_generation_that_was_only_skipped_is_not_missing() -> None:
    """A sector takes no header; later the cut comes in an erase and leaves a sector nobody can place."""
    cuts = 0
    for sectors, bad in ((5, 3), (6, 2), (8, 4)):
        nor = Nor(sectors * SECTOR, seed=bad)
        nor.bad_blocks[bad] = "silent"
        ledger = Ledger(open_journal(nor, False))
        ledger.sign_on(1)

        def cut(op: str, _where: int, _data: bytes, nor: Nor = nor) -> None:
            if op == "erase":
                nor.cut_at(1, Torn.RANDOM_BITS)

        try:
            for _ in range(900):
                ledger.offline_sale()
                if len(ledger.pending) > 70:
                    ledger.settle(*sorted(ledger.pending)[:20])
                if nor.before_op is None and ledger.journal._ring.generation > bad:
                    nor.before_op = cut
                ledger.idle()
        except PowerCut:
            cuts += 1
            nor.power_on()
            nor.before_op = None
            journal = open_journal(nor, False)
            assert journal.gaps() == 0
            assert {t.seq for t in journal.pending()} >= ledger.pending - {max(ledger.pending)}
        except StoreFull:
            pass
    assert cuts
