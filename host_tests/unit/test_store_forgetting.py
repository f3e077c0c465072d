"""Who is to be forgotten is forgotten: not found any more, and not to be read off the flash by whoever has the keys."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from firmware.core.types import Member
from firmware.store import frames
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.seal import Sealer, place_of
from host_tests.power.ledger import SEALER, with_image
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

CACHES = pytest.mark.parametrize("cache", [Members, Buckets])
DAY_S = 86_400
NOW_UTC = 1_790_000_000


def uid(n: int) -> bytes:
    return sha256(n.to_bytes(4, "big")).digest()[:7]


def opened(nor: Nor, cache: type, now: bool = True) -> Members | Buckets:
    members = cache(NorPartition(nor, 0, nor.size // 4096), SEALER, 3)
    members.open()
    return rest(members) if now else members


def rest(members: Members | Buckets) -> Members | Buckets:
    for _ in range(2000):
        if not members.idle_work():
            return members
    raise AssertionError("idle work never ends")


def filled(cache: type, count: int = 300, rounds: int = 3) -> tuple[Nor, Members | Buckets]:
    nor = Nor(16 * 4096)
    members = opened(nor, cache)
    for step in range(count * rounds):
        members.put(Member(uid(step % count), step % count, "Sara", step, NOW_UTC - (count - step % count) * DAY_S))
        rest(members)
    return nor, members


def readable(nor: Nor, cache: type) -> set[bytes]:
    """Every card of which some record, old or new, can still be opened anywhere on the flash."""
    cards: set[bytes] = set()

    class Listening(Sealer):
        """Opens with the right keys and notes whose record it was; writes nothing."""

        def open(self, place: bytes, head: bytes | bytearray | memoryview, body: bytearray, encrypted: bool) -> bool:
            good = super().open(place, head, body, encrypted)
            if good and encrypted and body[8] == 7:
                cards.add(bytes(body[9:16]))
            return good

        def seal(self, place: bytes, head: bytes | bytearray | memoryview, body: bytearray, encrypt: bool) -> None:
            raise AssertionError("a reader writes nothing")

    members = cache(NorPartition(nor, 0, nor.size // 4096), Listening(bytes(range(16)), b"VAFA0001"), 3)
    try:
        members.open()
        if cache is Members:
            ring = members._ring
            for generation in range(1, ring.generation + 1):
                ring.visit(generation, lambda _frame: False)
        else:
            for sector in range(nor.size // 4096):
                list(members._bodies(sector))
    except AssertionError:
        pass
    return cards


@CACHES
def test_a_forgotten_card_is_gone_at_once_and_from_the_whole_flash_after_idle_work(cache: type) -> None:
    nor, members = filled(cache)
    gone, stays = uid(7), uid(8)
    assert {gone, stays} <= readable(nor, cache)
    members.forget(gone)
    assert members.get(gone) is None
    rest(members)
    assert gone not in readable(nor, cache)
    assert members.get(stays).points == 608
    again = opened(nor, cache)
    assert again.get(gone) is None and again.get(stays).points == 608
    again.put(Member(gone, 7, "Sara", 1, NOW_UTC))
    assert again.get(gone).points == 1, "who comes back is known again"


@CACHES
def test_what_was_not_heard_of_for_long_is_retired_and_the_rest_stays(cache: type) -> None:
    nor, members = filled(cache)
    members.retire(NOW_UTC - 90 * DAY_S)
    rest(members)
    kept = [n for n in range(300) if members.get(uid(n)) is not None]
    assert kept == list(range(210, 300))
    assert readable(nor, cache) == {uid(n) for n in kept}


@CACHES
def test_a_card_stays_forgotten_through_power_cuts_and_no_other_is_lost(cache: type) -> None:
    nor, _ = filled(cache, count=120)
    image = bytes(nor.image)
    rng = random.Random(5)
    for trial in range(60):
        nor = Nor(len(image), seed=trial)
        nor.image[:] = image
        members = opened(nor, cache)
        members.forget(uid(3))
        nor.cut_at(1 + rng.randrange(60), rng.choice(list(Torn)))
        try:
            rest(members)
        except PowerCut:
            pass
        left, nor = bytes(nor.image), Nor(len(image))
        nor.image[:] = left
        again = opened(nor, cache)
        assert again.get(uid(3)) is None
        assert all(again.get(uid(n)) is not None for n in range(120) if n != 3)
        assert uid(3) not in readable(nor, cache)


@CACHES
def test_a_card_nobody_can_find_is_forgotten_all_the_same(cache: type) -> None:
    """What is unreadable today may be read tomorrow: the newest record, or all of them."""
    for every in (False, True):
        nor, members = filled(cache)
        whole = bytes(nor.image)
        dead = records_of(nor, uid(7))[0 if every else -1 :]
        for at in dead:
            nor.image[at + 20] ^= 0x81  # two bits: nothing puts that right
        members = opened(nor, cache)
        members.forget(uid(7))
        for at in dead:
            if nor.image[at + 20] == whole[at + 20] ^ 0x81:
                nor.image[at + 20] ^= 0x81
        rest(members)
        again = opened(nor, cache)
        assert again.get(uid(7)) is None
        assert uid(7) not in readable(nor, cache)
        assert again.get(uid(8)).points == 608


def records_of(nor: Nor, card: bytes) -> list[int]:
    """Where every record of a card stands, the newest last."""
    found: list[bytes] = []

    class Listening(Sealer):
        def open(self, place: bytes, head: bytes | bytearray | memoryview, body: bytearray, encrypted: bool) -> bool:
            good = super().open(place, head, body, encrypted)
            if good and encrypted and bytes(body[9:16]) == card:
                found.append(place)
            return good

    sealer = Listening(bytes(range(16)), b"VAFA0001")
    places = []
    for sector in range(nor.size // 4096):
        raw = nor.image[sector * 4096 : sector * 4096 + 4096]
        header = frames.parse_header(raw)
        for at in range(frames.FRAMES_AT, 4000, 16) if header is not None else ():
            frame = frames.frame_at(raw, at, frames.seed(header.salt, header.generation), header.generation)
            if frame is not None and frame.kind == 2:
                found.clear()
                sealer.body_of(place_of(header.kind, header.salt, header.generation, at), frame, True)
                if found:
                    places.append((header.generation, sector * 4096 + at))
    return [at for _generation, at in sorted(places)]


@CACHES
def test_retiring_nobody_writes_nothing(cache: type) -> None:
    nor, members = filled(cache)
    before = nor.ops
    members.retire(NOW_UTC - 4000 * DAY_S)
    rest(members)
    assert nor.ops == before


@CACHES
@pytest.mark.parametrize("fault", ["worn", "silent"])
def test_in_a_sector_that_takes_no_erase_a_forgotten_card_is_made_zero_or_it_is_said(cache: type, fault: str) -> None:
    nor, members = filled(cache)
    gone = uid(7)
    dead = records_of(nor, gone)[-1] // 4096
    nor.bad_blocks[dead] = fault
    members.forget(gone)
    rest(members)
    assert members.working() and members.get(gone) is None
    assert members.speaking() == (fault == "silent"), "the cache says something else than the flash"
    assert (gone in readable(nor, cache)) == (fault == "silent")
    again = opened(nor, cache)
    assert again.get(gone) is None
    assert again.speaking() == (fault == "silent")


@CACHES
def test_a_drop_is_done_at_once_and_no_call_erases_for_long(cache: type) -> None:
    """45 ms a sector, 160 sectors: more than a watchdog waits."""
    nor, members = filled(cache)
    erases = nor.erases
    members.forget_all()
    assert nor.erases - erases <= 2
    assert [n for n in range(300) if members.get(uid(n)) is not None] == []
    again = opened(with_image(bytes(nor.image)), cache, False)
    assert [n for n in range(300) if again.get(uid(n)) is not None] == []
    more, calls = True, 0
    while more:
        erases, calls = nor.erases, calls + 1
        more = members.idle_work()
        assert nor.erases - erases <= 1
    assert calls > 10
    assert readable(nor, cache) == set()


@CACHES
def test_no_single_header_or_frame_that_dies_brings_a_dropped_cache_back(cache: type) -> None:
    nor, members = filled(cache)
    before = bytes(nor.image)
    members.forget_all()
    after = bytes(nor.image)
    touched = [at for at in range(0, len(after), 4096) if after[at : at + 4096] != before[at : at + 4096]]
    assert touched
    for at in touched:
        for begin, end in ((0, 64), (64, 4096)):
            nor = with_image(after)
            nor.image[at + begin : at + end] = bytes(end - begin)
            for _start in range(2):
                again = opened(nor, cache)
                assert [n for n in range(300) if again.get(uid(n)) is not None] == []


@pytest.mark.parametrize("fault", ["worn", "silent"])
@CACHES
def test_a_cache_of_other_keys_is_dropped_though_the_first_sectors_tried_take_nothing(cache: type, fault: str) -> None:
    nor, _ = filled(cache, rounds=1)
    blank = [at // 4096 for at in range(0, nor.size, 4096) if bytes(nor.image[at : at + 64]) == b"\xff" * 64]
    assert blank
    nor.bad_blocks = dict.fromkeys([0, *blank], fault)
    members = cache(NorPartition(nor, 0, 16), Sealer(bytes(16), b"VAFA0001"), 3)
    members.open()
    for n in range(20):
        members.put(Member(uid(n), n, "Sara", n, NOW_UTC))
        rest(members)
    assert [members.get(uid(n)).points for n in range(20)] == list(range(20))


@CACHES
def test_a_cache_dropped_on_flash_with_known_bad_sectors_keeps_every_member_told_after_it(cache: type) -> None:
    nor, members = filled(cache)
    nor.bad_blocks = dict.fromkeys(range(5), "worn")
    for _ in range(2):  # the first time it learns which sectors take nothing
        members.forget_all()
        for n in range(120):
            members.put(Member(uid(n), n, "Sara", n, NOW_UTC))
            rest(members)
    assert [n for n in range(120) if members.get(uid(n)) is None] == []


@pytest.mark.parametrize("fault", ["worn", "silent"])
@CACHES
def test_a_dropped_cache_never_returns_from_the_sectors_that_took_no_erase(cache: type, fault: str) -> None:
    nor, members = filled(cache)
    for dead in ((0, 1), (1, 2), (9, 15)):
        for n in range(100):
            members.put(Member(uid(n), n, "Sara", 5000 + n, NOW_UTC))
            rest(members)
        nor.bad_blocks = dict.fromkeys(dead, fault)
        members.forget_all()
        for seen in (members, opened(nor, cache)):
            assert [n for n in range(300) if seen.get(uid(n)) is not None] == []
        members = opened(nor, cache)
        members.put(Member(uid(1), 1, "Sara", 5, NOW_UTC))
        rest(members)
        members = opened(nor, cache)
        assert members.get(uid(1)).points == 5
        nor.bad_blocks = {}


def test_both_spare_sectors_dead_the_wish_is_kept_and_no_old_balance_returns() -> None:
    nor, members = filled(Buckets)
    spare = [sector for sector in range(16) if sector not in members._home]
    nor.bad_blocks = dict.fromkeys(spare, "silent")
    members.forget(uid(7))
    assert members.working() and members.get(uid(7)) is None
    assert opened(nor, Buckets).count() == 0
