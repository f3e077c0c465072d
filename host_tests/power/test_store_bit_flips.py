"""Bits of the flash change while it lies there. One costs nothing; two cost one record at most and falsify none."""

from __future__ import annotations

import random

import pytest

from firmware.core.types import REFUSED
from firmware.store.journal import Journal
from host_tests.power.ledger import LONG, SEALER, Ledger, observe, open_journal, with_image
from tools.sim.chips.nor import Nor, NorPartition


def image_with_everything() -> tuple[bytes, Ledger]:
    nor = Nor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 2:
        ledger.settle(ledger.offline_sale(1))
        ledger.idle()
    for card in range(4):
        ledger.offline_sale(card)
    ledger.answer(ledger.online_intent(1), REFUSED)
    ledger.bury(ledger.offline_sale(2))
    ledger.settle(ledger.offline_sale(2))
    ledger.reverse(ledger.online_intent(0))
    ledger.online_intent(3)
    ledger.offline_sale(1)
    return bytes(nor.image), ledger


def flipped(image: bytes, *bits: int) -> bytes:
    changed = bytearray(image)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bits_to_try(image: bytes) -> list[int]:
    """Every bit of the headers and of the newest 8 frames' worth, and some of the rest."""
    if LONG:
        blank = range(0, len(image) * 8, 997)
        return sorted(
            {bit for bit in range(len(image) * 8) if image[bit // 8] != 0xFF or bit % 32768 < 512}.union(blank)
        )
    newest = 4096
    used = len(image[newest : newest + 4096].rstrip(b"\xff"))
    bits = list(range(64 * 8)) + list(range(newest * 8, (newest + 64) * 8))
    bits += range((newest + max(64, used - 8 * 64)) * 8, (newest + used + 8) * 8)
    rng = random.Random(2)
    return bits + [rng.randrange(len(image) * 8) for _ in range(300)]


def test_a_flipped_bit_costs_nothing() -> None:
    image, ledger = image_with_everything()
    truth = ledger.state()
    mended = 0
    for bit in bits_to_try(image):
        journal = open_journal(with_image(flipped(image, bit)), False)
        assert observe(journal, ledger.probe) == truth, f"bit {bit} changed what the journal says"
        assert journal.next_seq() > ledger.handed, f"bit {bit}: a SEQ would be used again"
        assert journal.gaps() == 0, f"bit {bit}: a gap in the chain"
        mended += journal._ring.repairs > 0
    assert mended > 1000, "the flips did not reach the frames"


def test_two_flipped_bits_in_a_frame_affect_one_record_at_most_and_falsify_none() -> None:
    image, ledger = image_with_everything()
    truth = ledger.state()
    known = {repr(r) for r in truth["pending"] + truth["unanswered"]} | {repr(r) for r, _ in truth["dead"]}
    known |= {repr(ledger.entry(s)[0]) for s in ledger.transactions}
    everything = {dict(r)["seq"] for r in truth["pending"]} | {dict(r)["seq"] for r in truth["unanswered"]}
    everything |= {dict(r)["seq"] for r, _ in truth["dead"]}
    rng = random.Random(3)
    lost = back = 0
    for bit in bits_to_try(image)[::3]:
        cell = bit // (16 * 8) * 16 * 8
        other = cell + rng.randrange(16 * 8)
        journal = open_journal(with_image(flipped(image, bit, other)), False)
        seen = observe(journal, ledger.probe)
        records = seen["pending"] + seen["unanswered"] + [r for r, _ in seen["dead"]]
        assert all(repr(r) in known for r in records), f"bits {bit}, {other}: a record was falsified"
        seqs = [dict(r)["seq"] for r in records]
        assert len(set(seqs)) == len(seqs), f"bits {bit}, {other}: a record appears twice"
        missing, returned = everything - set(seqs), set(seqs) - everything
        for seq in missing:  # a lost reversal makes its original unanswered again: that is the one record affected
            returned.discard(ledger.transactions[seq].original_seq)
        assert len(missing) + len(returned) <= 1, f"bits {bit}, {other}: lost {missing}, returned {returned}"
        lost += bool(missing)
        back += bool(returned)
        assert journal.next_seq() > ledger.handed, f"bits {bit}, {other}: a SEQ would be used again"
    assert lost > 100 and back > 10, "the flips did not reach the frames"


def test_a_sector_whose_header_is_half_written_shares_its_generation_with_no_other() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    headers = 0

    def stuck(addr: int, data: bytes | bytearray | memoryview) -> None:
        nonlocal headers
        Nor.program(nor, addr, data)
        if bytes(data[:3]) == b"VA\x03":
            headers += 1
            if headers == 1:
                nor.image[addr + 20] |= 1  # one copy of the header is wrong, the other good

    nor.program = stuck  # type: ignore[method-assign]
    while headers < 2:
        ledger.offline_sale(1)
    ledger.offline_sale(2)
    ledger.probe = sorted(ledger.transactions)[-3:]
    assert observe(open_journal(with_image(bytes(nor.image)), False), ledger.probe) == ledger.state()


def test_a_sector_that_lost_both_headers_still_gives_its_records() -> None:
    image, ledger = image_with_everything()
    broken = bytearray(image)
    broken[4096 + 5] &= 0x0F
    broken[4096 + 40] &= 0x0F
    journal = open_journal(with_image(bytes(broken)), False)
    assert observe(journal, ledger.probe) == ledger.state()
    assert journal.next_seq() > ledger.handed


def test_a_sector_between_two_others_that_lost_both_headers_still_gives_its_records() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    ledger.probe = sorted(ledger.transactions)[60:70]
    nor.image[4096 : 4096 + 64] = bytes(64)
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


def test_the_newest_frame_lost_never_gives_its_number_again() -> None:
    image, ledger = image_with_everything()
    used = len(image[4096:8192].rstrip(b"\xff"))
    for frames_lost in range(1, 12):
        broken = bytearray(image)
        start = 4096 + used // 64 * 64 - frames_lost * 64
        broken[start : start + frames_lost * 64 + 64] = bytes(frames_lost * 64 + 64)
        assert open_journal(with_image(bytes(broken)), False).next_seq() > ledger.handed


def test_a_lost_promise_of_numbers_never_gives_one_again() -> None:
    for handed_out in (1, 300):
        nor = Nor(4 * 4096)
        journal = open_journal(nor, False)
        journal.continue_above(500)
        newest = max(journal.next_seq() for _ in range(handed_out))
        used = len(bytes(nor.image[:4096]).rstrip(b"\xff"))
        nor.image[used - 6] ^= 12  # two bits: no repair
        assert open_journal(nor, False).next_seq() > newest


@pytest.mark.parametrize("promises", [1, 2, 5, 9])
def test_several_lost_promises_in_a_row_never_give_a_number_again(promises: int) -> None:
    nor = Nor(4 * 4096)
    journal = open_journal(nor, False)
    journal.continue_above(500)
    start = journal._ring.room()
    newest = max(journal.next_seq() for _ in range(64 * (promises + 1)))
    end = 4096 - journal._ring.room()
    assert start - journal._ring.room() == 32 * promises
    for back in range(1, promises + 1):
        nor.image[end - 32 * back + 13] ^= 12  # two bits: no repair
    assert open_journal(nor, False).next_seq() > newest


def test_the_oldest_sector_that_lost_both_headers_still_gives_its_records_and_is_not_erased() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    nor.image[10] ^= 4
    nor.image[42] ^= 4
    again = Ledger(open_journal(with_image(bytes(nor.image)), False))
    assert observe(again.journal, ledger.probe) == ledger.state()
    assert again.journal.gaps() == 0


class Misreading(NorPartition):
    """Gives FF (a header) or garbage (a sector) instead of what it holds, once."""

    def __init__(self, nor: Nor, sector: int, length: int, start: int) -> None:
        super().__init__(nor, 0, nor.size // 4096)
        self._where = (sector, length)
        self._start = start
        self.struck = False

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        super().readblocks(block_num, buf, offset)
        if (block_num, len(buf)) == self._where and offset == 0 and not self.struck:
            self.struck = True
            size = len(buf) - self._start
            buf[self._start :] = random.Random(1).randbytes(size) if self._start else b"\xff" * size


def test_a_header_misread_as_blank_once_gives_no_sector_away() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    for sector in range(3):
        part = Misreading(with_image(bytes(nor.image)), sector, 32, 0)
        journal = Journal(part, SEALER, 1)
        journal.open()
        assert part.struck and observe(journal, ledger.probe) == ledger.state(), f"sector {sector}"


def test_a_garbled_read_at_the_start_destroys_nothing() -> None:
    image, ledger = image_with_everything()
    part = Misreading(with_image(image), 1, 4096, 64)
    journal = Journal(part, SEALER, 1)
    journal.open()
    assert part.struck and observe(journal, ledger.probe) == ledger.state()
    assert journal.next_seq() > ledger.handed


def test_a_sector_nobody_can_place_is_told_as_missing_and_kept() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    nor.image[:4096] = bytes(random.Random(2).randbytes(4096))
    kept = bytes(nor.image[:4096])
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert journal.gaps() >= 1
    while journal.idle_work():
        pass
    assert bytes(journal._flash._device.nor.image[:4096]) == kept
