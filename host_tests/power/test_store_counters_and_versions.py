"""Counters near their end, jumping clocks, other firmware's formats, moved partitions, bytes that look like frames."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from firmware.core.errors import StoreError, StoreForeign, StoreFull, StoreNewer, StoreOutdated
from firmware.core.types import ACCRUAL, OFFLINE, Member
from firmware.store import frames
from firmware.store.buckets import Buckets
from firmware.store.export import Export, Raw
from firmware.store.flash import Flash
from firmware.store.frames import FORMAT, LAST_GENERATION, Header, pack_frame, pack_head
from firmware.store.journal import KIND, Journal
from firmware.store.members import Members
from firmware.store.seal import place_of
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault, VaultDamaged
from host_tests.power.headers import of_format
from host_tests.power.ledger import SEALER, Ledger, observe, open_journal, with_image
from tools.device.capture import parsed
from tools.sim.chips.nor import Nor, NorPartition

SALT = 0x5A17
LAST_SEQ = 0x7FFFFFFF


def part(nor: Nor) -> NorPartition:
    return NorPartition(nor, 0, nor.size // 4096)


def used(sectors: int = 6) -> tuple[Nor, Ledger]:
    nor = Nor(sectors * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(0)
    return nor, ledger


# --- I4, I8: counters -------------------------------------------------------------------------------------------------


def test_i4_generations_end_in_a_full_journal_that_still_acknowledges_and_never_in_a_wrap() -> None:
    nor = Nor(6 * 4096)
    start = LAST_GENERATION - 4
    nor.program(2 * 4096, SEALER.header(Header(KIND, 6, start, SALT, 0, 900, 1000), 2))
    ledger = Ledger(open_journal(nor, False))
    ledger.handed = 1000
    dead = ledger.offline_sale(1)
    ledger.bury(dead)
    with pytest.raises(StoreFull):
        while True:
            ledger.offline_sale(2)
    assert len(ledger.pending) > 140
    assert ledger.journal._ring.generation == LAST_GENERATION - 2, "the last two are for acknowledgements"
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()
    ledger.bury(max(ledger.pending))  # its position has all of 32 bits
    ledger.settle(*ledger.pending)
    ledger.settle(dead)
    assert observe(ledger.journal, []) == {**ledger.state(), "found": {}}
    assert observe(open_journal(nor, False), []) == {**ledger.state(), "found": {}}, "settled in memory only"


def test_i4_a_header_beyond_the_last_generation_is_never_written() -> None:
    SEALER.header(Header(KIND, 6, LAST_GENERATION, SALT, 0, 0, 0), 0)
    for generation, behind in ((LAST_GENERATION + 1, 0), (LAST_GENERATION, 1 << 16), (7, -1)):
        with pytest.raises(StoreError):
            SEALER.header(Header(KIND, 6, generation, SALT, behind, 0, 0), 0)
    assert LAST_GENERATION * 64 + 63 < 1 << 32


@pytest.mark.parametrize("cache", [Members, Buckets])
def test_i9_a_cache_whose_generations_end_closes_and_raises_nothing(cache: type) -> None:
    nor = Nor(6 * 4096)
    kind = 2 if cache is Members else 6
    nor.program(2 * 4096, SEALER.header(Header(kind, 6, LAST_GENERATION - 1, SALT, 0, 0, 0), 2))
    members = cache(part(nor), SEALER, SALT)
    members.open()
    for step in range(600):
        members.put(Member(bytes([step % 250]) * 4, 1, "Ali", step, 1_790_000_000))
        members.idle_work()
    members.put(Member(b"\1\1\1\1", 1, "Ali", 7, 1_790_000_000))
    again = cache(part(nor), SEALER, SALT)
    again.open()
    kept = again.get(b"\1\1\1\1")
    assert kept is None or kept.name == "Ali"


def test_i4_numbers_end_before_those_of_sessions_and_never_wrap() -> None:
    nor, ledger = used()
    ledger.journal.continue_above(LAST_SEQ - 200)
    given = []
    with pytest.raises(StoreFull):
        while True:
            given.append(ledger.journal.next_seq())
    assert given == list(range(LAST_SEQ - 199, LAST_SEQ - 199 + len(given)))
    assert len(given) > 60 and given[-1] <= LAST_SEQ
    again = open_journal(nor, False)
    with pytest.raises(StoreFull):
        again.next_seq()


@pytest.mark.parametrize("high", [LAST_SEQ, LAST_SEQ - 63, 0xFFFFFFFF])
@pytest.mark.parametrize("fresh", [False, True])
def test_i4_a_switch_that_names_a_number_at_the_end_is_not_followed(high: int, fresh: bool) -> None:
    nor, ledger = used()
    if fresh:
        nor = Nor(6 * 4096)
        ledger.journal = open_journal(nor, False)
    before, highest = bytes(nor.image), ledger.journal.highest_seq()
    with pytest.raises(StoreError):
        ledger.journal.continue_above(high)
    assert (bytes(nor.image), ledger.journal.highest_seq()) == (before, highest)
    ledger.journal.continue_above(9_000)
    assert 9_000 < ledger.journal.next_seq() < 11_000


def test_the_key_store_and_the_slots_refuse_a_counter_at_its_end_and_keep_what_they_have() -> None:
    nor = Nor(2 * 4096)
    keys = Vault(part(nor), SEALER)
    keys._counter = (1 << 31) - 2
    keys._write(0, b"\1a\1b")
    keys.save({"a": b"c"})
    with pytest.raises(StoreError):
        keys.save({"a": b"d"})
    assert Vault(part(nor), SEALER).load() == {"a": b"c"}
    nor = Nor(2 * 4096)
    nor.program(0, SEALER.header(Header(3, 2, LAST_GENERATION, SALT, 0, 0, 0), 0))
    kept = Slots(part(nor), SEALER, SALT)
    kept.open()
    with pytest.raises(StoreError):
        for n in range(100):
            kept.put("n", b"%0100d" % n)
    again = Slots(part(nor), SEALER, SALT)
    again.open()
    assert again.get("n") == kept.get("n") is not None


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_time_never_orders_anything() -> None:
    nor, ledger = used()
    rng = random.Random(7)
    sales = []
    for n in range(300):
        t = ledger.make(ACCRUAL, OFFLINE, n % 4)
        t.time_utc = rng.choice((0, 1, 2**32 - 1, 1_790_000_000 - 1000 * n, rng.randrange(2**32)))
        sales.append(ledger.append(t))
        if n % 7 == 0:
            ledger.settle(*sales[:5])
            del sales[:5]
            ledger.idle()
            ledger.journal = open_journal(nor, False)
    assert ledger.journal._ring.generation > 4
    again = open_journal(nor, False)
    assert [t.seq for t in again.pending()] == sales
    last = again.last()
    assert last is not None and last.transaction.seq == sales[-1]


@pytest.mark.parametrize("cache", [Members, Buckets])
def test_i9_the_state_that_was_put_last_counts_whatever_its_time(cache: type) -> None:
    nor = Nor(6 * 4096)
    members = cache(part(nor), SEALER, SALT)
    members.open()
    rng = random.Random(3)
    points: dict[int, int] = {}
    for step in range(800):
        card = rng.randrange(60)
        points[card] = step
        members.put(Member(bytes([card]) * 7, 1, "Ali", step, rng.choice((0, 2**32 - 1, 5000 - step))))
        while members.idle_work():
            pass
    again = cache(part(nor), SEALER, SALT)
    again.open()
    while again.idle_work():
        pass
    for seen in (members, again):
        assert {card: seen.get(bytes([card]) * 7).points for card in points} == points


# --- versions ---------------------------------------------------------------------------------------------------------


def place_frame(nor: Nor, ledger: Ledger, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
    """A frame that this terminal's keys close, behind what the journal holds; its place and bytes."""
    ring = ledger.journal._ring
    at, head = 4096 - ring.room(), pack_head(kind, version, 4_000_000, len(body) + 8)
    sealed = bytearray(body + bytes(8))
    SEALER.seal(place_of(KIND, SALT, ring.generation, at), head, sealed, kind in (1, 2, 4))
    frame = bytes(pack_frame(kind, version, 4_000_000, sealed, frames.seed(SALT, ring.generation)))
    nor.program(ring._head * 4096 + at, frame)
    return ring._head * 4096 + at, frame


