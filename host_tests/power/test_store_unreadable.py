"""A read that fails is an error of the store with a code of its own, whichever it is, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.core.errors import FlashUnreadable, StoreError
from firmware.core.types import Member
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault
from host_tests.power.faults import Unreadable
from host_tests.power.ledger import SEALER, Ledger, observe, open_journal
from tools.sim.chips.nor import Nor

SALT = 0x5A17


def journal(flash: Unreadable) -> None:
    opened = Journal(flash, SEALER, SALT)
    opened.open()
    for t in list(opened.pending())[:1]:
        opened.find(t.seq)
    while opened.idle_work():
        pass


def cache(kind: type) -> Callable[[Unreadable], None]:
    def use(flash: Unreadable) -> None:
        members = kind(flash, SEALER, SALT)
        members.open()
        members.get(b"\1" * 4)
        members.put(Member(b"\2" * 4, 1, "Sara", 1, 1_790_000_000))
        while members.idle_work():
            pass

    return use


def slots(flash: Unreadable) -> None:
    kept = Slots(flash, SEALER, SALT)
    kept.open()
    kept.put("language", b"fa")


def tries(flash: Unreadable) -> None:
    counter = TryCounter(flash)
    counter.open()
    counter.begin()
    counter.settle()


def keys(flash: Unreadable) -> None:
    vault = Vault(flash, SEALER)
    vault.load()
    vault.save({"tmk": bytes(16)})


USES = {"journal": journal, "members": cache(Members), "buckets": cache(Buckets)}
USES.update({"slots": slots, "tries": tries, "vault": keys})


def used(store: str) -> bytes:
    nor = Nor((2 if store in ("slots", "tries", "vault") else 6) * 4096)
    if store == "journal":
        ledger = Ledger(open_journal(nor, False))
        ledger.sign_on(7)
        while ledger.journal._ring.generation < 3:
            ledger.offline_sale(ledger.handed % 4)
    for _ in range(2):
        USES[store](Unreadable(nor))
    return bytes(nor.image)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("store", USES)
def test_whichever_read_fails_only_an_error_of_the_store_comes_out_and_the_next_start_is_whole(
    store: str, fresh: bool
) -> None:
    image = used(store)
    if fresh:
        image = b"\xff" * len(image)
    refused = read = 0
    for read in range(1, 10_000):
        nor = Nor(len(image))
        nor.image[:] = image
        flash = Unreadable(nor)
        flash.fail_in = read
        try:
            USES[store](flash)
        except StoreError:
            refused += 1
        if flash.fail_in > 0:
            break
        USES[store](Unreadable(nor))
    assert read > 3
    assert refused > 1


@pytest.mark.parametrize("store", ["journal", "members", "buckets", "slots", "tries", "vault"])
def test_flash_that_gives_nothing_at_all_is_unreadable_and_left_alone(store: str) -> None:
    image = used(store)
    nor = Nor(len(image))
    nor.image[:] = image
    with pytest.raises(FlashUnreadable) as refusal:
        USES[store](Unreadable(nor, frozenset(range(6))))
    assert refusal.value.code == "S12"
    assert (bytes(nor.image), nor.ops) == (image, 0)


def test_a_read_that_fails_at_the_start_costs_no_record() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    while ledger.journal._ring.generation < 3:
        ledger.offline_sale(ledger.handed % 4)
    for read in range(1, 60):
        flash = Unreadable(nor)
        flash.fail_in = read
        try:
            Journal(flash, SEALER, SALT).open()
        except FlashUnreadable:
            pass
        assert observe(open_journal(nor, False), ledger.probe) == ledger.state(), f"read {read}"


@pytest.mark.parametrize("kind", [Members, Buckets])
def test_a_look_up_that_cannot_be_read_is_a_miss_and_stops_no_sale(kind: type) -> None:
    flash = Unreadable(Nor(6 * 4096))
    members = kind(flash, SEALER, SALT)
    members.open()
    while members.idle_work():
        pass
    members.put(Member(b"\2" * 4, 1, "Sara", 1, 1_790_000_000))
    assert members.get(b"\2" * 4) is not None
    flash.fail_in = 1
    assert members.get(b"\2" * 4) is None
    assert not members.working(), "the status says that the cache gave up"
    again = kind(flash, SEALER, SALT)
    again.open()
    while again.idle_work():
        pass
    assert again.get(b"\2" * 4) is not None


@pytest.mark.parametrize("kind", [Members, Buckets])
def test_idle_work_that_cannot_be_read_closes_the_cache_and_raises_nothing(kind: type) -> None:
    """Else the work of all that comes behind it in the round would never be done."""
    flash = Unreadable(Nor(6 * 4096))
    members = kind(flash, SEALER, SALT)
    members.open()
    for _ in range(2):
        members.put(Member(b"\2" * 4, 1, "Sara", 1, 1_790_000_000))
        while members.idle_work():
            pass
    flash.sectors = frozenset(range(6))
    members.retire(1)
    for _ in range(10):
        members.idle_work()
    assert not members.working()
