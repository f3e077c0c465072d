"""A full ring, sectors that do not take programs or erases, and partitions that hold something else."""

from __future__ import annotations

import pytest

from firmware.core.errors import StoreError, StoreForeign, StoreFull, StoreNotReady
from firmware.store.frames import FORMAT, FRAMES_AT
from firmware.store.journal import Journal
from firmware.store.members import Members
from host_tests.power.headers import of_format
from host_tests.power.ledger import SEALER, Ledger, RecordingNor, check_every_cut, observe, open_journal, with_image
from tools.sim.chips.nor import Nor, NorPartition


def fill(ledger: Ledger) -> None:
    with pytest.raises(StoreFull):
        while True:
            ledger.offline_sale(1)


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
@pytest.mark.parametrize("one_by_one", [False, True], ids=["in batches", "one by one"])
def test_a_full_ring_refuses_value_still_acknowledges_and_recovers(page_only: bool, one_by_one: bool) -> None:
    ledger = Ledger(open_journal(Nor(5 * 4096), page_only))
    ledger.sign_on(0)
    open_intent = ledger.online_intent(0)
    fill(ledger)
    reversal = ledger.reverse(open_intent)
    waiting = sorted(ledger.pending - {reversal})
    assert len(waiting) >= 100
    ledger.settle(reversal)
    for at in range(0, len(waiting), 1 if one_by_one else 20):
        ledger.settle(*waiting[at : at + (1 if one_by_one else 20)])
    assert observe(ledger.journal, ledger.probe) == ledger.state()
    ledger.idle()
    for _ in range(100):
        ledger.offline_sale(2)
    assert observe(open_journal(ledger.journal._flash._device.nor, page_only), ledger.probe) == ledger.state()


def test_every_cut_while_full() -> None:
    nor = RecordingNor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    intent = ledger.online_intent(0)
    fill(ledger)
    waiting = sorted(ledger.pending)
    for seq in waiting[:60]:
        ledger.settle(seq)
    nor.ledger = ledger
    reversal = ledger.reverse(intent)
    ledger.bury(waiting[60])
    ledger.settle(waiting[61])
    ledger.settle(*waiting[62:])
    ledger.settle(reversal)  # which lets the oldest sector go: its original stands there
    ledger.idle()
    ledger.offline_sale(3)
    nor.ledger = None
    assert check_every_cut(nor, False) > 20


@pytest.mark.parametrize("fault", ["silent", "raises"])
@pytest.mark.parametrize("block", range(6))
@pytest.mark.parametrize("since", [-1, 0, 70])
def test_a_sector_that_takes_nothing_is_passed_over(block: int, fault: str, since: int) -> None:
    nor = Nor(6 * 4096)
    if since < 0:
        nor.bad_blocks[block] = fault
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    for n in range(400):
        if n == since:
            nor.bad_blocks[block] = fault
        ledger.settle(ledger.offline_sale(n % 4))
        if n % 9 == 0:
            ledger.idle()
    kept = ledger.offline_sale(1)
    journal = open_journal(nor, False)
    assert [t.seq for t in journal.pending()] == [kept]
    assert journal.gaps() == 0
    assert journal.next_seq() > ledger.handed


