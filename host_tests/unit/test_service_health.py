"""The status lines about the flash say what idle work has to do, what is erased ahead and what failed."""

from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.service import health
from firmware.service.housekeeping import Housekeeping
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer
from tools.sim.chips.nor import Nor, NorPartition

SEALER = Sealer(bytes(range(16)), b"VAFA0001")


class Till:
    """Journal and members of one start."""

    def __init__(self, nor: Nor, bad: bytes = b"") -> None:
        self.journal = Journal(NorPartition(nor, 0, 8), SEALER, 5)
        self.members = Members(NorPartition(nor, 8 * 4096, 8), SEALER, 6)
        self.journal.open(bad)
        self.members.open()
        self.keeper = Housekeeping(lambda _ms: True, (), lambda: None, lambda: None)

    def lines(self) -> dict[str, str]:
        return dict(line.split(" ", 1) for line in health.lines(self.journal, self.members, self.keeper))  # type: ignore[arg-type]


def sell(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, b"\1\2\3\4", 2, 5, 5, 5, 2))


def test_what_is_to_be_read_then_erased_ahead_and_what_a_sale_waited_for() -> None:
    nor = Nor(16 * 4096)
    till = Till(nor)
    till.journal.continue_above(0)
    sell(till.journal, 200)
    assert "sectors 8 free 4" in till.lines()["journal"]
    assert till.lines()["journal"].endswith("erases waited for 4"), "nobody let it work ahead"
    again = Till(nor)
    assert again.lines()["idle"] == "work reads, 4 sectors left"
    while again.journal.idle_work():
        pass
    assert "erased 2" in again.lines()["journal"] and again.lines()["journal"].endswith("erases waited for 0")
    assert again.lines()["idle"] == "work goes on"
    again.keeper.resting = True
    assert again.lines()["idle"] == "work has nothing to do"


def test_a_sector_that_failed_is_given_up_and_a_closed_cache_says_so() -> None:
    nor = Nor(16 * 4096)
    till = Till(nor)
    till.journal.continue_above(0)
    bad = bytearray(till.journal.bad_sectors())
    bad[4] |= 1 << 5
    again = Till(nor, bytes(bad))
    assert "given up 1" in again.lines()["journal"]
    assert again.journal.bad_sectors() == bytes(bad)
    again.members._opened = False
    assert "closed" in again.lines()["members"]


def test_a_key_store_with_one_copy_has_a_line_of_its_own() -> None:
    till = Till(Nor(16 * 4096))
    told = health.lines(till.journal, till.members, till.keeper, 1)  # type: ignore[arg-type]
    assert "key store one copy only: replace the terminal" in told
    assert "key" not in till.lines()


def test_both_caches_count_their_sectors() -> None:
    nor = Nor(32 * 4096)
    members = Members(NorPartition(nor, 0, 8), SEALER, 6)
    buckets = Buckets(NorPartition(nor, 8 * 4096, 8), SEALER, 6)
    for cache in (members, buckets):
        cache.open()
        while cache.idle_work():
            pass
    assert members.care() == (8, 7, 2, 0, 1)
    sectors, free, erased, bad, _ = buckets.care()
    assert (sectors, free, bad) == (8, 7, 0) and erased >= 1
