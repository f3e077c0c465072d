"""I9: a cut at every operation of both member caches, and every sector bad: old or new, never mixed; gone is gone."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from firmware.core.types import Member
from firmware.store import frames
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.seal import Sealer
from host_tests.power.ledger import LONG, RememberingSealer
from host_tests.power.test_store_counters_and_versions import of_format
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

CACHES = pytest.mark.parametrize("cache", [Members, Buckets])
KINDS = pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
SECTORS = 7
CARDS = 40
NOW_UTC = 1_790_000_000
SEALER = RememberingSealer(bytes(range(16)), b"VAFA0001")

Cache = Members | Buckets


def uid(n: int) -> bytes:
    return sha256(n.to_bytes(4, "big")).digest()[:7]


def member(n: int, points: int) -> Member:
    return Member(uid(n), n, "Sara", points, NOW_UTC - (CARDS - n) * 86_400)


def opened(nor: Nor, cache: type, page_only: bool = False, sealer: Sealer = SEALER) -> Cache:
    members = cache(NorPartition(nor, 0, nor.size // 4096, page_only), sealer, 3, page_only)
    members.open()
    return members


def rest(members: Cache) -> Cache:
    for _ in range(3000):
        if not members.idle_work():
            return members
    raise AssertionError("I10: idle work never ends")


def copy_of(image: bytes, seed: int = 1) -> Nor:
    nor = Nor(len(image), seed=seed)
    nor.image[:] = image
    return nor


def filled(cache: type, page_only: bool = False, puts: int = 330) -> bytes:
    nor = Nor(SECTORS * 4096)
    members = rest(opened(nor, cache, page_only))
    for step in range(puts):
        members.put(member(step % CARDS, step))
        if step % 3 == 0:
            rest(members)
    return bytes(nor.image)


def points_of(members: Cache) -> dict[int, int]:
    held = {n: members.get(uid(n)) for n in range(CARDS)}
    assert all(m is None or (m.name, m.member_no) == ("Sara", n) for n, m in held.items()), "I9: a mixture"
    return {n: m.points for n, m in held.items() if m is not None}


def traces(nor: Nor, cache: type) -> set[int]:
    """Every card of which a record, old or new, opens anywhere on the flash, whatever the cache makes of it."""
    return records_that_open(nor, {uid(n): n for n in range(CARDS)}, cache)


def records_that_open(nor: Nor, cards: dict[bytes, int], cache: type = Members) -> set[int]:
    found: set[bytes] = set()

    class Listening(RememberingSealer):
        def open(self, place: bytes, head: Any, body: bytearray, encrypted: bool) -> bool:
            good = super().open(place, head, body, encrypted)
            if good and encrypted and body[7] != 0xFF:  # what says that a card is forgotten is no trace of it
                found.add(bytes(body[9 : 9 + body[8]]))
            return good

    members = opened(nor, cache, sealer=Listening(bytes(range(16)), b"VAFA0001"))
    if isinstance(members, Members):
        for sector in range(SECTORS):
            generation = members._ring.generation_in(sector)
            if generation:
                members._ring.visit(generation, lambda _frame: False)
    else:
        for sector in range(SECTORS):
            list(members._bodies(sector))
    return {number for card, number in cards.items() if card in found}


def cuts(
    image: bytes, page_only: bool, cache: type, work: Callable[[Cache], object], every: int
) -> Iterator[tuple[Nor, bool]]:
    """The flash after each cut of `work`, in each torn form, and whether `work` returned."""
    nor = copy_of(image)
    members = rest(opened(nor, cache, page_only))
    nor.op_log = []
    work(members)
    total = len(nor.op_log)
    for op in range(1, total + 2, 1 if LONG else every):
        for torn in list(Torn) if LONG else list(Torn)[op % 2 :: 2]:
            nor, returned = copy_of(image, seed=op), False
            members = rest(opened(nor, cache, page_only))
            nor.cut_at(op, torn)
            try:
                work(members)
                returned = True
            except PowerCut:
                pass
            yield copy_of(bytes(nor.image), seed=op), returned


@CACHES
@KINDS
def test_a_cut_in_any_operation_of_puts_copies_and_cleaning(cache: type, page_only: bool) -> None:
    image = filled(cache, page_only)
    before = points_of(rest(opened(copy_of(image), cache, page_only)))
    assert len(before) == CARDS
    progress: dict[int, int] = {}

    def puts(members: Cache) -> None:
        progress.clear()
        for step in range(60):
            progress[step % 9] = 1000 + step
            members.put(member(step % 9, 1000 + step))
            if step % 20 == 0:
                rest(members)

    for nor, _returned in cuts(image, page_only, cache, puts, 5):
        done = dict(progress)
        seen = points_of(rest(opened(copy_of(without_summaries(nor)), cache, page_only)))
        assert points_of(rest(opened(nor, cache, page_only))) == seen, "a start by summaries knows something else"
        expected = {**before, **done}
        wrong = {n for n in expected if seen.get(n) != expected[n]}
        assert len(wrong) <= 1, "I9: more than what was being put is old"
        for n in wrong:
            assert seen.get(n) in (before[n], done[n] - 9), "I9: neither old nor new"
        again = rest(opened(nor, cache, page_only))
        again.put(member(1, 5000))
        assert points_of(rest(opened(nor, cache, page_only))) == {**seen, 1: 5000}, "I7 for the cache"


@CACHES
@KINDS
def test_a_second_cut_in_the_work_after_the_first(cache: type, page_only: bool) -> None:
    """Loading, cleaning, erasing and marks, each cut in turn; then a card is put and forgotten like any other."""
    image = filled(cache, page_only)
    before = points_of(rest(opened(copy_of(image), cache, page_only)))

    def puts(members: Cache) -> None:
        for step in range(60):
            members.put(member(step % 9, 1000 + step))
            if step % 20 == 0:
                rest(members)

    def again(members: Cache) -> None:
        rest(members)
        for step in range(20):
            members.put(member(10 + step, 2000 + step))
        members.forget(uid(39))
        rest(members)

    for second, (nor, _returned) in enumerate(cuts(image, page_only, cache, puts, 25), 1):
        left = copy_of(bytes(nor.image), seed=second)
        left.cut_at(1 + second * 7 % 60, list(Torn)[second % 6])
        try:
            again(opened(left, cache, page_only))
        except PowerCut:
            pass
        members = rest(opened(copy_of(bytes(left.image)), cache, page_only))
        for n, points in points_of(members).items():
            assert points in (before[n], *range(1000, 1060), 1990 + n), "I9: neither old nor new"
        lost = set(before) - set(points_of(members)) - {39}
        assert not lost, "a card was lost"


@CACHES
def test_no_frame_or_header_that_dies_brings_a_forgotten_card_back(cache: type) -> None:
    """Each in turn is made unreadable after `forget`, or some work later; then the power comes on again."""
    image = filled(cache, puts=390)
    works = 0
    while True:
        nor = copy_of(image)
        members = rest(opened(nor, cache))
        members.forget(uid(3))
        done = not any([not members.idle_work() for _ in range(works)])
        left = bytes(nor.image)
        places = frames_of(left)
        for number, (at, length) in enumerate(places):
            if LONG or (number + works) % 5 == 0 or number >= len(places) - 8:
                killed = copy_of(left)
                killed.image[at : at + length] = bytes(length)
                again = opened(killed, cache)
                assert again.get(uid(3)) is None
                assert rest(again).get(uid(3)) is None
                assert rest(opened(killed, cache)).get(uid(3)) is None, "at a second start"
                assert 3 not in traces(killed, cache), f"frame at {at} of {works} pieces of work"
        if not done:
            break
        works = works * 2 + 1 if not LONG else works + 1
    assert cache is Buckets or works >= 10


def frames_of(image: bytes) -> list[tuple[int, int]]:
    """(address, length) of every frame and of every header with both its copies, by generation."""
    found = []
    for sector in range(len(image) // 4096):
        raw = image[sector * 4096 : sector * 4096 + 4096]
        header = frames.parse_header(raw)
        if header is not None:
            found.append((header.generation, sector * 4096, 64))
            for at in range(frames.FRAMES_AT, 4096, 16):
                length = frames.frame_length(raw, at, frames.seed(header.salt, header.generation))
                if length:
                    found.append((header.generation, sector * 4096 + at, length))
    return [(at, length) for _generation, at, length in sorted(found)]


def without_summaries(nor: Nor) -> bytes:
    image = bytearray(nor.image)
    for at in range(0, len(image), 4096):
        if image[at + 3830] == 7:
            image[at + 3824 : at + 4092] = bytes(268)
    return bytes(image)


@CACHES
@KINDS
def test_a_forgotten_card_is_gone_from_every_place_of_the_flash_after_any_cut(cache: type, page_only: bool) -> None:
    image = filled(cache, page_only)
    state = {"returned": False}

    def forget(members: Cache) -> None:
        state["returned"] = False
        members.forget(uid(3))
        state["returned"] = True
        rest(members)

    for nor, _ in cuts(image, page_only, cache, forget, 3):
        again = rest(opened(nor, cache, page_only))
        assert not state["returned"] or again.get(uid(3)) is None, "forgotten, and known again after a cut"
        assert len(points_of(again)) == CARDS - (again.get(uid(3)) is None), "another card was lost"
        if again.get(uid(3)) is None:
            assert 3 not in traces(nor, cache), "no longer known, but to be read off the flash"
        again.forget(uid(3))
        rest(again)
        assert 3 not in traces(nor, cache)


@CACHES
@pytest.mark.parametrize("rests", [0, 1, 40])
def test_a_sector_that_looks_blank_is_erased_after_power_on_before_it_is_used(cache: type, rests: int) -> None:
    """A cut erase may leave cells that read as erased today."""
    nor = copy_of(filled(cache))
    members = opened(nor, cache)
    erased: set[int] = set()
    begun = 0

    def look(name: str, where: int, _data: bytes) -> None:
        nonlocal begun
        if name == "erase":
            erased.add(where)
        elif nor.image[where // 4096 * 4096 :][:4096] == b"\xff" * 4096:
            begun += 1
            assert where // 4096 in erased

    nor.before_op = look
    for _ in range(rests):
        members.idle_work()
    for step in range(600):
        members.put(member(step % CARDS, step))
    assert begun > 5


@CACHES
def test_forgetting_needs_no_room(cache: type) -> None:
    """Every sector but the open one is full of members that count; the flash is as small as it may be."""
    nor = Nor(5 * 4096)
    members = opened(nor, cache)
    given = {}
    for step in range(47 * 4 + 20):
        m = Member(sha256(b"%d" % step).digest()[:7], step, "Sara", step, NOW_UTC)
        given[step] = m.uid
        members.put(m)
    held = [n for n in given if members.get(given[n]) is not None]
    assert len(held) > 80
    for n in held[::9]:
        members.forget(given[n])
        assert members.get(given[n]) is None
    rest(members)
    for seen in (members, rest(opened(nor, cache))):
        assert not [n for n in held[::9] if seen.get(given[n]) is not None]
        seen.put(Member(given[0], 1, "Sara", 77, NOW_UTC))
        assert seen.get(given[0]).points == 77


@pytest.mark.parametrize("known", [True, False], ids=["known before", "found by it"])
def test_forgetting_gives_up_what_finds_no_room_and_never_the_wish(known: bool) -> None:
    nor = Nor(SECTORS * 4096)
    members = opened(nor, Members)
    cards = [Member(sha256(b"%d" % n).digest()[:7], n, "Sara", n, NOW_UTC) for n in range(102)]
    for m in cards:
        members.put(m)
        rest(members)
    ring = members._ring
    free = [sector for sector in range(SECTORS) if ring.generation_in(sector) < ring.tail]
    assert len(free) > 2
    if known:
        bad = bytearray(members.bad_sectors())
        for sector in free[1:]:
            bad[4] |= 1 << sector
        members = Members(NorPartition(nor, 0, SECTORS), SEALER, 3)
        members.open(bytes(bad))
        assert members._ring.free() == 1
    else:
        nor.bad_blocks = dict.fromkeys(free[1:], "silent")
    members.forget(cards[5].uid)
    rest(members)
    for seen in (members, rest(opened(nor, Members))):
        held = {m.member_no for m in cards if seen.get(m.uid) is not None}
        assert 5 not in held
        assert not known or len(held) > 20
    assert records_that_open(nor, {m.uid: m.member_no for m in cards}) == held
    members.put(cards[6])
    assert members.get(cards[6].uid) is not None


@CACHES
def test_a_forgotten_card_goes_though_more_was_kept_before_the_power_failed(cache: type) -> None:
    """The sector that says so is full and closed by then."""
    nor = copy_of(filled(cache))
    members = rest(opened(nor, cache))
    members.forget(uid(3))
    for step in range(70):
        members.put(member(5 + step % 9, 3000 + step))
    again = rest(opened(nor, cache))
    assert again.get(uid(3)) is None
    assert traces(nor, cache) == set(range(CARDS)) - {3}


@CACHES
def test_i10_what_is_to_be_forgotten_on_a_dead_flash_is_tried_once_a_start(cache: type) -> None:
    nor = copy_of(filled(cache))
    members = rest(opened(nor, cache))
    nor.op_log = []
    members.put(member(1, 1000))
    members.forget(uid(2))
    nor.bad_blocks = dict.fromkeys(range(SECTORS), "raises")
    rest(members)
    assert nor.op_log.count(("erase", 0, b"")) <= 4
    assert members.get(uid(2)) is None


def test_i10_a_cache_with_one_sector_left_is_dropped_and_the_work_ends() -> None:
    nor = copy_of(filled(Members))
    members = rest(opened(nor, Members))
    nor.bad_blocks = dict.fromkeys([sector for sector in range(SECTORS) if sector != members._ring._head], "silent")
    for start in range(2):
        for n in range(3):
            members.forget(uid(n))
            rest(members)
            assert members.get(uid(n)) is None
        for step in range(60):
            members.put(member(5, step))
            rest(members)
        members = rest(opened(nor, Members))
        assert {n for n in range(3) if members.get(uid(n)) is not None} == set(), start


@CACHES
def test_a_bad_sector_is_remembered_and_left_alone(cache: type) -> None:
    nor = Nor(SECTORS * 4096)
    members = opened(nor, cache)
    nor.bad_blocks[4] = "silent"
    for step in range(400):
        members.put(member(step % 20, step))
        rest(members)
    bad = members.bad_sectors()
    assert bad[4:] == bytes([1 << 4])
    touched: list[int] = []
    nor.bad_blocks = {}
    nor.before_op = lambda name, where, _data: touched.append(where if name == "erase" else where // 4096)
    again = cache(NorPartition(nor, 0, SECTORS), SEALER, 3)
    again.open(bad)
    for step in range(400):
        rest(again).put(member(step % 20, 1000 + step))
    assert again.bad_sectors() == bad
    assert 4 not in touched and len(set(touched)) == SECTORS - 1
    assert points_of(again) == {n: 1380 + n for n in range(20)}
    again.forget_all()
    assert again.bad_sectors()[4:] == bad[4:], "what failed is not tried again because all was dropped"
    again.open(bytes([bad[0] ^ 64]) + bad[1:])
    assert again.bad_sectors()[4:] == b"\0", "a list of another cache"


@CACHES
def test_no_card_leaves_a_trace_whichever_it_is(cache: type) -> None:
    image = filled(cache, puts=400)
    for n in range(CARDS):
        nor = copy_of(image)
        members = opened(nor, cache)
        for step in range(150):  # its sector is left for another, and that one too, without rest
            members.put(member(n, step))
        members.forget(uid(n))
        assert members.get(uid(n)) is None
        rest(members)
        assert traces(nor, cache) == set(range(CARDS)) - {n}


@CACHES
def test_a_card_is_forgotten_though_nobody_ever_rested(cache: type) -> None:
    nor = Nor(SECTORS * 4096)
    members = opened(nor, cache)
    for step in range(500):
        members.put(member(step % CARDS, step))
        if step % 7 == 0:
            members.forget(uid(step % CARDS))
            assert members._opened, "the cache closed instead"
            assert members.get(uid(step % CARDS)) is None
    for n in range(200):
        members.forget(uid(n % 30))
    gone = {n for n in range(CARDS) if members.get(uid(n)) is None}
    assert gone >= set(range(30)) and len(gone) < CARDS
    again = rest(opened(nor, cache))
    assert {n for n in range(CARDS) if again.get(uid(n)) is None} == gone
    assert traces(nor, cache) == set(range(CARDS)) - gone


@CACHES
def test_what_is_retired_is_gone_after_any_cut_when_it_is_asked_for_again(cache: type) -> None:
    image = filled(cache)
    old = set(range(20))

    def retire(members: Cache) -> None:
        members.retire(NOW_UTC - 20 * 86_400)
        rest(members)

    for nor, _ in cuts(image, False, cache, retire, 9):
        again = rest(opened(nor, cache))
        assert set(points_of(again)) >= set(range(CARDS)) - old
        retire(again)
        assert set(points_of(again)) == set(range(CARDS)) - old
        assert traces(nor, cache) == set(range(CARDS)) - old


@CACHES
@pytest.mark.parametrize("why", ["asked", "older format", "other keys"])
def test_a_cut_in_dropping_the_whole_cache_never_makes_it_foreign(cache: type, why: str) -> None:
    for image in (filled(cache), filled(cache, puts=3), emptied(cache, 20)):
        every_cut_of_a_drop(image, cache, why)


def emptied(cache: type, puts: int) -> bytes:
    """One sector with a header, and not the first."""
    nor = copy_of(filled(cache, puts=3))
    members = opened(nor, cache)
    members.forget_all()
    for step in range(puts):
        members.put(member(1, step))
    return bytes(nor.image)


def strangers(nor: Nor, sealer: Sealer) -> list[int]:
    """Sectors with a header of other keys."""
    headers = [(at // 4096, frames.parse_header(nor.image[at : at + 32])) for at in range(0, nor.size, 4096)]
    return [sector for sector, header in headers if header is not None and not sealer.vouches(header, sector)]


def every_cut_of_a_drop(image: bytes, cache: type, why: str) -> None:
    other = RememberingSealer(bytes(16), b"VAFA0001") if why == "other keys" else SEALER
    if why == "older format":
        nor = copy_of(image)
        of_format(nor, 1)
        image = bytes(nor.image)

    before = points_of(rest(opened(copy_of(image), cache))) if why == "asked" else {}

    op, ended = 0, False
    while not ended:
        op += 1
        for torn in Torn:
            nor, returned = copy_of(image, seed=op), False
            nor.cut_at(op, torn)
            try:
                members = opened(nor, cache, sealer=other)
                if why == "asked":
                    members.forget_all()
                returned = True
                rest(members)
                ended = True
            except PowerCut:
                pass
            left = copy_of(bytes(nor.image))
            members = rest(opened(left, cache, sealer=other))
            seen = points_of(members)
            assert not seen or (why == "asked" and seen == before and not returned), "I9: an older state came back"
            if not seen and other is SEALER:
                assert not traces(left, cache), "dropped, and to be read off the flash"
            if other is not SEALER:
                assert not strangers(left, other), "a sector of other keys stays for ever"
            members.put(member(1, 77))
            assert points_of(rest(opened(left, cache, sealer=other)))[1] == 77
    assert op > 4


@CACHES
def test_an_emptied_cache_never_seals_at_a_place_it_used_before(cache: type) -> None:
    used: dict[bytes, bytes] = {}

    class Watching(Sealer):
        def seal(self, place: bytes, head: Any, body: bytearray, encrypt: bool) -> None:
            plain = bytes(body)
            assert used.setdefault(bytes(place), plain) == plain, "one place, two contents"
            super().seal(place, head, body, encrypt)

    nor = Nor(SECTORS * 4096)
    members = opened(nor, cache, sealer=Watching(bytes(range(16)), b"VAFA0001"))
    for life in range(4):
        for step in range(150):
            members.put(member(step % CARDS, 1000 * life + step))
            rest(members)
        if life % 2:
            members = opened(nor, cache, sealer=Watching(bytes(range(16)), b"VAFA0001"))
        members.forget_all()
        assert points_of(members) == {}


@CACHES
@pytest.mark.parametrize("fault", ["silent", "raises"])
@pytest.mark.parametrize("since", [0, 90])
def test_a_bad_sector_costs_what_it_held_and_the_cache_goes_on(cache: type, fault: str, since: int) -> None:
    for block in range(SECTORS):
        nor = Nor(SECTORS * 4096)
        if since == 0:
            nor.bad_blocks[block] = fault
        members = opened(nor, cache)
        for step in range(400):
            if step == since:
                nor.bad_blocks[block] = fault
            members.put(member(step % 20, step))
            rest(members)
            if step % 97 == 0:
                members = rest(opened(nor, cache))
        seen = points_of(members)
        assert {n: seen[n] for n in seen if seen[n] != 380 + n} == {}, f"block {block}: an older state"
        assert len(seen) == 20, f"block {block}: {20 - len(seen)} cards lost"
        again = points_of(rest(opened(nor, cache)))
        assert len(again) == 20, f"block {block}: {20 - len(again)} cards lost by a restart"


@CACHES
def test_whatever_frame_dies_a_card_shows_an_earlier_state_or_nobody(cache: type) -> None:
    nor = Nor(SECTORS * 4096)
    members = opened(nor, cache)
    given: dict[int, set[int]] = {}
    for step in range(220):
        members.put(member(step % 21, step))
        given.setdefault(step % 21, set()).add(step)
        members.idle_work()
    image = bytes(nor.image)
    assert cache is Buckets or any(image[at + 3830] == 7 for at in range(0, len(image), 4096))
    truth = points_of(rest(opened(copy_of(image), cache)))
    assert truth == {n: max(steps) for n, steps in given.items()}
    for at, length in frames_of(image):
        for where in (at + 2, at + length // 2, at + length - 3):
            flipped = copy_of(image)
            flipped.image[where] ^= 0x81
            seen = points_of(rest(opened(flipped, cache)))
            assert all(points in given[n] for n, points in seen.items()), f"byte {where}"
            changed = {n for n in truth if seen.get(n) != truth[n]}
            assert len(changed & set(seen)) <= 1, f"byte {where}: {changed}"
            if cache is Members:
                assert len(changed) <= 1, f"byte {where}: {changed}"
            else:  # whose record it was nobody knows: only the cards of its bucket may be missed
                assert len({crc32(uid(n)) % (SECTORS - 2) for n in changed}) <= 1, f"byte {where}: {changed}"


@CACHES
def test_every_bit_of_a_cache_may_flip(cache: type) -> None:
    """I9: one wrong bit costs nothing."""
    nor = Nor(SECTORS * 4096)
    members = opened(nor, cache)
    for step in range(36):
        members.put(member(step % 12, step))
    rest(members)
    image = bytes(nor.image)
    truth = points_of(rest(opened(copy_of(image), cache)))
    assert len(truth) == 12
    written = [at for at in range(len(image)) if image[at] != 0xFF]
    headers = [at for at in written if at % 4096 < 64]
    for n, at in enumerate(headers + (written if LONG else written[:: max(1, len(written) // 150)])):
        for bit in range(8) if LONG or at in headers[:64] else (n % 8,):
            flipped = copy_of(image)
            flipped.image[at] ^= 1 << bit
            assert points_of(rest(opened(flipped, cache))) == truth, f"byte {at}, bit {bit}"
