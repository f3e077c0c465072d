"""The member cache: newest state or nothing, through cleaning, restarts, power cuts and flipped bits."""

from __future__ import annotations

import random
import struct
from binascii import crc32

import pytest

from firmware.core.errors import StoreForeign
from firmware.core.types import RUNG_UNKNOWN, TIER_GOLD, YEARS_UNKNOWN, Member
from firmware.store.member_record import pack_member, unpack_member
from firmware.store.members import Members
from firmware.store.seal import Sealer
from host_tests.power.headers import of_format
from host_tests.power.ledger import SEALER
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn


def uid(n: int) -> bytes:
    return random.Random(n).randbytes((4, 7, 10)[n % 3])


def member(n: int, points: int, name: str = "Sara") -> Member:
    as_of_utc = (1_790_000_000 + points) & 0xFFFFFFFF
    return Member(uid(n), n * 10**7, name, points, as_of_utc, TIER_GOLD, n % 65536, 1_780_000_200)


def cache(nor: Nor, page_only: bool = False) -> Members:
    members = Members(NorPartition(nor, 0, nor.size // 4096, page_only), SEALER, 3, page_only)
    members.open()
    return members


def rest(members: Members) -> Members:
    while members.idle_work():
        pass
    return members


@pytest.mark.parametrize(
    ("name", "kept"),
    [("", ""), ("مریم", "مریم"), ("ف" * 20, "ف" * 12), ("x" + "ف" * 20, "x" + "ف" * 11), ("n" * 40, "n" * 24)],
)
def test_a_member_reads_back_and_a_long_name_is_cut_at_a_letter(name: str, kept: str) -> None:
    members = cache(Nor(4 * 4096))
    given = member(5, -77, name)
    members.put(given)
    given.name = kept
    assert vars(members.get(given.uid)) == vars(given)
    assert members.get(b"\0\0\0\0") is None


@pytest.mark.parametrize(
    ("rung", "best", "years", "kept_years"),
    [(RUNG_UNKNOWN, False, YEARS_UNKNOWN, YEARS_UNKNOWN), (0, True, 0, 0), (5, False, 7, 7), (3, True, 9999, 125)],
)
@pytest.mark.parametrize("points", [0, -1, 2**40 - 1, -(2**40)])
def test_standing_and_points_share_a_record_without_touching_one_another(rung, best, years, kept_years, points) -> None:
    for length in (4, 7, 10):
        given = Member(bytes(range(1, length + 1)), 4711, "Sara", points, 1_790_000_000, TIER_GOLD, 9, 0)
        given.rung, given.best, given.years = rung, best, years
        members = cache(Nor(4 * 4096))
        assert members.put(given)
        given.years = kept_years
        assert vars(members.get(given.uid)) == vars(given)


@pytest.mark.parametrize("points", [0, 12_450, -77, 2**31, -(2**31)])
def test_a_record_of_an_earlier_version_says_nothing_of_rung_mark_and_years(points: int) -> None:
    old = bytearray(pack_member(member(1, 5)))
    old[8], old[24:30] = len(uid(1)), struct.pack("<q", points)[:6]  # as it was before
    read = unpack_member(bytes(old))
    assert (read.points, read.rung, read.best, read.years) == (points, RUNG_UNKNOWN, False, YEARS_UNKNOWN)
    assert read.uid == uid(1)


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_two_thousand_members_fit_the_small_partition_and_survive_updates_and_restart(page_only: bool) -> None:
    nor = Nor(64 * 4096)
    members = cache(nor, page_only)
    points = {}
    rng = random.Random(4)
    for n in list(range(2000)) + [rng.randrange(2000) for _ in range(3000)]:
        points[n] = points.get(n, 0) + n + 1
        members.put(member(n, points[n]))
        rest(members)
    assert members.count() == 2000
    again = rest(cache(nor, page_only))
    for seen in (members, again):
        assert all(seen.get(uid(n)).points == points[n] for n in points)


def test_more_members_than_it_is_made_for_forgets_the_longest_unchanged_first() -> None:
    members = cache(Nor(8 * 4096))
    for n in range(1000):
        members.put(member(n, n))
        rest(members)
    held = [n for n in range(1000) if members.get(uid(n))]
    assert members.count() == len(held)
    assert members.limit <= len(held) <= members.limit + 100
    assert held == list(range(1000 - len(held), 1000))


def test_opening_reads_headers_and_one_sector_and_then_knows_the_newest_at_once() -> None:
    nor = Nor(64 * 4096)
    members = cache(nor)
    for n in range(1500):
        members.put(member(n, n))
    nor.reset_counters()
    again = cache(nor)
    assert nor.bytes_read <= 64 * 32 + 4096 + 60 * 80 + 200
    assert again.get(uid(1499)).points == 1499
    assert again.get(uid(0)) is None
    again.put(member(0, 42))
    rest(again)
    assert again.get(uid(0)).points == 42
    assert again.count() == 1500


def without_summaries(nor: Nor) -> Nor:
    """The same flash, the frame at the end of every sector killed."""
    killed = Nor(nor.size)
    killed.image[:] = nor.image
    for at in range(0, nor.size, 4096):
        killed.image[at + 3824 : at + 4096] = bytes(272)
    return killed


def known(members: Members, cards: int) -> dict[int, int]:
    held = {n: members.get(uid(n)) for n in range(cards)}
    return {n: m.points for n, m in held.items() if m is not None}


def test_a_start_by_summaries_knows_what_reading_every_sector_tells() -> None:
    """Updated, moved by cleaning, forgotten and come back; sectors recycled many times; starts in between."""
    nor = Nor(10 * 4096)
    members = cache(nor)
    rng = random.Random(3)
    truth: dict[int, int] = {}
    summaries = 0
    for step in range(6000):
        n = int(rng.random() ** 2 * 150)
        if step % 400 == 399:
            members.forget(uid(n))
            truth.pop(n, None)
        else:
            members.put(member(n, step))
            truth[n] = step
        for _ in range(rng.randrange(4)):
            members.idle_work()
        if step % 60 == 59:
            members = cache(nor)
            if rng.random() < 0.5:  # else what follows is done before the index is complete
                rest(members)
        if step % 300 == 59:
            nor.reset_counters()
            by_summaries = rest(cache(copy_of(nor)))
            assert known(by_summaries, 150) == truth
            assert known(rest(cache(without_summaries(nor))), 150) == truth
            summaries += sum(nor.image[at + 3830] == 7 for at in range(0, nor.size, 4096))
    assert summaries > 60


def copy_of(nor: Nor) -> Nor:
    copy = Nor(nor.size)
    copy.image[:] = nor.image
    return copy


def test_the_index_of_five_thousand_members_is_made_of_some_sixty_kilobytes() -> None:
    nor = Nor(160 * 4096)
    members = cache(nor)
    cards = [Member(n.to_bytes(7, "big"), n, "Sara", n, 1_790_000_000) for n in range(5000)]
    for m in cards:
        members.put(m)
        rest(members)
    for m in cards[::3]:
        m.points += 100_000
        members.put(m)
        rest(members)
    for image, most in ((copy_of(nor), 64 * 1024), (without_summaries(nor), 1024 * 1024)):
        again = Members(NorPartition(image, 0, 160), SEALER, 3)
        again.open()
        assert not again.complete()
        while not again.complete():
            before = image.bytes_read
            again.idle_work()
            assert image.bytes_read - before <= 16 * 4096
        assert image.bytes_read <= most
        assert [again.get(m.uid).points for m in cards] == [m.points for m in cards]


@pytest.mark.parametrize("summaries", [True, False])
@pytest.mark.parametrize("what", ["get", "put", "forget"])
def test_no_call_right_after_a_start_reads_for_long(what: str, summaries: bool) -> None:
    nor = Nor(64 * 4096)
    members = cache(nor)
    for n in range(1800):
        members.put(member(n, n))
        rest(members)
    image = copy_of(nor) if summaries else without_summaries(nor)
    again = cache(image)
    for n in range(200):
        before = image.bytes_read
        if what == "get":
            again.get(uid(n))
        elif what == "put":
            again.put(member(n, 5000 + n))
            assert again.get(uid(n)).points == 5000 + n
        else:
            again.forget(uid(n))
        assert image.bytes_read - before <= 16 * 4096
    rest(again)
    for seen in (again, rest(cache(image))):
        held = known(seen, 1800)
        expected = {"get": n_of(range(1800)), "put": {**n_of(range(1800)), **{n: 5000 + n for n in range(200)}}}
        assert held == expected.get(what, n_of(range(200, 1800)))


def test_no_call_reads_for_long_though_nobody_ever_rested() -> None:
    nor = Nor(64 * 4096)
    members = cache(nor)
    rng = random.Random(5)
    for step in range(12_000):  # nearly all stand still for a while, so cleaning sector after sector frees none
        n = step if step < 1500 else rng.randrange(20 if step < 6000 else 1500)
        before = nor.bytes_read
        members.put(member(n, step))
        assert nor.bytes_read - before <= 16 * 4096
        assert members.get(uid(n)).points == step
    assert members.count() == 1500


def n_of(cards: range) -> dict[int, int]:
    return {n: n for n in cards}


def test_power_cuts_leave_the_old_or_the_new_state_never_a_mixture() -> None:
    rng = random.Random(8)
    nor = Nor(6 * 4096)
    members = cache(nor)
    certain: dict[int, int] = {}
    cuts = 0
    for step in range(1500):
        n = rng.randrange(60)
        if not nor._cut_in:
            nor.cut_at(rng.randrange(1, 25), rng.choice(list(Torn)))
        try:
            members.put(member(n, step))
            certain[n] = step
            rest(members)
        except PowerCut:
            cuts += 1
            nor.power_on()
            members = rest(cache(nor))
            for m, points in certain.items():
                got = members.get(uid(m))
                assert got is not None
                assert got.points == points or (m == n and got.points == step)
                assert vars(got) == vars(member(m, got.points))
            if members.get(uid(n)):
                certain[n] = members.get(uid(n)).points
    assert cuts > 50
    assert nor.erases > 20


def test_a_flipped_bit_never_falsifies_a_member() -> None:
    nor = Nor(4 * 4096)
    members = cache(nor)
    for n in range(30):
        members.put(member(n, n))
    good = bytes(nor.image)
    rng = random.Random(6)
    for _ in range(500):
        bit = rng.randrange(2600 * 8)
        nor.image[:] = good
        nor.image[bit // 8] ^= 1 << bit % 8
        again = cache(nor)
        missing = 0
        for n in range(30):
            got = again.get(uid(n))
            missing += got is None
            assert got is None or vars(got) == vars(member(n, n))
        assert missing <= 1


def test_a_foreign_partition_is_left_alone_and_knows_nobody() -> None:
    nor = Nor(4 * 4096)
    nor.image[9000] = 0
    members = Members(NorPartition(nor, 0, 4), SEALER, 1)
    with pytest.raises(StoreForeign):
        members.open()
    members.put(member(1, 1))
    assert members.get(uid(1)) is None
    members.forget_all()
    assert not members.idle_work()
    assert nor.ops == 0


def test_flash_that_fails_closes_the_cache_and_raises_nothing() -> None:
    nor = Nor(4 * 4096)
    members = cache(nor)
    members.put(member(1, 1))
    nor.bad_blocks = dict.fromkeys(range(4), "raises")
    members.put(member(2, 2))
    assert members.get(uid(1)) is None
    assert not members.idle_work()


@pytest.mark.parametrize("points", [3_000_000_000, 999_999_999_999, -999_999_999_999])
def test_twelve_digits_of_points_are_kept_whole(points: int) -> None:
    nor = Nor(4 * 4096)
    members = cache(nor)
    members.put(Member(uid(1), 7, "Ali", points, 1_790_000_000))
    for seen in (members, cache(nor)):
        kept = seen.get(uid(1))
        assert kept is not None
        assert kept.points == points


@pytest.mark.parametrize("change", [{"points": 1 << 63}, {"visits": 65536}, {"tier": -1}, {"as_of_utc": 1 << 32}])
def test_a_member_too_large_for_its_record_is_not_kept_and_closes_nothing(change: dict) -> None:
    members = cache(Nor(4 * 4096))
    large = member(1, 5)
    for name, value in change.items():
        setattr(large, name, value)
    members.put(large)
    assert members.get(large.uid) is None
    members.put(member(2, 9))
    assert members.get(uid(2)) is not None


@pytest.mark.parametrize("what", ["format", "keys"])
def test_a_cache_of_earlier_firmware_or_of_other_keys_is_dropped_whole(what: str) -> None:
    nor = Nor(8 * 4096)
    other = SEALER if what == "format" else Sealer(bytes(16), b"VAFA0001")
    earlier = Members(NorPartition(nor, 0, 8), other, 3)
    earlier.open()
    for n in range(200):
        earlier.put(member(n, n))
    if what == "format":
        of_format(nor, 1)
    members = rest(cache(nor))
    assert members.count() == 0
    assert [members.get(uid(n)) for n in range(200)] == [None] * 200
    for n in range(400):
        members.put(member(n % 50, n))
        rest(members)
    kept = rest(cache(nor))
    assert [(m := kept.get(uid(n))) and m.points for n in range(50)] == list(range(350, 400))


def test_a_copied_flash_shows_no_card_no_name_and_no_points() -> None:
    nor = Nor(8 * 4096)
    members = cache(nor)
    points = 0x1D2C3B4A5F
    for n in range(60):
        members.put(member(n, points, "Canary-Name"))
    image = bytes(nor.image)
    secrets = [b"Canary", points.to_bytes(5, "little")] + [uid(n) for n in range(60)]
    secrets += [crc32(uid(n)).to_bytes(4, "little") for n in range(60)]
    assert [secret for secret in secrets if secret in image] == []