@pytest.mark.parametrize("fault", ["silent", "raises"])
def test_a_flash_that_takes_nothing_is_told_within_the_watchdogs_time_and_what_takes_is_found(fault: str) -> None:
    nor = Nor(64 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    kept = ledger.offline_sale(1)
    for _ in range(4):
        ledger.idle()
    nor.bad_blocks = dict.fromkeys(set(range(64)) - {63}, fault)
    codes = []
    for _ in range(9):
        before = nor.ops
        try:
            ledger.offline_sale(2)
            break
        except StoreError as error:
            codes.append(error.code)
        assert nor.ops - before < 100, "16 sectors of 45 ms at most; the watchdog bites after 8 s"
    assert codes == ["S05"] * 3, "then the one that takes frames was found"
    assert [t.seq for t in open_journal(nor, False).pending()][:1] == [kept]


@pytest.mark.parametrize("fault", ["silent", "raises"])
def test_a_small_flash_that_takes_nothing_is_a_fault_and_not_full(fault: str) -> None:
    nor = Nor(32 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.offline_sale(1)
    nor.bad_blocks = dict.fromkeys(range(32), fault)
    told = []
    for _ in range(6):
        with pytest.raises(StoreError) as refused:
            ledger.offline_sale(2)
        told.append(refused.value)
    assert isinstance(told[-1], StoreFull) and [error.code for error in told] == ["S05"] * 6


@pytest.mark.parametrize("bad", [0, 3])
def test_what_unsent_records_fill_is_full_also_with_some_sectors_given_up(bad: int) -> None:
    nor = Nor(8 * 4096)
    nor.bad_blocks = dict.fromkeys(range(2, 2 + bad), "silent")
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    fill(ledger)
    with pytest.raises(StoreFull) as told:
        ledger.offline_sale(1)
    assert told.value.code == "S03" and ledger.journal.pending_count() > 20


def test_a_flash_that_takes_no_frame_is_told_as_soon_and_sells_again_when_it_recovers() -> None:
    class HeadersOnly(Nor):
        ill = False

        def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
            super().program(addr, data if not self.ill or addr % 4096 < FRAMES_AT else bytes(len(data)))

    nor = HeadersOnly(64 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    kept = ledger.offline_sale(1)
    nor.ill = True
    before = nor.ops
    with pytest.raises(StoreError) as told:
        ledger.offline_sale(2)
    assert told.value.code == "S05" and nor.ops - before < 200
    nor.ill = False
    again = ledger.offline_sale(2)
    assert {kept, again} <= {t.seq for t in open_journal(nor, False).pending()}


@pytest.mark.parametrize("error", [StoreError, StoreFull])
def test_the_newest_sale_is_not_forgotten_for_room_that_was_not_made(
    error: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Ledger(open_journal(Nor(5 * 4096), False)).journal
    journal._state.last = 777  # its sector alone keeps the oldest
    monkeypatch.setattr(journal, "_tail", lambda *_: journal._ring.tail + (not journal._state.last))

    def fails(*_: object) -> int:
        raise error("flash")

    monkeypatch.setattr(journal._ring, "append", fails)
    if error is StoreFull:
        assert not journal._make_room(True)
    else:
        with pytest.raises(StoreError):
            journal._make_room(True)
    assert journal._state.last == 777


def test_a_program_that_reads_back_wrong_is_repeated_elsewhere() -> None:
    class Forgetful(Nor):
        forget = 0

        def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
            super().program(addr, data)
            if self.forget:
                self.forget -= 1
                self.image[addr + 20] |= 1

    nor = Forgetful(8 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    for forget in (1, 2, 0, 3, 0):
        nor.forget = forget
        ledger.offline_sale(2)
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


@pytest.mark.parametrize("at", [0, 4096 + 7, 4 * 4096 - 1])
def test_what_is_not_ours_stays_untouched(at: int) -> None:
    nor = Nor(4 * 4096)
    nor.image[at] = 0x12
    before = bytes(nor.image)
    with pytest.raises(StoreForeign):
        open_journal(nor, False)
    assert bytes(nor.image) == before
    assert nor.ops == 0


@pytest.mark.parametrize("what", ["size", "kind", "format"])
def test_a_partition_of_another_size_kind_or_newer_format_is_refused(what: str) -> None:
    nor = Nor(8 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.offline_sale()
    device = NorPartition(nor, 0, 6 if what == "size" else 8)
    if what == "format":
        of_format(nor, FORMAT + 1)
    before, ops = bytes(nor.image), nor.ops
    with pytest.raises(StoreForeign):
        (Members(device, SEALER, 1) if what == "kind" else Journal(device, SEALER, 1)).open()
    assert bytes(nor.image) == before
    assert nor.ops == ops


def test_the_flash_keeps_its_own_salt_and_an_old_life_never_speaks() -> None:
    nor = Nor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.offline_sale(1)
    old = bytes(nor.image)
    other_salt = Journal(NorPartition(nor, 0, 4), SEALER, 999)
    other_salt.open()
    assert other_salt.pending_count() == 1

    fresh = Nor(4 * 4096)
    journal = Journal(NorPartition(fresh, 0, 4), SEALER, 999)
    journal.open()
    fresh.image[64 : 64 + 4032] = old[64 : 64 + 4032]  # frames of another partition's first generation
    again = Journal(NorPartition(with_image(bytes(fresh.image)), 0, 4), SEALER, 1)
    again.open()
    assert again.pending_count() == 0
    with pytest.raises(StoreNotReady):
        again.next_seq()


def test_frames_of_the_sectors_earlier_life_never_speak() -> None:
    nor = Nor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    ledger.offline_sale(0)
    old = bytes(nor.image[64:4096])
    while ledger.journal._ring.generation < 5:
        ledger.settle(*ledger.pending)
        ledger.offline_sale(1)
        ledger.idle()
    before = ledger.state()
    used = 4096 - ledger.journal._ring.room()
    nor.image[used:4096] = old[used - 64 :][: 4096 - used]
    nor.image[4096 - 256 : 4096 - 256 + 192] = old[:192]
    assert observe(open_journal(nor, False), ledger.probe) == before


def test_a_partition_too_small_or_of_other_blocks_is_refused() -> None:
    with pytest.raises(StoreError):
        open_journal(Nor(3 * 4096), False)


def test_a_dead_letter_in_the_oldest_sector_does_not_block_a_full_ring() -> None:
    nor = Nor(8 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    dead = ledger.offline_sale(0)
    ledger.bury(dead)
    fill(ledger)
    waiting = sorted(ledger.pending)
    assert len(waiting) * 32 > 2 * 4032, "the acknowledgements alone would not fill what is kept free"
    for seq in waiting:  # with nobody at rest: no idle work
        ledger.settle(seq)
    assert [t.seq for t, _rc in open_journal(nor, False).dead()] == [dead]
    ledger.offline_sale(1)
