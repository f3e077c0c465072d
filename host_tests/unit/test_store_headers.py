"""What a header is believed: nothing without its tag. Whoever has no keys moves no tail, no promise, no generation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.core.errors import StoreSealed
from firmware.core.types import Member
from firmware.store.buckets import Buckets
from firmware.store.flash import Flash
from firmware.store.frames import Header, parse_header
from firmware.store.journal import KIND, Journal
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from host_tests.power.headers import forged, header_in, put
from host_tests.power.ledger import SEALER, Ledger, observe, open_journal, with_image
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

OTHER = Sealer(bytes(range(16)), b"VAFA0002")


def part(nor: Nor) -> NorPartition:
    return NorPartition(nor, 0, nor.size // 4096)


def three_sectors() -> tuple[Nor, Ledger]:
    """Sectors 0 to 2 are needed, 2 is open, 3 to 7 are blank."""
    nor = Nor(8 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    ledger.offline_sale(1)
    return nor, ledger


def changed(nor: Nor, sector: int, make: Callable[[Header], None], copies: int = 2) -> None:
    header = header_in(nor, sector)
    make(header)
    put(nor, sector, forged(header, sector)[: copies * 32])


def tail_to_the_newest(header: Header) -> None:
    header.behind = 0


def promise_of_nothing(header: Header) -> None:
    header.seq_high = header.seq_ceiling = 0


def newer_than_all(header: Header) -> None:
    header.generation += 5
    header.behind = 0


def of_another_life(header: Header) -> None:
    header.salt ^= 1


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("make", [tail_to_the_newest, promise_of_nothing, newer_than_all, of_another_life])
@pytest.mark.parametrize("sector", [0, 1, 2])
def test_a_forged_header_moves_nothing(sector: int, make: Callable[[Header], None], copies: int) -> None:
    nor, ledger = three_sectors()
    changed(nor, sector, make, copies)
    flash = with_image(bytes(nor.image))
    journal = open_journal(flash, False)
    assert observe(journal, ledger.probe) == ledger.state()
    while journal.idle_work():
        pass
    assert bytes(flash.image[: 3 * 4096]) == bytes(nor.image[: 3 * 4096])
    assert journal.next_seq() > ledger.handed


def test_a_forged_newest_header_in_a_free_sector_is_not_opened_on() -> None:
    nor, ledger = three_sectors()
    header = Header(KIND, 8, 9, 0x5A17, 0, 1, 1)
    put(nor, 5, forged(header, 5))
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert observe(journal, ledger.probe) == ledger.state()
    assert journal._ring.refused > 0
    assert journal.next_seq() > ledger.handed


@pytest.mark.parametrize("sector", [1, 2])
def test_a_header_forged_to_be_old_frees_no_sector(sector: int) -> None:
    """Its frames place it again, and it is not written any more."""
    nor, ledger = three_sectors()
    put(nor, sector, forged(Header(KIND, 8, 1, 0x5A17, 0, 0, 0), sector))
    image = bytes(nor.image)
    flash = with_image(image)
    ledger.journal = open_journal(flash, False)
    assert observe(ledger.journal, ledger.probe) == ledger.state()
    ledger.settle(*ledger.pending)
    for _ in range(300):
        ledger.settle(ledger.offline_sale(2))
        ledger.idle()
    assert ledger.journal._ring.generation > 7
    assert flash.image[sector * 4096 : sector * 4096 + 4096] == image[sector * 4096 : sector * 4096 + 4096]
    assert observe(open_journal(flash, False), ledger.probe) == ledger.state()


def test_two_forged_headers_that_add_up_still_free_no_sector() -> None:
    """One sector is said to be old, a free one to be what it was: nothing is missing, and still it is not erased."""
    nor, ledger = three_sectors()
    genuine = header_in(nor, 1)
    put(nor, 1, forged(Header(KIND, 8, 1, 0x5A17 ^ 9, 0, 0, 0), 1))
    put(nor, 6, forged(genuine, 6))
    kept = bytes(nor.image[4096:8192])
    flash = with_image(bytes(nor.image))
    ledger.journal = open_journal(flash, False)
    ledger.handed = ledger.journal.highest_seq()
    ledger.journal.settle_all([t.seq for t in ledger.journal.pending()])
    for _ in range(300):
        ledger.settle(ledger.offline_sale(2))
        ledger.idle()
    assert ledger.journal._ring.generation > 7
    assert bytes(flash.image[4096:8192]) == kept


@pytest.mark.parametrize(("of", "to"), [(of, to) for of in (0, 1, 2) for to in (0, 1, 2, 3, 7) if of != to])
def test_a_header_copied_from_another_sector_counts_nowhere_else(of: int, to: int) -> None:
    """Written over a needed sector's own, it would make those sales a part of another generation, where none opens."""
    nor, ledger = three_sectors()
    put(nor, to, bytes(nor.image[of * 4096 : of * 4096 + 64]))
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert observe(journal, ledger.probe) == ledger.state()
    assert journal.next_seq() > ledger.handed


