"""Cells that hold badly after a cut, programs that go wrong, and readers that pause while the ring turns under them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from firmware.core.types import OFFLINE, REDEMPTION, REVERSAL
from firmware.store.frames import FRAME_HEAD
from firmware.store.journal import Journal
from host_tests.power.ledger import (
    LONG,
    SEALER,
    Ledger,
    fields,
    observe,
    open_journal,
    torn_images,
    with_image,
)
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn


class WeakNor(Nor):
    """What a cut left barely programmed reads right for now; `drift` lets go of whatever was not programmed again."""

    def __init__(self, image: bytes, weak: dict[int, int]) -> None:
        super().__init__(len(image))
        self.image[:] = image
        self.weak = dict(weak)

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        super().program(addr, data)
        for at in range(addr, addr + len(data)):
            if at in self.weak:
                self.weak[at] &= data[at - addr]

    def drift(self) -> None:
        for at, bits in self.weak.items():
            self.image[at] |= bits


def before_a_sale() -> tuple[Nor, Ledger]:
    nor = Nor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    for card in range(3):
        ledger.offline_sale(card)
    return nor, ledger


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
@pytest.mark.parametrize("seed", range(4))
def test_i1_a_frame_that_read_right_at_the_start_stays_when_its_cells_drift(seed: int, page_only: bool) -> None:
    nor, ledger = before_a_sale()
    before = bytes(nor.image)
    ledger.offline_sale(3)
    rng = random.Random(seed)
    weak = {
        at: (old & ~new & 0xFF) & rng.getrandbits(8)
        for at, (old, new) in enumerate(zip(before, nor.image, strict=True))
        if old != new
    }
    assert sum(bits.bit_count() for bits in weak.values()) > 50
    flash = WeakNor(bytes(nor.image), weak)
    open_journal(flash, page_only)
    flash.drift()
    assert observe(open_journal(flash, page_only), ledger.probe) == ledger.state()


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
@pytest.mark.parametrize("what", ["cells that drift", "one copy torn"])
def test_i1_the_only_header_stays_though_the_cut_fell_while_it_was_written(what: str, page_only: bool) -> None:
    """Behind it nobody could say whose these records are."""
    first = Nor(4 * 4096)
    open_journal(first, page_only)
    header = bytes(first.image[:64])
    weak = {at: ~header[at] & 0xFF for at in (0, 7, 20, 40, 63)} if what == "cells that drift" else {}
    flash = WeakNor(bytes(first.image), weak)
    if what == "one copy torn":
        flash.image[32:64] = b"\xff" * 32
    ledger = Ledger(open_journal(flash, page_only))
    ledger.sign_on(0)
    ledger.offline_sale(1)
    flash.drift()
    flash.image[9] ^= 4
    assert observe(open_journal(flash, page_only), ledger.probe) == ledger.state()


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
@pytest.mark.parametrize("torn", [Torn.HALF, Torn.RANDOM_BITS, Torn.PREFIX_64])
def test_i3_a_frame_that_was_refused_at_the_start_never_speaks_later(torn: Torn, page_only: bool) -> None:
    """Its missing bits may read as programmed one day: then newer frames stand behind it."""
    nor, ledger = before_a_sale()
    nor.op_log = []
    image = bytes(nor.image)
    ledger.append(ledger.make(REDEMPTION, OFFLINE, 2))
    whole = bytes(nor.image)
    left = dict(torn_images(nor.op_log[-1], image))[torn]
    flash = with_image(left)
    journal = open_journal(flash, page_only)
    seen = observe(journal, [])
    books = Ledger(journal)
    books.handed = ledger.handed
    reversal = books.make(REVERSAL, OFFLINE)
    journal.append(reversal)
    for at, byte in enumerate(whole):
        flash.image[at] &= byte if image[at] != byte else 0xFF
    again = open_journal(flash, page_only)
    assert [fields(t) for t in again.pending()] == [fields(reversal), *seen["pending"]]
    assert again.gaps() == 0


def test_i2_a_torn_frame_with_one_missing_bit_is_written_once_and_for_ever() -> None:
    nor, ledger = before_a_sale()
    nor.op_log = []
    image = bytes(nor.image)
    in_flight = ledger.offline_sale(2)
    length = len(nor.op_log[-1][2])
    at = nor.op_log[-1][1]
    bits = [(at + i, bit) for i in range(length) for bit in range(8) if ~nor.image[at + i] >> bit & 1]
    for place, bit in bits if LONG else bits[::5]:
        torn = bytearray(nor.image)
        torn[place] |= 1 << bit
        flash: Nor = with_image(bytes(torn))
        books = Ledger(open_journal(flash, False))
        books.handed = ledger.handed
        for _ in range(3):
            assert [t.seq for t in books.journal.pending()].count(in_flight) == 1
            assert books.journal.gaps() == 0
            books.append(books.make(REVERSAL, OFFLINE))
            handed = books.handed
            books = Ledger(open_journal(flash, False))
            books.handed = handed
        assert books.journal.pending_count() == len(ledger.pending) + 3
    assert image != bytes(nor.image)


class SpoiltNor(Nor):
    """Its `n`-th program from now leaves `bits` of its bits unmoved."""

    def __init__(self, image: bytes, n: int, bits: int) -> None:
        super().__init__(len(image), seed=n)
        self.image[:] = image
        self.n, self.bits = n, bits

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        old = bytes(self.image[addr : addr + len(data)])
        super().program(addr, data)
        self.n -= 1
        if self.n == 0:
            moved = [(i, b) for i, byte in enumerate(old) for b in range(8) if (byte ^ self.image[addr + i]) >> b & 1]
            for i, b in random.Random(self.bits).sample(moved, min(self.bits, len(moved))):
                self.image[addr + i] |= 1 << b


def one_of_each(ledger: Ledger) -> None:
    ledger.offline_sale(1)
    ledger.settle(ledger.offline_sale(2))
    intent = ledger.online_intent(3)
    ledger.answer(intent)
    ledger.bury(ledger.offline_sale(0))


@pytest.mark.parametrize("bits", [1, 2, 40])
@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_i1_a_program_that_goes_wrong_is_repeated_and_a_cut_in_between_doubles_nothing(
    bits: int, page_only: bool
) -> None:
    nor, _ = before_a_sale()
    image = bytes(nor.image)
    for wrong in range(1, 8):
        for cut in range(wrong, wrong + 3):
            for torn in list(Torn)[:: 1 if LONG else 3]:
                flash = SpoiltNor(image, 0, bits)
                ledger = Ledger(open_journal(flash, page_only))
                ledger.transactions = {t.seq: t for t in ledger.journal.pending()}
                ledger.pending = set(ledger.transactions)
                ledger.handed = ledger.journal.highest_seq()
                ledger.before = ledger.after = ledger.state()
                flash.n = wrong
                flash.cut_at(cut, torn)
                try:
                    one_of_each(ledger)
                except PowerCut:
                    pass
                after = with_image(bytes(flash.image))
                journal = open_journal(after, page_only)
                seen = observe(journal, ledger.probe)
                assert seen in (ledger.before, ledger.after), f"wrong {wrong}, cut {cut} {torn}"
                assert journal.gaps() == 0, f"wrong {wrong}, cut {cut} {torn}: a gap"
                assert journal.next_seq() > ledger.handed - 1
                assert observe(open_journal(after, page_only), ledger.probe) == seen


class BadHeaders(Nor):
    """The headers of some sectors do not take, in a way of their own."""

    ways: dict[int, str] = {}

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        way = self.ways.get(addr // 4096) if bytes(data[:3]) == b"VA\x03" else None
        if way == "raises":
            raise OSError(5)
        if way != "silent":
            super().program(addr, data)
        if way == "raises after":
            raise OSError(5)
        if way == "first copy":
            self.image[addr + 20] |= 0x10 if self.image[addr + 20] != 0xFF else 0
            self.image[addr + 9] |= 1
            self.image[addr + 8] |= 0xFF
        if way == "both copies":
            for copy in (addr, addr + 32):
                self.image[copy + 28] = 0xFF


@pytest.mark.parametrize("way", ["raises", "silent", "raises after", "first copy", "both copies"])
@pytest.mark.parametrize("sectors", [(2,), (3, 4), (5,), (5, 0)])
def test_i1_headers_that_do_not_take_cost_their_sectors_only(way: str, sectors: tuple[int, ...]) -> None:
    nor = BadHeaders(8 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    nor.ways = dict.fromkeys(sectors, way)
    kept: list[int] = []
    for n in range(700):
        kept.append(ledger.offline_sale(n % 4))
        if len(kept) > 60:
            ledger.settle(*kept[:20])
            del kept[:20]
        if n % 5 == 0:
            ledger.idle()
        if n % 30 == 0:
            again = open_journal(with_image(bytes(nor.image)), False)
            assert observe(again, ledger.probe) == ledger.state()
            assert again.gaps() == 0
            assert again.next_seq() > ledger.handed
        if n == 350:
            ledger.journal = open_journal(nor, False)
            ledger.handed = ledger.journal.highest_seq()
    assert ledger.journal._ring.generation > 10


# --- readers ----------------------------------------------------------------------------------------------------------


def turn_the_ring(ledger: Ledger, keep: int) -> None:
    """Everything but `keep` is settled and the ring goes round twice."""
    goal = ledger.journal._ring.generation + 2 * ledger.journal._ring.sectors
    while ledger.journal._ring.generation < goal:
        ledger.settle(*(ledger.pending - {keep}))
        for seq in sorted(ledger.open):
            ledger.answer(seq)
        keep = ledger.offline_sale(2)
        ledger.idle()


Reader = Callable[[Ledger], list[int]]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_i3_a_paused_reader_tells_nothing_of_a_sector_that_was_used_again(taken: int) -> None:
    _nor, ledger = before_a_sale()
    for n in range(90):
        ledger.offline_sale(n % 4)
        if n % 9 == 0:
            ledger.online_intent(1)
    ledger.bury(min(ledger.pending))
    ledger.bury(max(ledger.pending))
    readers = [
        (t.seq for t in ledger.journal.pending()),
        (t.seq for t in ledger.journal.unanswered()),
        (t.seq for t, _rc in ledger.journal.dead()),
    ]
    first = [[next(reader) for _ in range(min(taken, 2 if i == 2 else 9))] for i, reader in enumerate(readers)]
    assert all(len(set(seqs)) == len(seqs) for seqs in first)
    ledger.settle(*ledger.dead)
    turn_the_ring(ledger, 0)
    waiting, unanswered, dead = [list(reader) for reader in readers]
    assert set(waiting) <= ledger.pending
    assert unanswered == dead == []
    assert [t.seq for t in ledger.journal.pending()] == sorted(ledger.pending)


def test_i1_what_was_read_before_a_pause_can_be_settled_after_it() -> None:
    nor, ledger = before_a_sale()
    reader = ledger.journal.pending()
    first = next(reader).seq
    turn = [ledger.offline_sale(1) for _ in range(70)]
    ledger.settle(first)
    assert [t.seq for t in reader] == sorted(ledger.pending)
    ledger.settle(*turn)
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()
    assert FRAME_HEAD == 12


class MisreadingOnce(NorPartition):
    """Two of the ones in the `nth`-th read from now come as zeros."""

    def __init__(self, nor: Nor, nth: int) -> None:
        super().__init__(nor, 0, nor.size // 4096)
        self.nth = nth

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        super().readblocks(block_num, buf, offset)
        self.nth -= 1
        if self.nth == 0:
            ones = [(i, bit) for i in range(16, len(buf)) for bit in range(8) if buf[i] >> bit & 1]
            for i, bit in ones[:9:8]:
                buf[i] ^= 1 << bit


def test_i1_one_misread_at_the_start_never_reaches_the_flash() -> None:
    nor, ledger = before_a_sale()
    count = MisreadingOnce(with_image(bytes(nor.image)), 0)
    Journal(count, SEALER, 0x5A17).open()
    assert -count.nth > 10
    for nth in range(1, -count.nth + 1):
        flash = with_image(bytes(nor.image))
        journal = Journal(MisreadingOnce(flash, nth), SEALER, 0x5A17)
        journal.open()
        observe(journal, ledger.probe)
        assert observe(open_journal(flash, False), ledger.probe) == ledger.state(), f"read {nth}"