@pytest.mark.parametrize(("kind", "version"), [(14, 1), (200, 1), (1, 2), (2, 7), (3, 2), (5, 255)])
def test_a_frame_of_a_later_type_or_layout_is_passed_over_and_stays(kind: int, version: int) -> None:
    nor, ledger = used()
    ledger.offline_sale(1)
    at, frame = place_frame(nor, ledger, kind, version, bytes(range(40)))
    truth = ledger.state()
    ledger.journal = open_journal(nor, False)
    assert observe(ledger.journal, ledger.probe) == truth
    ledger.offline_sale(2)
    ledger.settle(min(ledger.pending))
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()
    assert bytes(nor.image[at : at + len(frame)]) == frame
    assert open_journal(nor, False).next_seq() < 4_000_000


def opened_slots(nor: Nor) -> object:
    kept = Slots(part(nor), SEALER, SALT)
    kept.open()
    kept.put("a", b"b")
    return kept


def opened_tries(nor: Nor) -> object:
    counter = TryCounter(part(nor))
    counter.open()
    counter.begin()
    return counter


def opened_cache(cache: type) -> Callable[[Nor], object]:
    def opened(nor: Nor) -> object:
        members = cache(part(nor), SEALER, SALT)
        members.open()
        members.put(Member(b"\1\2\3\4", 1, "Ali", 1, 1))
        return members

    return opened


