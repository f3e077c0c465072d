"""The small board's member cache: the newest state or nothing, through copies, restarts, cuts and flipped bits."""

from __future__ import annotations

import contextlib
import random
from hashlib import sha256

import pytest

from firmware.core.errors import StoreForeign
from firmware.core.types import TIER_GOLD, Member
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from host_tests.power.ledger import SEALER
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn


def uid(n: int) -> bytes:
    return sha256(n.to_bytes(4, "big")).digest()[: (4, 7, 10)[n % 3]]


def member(n: int, points: int, name: str = "Sara") -> Member:
    return Member(uid(n), n * 10**7, name, points, 1_790_000_000, TIER_GOLD, n % 65536, 1_780_000_200)


def cache(nor: Nor, page_only: bool = False, sealer: Sealer = SEALER) -> Buckets:
    opened = Buckets(NorPartition(nor, 0, nor.size // 4096, page_only), sealer, 3, page_only)
    opened.open()
    return opened


def rest(members: Buckets) -> Buckets:
    while members.idle_work():
        pass
    return members


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_two_thousand_members_are_kept_through_updates_and_a_restart(page_only: bool) -> None:
    nor = Nor(64 * 4096)
    members = cache(nor, page_only)
    points = {}
    rng = random.Random(4)
    for n in [*range(2000), *[rng.randrange(2000) for _ in range(2000)]]:
        points[n] = points.get(n, 0) + n + 1
        members.put(member(n, points[n]))
        rest(members)
    for seen in (members, cache(nor, page_only)):
        got = {n: seen.get(uid(n)) for n in points}
        assert sum(m is None for m in got.values()) <= 4
        assert all(m is None or vars(m) == vars(member(n, points[n])) for n, m in got.items())
    assert members.count() >= 1996


def test_wear_is_the_erases_of_each_sector() -> None:
    nor = Nor(8 * 4096)
    members = cache(nor)
    assert members.worn() == 0
    for n in range(2000):
        members.put(member(n % 40, n))
        rest(members)
    assert abs(members.worn() - nor.erases / 8) <= 2 and members.worn() > 2


def test_costs_of_a_look_up_and_an_update() -> None:
    nor = Nor(64 * 4096)
    members = cache(nor)
    for n in range(2000):
        members.put(member(n, n))
        rest(members)
    nor.reset_counters()
    for n in range(200):
        members.get(uid(n))
    assert nor.bytes_read <= 200 * 4200
    nor.reset_counters()
    rng = random.Random(1)
    for _ in range(3000):
        members.put(member(rng.randrange(2000), 5))
        rest(members)
    assert nor.erases / 3000 <= 0.2
    assert max(nor.wear) <= 3 * sum(nor.wear) / len(nor.wear)
    assert len(members._home) + len(members._taken) < 130


def test_no_erase_stands_between_a_customer_and_the_answer() -> None:
    nor = Nor(16 * 4096)
    members = rest(cache(nor))
    inline = 0
    for n in range(1000):
        erases = nor.erases
        members.put(member(n % 300, n))
        inline += nor.erases - erases
        rest(members)
    assert inline == 0


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_power_cuts_leave_the_old_or_the_new_state_never_a_mixture(page_only: bool) -> None:
    nor = Nor(6 * 4096)
    members = cache(nor, page_only)
    certain: dict[int, int] = {}
    rng = random.Random(8)
    cuts = 0
    for step in range(3000):
        n = rng.randrange(60)
        try:
            if rng.random() < 0.2:
                nor.cut_at(1 + rng.randrange(30), rng.choice(list(Torn)))
            members.put(member(n, step))
            rest(members)  # until then it may be in memory only
            certain[n] = step
        except PowerCut:
            cuts += 1
            nor.power_on()
            members = cache(nor, page_only)
            for m, points in certain.items():
                got = members.get(uid(m))
                assert got is not None
                assert got.points == points or (m == n and got.points == step)
                assert vars(got) == vars(member(m, got.points))
            got = members.get(uid(n))
            if got is not None:
                certain[n] = got.points
    assert cuts > 100


def test_the_first_use_of_a_blank_partition_survives_every_cut() -> None:
    for op in range(1, 9):
        for torn in Torn:
            nor = Nor(6 * 4096, seed=op)
            nor.cut_at(op, torn)
            with contextlib.suppress(PowerCut):
                members = cache(nor)
                members.put(member(1, 1))
                rest(members)
            nor.power_on()
            again = cache(nor)
            assert (got := again.get(uid(1))) is None or got.points == 1
            again.put(member(1, 2))
            rest(again)
            assert cache(nor).get(uid(1)).points == 2


def test_a_flipped_bit_costs_nothing() -> None:
    nor = Nor(6 * 4096)
    members = cache(nor)
    for n in range(40):
        members.put(member(n, n))
    rest(members)
    good = bytes(nor.image)
    rng = random.Random(6)
    for _ in range(300):
        nor.image[:] = good
        nor.image[rng.randrange(6) * 4096 + rng.randrange(900)] ^= 1 << rng.randrange(8)
        again = cache(nor)
        assert [vars(m) if (m := again.get(uid(n))) else None for n in range(40)] == [
            vars(member(n, n)) for n in range(40)
        ]


def test_another_store_is_refused_untouched_and_other_keys_show_nobody() -> None:
    nor = Nor(8 * 4096)
    journal = Journal(NorPartition(nor, 0, 8), SEALER, 1)
    journal.open()
    before = bytes(nor.image)
    with pytest.raises(StoreForeign):
        cache(nor)
    assert bytes(nor.image) == before
    nor = Nor(8 * 4096)
    cache(nor).put(member(1, 1))
    other = cache(nor, sealer=Sealer(bytes(16), b"VAFA0001"))
    assert other.get(uid(1)) is None
    other.put(member(1, 2))
    assert other.get(uid(1)).points == 2


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_in_a_rush_a_member_waits_in_memory_rather_than_for_an_erase(page_only: bool) -> None:
    nor = Nor(6 * 4096)
    members = rest(cache(nor, page_only))
    nor.reset_counters()
    puts = 0
    while members.waiting() < 8:
        members.put(member(puts % 60, puts))
        assert points_of(members, puts % 60) == puts, "the newest is known at once"
        puts += 1
    assert nor.erases == 0, "nobody waited for an erase"
    rest(members)
    assert members.waiting() == 0
    again = cache(nor, page_only)
    for n in range(min(60, puts)):
        assert points_of(again, n) == max(range(n, puts, 60))


def test_a_forgotten_card_does_not_wait_in_memory() -> None:
    nor = Nor(6 * 4096)
    members = rest(cache(nor))
    puts = 0
    while not members.waiting():
        members.put(member(puts % 60, puts))
        puts += 1
    last = uid((puts - 1) % 60)
    members.forget(last)
    assert members.get(last) is None
    rest(members)
    assert cache(nor).get(last) is None


def points_of(members: Buckets, n: int) -> int:
    """The points of a member that must be known."""
    got = members.get(uid(n))
    assert got is not None
    return got.points


def test_behind_a_record_nobody_can_read_no_older_figure_is_shown() -> None:
    nor = Nor(6 * 4096)
    members = rest(cache(nor))
    same = [n for n in range(200) if members._bucket(uid(n)) == members._bucket(uid(0))][:4]
    for points in (5000, 100):
        for n in same[:3]:
            members.put(member(n, points + n))
            rest(members)
    home = members._home[members._bucket(uid(0))]
    dead = [at for at, body in members._bodies(home)][-3]  # the newer one of the first card
    nor.image[home * 4096 + dead + 20] ^= 0x81  # two bits: nothing puts that right
    members.put(member(same[3], 7))
    rest(members)
    for seen in (members, cache(nor)):
        assert seen.get(uid(same[0])) is None, "the older figure is shown"
        assert [points_of(seen, n) for n in same[1:]] == [100 + same[1], 100 + same[2], 7]
    for step in range(60):  # the bucket moves on: what was doubtful is not carried along
        members.put(member(same[3], step))
        rest(members)
    assert cache(nor).get(uid(same[0])) is None
    members.put(member(same[0], 42))
    assert points_of(members, same[0]) == 42


@pytest.mark.parametrize("fault", ["silent", "worn", "raises"])
def test_with_both_spare_sectors_dead_the_cache_holds_less_and_goes_on(fault: str) -> None:
    nor = Nor(16 * 4096)
    members = rest(cache(nor))
    for n in range(300):
        members.put(member(n, n))
        rest(members)
    spare = [sector for sector in range(16) if sector not in members._home]
    assert len(spare) == 2
    nor.bad_blocks = dict.fromkeys(spare, fault)
    bad = b""
    for start in range(3):
        nor.reset_counters()
        members.open(bad)
        assert nor.erases == 0, "a start erases"
        for step in range(600):
            members.put(member(step % 200, 1000 * start + step))
            rest(members)
        assert members.working()
        assert start < 2 or sum(members.get(uid(n)) is not None for n in range(200)) > 190
        assert start < 2 or nor.erases < 120, "everything was erased again"
        bad = members.bad_sectors()
        members = Buckets(NorPartition(nor, 0, 16), SEALER, 40 + start)


def test_a_cache_of_which_most_sectors_died_rests_and_no_start_erases_it() -> None:
    nor = Nor(16 * 4096)
    members = rest(cache(nor))
    nor.bad_blocks = dict.fromkeys(range(1, 16), "silent")
    for start in range(4):
        nor.reset_counters()
        for step in range(400):
            members.put(member(step % 200, step))
            members.idle_work()
        assert start == 0 or nor.erases <= 16
        bad = members.bad_sectors()
        members = Buckets(NorPartition(nor, 0, 16), SEALER, 40 + start)
        members.open(bad)
