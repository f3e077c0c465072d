"""Keys, settings and the try counter: every bit flipped, every sector bad; nothing is given away by a fault."""

from __future__ import annotations

import random

import pytest

from firmware.core.errors import FlashUnreadable, StoreError, StoreForeign
from firmware.store.slots import Slots
from firmware.store.vault import Vault
from host_tests.power.faults import Unreadable
from host_tests.power.ledger import LONG, with_image
from host_tests.power.test_store_small_cells import BOARD, KINDS, NEW, OLD, every_cut, part, slots, tries, vault
from tools.sim.chips.nor import Nor, PowerCut, Torn

FAULTS = pytest.mark.parametrize("fault", ["silent", "raises"])
SECTORS = pytest.mark.parametrize("block", [0, 1])


def flips(image: bytes, used_only: bool = True) -> list[tuple[int, int]]:
    """(byte, bit): of the headers all; of the rest all that is used, or a sample."""
    places = [at for at in range(len(image)) if not used_only or image[at] != 0xFF or at % 4096 < 64]
    bits = [(at, bit) for at in places for bit in range(8)]
    if LONG:
        return bits
    return [(at, bit) for at, bit in bits if at % 4096 < 64] + random.Random(5).sample(bits, min(500, len(bits)))


def with_flip(image: bytes, at: int, bit: int) -> Nor:
    nor = Nor(len(image))
    nor.image[:] = image
    nor.image[at] ^= 1 << bit
    return nor


def test_one_wrong_bit_costs_no_key_and_both_copies_are_whole_again() -> None:
    nor = Nor(2 * 4096)
    vault(nor).save(OLD)
    vault(nor).save(NEW)
    image = bytes(nor.image)
    for at, bit in flips(image, used_only=False):
        flipped = with_flip(image, at, bit)
        assert vault(flipped).load() == NEW, f"byte {at}, bit {bit}"
        assert vault(flipped).load() == NEW


def test_one_wrong_bit_costs_no_setting() -> None:
    nor = Nor(2 * 4096)
    kept = slots(nor)
    for n in range(90):
        kept.put("name-%d" % (n % 5), b"%030d" % n)
    truth = {name: kept.get(name) for name in kept.names()}
    image = bytes(nor.image)
    for at, bit in flips(image):
        flipped = with_flip(image, at, bit)
        again = slots(flipped)
        assert {name: again.get(name) for name in again.names()} == truth, f"byte {at}, bit {bit}"
        again.put("name-1", b"new")
        assert slots(flipped).get("name-1") == b"new"


def test_one_wrong_bit_gives_no_try_back_but_one_and_never_stops_the_counter() -> None:
    nor = Nor(2 * 4096)
    counter = tries(nor)
    for _ in range(21):
        counter.begin()
        counter.settle()
    for _ in range(3):
        counter.begin()
    image = bytes(nor.image)
    for at, bit in flips(image, used_only=False):
        again = tries(with_flip(image, at, bit))
        assert again.failures() >= 2, f"byte {at}, bit {bit}: tries were given back"
        if again._tries < again._row * 8:  # else the row is full, which counts as locked
            again.begin()
            again.settle()
            assert again.failures() == 0
            again.begin()
            assert again.failures() == 1


def test_a_try_counter_that_lost_both_heads_gives_no_try() -> None:
    nor = Nor(2 * 4096)
    tries(nor).begin()
    nor.image[5] ^= 1
    nor.image[37] ^= 1
    before = bytes(nor.image)
    with pytest.raises(StoreForeign):
        tries(nor)
    assert bytes(nor.image) == before


def test_the_first_use_of_the_try_counter_survives_every_cut() -> None:
    for op in (1, 2, 3):
        for torn in Torn:
            nor = Nor(2 * 4096, seed=op)
            nor.cut_at(op, torn)
            try:
                tries(nor).begin()
            except PowerCut:
                nor.power_on()
            counter = tries(nor)
            assert counter.failures() <= 1
            counter.begin()
            assert tries(nor).failures() == counter.failures()


@FAULTS
@SECTORS
@KINDS
def test_keys_that_only_one_sector_took_are_an_error_that_says_which_count(
    page_only: bool, block: int, fault: str
) -> None:
    for before in (OLD, None):
        nor = Nor(2 * 4096)
        if before is not None:
            vault(nor, page_only).save(before)
        nor.bad_blocks[block] = fault
        assert vault(nor, page_only).load() == before
        keys = vault(nor, page_only)
        with pytest.raises(StoreError):
            keys.save(NEW)
        assert keys.copies in (0, 1)
        again = vault(nor, page_only)
        assert again.load() == (NEW if keys.copies else before)
        nor.bad_blocks.clear()  # what a start finds, it finishes
        finishing = vault(nor, page_only)
        if keys.copies:
            assert again.copies == 1
            assert finishing.load() == NEW and finishing.copies == 2
            assert all(old not in bytes(nor.image) for old in first_bytes(before))


def first_bytes(keys: dict[str, bytes] | None) -> list[bytes]:
    """How records of these keys begin on the flash, the first two of a life."""
    nor = Nor(2 * 4096)
    if keys is None:
        return []
    vault(nor).save(keys)
    return [bytes(nor.image[12:76])]