STORES = {
    "journal": lambda nor: open_journal(nor, False),
    "members": opened_cache(Members),
    "buckets": opened_cache(Buckets),
    "slots": opened_slots,
    "tries": opened_tries,
}


@pytest.mark.parametrize("store", STORES)
def test_i8_a_newer_format_is_refused_by_every_store_and_nothing_is_written(store: str) -> None:
    nor = Nor((2 if store in ("slots", "tries") else 6) * 4096)
    STORES[store](nor)
    earlier = bytes(nor.image)
    of_format(nor, FORMAT + 1)
    before, ops = bytes(nor.image), nor.ops
    with pytest.raises(StoreNewer) as refusal:
        STORES[store](nor)
    assert refusal.value.code == "S11"
    assert (bytes(nor.image), nor.ops) == (before, ops)
    nor.image[:] = earlier
    STORES[store](nor)


@pytest.mark.parametrize("number", range(1, FORMAT))
@pytest.mark.parametrize("store", ["journal", "slots", "tries"])
def test_an_older_format_of_what_must_not_be_lost_is_refused_untouched(store: str, number: int) -> None:
    nor = Nor((6 if store == "journal" else 2) * 4096)
    STORES[store](nor)
    of_format(nor, number)
    before, ops = bytes(nor.image), nor.ops
    with pytest.raises(StoreOutdated) as refusal:
        STORES[store](nor)
    assert refusal.value.code == "S09"
    assert (bytes(nor.image), nor.ops) == (before, ops)


def test_keys_in_a_later_frame_are_damaged_keys_and_stay() -> None:
    nor = Nor(2 * 4096)
    Vault(part(nor), SEALER).save({"tmk": bytes(16)})
    for sector in (0, 4096):
        raw = bytearray(nor.image[sector : sector + 256])
        length, seq = int.from_bytes(raw[4:6], "little"), int.from_bytes(raw[:4], "little")
        later = pack_frame(9, 1, seq, bytes(raw[12 : 12 + length]), 0x59454B56)
        nor.image[sector : sector + len(later)] = later
    before = bytes(nor.image)
    with pytest.raises(VaultDamaged):
        Vault(part(nor), SEALER).load()
    assert bytes(nor.image) == before


def test_keys_of_a_later_layout_are_newer_and_stay_in_one_copy_or_both() -> None:
    for sectors in ((0,), (1,), (0, 1)):
        nor = Nor(2 * 4096)
        Vault(part(nor), SEALER).save({"tmk": bytes(16)})
        for sector in sectors:
            raw = bytes(nor.image[sector * 4096 : sector * 4096 + 256])
            length, seq = int.from_bytes(raw[4:6], "little"), int.from_bytes(raw[:4], "little")
            later = pack_frame(8, 2, seq + 1, raw[12 : 12 + length], 0x59454B56)
            nor.image[sector * 4096 : sector * 4096 + len(later)] = later
        before = bytes(nor.image)
        for use in (lambda vault: vault.load(), lambda vault: vault.save({"tmk": b"\1" * 16})):
            with pytest.raises(StoreNewer):
                use(Vault(part(nor), SEALER))
        assert bytes(nor.image) == before


def test_a_newer_store_can_still_be_exported_byte_by_byte() -> None:
    nor, ledger = used()
    ledger.offline_sale(1)
    of_format(nor, FORMAT + 1)
    flash = Flash(part(nor))
    export, lines = Export(flash, Raw(flash), True), []
    while (line := export.line()) is not None:
        lines.append(line)
    (capture,) = parsed("\n".join(lines).encode())
    assert capture.complete
    assert bytes(capture.image()) == bytes(nor.image)


