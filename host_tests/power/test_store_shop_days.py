"""A shop's days on 1 MB and on the Pico's 128 KB: no erase while a customer waits, even wear, no leak."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable

import pytest

from firmware.core.types import APPROVED, REFUSED, Member
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from host_tests.power.ledger import LONG, SEALER, Ledger, open_journal
from tools.sim.chips.nor import Nor, NorPartition

DAYS = 60
SALES = (
    500 if LONG else 60
)  # a day; the quick form has fewer customers, so the megabyte's ring turns in the long one only
MOST_PENDING = 400


def in_step(write: Callable[[], None], book: Callable[[], None], batch: bool = False) -> None:
    """The ledger's call without the states before and after, which grow with the books."""
    book()
    write()


class Shop:
    """One terminal: a journal, and members that come again."""

    def __init__(self, sectors: int, cache: type, page_only: bool, cache_sectors: int) -> None:
        self.page_only = page_only
        self.nor, self.cache_nor = Nor(sectors * 4096), Nor(cache_sectors * 4096)
        self.ledger = Ledger(open_journal(self.nor, page_only))
        self.ledger.call = in_step  # type: ignore[method-assign]
        self.ledger.sign_on(0)
        self.part = NorPartition(self.cache_nor, 0, cache_sectors, page_only)
        self.make_cache: Callable[[], Members | Buckets] = lambda: cache(self.part, SEALER, 4, page_only)
        self.inline = self.cache_inline = 0
        self.rng = random.Random(11)
        self.open_cache()
        self.rest()

    def open_cache(self) -> None:
        self.members = self.make_cache()
        self.members.open()

    def rest(self) -> None:
        while self.ledger.journal.idle_work():
            pass
        while self.members.idle_work():
            pass

    def sale(self, offline: bool) -> None:
        erases, cache_erases = self.nor.erases, self.cache_nor.erases
        ledger = self.ledger
        if offline:
            ledger.offline_sale(self.rng.randrange(4))
        else:
            seq = ledger.online_intent(self.rng.randrange(4))
            if self.rng.random() < 0.02:
                ledger.reverse(seq)
            else:
                ledger.answer(seq, APPROVED if self.rng.random() < 0.97 else REFUSED)
            card = self.rng.randrange(800)
            self.members.put(Member(card.to_bytes(4, "big") + b"\1\2\3", card, "Sara", seq, 1_790_000_000))
        self.inline += self.nor.erases - erases
        self.cache_inline += self.cache_nor.erases - cache_erases
        self.rest()

    def day(self, number: int) -> None:
        """In the morning the power comes on; in the afternoon the line is down for a while; at night all is sent."""
        self.ledger.journal = open_journal(self.nor, self.page_only)
        self.ledger.handed = self.ledger.journal.highest_seq()
        self.open_cache()
        self.rest()
        for n in range(SALES):
            offline = SALES * 2 // 5 <= n < SALES * 4 // 5
            self.sale(offline)
            if not offline and len(self.ledger.pending) > 0:
                self.ledger.settle(*sorted(self.ledger.pending)[:20])
        if number % 7 == 0 and self.ledger.pending:
            self.ledger.bury(max(self.ledger.pending))
        while self.ledger.pending:
            self.ledger.settle(*sorted(self.ledger.pending)[:20])
        if number % 7 == 3:
            self.ledger.settle(*self.ledger.dead)
        self.rest()
        self.ledger.transactions = {s: t for s, t in self.ledger.transactions.items() if s in self.ledger.dead}
        self.ledger.results.clear()

    def held(self) -> int:
        """Objects the journal and the cache keep in memory."""
        state, ring = self.ledger.journal._state, self.ledger.journal._ring
        return (
            sum(len(marks) for marks in state.pending._marks.values())
            + len(state.pending._originals)
            + len(state.open)
            + len(state.dead)
            + len(ring._erased)
            + len(ring._looked)
            + len(ring._bad)
            + len(self.ledger.journal._late)
            + len(self.ledger.journal._late_rc)
        )


def spread(nor: Nor) -> float:
    return max(nor.wear) / (sum(nor.wear) / len(nor.wear))


@pytest.mark.parametrize(
    ("sectors", "cache", "page_only", "cache_sectors"),
    [(256, Members, False, 160), (32, Buckets, True, 64)],
    ids=["1 MB and 640 KB", "128 KB and 256 KB"],
)
def test_sixty_days_erase_nothing_at_the_counter_wear_evenly_and_leak_nothing(
    sectors: int, cache: type, page_only: bool, cache_sectors: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(sectors, cache, page_only, cache_sectors)
    held = []
    for number in range(DAYS):
        shop.day(number)
        held.append(shop.held())
    gc.collect()
    assert shop.inline == 0, "an erase while a customer waited"
    assert shop.cache_inline == 0
    assert max(held) <= 24, "what the journal holds in memory grows"
    assert len(shop.ledger.dead) <= 1
    assert shop.ledger.journal.pending_count() == 0
    assert shop.ledger.journal.gaps() == 0
    # Each start erases two sectors again, which chance spreads; the ring itself wears all alike.
    assert max(shop.nor.wear) <= 1.3 * sum(shop.nor.wear) / sectors + 3
    if not LONG:
        return
    with capsys.disabled():
        print(
            f"\n{DAYS} days of {SALES} sales, {sectors} + {cache_sectors} sectors: generation"
            f" {shop.ledger.journal._ring.generation}, erases {sum(shop.nor.wear)}, max/mean {spread(shop.nor):.2f};"
            f" cache erases {sum(shop.cache_nor.wear)}, max/mean {spread(shop.cache_nor):.2f};"
            f" inline {shop.inline}/{shop.cache_inline}; in memory at most {max(held)}"
        )
