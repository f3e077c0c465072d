"""A start with a full journal: little is read before the first screen, and nothing keeps the processor for long."""

from __future__ import annotations

import asyncio
from asyncio import events
from itertools import islice

import pytest

from firmware.core.errors import StoreFull
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, REVERSAL, REVERSED, Transaction
from firmware.store.journal import Journal
from firmware.switch.forward import Forward
from host_tests.power.ledger import SEALER, open_journal
from host_tests.unit.cashier_kit import World
from tools.sim.chips.nor import Nor, NorPartition

SECTORS = 256
STRETCH = 16 * 4096  # what may be read between two chances for other tasks
TIME = 1_795_000_000


def sale(journal: Journal, n: int, mode: int = OFFLINE) -> int:
    seq = journal.next_seq()
    uid = b"\x04" + n.to_bytes(6, "big")
    journal.append(Transaction(seq, ACCRUAL, mode, uid, 1, 125_000, 125, TIME + n, 2))
    return seq


def full_ring(open_intents: int) -> tuple[Nor, int]:
    """A megabyte of pending sales, each of another card, the newest ones online and without an answer."""
    nor = Nor(SECTORS * 4096)
    journal = open_journal(nor, False)
    journal.continue_above(100)
    with pytest.raises(StoreFull):
        for n in range(20_000):
            sale(journal, n)
    for t in list(journal.pending())[:150]:  # room for what is in doubt
        journal.settle(t.seq)
    while journal.idle_work():
        pass
    for n in range(open_intents):
        sale(journal, 20_000 + n, ONLINE)
    return nor, journal.pending_count()


@pytest.fixture(scope="module")
def image() -> tuple[bytes, int]:
    nor, pending = full_ring(5)
    assert pending > 15_000
    return bytes(nor.image), pending


class Watched(Journal):
    """Knows when somebody asks it before it is loaded."""

    too_early: list[str]

    def _load_all(self) -> None:
        if self.loading():
            self.too_early.append(str(self.loading()))
        super()._load_all()


def started(image: bytes) -> tuple[Nor, Watched]:
    nor = Nor(len(image))
    nor.image[:] = image
    journal = Watched(NorPartition(nor, 0, SECTORS, False), SEALER, 1, False)
    journal.too_early = []
    journal.open()
    return nor, journal


def test_before_the_first_screen_only_headers_and_the_newest_sectors_are_read(image: tuple[bytes, int]) -> None:
    nor, journal = started(image[0])
    assert journal.newest_utc() == TIME + 20_004
    assert journal.highest_seq() > 15_000
    assert nor.bytes_read <= SECTORS * 32 + 3 * 4096
    assert journal.loading() > 200


def test_the_time_is_found_behind_any_number_of_acknowledgements() -> None:
    nor = Nor(40 * 4096)
    journal = open_journal(nor, False)
    journal.continue_above(100)
    seqs = [sale(journal, n) for n in range(1500)]
    for seq in seqs:
        journal.settle(seq)
    for _ in range(200):
        journal.next_seq()
    again = open_journal(nor, False)
    before = nor.bytes_read
    assert again.newest_utc() == TIME + 1499
    assert nor.bytes_read - before <= 4096


@pytest.mark.parametrize("pieces", [0, 40])
def test_a_sign_on_while_the_journal_is_read_waits_for_nothing_and_loses_nothing(
    image: tuple[bytes, int], pieces: int
) -> None:
    nor, journal = started(image[0])
    for _ in range(pieces):
        journal.load()
    before, highest = nor.bytes_read, journal.highest_seq()
    journal.continue_above(highest + 5000)
    assert nor.bytes_read - before <= 4096
    assert journal.loading() > 150
    assert journal.pending_count() == image[1]
    assert len(list(journal.unanswered())) == 5
    again = open_journal(nor, False)
    assert (again.pending_count(), again.gaps()) == (image[1], 0)
    assert again.highest_seq() >= highest + 5000


def test_no_stretch_of_a_start_keeps_the_processor_and_no_sale_meets_half_a_journal(
    image: tuple[bytes, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    nor, journal = started(image[0])
    stretches: list[int] = []
    run = events.Handle._run

    def measured(handle: events.Handle) -> None:
        before = nor.bytes_read
        run(handle)
        stretches.append(nor.bytes_read - before)

    monkeypatch.setattr(events.Handle, "_run", measured)
    world = World()
    world.journal = journal  # type: ignore[assignment]
    world.forward = Forward(journal, Session(), None, Clock(), world.log)  # type: ignore[arg-type, assignment]
    world.queue_limit = 20_000

    async def story(world: World) -> None:
        await world.sees("One moment")
        await world.sees("NOT DONE", 60_000)
        assert journal.loading() == 0
        entry = journal.last()
        assert entry is not None
        assert entry.state == REVERSED
        assert not list(journal.unanswered())
        assert [t.verb for t in islice(journal.pending(), 6)] == [REVERSAL] * 5 + [ACCRUAL]

    world.play(story)
    assert journal.too_early == []
    assert sum(stretches) > SECTORS * 4096 * 0.9
    assert max(stretches) <= STRETCH, sorted(stretches)[-5:]


def test_a_cashier_who_does_not_wait_sells_on_a_journal_that_was_read(image: tuple[bytes, int]) -> None:
    _nor, journal = started(image[0])
    world = World()
    world.journal = journal  # type: ignore[assignment]
    world.forward = Forward(journal, Session(), None, Clock(), world.log)  # type: ignore[arg-type, assignment]

    async def story(world: World) -> None:
        await world.keys("1", "2", "OK", "OK")
        await world.sees("READY", 60_000)
        await world.keys("1", "2", "5", "0", "0", "0", "OK")
        await world.sees("TAP")

    world.play(story)
    assert journal.too_early == []


class Session:
    def wake(self) -> None:
        """Nobody sends here."""


class Clock:
    quality = 2

    def now_utc(self) -> int:
        return TIME + 30_000


def test_the_kit_measures_what_blocks(image: tuple[bytes, int]) -> None:
    nor, journal = started(image[0])

    async def at_once() -> None:
        await asyncio.sleep(0)
        journal.pending_count()

    before = nor.bytes_read
    asyncio.run(at_once())
    assert nor.bytes_read - before > STRETCH
