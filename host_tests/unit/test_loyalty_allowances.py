"""Allowances over the real caches and journal: kept, dropped for good, and gone before what spent them is settled."""

import asyncio

import pytest

from firmware.core.errors import BadMessage, StoreError
from firmware.core.types import (
    AUTH_LEGACY,
    CLOCK_DRIFTED,
    CLOCK_OK,
    OFFLINE,
    REDEMPTION,
    Allowance,
    Transaction,
)
from firmware.loyalty.allowances import MARGIN_S, Allowances
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.switch import reserve
from firmware.switch.forward import Forward
from host_tests.power.ledger import SEALER
from host_tests.unit.session_kit import Bench, until, virtual
from host_tests.unit.switch_kit import NOW, FakeJournal, answer, messages, transaction
from tools.sim.chips.nor import Nor, NorPartition

UID = bytes.fromhex("9C599B32")
UNTIL = NOW + 72 * 3600
HOUR = 3600


class Clock:
    def __init__(self) -> None:
        self.now, self.quality = NOW, CLOCK_OK

    def now_utc(self) -> int:
        return self.now


class Journal(FakeJournal):
    def pending_of(self, uid: bytes, reversals: bool = False):
        return iter([t for t in self.pending() if t.uid == uid and (t.original_seq > 0) == reversals])


def spending(seq: int = 5, allowance: int = 7) -> Transaction:
    return transaction(seq=seq, mode=OFFLINE, verb=REDEMPTION, points=-500, amount=50_000, allowance=allowance)


@pytest.fixture(params=[Members, Buckets])
def cache(request):
    """Makes the cache on one flash, as after each start."""
    nor = Nor(16 * 4096, None)

    def start():
        made = request.param(NorPartition(nor, 0, 16, False), SEALER, 1)
        made.open()
        while made.idle_work():
            pass
        return made

    return start


