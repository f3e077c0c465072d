"""A cut at every flash operation of a short life of the caches, small values, keys and tries, in torn forms.

As store_sweep does it for the journal, and for the same two interpreters: old or new, never mixed; a second start sees
the same; the next write is kept. `everything` is both modules' sweep.
"""

from hashlib import sha256

from firmware.core.types import Member
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault, VaultDamaged
from host_tests.unit.store_sweep import SEALER, SECTOR, UTC, Nor, cut_journal, rest, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# --- the caches -------------------------------------------------------------------------------------------------------

_PEOPLE = 9


def _uid(n: int) -> bytes:
    return sha256(bytes([n])).digest()[:7]


def _cache(made: "Any", nor: Nor) -> "Any":
    cache = made(nor, SEALER, 3, nor.page_only)
    cache.open()
    rest(cache)
    return cache


def _put(cache: "Any", n: int, points: int) -> None:
    cache.put(Member(_uid(n), n, "Sara", points, UTC))


def _points(cache: "Any") -> "dict[int, int]":
    held = {}
    for n in range(_PEOPLE):
        member = cache.get(_uid(n))
        if member is not None:
            assert (member.member_no, member.name) == (n, "Sara"), "a mixture"
            held[n] = member.points
    return held


class Shelf:
    """What a cache must say: by card the last value that was kept, and what is in flight: (card, value or None)."""

    def __init__(self, held: "dict[int, int]") -> None:
        self.held = dict(held)
        self.flight: "tuple[int, int | None] | None" = None


def _cache_life(made: "Any", nor: Nor, shelf: Shelf) -> None:
    cache = _cache(made, nor)
    for step in range(20):
        n = step * 5 % _PEOPLE
        shelf.flight = (n, 1000 + step)
        _put(cache, n, 1000 + step)
        shelf.held[n] = 1000 + step
        shelf.flight = None
        if step == 11:
            rest(cache)
    shelf.flight = (4, None)
    cache.forget(_uid(4))
    del shelf.held[4]
    shelf.flight = None
    rest(cache)


def _check_cache(made: "Any", nor: Nor, shelf: Shelf) -> None:
    cache = _cache(made, nor)
    seen, other = _points(cache), dict(shelf.held)
    if shelf.flight is not None:
        n, value = shelf.flight
        other.pop(n, None)
        if value is not None:
            other[n] = value
    assert seen in (shelf.held, other), "neither old nor new"
    assert _points(_cache(made, nor)) == seen, "a second start sees something else"
    _put(cache, 7, 9)
    seen[7] = 9
    assert _points(_cache(made, Nor(nor.image, nor.page_only))) == seen, "the next value was not kept"


def cut_caches(page_only: bool, share: int) -> None:
    """Both caches, in use for some time."""
    for made in (Members, Buckets):
        nor = Nor(b"\xff" * (7 * SECTOR), page_only)
        cache = _cache(made, nor)
        for step in range(300):
            _put(cache, step % _PEOPLE, step)
            if step % 3 == 0:
                rest(cache)
        held = _points(cache)
        assert len(held) == _PEOPLE
        sweep(
            made.__name__,
            nor.image,
            page_only,
            share,
            lambda held=held: Shelf(held),
            lambda chip, shelf, made=made: _cache_life(made, chip, shelf),
            lambda chip, shelf, made=made: _check_cache(made, chip, shelf),
        )


# --- small values, keys, tries ----------------------------------------------------------------------------------------


class Small:
    """What one of the small stores must say: before the call that runs and after it."""

    def __init__(self, value: "Any") -> None:
        self.before = self.after = value

    def call(self, after: "Any", work: "Callable[[], object]") -> None:
        self.after = after
        work()
        self.before = after


def _slots(nor: Nor) -> Slots:
    slots = Slots(nor, SEALER, 9, nor.page_only)
    slots.open()
    return slots


def _values(nor: Nor) -> "dict[str, bytes]":
    slots = _slots(nor)
    return {name: slots.get(name) or b"" for name in slots.names()}


def _slots_life(nor: Nor, small: Small) -> None:
    """Long enough to move to the other sector."""
    slots = _slots(nor)
    for step in range(24):
        name, value = "name-%d" % (step % 4), bytes([step]) * 150
        small.call(dict(small.before, **{name: value}), lambda name=name, value=value: slots.put(name, value))


def _check_slots(nor: Nor, small: Small) -> None:
    seen = _values(nor)
    assert seen in (small.before, small.after), "a value is neither the old nor the new one"
    _slots(nor).put("more", b"1")
    assert _values(Nor(nor.image, nor.page_only)) == dict(seen, more=b"1")


_KEYS = ({"tmk": bytes(16), "psk": b"secret word"}, {"tmk": b"\x77" * 16, "psk": b"other"})


def _vault(nor: Nor) -> Vault:
    return Vault(nor, SEALER, nor.page_only)


def _vault_life(nor: Nor, small: Small) -> None:
    small.call(_KEYS[1], lambda: _vault(nor).save(_KEYS[1]))
    small.call(_KEYS[0], lambda: _vault(nor).save(_KEYS[0]))
    small.call(None, lambda: _vault(nor).zeroise())


def _check_vault(nor: Nor, small: Small) -> None:
    try:
        keys = _vault(nor).load()
        assert keys in (small.before, small.after), "keys that are neither the old nor the new ones"
    except VaultDamaged:
        assert small.after is None, "a change of keys lost both"  # half erased: they are gone
    _vault(nor).save(_KEYS[1])
    assert _vault(Nor(nor.image, nor.page_only)).load() == _KEYS[1]


def _tries(nor: Nor) -> TryCounter:
    tries = TryCounter(nor, nor.page_only, 0, 16)
    tries.open()
    return tries


def _tries_life(nor: Nor, small: Small) -> None:
    tries = _tries(nor)
    for step in range(18):
        small.call(small.before + 1, tries.begin)
        if step % 3 == 2:
            small.call(0, tries.settle)


def _check_tries(nor: Nor, small: Small) -> None:
    failures = _tries(nor).failures()
    # A success forgives one try after the other; a try is there or not.
    lo, hi = sorted((small.before, small.after))
    assert lo <= failures <= hi, "a try was forgotten"
    tries = _tries(nor)
    tries.begin()
    assert _tries(Nor(nor.image, nor.page_only)).failures() == failures + 1


def cut_small(page_only: bool, share: int) -> None:
    """Values, keys and tries."""
    nor = Nor(b"\xff" * (2 * SECTOR), page_only)
    _slots(nor).put("name-0", b"first")
    sweep("slots", nor.image, page_only, share, lambda: Small({"name-0": b"first"}), _slots_life, _check_slots)
    nor = Nor(b"\xff" * (2 * SECTOR), page_only)
    _vault(nor).save(_KEYS[0])
    sweep("vault", nor.image, page_only, share, lambda: Small(_KEYS[0]), _vault_life, _check_vault)
    nor = Nor(b"\xff" * (2 * SECTOR), page_only)
    tries = _tries(nor)
    for _ in range(118):  # of 128 until its row is full
        tries.begin()
        tries.settle()
    sweep("tries", nor.image, page_only, share, lambda: Small(0), _tries_life, _check_tries)


def everything(both_kinds: bool) -> None:
    """All of it; of flash that takes whole pages only, fewer torn forms at each operation."""
    cut_journal(False, 2)
    cut_caches(False, 4)
    cut_small(False, 3)
    if both_kinds:
        cut_journal(True, 3)
        cut_caches(True, 6)
        cut_small(True, 6)