@pytest.mark.parametrize("cache", [Members, Buckets])
def test_a_newer_cache_is_not_dropped_though_an_older_header_stands_there_too(cache: type) -> None:
    nor = Nor(6 * 4096)
    opened_cache(cache)(nor)
    of_format(nor, FORMAT - 1)
    other = Nor(6 * 4096)
    opened_cache(cache)(other)
    of_format(other, FORMAT + 1)
    nor.image[4 * 4096 : 4 * 4096 + 64] = other.image[:64]
    before = bytes(nor.image)
    with pytest.raises(StoreNewer):
        opened_cache(cache)(nor)
    assert bytes(nor.image) == before


def test_a_later_firmwares_life_in_between_loses_nothing_of_either() -> None:
    """It keeps the format and writes frames of types and layouts of its own; this one goes on, and it comes back."""
    nor, ledger = used()
    placed: list[tuple[int, bytes]] = []
    for n in range(20):
        ledger.offline_sale(n % 4)
        placed.append(place_frame(nor, ledger, 14 + n % 3, 1 + n % 2, bytes(range(n, n + 40))))
        ledger.journal = open_journal(nor, False)
        ledger.handed = ledger.journal.highest_seq()
    assert observe(ledger.journal, ledger.probe) == ledger.state()
    ledger.settle(*sorted(ledger.pending)[:15])
    ledger.idle()
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()
    assert ledger.journal.gaps() == 0
    assert all(bytes(nor.image[at : at + len(frame)]) == frame for at, frame in placed)


# --- moved partitions, frames in frames -------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [-1, 1, 4])
def test_a_partition_that_reaches_into_another_store_is_refused_untouched(shift: int) -> None:
    nor = Nor(24 * 4096)
    for start, store in ((0, Members), (8, Journal), (16, Buckets)):
        store(NorPartition(nor, start * 4096, 8), SEALER, SALT + start).open()
    nor.program(7 * 4096, SEALER.header(Header(2, 8, 2, SALT, 1, 0, 0), 7))  # both neighbours are in use at the border
    before = bytes(nor.image)
    with pytest.raises(StoreForeign):
        Journal(NorPartition(nor, (8 + shift) * 4096, 8), SEALER, SALT).open()
    assert bytes(nor.image) == before


@pytest.mark.parametrize("copied", [False, True], ids=["made", "copied"])
def test_i3_a_frame_inside_the_payload_of_a_broken_one_is_no_frame(copied: bool) -> None:
    """Salt and generation stand on the flash, so a CRC that fits can be made; the tag of that place can not."""
    nor, ledger = used()
    first, _second = ledger.offline_sale(0), ledger.offline_sale(1)
    raw = bytes(nor.image[:4096])
    at = next(a for a in range(64, 4096, 16) if frames.frame_length(raw, a, frames.seed(SALT, 1)) and raw[a + 6] == 1)
    genuine = raw[at : at + 60]
    inner = genuine if copied else bytes(pack_frame(1, 1, first + 5, genuine[12:], frames.seed(SALT, 1)))
    outer_at, outer = place_frame(nor, ledger, 14, 1, bytes(4) + inner + bytes(60))
    truth = ledger.state()
    assert observe(open_journal(with_image(bytes(nor.image)), False), ledger.probe) == truth
    for length in (4, 8, 12):  # the outer frame's head is torn to pieces
        broken = bytearray(nor.image)
        broken[outer_at : outer_at + length] = bytes(length)
        nor_now = with_image(bytes(broken))
        journal = open_journal(nor_now, False)
        assert observe(journal, ledger.probe) == truth
        assert journal.gaps() == 0
    assert len(outer) > 120


def test_frames_of_many_lengths_are_found_behind_dirt_of_any_length() -> None:
    """I10: scanning goes on after what it cannot read, and ends."""
    rng = random.Random(4)
    for _ in range(20):
        nor, ledger = used()
        for n in range(rng.randrange(1, 6)):
            ledger.offline_sale(n % 4)
        ring = ledger.journal._ring
        at = 4096 - ring.room()
        dirt = rng.randbytes(rng.randrange(1, 900))
        nor.program(at, dirt)
        ledger.journal = open_journal(nor, False)
        ledger.handed = ledger.journal.highest_seq()
        ledger.offline_sale(1)
        assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


def test_i4_numbers_stay_above_what_random_dirt_may_have_hidden() -> None:
    nor, ledger = used()
    newest = [ledger.journal.next_seq() for _ in range(3)][-1]
    nor.program(4096 - ledger.journal._ring.room(), b"\0" * 100)
    assert open_journal(nor, False).next_seq() > newest