def test_keys_come_from_the_sector_that_can_be_read() -> None:
    for unreadable in (0, 1):
        nor = Nor(2 * 4096)
        vault(nor).save(OLD)
        flash = Unreadable(nor, frozenset((unreadable,)))
        assert Vault(flash, BOARD).load() == OLD
        with pytest.raises(FlashUnreadable):
            Vault(Unreadable(nor, frozenset((0, 1))), BOARD).load()


@FAULTS
@SECTORS
@pytest.mark.parametrize("filled", [0, 20, 70])
def test_a_setting_is_changed_or_the_old_one_stays_when_a_sector_is_bad(filled: int, block: int, fault: str) -> None:
    nor = Nor(2 * 4096)
    kept = slots(nor)
    kept.put("language", b"fa")
    for n in range(filled):
        kept.put("counter", b"%060d" % n)
    nor.bad_blocks[block] = fault
    truth = {name: kept.get(name) for name in kept.names()}
    for n in range(120):
        try:
            kept.put("counter", b"%060d" % (1000 + n))
            truth["counter"] = b"%060d" % (1000 + n)
        except StoreError:
            pass
        assert kept.get("counter") == truth.get("counter")
        if n % 10 == 0:
            again = slots(nor)
            assert {name: again.get(name) for name in again.names()} == truth


@FAULTS
def test_a_try_that_cannot_be_counted_is_an_error_before_the_check(fault: str) -> None:
    nor = Nor(2 * 4096)
    counter = tries(nor)
    counter.begin()
    nor.bad_blocks[0] = fault
    with pytest.raises(StoreError):
        counter.begin()
    with pytest.raises(StoreError):
        counter.settle()
    assert tries(nor).failures() == 1
    fresh = Nor(2 * 4096)
    fresh.bad_blocks[0] = fault
    with pytest.raises(StoreError):
        tries(fresh)


@KINDS
def test_a_second_cut_in_mending_keys_or_moving_values_changes_nothing(page_only: bool) -> None:
    """I6 for the small stores: what the first start writes may be cut too."""
    for first_cut in range(1, 5):
        for torn in Torn:
            nor = Nor(2 * 4096, seed=first_cut)
            vault(nor, page_only).save(OLD)
            nor.cut_at(first_cut, torn)
            try:
                vault(nor, page_only).save(NEW)
            except PowerCut:
                nor.power_on()
            image = bytes(nor.image)
            keys = vault(nor, page_only).load()
            for second_cut in (1, 2):
                for again in Torn:
                    flash = Nor(2 * 4096, seed=second_cut)
                    flash.image[:] = image
                    flash.cut_at(second_cut, again)
                    try:
                        vault(flash, page_only).load()
                    except PowerCut:
                        flash.power_on()
                    assert vault(flash, page_only).load() == keys
    nor = Nor(2 * 4096)
    kept = slots(nor, page_only)
    while kept._at < 4096 - 200:
        kept.put("counter", b"%060d" % nor.ops)
    kept.put("language", b"fa")
    image = bytes(nor.image)
    rng = random.Random(1)
    for trial in range(150):
        flash = Nor(2 * 4096, seed=trial)
        flash.image[:] = image
        before = kept.get("counter")
        for value in (b"a" * 90, b"b" * 90):
            flash.cut_at(rng.randrange(1, 7), rng.choice(list(Torn)))
            try:
                opened = Slots(part(flash, page_only), kept._sealer, 77, page_only)
                opened.open()
                before = opened.get("counter")
                opened.put("counter", value)
            except PowerCut:
                pass
            flash.power_on()
            again = slots(flash, page_only)
            assert again.get("counter") in (before, value)
            assert again.get("language") == b"fa"


@KINDS
@pytest.mark.parametrize("lost", [0, 1])
def test_keys_with_one_copy_left_survive_every_cut_of_a_change(page_only: bool, lost: int) -> None:
    """The only whole copy is the last to be touched."""
    nor = Nor(2 * 4096)
    vault(nor, page_only).save(OLD)
    nor.image[lost * 4096 + 20] ^= 0xFF
    for after in every_cut(bytes(nor.image), lambda n: vault(n, page_only).save(NEW)):
        assert vault(after, page_only).load() in (OLD, NEW)


@KINDS
def test_a_torn_change_of_a_setting_is_never_programmed_over(page_only: bool) -> None:
    nor = Nor(2 * 4096)
    kept = slots(nor, page_only)
    for n in range(3):
        kept.put("counter", b"%060d" % n)
    torn = 0
    for after in every_cut(bytes(nor.image), lambda n: slots(n, page_only).put("counter", b"new")):
        again = slots(with_image(bytes(after.image)), page_only)  # refuses a program over dirt
        again.put("language", b"en")
        torn += again._sector != kept._sector
    assert torn > 0, "no cut left a torn place"


def test_a_success_that_a_fault_claims_later_forgives_no_try() -> None:
    nor = Nor(2 * 4096)
    counter = tries(nor)
    for _ in range(21):
        counter.begin()
        counter.settle()
    for _ in range(3):
        counter.begin()
    row = 2176
    for later in (22, 23, 40, 100):
        flash = Nor(2 * 4096)
        flash.image[:] = nor.image
        flash.image[row + later // 8] &= ~(0x80 >> later % 8)
        assert tries(flash).failures() == 3
