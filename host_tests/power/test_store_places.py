"""No place is ever sealed twice with different contents, wherever the power goes: equal beginnings never show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firmware.core.errors import StoreError
from firmware.core.types import Member
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from host_tests.power.ledger import LONG
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

SECTORS = 7
KEY, NAME = bytes(range(16)), b"VAFA0001"
NOW_UTC = 1_790_000_000


class Watching(Sealer):
    """Says at which place it sealed last, and what."""

    last: tuple[bytes, bytes] = (b"", b"")

    def seal(self, place: bytes, head: Any, body: bytearray, encrypt: bool) -> None:
        super().seal(place, head, body, encrypt)
        if encrypt:
            self.last = (bytes(place), bytes(body))


class Flash(Nor):
    """Keeps, for every place, the sealed body of which any bit ever reached the flash."""

    def __init__(self, size: int, sealer: Watching, seed: int = 1) -> None:
        super().__init__(size, seed=seed)
        self.sealer = sealer
        self.places: dict[bytes, bytes] = {}

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        before = bytes(self.image)
        place, body = self.sealer.last
        try:
            super().program(addr, data)
        finally:
            if body and body in bytes(data) and self.image != before:
                assert self.places.setdefault(place, body) == body, "one place, two contents"

    def copy(self, seed: int) -> Flash:
        other = Flash(self.size, self.sealer, seed)
        other.image[:] = self.image
        other.places = dict(self.places)
        return other


def uid(n: int) -> bytes:
    return bytes((4, n, n * 7 % 256, 1, 2, 3, 4))


def use_cache(cache: type, page_only: bool, sealer: Sealer) -> Callable[[Nor, int], None]:
    def work(nor: Nor, life: int) -> None:
        members = cache(NorPartition(nor, 0, SECTORS, page_only), sealer, 3, page_only)
        members.open()
        for step in range(40):
            n = (step * 5 + life) % 35
            members.put(Member(uid(n), n, "Sara", 100_000 * life + step, NOW_UTC + step))
            if step % 9 == life % 9:
                members.idle_work()
        members.forget(uid(life % 35))
        for _ in range(40):
            members.idle_work()

    return work


def use_slots(page_only: bool, sealer: Sealer) -> Callable[[Nor, int], None]:
    def work(nor: Nor, life: int) -> None:
        slots = Slots(NorPartition(nor, 0, SECTORS, page_only), sealer, 3, page_only)
        slots.open()
        for step in range(16):
            slots.put(f"name-{step % 5}", bytes((life % 256, step)) * 75)

    return work


def survives(work: Callable[[Nor, int], None], nor: Flash, life: int, cut: int, torn: Torn) -> bool:
    """Whether it was cut."""
    nor.power_on()
    nor.cut_at(cut, torn)
    try:
        work(nor, life)
    except PowerCut:
        return True
    except StoreError:
        raise AssertionError("refused after a cut") from None
    return False


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
@pytest.mark.parametrize(("what", "every"), [(Members, 5), (Buckets, 2), (Slots, 1)])
def test_three_lives_cut_anywhere_never_share_a_place(what: type, every: int, page_only: bool) -> None:
    sealer = Watching(KEY, NAME)
    work = use_slots(page_only, sealer) if what is Slots else use_cache(what, page_only, sealer)
    start = Flash(SECTORS * 4096, sealer)
    for life in range(0 if what is Slots else 8):
        work(start, life)
    first, cuts = 1, 0
    while True:
        first += 1 if LONG else every
        once = start.copy(first)
        torn = list(Torn)[first % 6]
        if not survives(work, once, 100, first, torn):
            break
        for second in range(1, 60) if LONG else (1, 2, 3, 1 + first % 7, 4 + first % 23, 4 + first % 57):
            twice = once.copy(second)
            cuts += survives(work, twice, 101, second, list(Torn)[(first + second) % 6])
            survives(work, twice, 102, 1 + second % 5, Torn.DONE)
            twice.power_on()
            work(twice, 103)
    assert cuts > 60