def test_the_newest_header_copied_to_a_free_sector_before_it_hides_no_sale() -> None:
    nor, ledger = three_sectors()
    ledger.settle(*ledger.pending)
    while ledger.journal._ring.generation < 6:
        ledger.offline_sale(1)
        ledger.idle()
    kept = ledger.offline_sale(2)
    put(nor, 1, bytes(nor.image[5 * 4096 : 5 * 4096 + 64]) + b"\xff" * 4032)
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert kept in [t.seq for t in journal.pending()]
    assert journal.next_seq() > ledger.handed


def test_a_header_of_another_terminal_decides_nothing() -> None:
    nor, ledger = three_sectors()
    put(nor, 4, OTHER.header(Header(KIND, 8, 50, 0x5A17, 0, 0, 0), 4))
    assert observe(open_journal(with_image(bytes(nor.image)), False), ledger.probe) == ledger.state()
    for sector in range(3):
        put(nor, sector, OTHER.header(header_in(nor, sector), sector))
    before, ops = bytes(nor.image), nor.ops
    with pytest.raises(StoreSealed):
        open_journal(nor, False)
    assert (bytes(nor.image), nor.ops) == (before, ops)


def test_settings_of_another_board_are_refused_and_not_taken_for_none() -> None:
    nor = Nor(2 * 4096)
    kept = Slots(part(nor), SEALER, 5)
    kept.open()
    kept.put("language", b"fa")
    before, ops = bytes(nor.image), nor.ops
    stranger = Slots(part(nor), OTHER, 5)
    with pytest.raises(StoreSealed):
        stranger.open()
    assert (bytes(nor.image), nor.ops) == (before, ops)
    put(nor, 0, forged(Header(3, 2, 9, 5, 0, 0, 0), 0))
    again = Slots(part(nor), SEALER, 5)
    again.open()
    assert again.get("language") == b"fa", "a forged newer header empties the settings"


def test_a_forged_home_of_a_bucket_hides_no_member() -> None:
    nor = Nor(8 * 4096)
    cache = Buckets(part(nor), SEALER, 5)
    cache.open()
    cards = [bytes([n]) * 4 for n in range(12)]
    for n, card in enumerate(cards):
        cache.put(Member(card, 1, "Ali", n, 1_790_000_000))
    while cache.idle_work():
        pass
    free = next(sector for sector in range(8) if bytes(nor.image[sector * 4096 : sector * 4096 + 4]) == b"\xff" * 4)
    for bucket in range(6):
        put(nor, free, forged(Header(6, 8, 99, 5, bucket, 0, 0), free))
        again = Buckets(part(with_image(bytes(nor.image))), SEALER, 5)
        again.open()
        assert [again.get(card).points for card in cards] == list(range(12))


def test_a_start_reads_each_header_once_and_asks_one_for_its_tag() -> None:
    nor = Nor(64 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    for n in range(600):
        ledger.settle(ledger.offline_sale(n % 4))
        if n % 20 == 0:
            ledger.idle()
    asked = 0

    class Counting(Sealer):
        def vouches(self, header: Header, sector: int) -> bool:
            nonlocal asked
            asked += 1
            return super().vouches(header, sector)

    nor.reset_counters()
    Journal(part(nor), Counting(bytes(range(16)), b"VAFA0001"), 0x5A17).open()
    assert asked <= 2
    assert nor.reads <= 64 + 2 * 3 + 4
    assert nor.bytes_read <= 64 * 32 + 4096 + 6 * 32 + 4 * 64


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1), (3,), ()])
def test_starting_over_leaves_a_whole_header_at_every_moment(used: tuple[int, ...]) -> None:
    """When there was one before; cut at any operation in any torn form."""
    nor = Nor(5 * 4096)
    for sector in used:
        put(nor, sector, SEALER.header(Header(2, 5, 7 + sector, 5, 0, 0, 0), sector) + bytes(600))
    image = bytes(nor.image)
    new = Header(2, 5, 1, 6, 0, 0, 0)
    for cut in range(1, 8):
        for torn in Torn:
            nor = Nor(5 * 4096, seed=cut)
            nor.image[:] = image
            nor.cut_at(cut, torn)
            try:
                Flash(part(nor)).start_over(lambda sector: SEALER.header(new, sector))
            except PowerCut:
                nor.power_on()
            headers = [at for at in range(0, nor.size, 4096) if proved(nor, at // 4096)]
            blank = bytes(nor.image[64:]).count(0xFF) == nor.size - 64
            assert headers or (not used and blank), f"cut {cut}, {torn}"


def proved(nor: Nor, sector: int) -> bool:
    for copy in (0, 32):
        header = parse_header(nor.image[sector * 4096 + copy : sector * 4096 + copy + 32])
        if header is not None and SEALER.vouches(header, sector):
            return True
    return False
