"""Keys, settings and the try counter: a cut at every flash operation, in every torn form, leaves old or new."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from firmware.core.errors import StoreError, StoreForeign, StoreSealed
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault, VaultDamaged
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

BOARD = Sealer(bytes(range(16)), b"board-1")
OLD = {"tmk": bytes(16), "mac_out": b"\x11" * 16, "wifi_psk": b"secret word"}
NEW = {"tmk": b"\x77" * 16, "mac_out": b"\x22" * 16, "wifi_psk": b"other"}
KINDS = pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])


def part(nor: Nor, page_only: bool = False) -> NorPartition:
    return NorPartition(nor, 0, nor.size // 4096, page_only)


def every_cut(image: bytes, work: Callable[[Nor], object]) -> Iterator[Nor]:
    """The flash after `work` was cut at each of its operations in each torn form, last of all uncut."""
    ops = 1
    while True:
        done = False
        for torn in Torn:
            nor = Nor(len(image), seed=ops)
            nor.image[:] = image
            nor.cut_at(ops, torn)
            try:
                work(nor)
                done = True
            except PowerCut:
                pass
            after = Nor(len(image))
            after.image[:] = nor.image
            yield after
        if done:
            assert ops > 1, "the work did nothing to the flash"
            return
        ops += 1


def vault(nor: Nor, page_only: bool = False, board: Sealer = BOARD) -> Vault:
    return Vault(part(nor, page_only), board, page_only)


@KINDS
def test_keys_survive_every_cut_of_a_change_as_the_old_or_the_new(page_only: bool) -> None:
    nor = Nor(2 * 4096)
    assert vault(nor, page_only).load() is None
    vault(nor, page_only).save(OLD)
    seen = []
    for after in every_cut(bytes(nor.image), lambda n: vault(n, page_only).save(NEW)):
        keys = vault(after, page_only).load()
        assert keys in (OLD, NEW)
        assert vault(after, page_only).load() == keys
        for board in (0, 1):  # both copies are whole again, each alone is enough
            alone = Nor(2 * 4096)
            alone.image[:] = after.image
            alone.image[board * 4096 : board * 4096 + 4096] = b"\xff" * 4096
            assert vault(alone, page_only).load() == keys
        seen.append(keys)
    assert OLD in seen and NEW in seen


def test_the_first_keys_are_there_whole_or_not_at_all_and_can_be_saved_again() -> None:
    for after in every_cut(b"\xff" * 8192, lambda n: vault(n).save(OLD)):
        try:
            assert vault(after).load() in (None, OLD)
        except VaultDamaged:
            pass  # half a first record: provisioning goes on by saving again
        vault(after).save(NEW)
        assert vault(after).load() == NEW


def test_zeroised_keys_are_gone_from_the_flash_and_a_replaced_key_too() -> None:
    nor = Nor(2 * 4096)
    keys = vault(nor)
    keys.save(OLD)
    first = bytes(nor.image)
    keys.save(NEW)
    assert all(first[at : at + 64] not in bytes(nor.image) for at in (12, 76, 4096 + 12))
    keys.zeroise()
    assert bytes(nor.image) == b"\xff" * 8192
    assert vault(nor).load() is None


def test_zeroising_that_does_not_erase_says_so() -> None:
    nor = Nor(2 * 4096)
    vault(nor).save(OLD)
    nor.bad_blocks[1] = "silent"
    with pytest.raises(StoreError):
        vault(nor).zeroise()


def test_keys_of_another_board_or_altered_ones_do_not_open_and_stay() -> None:
    nor = Nor(2 * 4096)
    vault(nor).save(OLD)
    before = bytes(nor.image)
    with pytest.raises(VaultDamaged):
        vault(nor, board=Sealer(bytes(range(16)), b"board-2")).load()
    assert bytes(nor.image) == before
    rng = random.Random(1)
    for _ in range(200):
        nor.image[:] = before
        at = rng.randrange(200)
        nor.image[at] ^= 1 << rng.randrange(8)
        nor.image[4096 + at] ^= 1 << rng.randrange(8)
        try:
            assert vault(nor).load() == OLD
        except VaultDamaged:
            pass


def test_no_key_can_be_read_off_the_flash() -> None:
    nor = Nor(2 * 4096)
    vault(nor).save(NEW)
    assert [value for value in (*NEW.values(), *[name.encode() for name in NEW]) if value in bytes(nor.image)] == []


def slots(nor: Nor, page_only: bool = False) -> Slots:
    opened = Slots(part(nor, page_only), BOARD, 77, page_only)
    opened.open()
    return opened


@KINDS
def test_a_value_survives_every_cut_as_the_old_or_the_new_and_the_others_stay(page_only: bool) -> None:
    moves = 0
    for filled, more in ((0, 0), (33, 0), (34, 0), (35, 0), (35, 1), (60, 0)):  # around the move to the other sector
        nor = Nor(2 * 4096)
        before = slots(nor, page_only)
        before.put("language", b"fa")
        for n in range(filled):
            before.put("counter", b"%060d" % n)
        for _ in range(more):
            before.put("small", b"x")
        values = {name: before.get(name) for name in before.names()}
        for after in every_cut(bytes(nor.image), lambda n: slots(n, page_only).put("language", b"en")):
            again = slots(after, page_only)
            language = again.get("language")
            assert language in (b"fa", b"en")
            assert {name: again.get(name) for name in again.names()} == {**values, "language": language}
            again.put("language", b"xx")
            assert slots(after, page_only).get("language") == b"xx"
        sector = before._sector
        before.put("language", b"en")
        moves += before._sector != sector
    assert moves == 1


def test_a_thousand_changes_cost_few_erases_and_the_newest_counts() -> None:
    nor = Nor(2 * 4096)
    kept = slots(nor)
    for n in range(1000):
        kept.put("name-%d" % (n % 7), b"%d" % n)
    assert nor.erases < 1000 * 64 / 4032 * 1.3
    again = slots(nor)
    assert [again.get("name-%d" % k) for k in range(7)] == [b"%d" % max(range(k, 1000, 7)) for k in range(7)]
    before = nor.ops
    again.put("name-3", again.get("name-3") or b"")
    assert nor.ops == before, "an equal value is not written"


def test_what_does_not_fit_is_refused_and_nothing_is_lost() -> None:
    nor = Nor(2 * 4096)
    kept = slots(nor)
    kept.put("a", b"1")
    for name, value in (("", b"x"), ("n" * 25, b"x"), ("n", bytes(161))):
        with pytest.raises(StoreError):
            kept.put(name, value)
    with pytest.raises(StoreError):
        for n in range(100):
            kept.put("big-%d" % n, bytes(160))
    assert slots(nor).get("a") == b"1"
    assert slots(nor).get("big-5") == bytes(160)


def test_a_place_that_holds_another_store_is_left_alone() -> None:
    nor = Nor(2 * 4096)
    counter = TryCounter(part(nor))
    counter.open()
    before = bytes(nor.image)
    with pytest.raises(StoreForeign):
        slots(nor)
    assert bytes(nor.image) == before


@pytest.mark.parametrize(
    "place", [slice(0, 8192), slice(0, 4096), slice(4096, 8192), slice(100, 103), slice(8191, 8192)]
)
def test_a_place_with_foreign_content_or_without_both_headers_is_left_alone(place: slice) -> None:
    foreign, headless = Nor(2 * 4096), Nor(2 * 4096)
    foreign.image[place] = (b"foreign!" * 1024)[place]
    kept = slots(headless)
    for n in range(80):
        kept.put("counter", b"%060d" % n)
    for sector in (0, 4096):
        headless.image[sector : sector + 64] = bytes(64)
    for nor in (foreign, headless):
        before = bytes(nor.image)
        with pytest.raises(StoreForeign):
            slots(nor)
        assert bytes(nor.image) == before


@KINDS
def test_a_cut_in_the_first_use_of_the_small_values_and_another_in_the_next_leave_them_usable(page_only: bool) -> None:
    def work(nor: Nor) -> None:
        slots(nor, page_only).put("language", b"fa")

    for once in every_cut(b"\xff" * 8192, work):
        if not slots(once, page_only).get("language"):
            for twice in every_cut(bytes(once.image), work):
                assert slots(twice, page_only).get("language") in (None, b"fa")
                work(twice)
                assert slots(twice, page_only).get("language") == b"fa"


@KINDS
@pytest.mark.parametrize("filled", [0, 40, 80, 120])
def test_starting_anew_over_another_boards_values_survives_every_cut(page_only: bool, filled: int) -> None:
    nor = Nor(2 * 4096)
    theirs = Slots(part(nor, page_only), Sealer(bytes(range(16)), b"board-2"), 5, page_only)
    theirs.open()
    for n in range(filled + 1):
        theirs.put("counter", b"%060d" % n)

    def work(cut: Nor, puts: int = 2) -> None:
        again = Slots(part(cut, page_only), BOARD, 77, page_only)
        try:
            again.open()
        except StoreSealed:
            again.start_anew()
        for n in range(puts):
            again.put("language", b"%060d" % n)

    for after in every_cut(bytes(nor.image), work) if filled in (0, 40) else ():
        work(after)
        assert slots(after, page_only).names() == ["language"]
    work(nor, 90)  # moves over theirs
    assert slots(nor, page_only).get("language") == b"%060d" % 89


def tries(nor: Nor, page_only: bool = False) -> TryCounter:
    counter = TryCounter(part(nor, page_only), page_only, row=16)
    counter.open()
    return counter


@KINDS
def test_a_try_is_never_given_back_by_a_cut(page_only: bool) -> None:
    nor = Nor(2 * 4096)
    counter = tries(nor, page_only)
    for _ in range(3):
        counter.begin()
    counter.settle()
    for _ in range(2):
        counter.begin()

    def a_try(n: Nor) -> None:
        tries(n, page_only).begin()

    def a_success(n: Nor) -> None:
        again = tries(n, page_only)
        again.begin()
        again.settle()

    counts = {tries(after, page_only).failures() for after in every_cut(bytes(nor.image), a_try)}
    assert counts == {2, 3}
    counts = {tries(after, page_only).failures() for after in every_cut(bytes(nor.image), a_success)}
    assert counts == {0, 1, 2, 3}


def test_a_full_row_moves_on_only_after_a_success_and_no_cut_gives_tries_back() -> None:
    nor = Nor(2 * 4096)
    counter = tries(nor)
    for _ in range(63):
        counter.begin()
        counter.settle()
    counter.begin()

    def success(n: Nor) -> None:
        tries(n).settle()

    for after in every_cut(bytes(nor.image), success):
        assert tries(after).failures() in (0, 1)
    counter.settle()
    for n in range(128):
        counter.begin()
        assert tries(nor).failures() == n + 1
    with pytest.raises(StoreError):
        counter.begin()