def test_what_was_told_is_there_after_a_restart_with_its_end_rounded_down(cache) -> None:
    clock = Clock()
    allowances = Allowances(cache(), Journal(), clock)
    assert list(allowances.recall()) == []
    assert allowances.asks(UID) == (0, 0)
    allowances.told(UID, Allowance(7, 1_200, UNTIL + 100, NOW))
    again = Allowances(cache(), Journal(), clock)
    held = again.get(UID)
    assert held is not None
    assert (held.number, held.points, held.valid_until_utc, held.granted_utc) == (7, 1_200, UNTIL // 900 * 900, NOW)


def test_what_was_dropped_is_gone_after_any_restart_also_from_a_full_sector(cache) -> None:
    made = cache()
    allowances = Allowances(made, Journal(), Clock())
    for _ in range(120):
        allowances.told(UID, Allowance(7, 1_200, UNTIL, NOW))
        allowances.drop(UID)
        assert allowances.get(UID) is None
        assert Allowances(cache(), Journal(), Clock()).get(UID) is None
        made.open()


def test_a_pending_redemption_drops_its_cards_allowance_at_the_start_and_forbids_another(cache) -> None:
    Allowances(cache(), Journal(), Clock()).told(UID, Allowance(7, 1_200, UNTIL, NOW))
    allowances = Allowances(cache(), Journal(spending()), Clock())
    assert (allowances.asks(UID), allowances.ended_utc()) == (None, 0), "nothing is known yet"
    list(allowances.recall())
    assert allowances.get(UID) is None
    assert (allowances.spent_by(UID), allowances.spent_in_all()) == (500, 500)
    assert allowances.asks(UID) is None
    assert allowances.ended_utc() == 0
    allowances.left([5])
    assert allowances.ended_utc() == NOW


def test_a_reversal_that_waits_asks_for_nothing(cache) -> None:
    undo = transaction(seq=6, mode=OFFLINE, verb=3, original_seq=5)
    allowances = Allowances(cache(), Journal(undo), Clock())
    list(allowances.recall())
    assert allowances.asks(UID) is None


def test_a_cache_that_does_not_show_all_it_holds_is_not_asked_from(cache) -> None:
    allowances = Allowances(cache(), Journal(), Clock(), lambda: False)
    list(allowances.recall())
    assert allowances.asks(UID) is None


@pytest.mark.parametrize(
    ("later", "quality", "usable"),
    [
        (0, CLOCK_OK, True),
        (72 * HOUR - MARGIN_S - 1, CLOCK_OK, True),
        (72 * HOUR - MARGIN_S, CLOCK_OK, False),
        (0, CLOCK_DRIFTED, False),
        (-2 * HOUR, CLOCK_OK, False),  # before it was granted: the clock was set back
    ],
)
def test_an_allowance_is_used_by_a_right_clock_and_not_shortly_before_its_end(cache, later, quality, usable) -> None:
    clock = Clock()
    allowances = Allowances(cache(), Journal(), clock)
    clock.now, clock.quality = NOW + later, quality
    assert allowances.usable(Allowance(7, 500, UNTIL, NOW)) == usable


def test_what_the_switch_was_told_has_ended_is_not_used_when_the_clock_goes_back(cache) -> None:
    clock = Clock()
    allowances = Allowances(cache(), Journal(), clock)
    list(allowances.recall())
    clock.now = UNTIL + 1
    assert allowances.ended_utc() == UNTIL + 1
    clock.now = NOW
    assert not allowances.usable(Allowance(7, 500, UNTIL, NOW))
    assert allowances.usable(Allowance(7, 500, UNTIL + 2 * HOUR, NOW))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_dead_letter_keeps_its_card_from_another_allowance_until_it_is_resolved(cache, restarted) -> None:
    journal = Journal(spending())
    allowances = Allowances(cache(), journal, Clock())
    list(allowances.recall())
    journal.bury(5, "41")
    allowances.buried(5)
    if restarted:
        allowances = Allowances(cache(), journal, Clock())
        list(allowances.recall())
    assert (allowances.asks(UID), allowances.ended_utc()) == (None, NOW)
    assert allowances.asks(UID[::-1]) == (0, 0)
    allowances.told(UID, Allowance(7, 1_200, UNTIL, NOW))  # as of a cache whose newest record went bad
    assert (allowances.get(UID), allowances.release(UID)) == (None, None)
    allowances.settling([5])
    allowances.left([5])
    assert (allowances.asks(UID), allowances.get(UID)) == ((0, 0), None), "what it spent is gone"


def test_a_letter_that_names_no_allowance_keeps_nobody_from_one(cache) -> None:
    journal = Journal(spending(allowance=0))
    journal.bury(5, "57")
    allowances = Allowances(cache(), journal, Clock())
    list(allowances.recall())
    assert allowances.asks(UID) == (0, 0)


class Dying:
    """A flash that takes nothing any more when `dead`."""

    def __init__(self, nor: Nor) -> None:
        self.device = NorPartition(nor, 0, 16, False)
        self.dead = False

    def readblocks(self, *args) -> None:
        self.device.readblocks(*args)

    def writeblocks(self, *args) -> None:
        if self.dead:
            raise OSError(5)
        self.device.writeblocks(*args)

    def ioctl(self, op: int, arg: int):
        if self.dead and op == 6:
            raise OSError(5)
        return self.device.ioctl(op, arg)


@pytest.mark.parametrize("store", [Members, Buckets])
@pytest.mark.parametrize("noted", [True, False])
def test_what_a_dying_flash_still_holds_is_neither_given_back_nor_settled_unless_the_next_start_forgets_it(
    store, noted
) -> None:
    nor, notes = Nor(16 * 4096, None), []

    def note() -> None:
        if not noted:
            raise StoreError("no small value either")
        notes.append("forget")

    def start():
        device = Dying(nor)
        made = store(device, SEALER, 1)
        made.open()
        while made.idle_work():
            pass
        allowances = Allowances(made, Journal(spending()), Clock(), None, note)
        return device, made, allowances

    device, made, allowances = start()
    allowances.told(UID, Allowance(7, 1_200, UNTIL, NOW))
    while made.idle_work():
        pass
    device.dead = True
    assert allowances.release(UID) == ((7, 1_200) if noted else None)
    allowances.spent(spending())
    if noted:
        allowances.settling([5])
        assert notes == ["forget"], "once"
    else:
        with pytest.raises(StoreError):
            allowances.settling([5])
    again = start()[2]
    assert again.get(UID) is not None, "why it must not be given back"
    again.settling([5])  # nothing is known of it yet: only what was recalled
    list(again.recall())
    assert again.get(UID) is None
    again.settling([5])


def test_the_cache_lets_go_before_the_journal_does() -> None:
    """A cache that shows it again, as after a cut between journal and cache, must not show it after the settling."""
    record, told = spending(), []

    @virtual
    async def story() -> None:
        bench = Bench(lambda raw: [(20, answer(raw, points=-500, balance=4_500))])
        bench.journal = Journal(record)
        forward = Forward(bench.journal, bench.session, messages(), bench.clock, bench.log)

        class Spends:
            def settling(self, seqs) -> None:
                assert not bench.journal.gone
                told.append(("settling", list(seqs)))

            def buried(self, seq: int) -> None:
                raise AssertionError("it is acknowledged")

            def left(self, seqs) -> None:
                assert bench.journal.gone
                told.append(("left", list(seqs)))

        forward.spends = Spends()
        async with bench.running():
            task = asyncio.create_task(forward.run())
            await until(lambda: bool(bench.journal.gone))
            task.cancel()

    story()
    assert told == [("settling", [5]), ("left", [5])]


def test_the_member_of_an_acknowledged_redemption_is_kept_so_that_its_points_do_not_come_back() -> None:
    kept = []

    @virtual
    async def story() -> None:
        bench = Bench(lambda raw: [(20, answer(raw, points=-500, balance=4_500))])
        bench.journal = Journal(spending())
        forward = Forward(bench.journal, bench.session, messages(), bench.clock, bench.log, kept.append)
        async with bench.running():
            task = asyncio.create_task(forward.run())
            await until(lambda: bool(bench.journal.gone))
            task.cancel()

    story()
    assert [member.points for member in kept] == [4_500]


def test_the_words_on_the_wire() -> None:
    make = messages()
    raw = make.advice(spending(), NOW, False).raw
    assert bytes.fromhex("30080000 0007 000001f4".replace(" ", "")) in raw
    assert reserve.ended(0) == []
    assert reserve.ended(NOW) == [(0x31, bytes(4) + NOW.to_bytes(4, "big"))]


def test_an_answer_with_an_allowance_that_is_none_is_no_answer() -> None:
    make = messages()
    ask = make.inquiry(UID, AUTH_LEGACY, 5, NOW, CLOCK_OK, allowance=(0, 0))

    def reply(value: bytes):
        return make.reply(make.read_answer(answer(ask.raw, balance=100, tags=[(0x30, value)])), UID)

    told = reply(bytes.fromhex("00000007000003e86afd86c5")).allowance
    assert told is not None and (told.number, told.points, told.granted_utc) == (7, 1_000, NOW + 5)
    for value in (bytes(12), bytes.fromhex("0000000700000000") + bytes(4), bytes.fromhex("00000007000003e8")):
        with pytest.raises(BadMessage):
            reply(value)
