"""Which sectors failed is kept over restarts, written once, and never asked of the flash again and again."""

from firmware.core.errors import StoreError
from firmware.core.log import Log
from firmware.service.bad_sectors import JOURNAL, MEMBERS, BadSectors
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from tools.sim.chips.nor import Nor, NorPartition

BOARD = Sealer(bytes(range(16)), b"board")


class Store:
    """A store whose sectors fail as a test says."""

    def __init__(self, bad: bytes = b"") -> None:
        self.bad = bad

    def bad_sectors(self) -> bytes:
        return b"salt" + (self.bad or bytes(2))


class Vault:
    """The small values on their flash."""

    def __init__(self) -> None:
        self.nor = Nor(4 * 4096)
        self.broken = False

    def slots(self) -> Slots:
        if self.broken:
            raise StoreError("flash takes no value")
        return Slots(NorPartition(self.nor, 0, 4), BOARD, 7, first=2)

    def kept(self, name: str) -> "bytes | None":
        slots = self.slots()
        slots.open()
        return slots.get(name)


def made(vault: Vault, journal: Store, members: Store, kept: bytes = b"") -> BadSectors:
    return BadSectors({JOURNAL: (journal, kept), MEMBERS: (members, b"")}, vault.slots, Log(8))


def test_a_store_without_a_bad_sector_writes_nothing() -> None:
    vault = Vault()
    keeper = made(vault, Store(), Store())
    assert not keeper.idle_work()
    assert vault.nor.ops == 0


def test_a_sector_that_failed_is_written_once_and_found_at_the_next_start() -> None:
    vault, journal, members = Vault(), Store(), Store()
    keeper = made(vault, journal, members)
    journal.bad, members.bad = b"\x00\x04", b"\x80\x00"
    assert keeper.idle_work() and keeper.idle_work() and not keeper.idle_work()
    assert vault.kept(JOURNAL) == b"salt\x00\x04" and vault.kept(MEMBERS) == b"salt\x80\x00"
    writes = vault.nor.ops
    again = made(vault, journal, Store(), vault.kept(JOURNAL) or b"")
    assert not again.idle_work()
    assert vault.nor.ops == writes


def test_a_store_that_began_a_new_life_takes_its_list_away() -> None:
    vault, journal = Vault(), Store(b"\x01\x00")
    made(vault, journal, Store()).idle_work()
    journal.bad = b""
    assert made(vault, journal, Store(), vault.kept(JOURNAL) or b"").idle_work()
    assert vault.kept(JOURNAL) == b""


def test_small_values_that_take_nothing_are_tried_once_for_each_change() -> None:
    vault, journal = Vault(), Store(b"\x01\x00")
    vault.broken = True
    keeper = made(vault, journal, Store())
    assert keeper.idle_work()
    assert not keeper.idle_work()
    vault.broken = False
    journal.bad = b"\x03\x00"
    assert keeper.idle_work()
    assert vault.kept(JOURNAL) == b"salt\x03\x00"
