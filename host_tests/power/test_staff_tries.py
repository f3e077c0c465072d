"""Power is cut at every flash operation of a check and of a change of the list: a try is never given back, the old
list or the new one counts, and a list that is not the one that counts opens no till.

Files are kept as LittleFS keeps them: whole from close on, a rename is one step.
"""

import asyncio
import builtins
import itertools

import pytest

from firmware.cashier.login import checked
from firmware.core.cmac import Cmac
from firmware.core.errors import Refused, StoreError
from firmware.store import staff as module
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.staff import CLERK, SUPERVISOR, StaffDamaged, StaffStore
from host_tests.unit.staff_kit import NAME, SHOP, TMK, clerk
from host_tests.unit.test_download_cuts import PowerCut as FileCut
from host_tests.unit.test_download_cuts import Volume
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

FORMS = list(Torn)
PEOPLE = list(SHOP)


class Shelf:
    """Flash and files of one terminal."""

    def __init__(self, monkeypatch) -> None:
        self.nor = Nor(4 * 4096)
        self.volume = Volume()
        monkeypatch.setattr(builtins, "open", self.volume.open)
        monkeypatch.setattr(module.os, "rename", self.volume.rename)
        monkeypatch.setattr(module.os, "remove", self.volume.remove)
        self.numbers = itertools.count(1)

    def copy(self) -> tuple[bytes, dict[str, bytes]]:
        return bytes(self.nor.image), dict(self.volume.kept)

    def back(self, copy: tuple[bytes, dict[str, bytes]]) -> None:
        self.nor.image[:] = copy[0]
        self.volume.kept = dict(copy[1])
        self.power_on()

    def power_on(self) -> None:
        self.nor.power_on()
        self.volume.restart()

    def store(self) -> StaffStore:
        slots = Slots(NorPartition(self.nor, 0, 4), Sealer(bytes(16), b"", b"vafa-slots"), 5, first=2)
        return StaffStore(slots, Sealer(TMK, NAME.encode()), "/config", lambda: next(self.numbers))

    def opened(self) -> StaffStore:
        store = self.store()
        store.open()
        return store


@pytest.fixture
def shelf(monkeypatch):
    made = Shelf(monkeypatch)
    made.opened().save(PEOPLE[:2])
    return made


class Counter:
    """What a check needs of the till: a panel that shows nothing, a log."""

    def __init__(self) -> None:
        self.panel = self.text = self.log = self.signals = self

    def show(self, _lines: object) -> None: ...
    def get(self, name: str, *_: object) -> str:
        return name

    def beat(self) -> None: ...


class Staff:
    terminal_id = NAME

    def __init__(self) -> None:
        self.rooms = self
        self.master = Cmac(TMK)
        self.failed_s: dict[int, int] = {}

    def uptime_s(self) -> int:
        return 100_000


def check(shelf: Shelf, typed: str) -> None:
    asyncio.run(checked(Counter(), Staff(), shelf.opened(), 3, typed))  # type: ignore[arg-type]


def cut_positions(shelf: Shelf, act) -> int:
    """How many flash operations it takes."""
    before = shelf.nor.ops
    act()
    return shelf.nor.ops - before


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_between_count_and_check_costs_a_try(shelf, form, monkeypatch):
    found: list[int] = []

    async def looked(*_args):
        found.append(1)
        return bytes(16)

    monkeypatch.setattr("firmware.cashier.login.pin.verifier", looked)
    begun = shelf.copy()
    with pytest.raises(Refused):
        check(shelf, "1111")
    operations = shelf.nor.ops
    shelf.back(begun)
    operations = cut_positions(shelf, lambda: pytest.raises(Refused, check, shelf, "1111"))
    assert operations
    for at in range(operations):
        shelf.back(begun)
        found.clear()
        shelf.nor.cut_at(at + 1, form)
        with pytest.raises((PowerCut, StoreError, Refused)):
            check(shelf, "1111")
        looks = len(found)
        shelf.power_on()
        after = shelf.opened().tries(3)
        assert after in (0, 1)
        assert after >= looks, "a PIN was checked and the try is not there"


@pytest.mark.parametrize("form", FORMS)
def test_whoever_pulls_the_plug_at_each_check_is_locked_out_all_the_same(shelf, form):
    for tried in range(1, 11):
        store = shelf.opened()
        store.count(3)
        shelf.nor.cut_at(1, form)
        with pytest.raises((PowerCut, StoreError)):
            store.forgive(3)
        shelf.power_on()
        assert shelf.opened().tries(3) in (0, tried) or form is Torn.DONE
    assert shelf.opened().tries(3) == 10 or form is not Torn.NOTHING


def test_one_number_s_success_forgives_no_other(shelf):
    store = shelf.opened()
    store.count(3)
    store.count(9)
    store.forgive(9)
    assert (shelf.opened().tries(3), shelf.opened().tries(9)) == (1, 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_while_the_list_changes_leaves_the_old_one_or_the_new_one(shelf, form):
    begun = shelf.copy()
    new = [*PEOPLE[:2], clerk(4)]
    seen = set()
    operations = cut_positions(shelf, lambda: shelf.opened().save(new))
    for at, files in [(at, -1) for at in range(operations)] + [(-1, left) for left in range(4)]:
        for after in (False, True):
            shelf.back(begun)
            if at >= 0:
                shelf.nor.cut_at(at + 1, form)
            shelf.volume.restart(files)
            shelf.volume.after = after
            try:
                shelf.opened().save(new)
            except (PowerCut, FileCut, StoreError):
                pass
            shelf.power_on()
            numbers = tuple(one.number for one in shelf.opened().clerks)
            assert numbers in ((3, 9), (3, 4, 9)), "neither the old list nor the new one"
            seen.add(numbers)
            assert tuple(one.number for one in shelf.opened().clerks) == numbers
    assert seen == {(3, 9), (3, 4, 9)}


def test_a_list_that_is_not_the_one_that_counts_opens_nothing(shelf):
    whole = shelf.volume.kept["/config/staff.dat"]
    older = whole
    shelf.opened().save([*PEOPLE[:2], clerk(4)])
    whole = shelf.volume.kept["/config/staff.dat"]
    foreign = StaffStore.__new__(StaffStore)
    for bad in [b"", older, b"\xff" * len(whole), whole[:-1], whole + b"\0"] + [
        bytes(byte ^ (1 << bit) if place == at else byte for place, byte in enumerate(whole))
        for at in range(len(whole))
        for bit in (0, 7)
    ]:
        shelf.volume.kept["/config/staff.dat"] = bad
        store = shelf.store()
        with pytest.raises(StaffDamaged) as refused:
            store.open()
        assert refused.value.code == "P96" and store.clerks == [] and store.present()
    del shelf.volume.kept["/config/staff.dat"]
    store = shelf.store()
    with pytest.raises(StaffDamaged):
        store.open()
    store.start_anew()
    store.save([clerk(9, SUPERVISOR)])
    assert [(one.number, one.role) for one in shelf.opened().clerks] == [(9, SUPERVISOR)]
    assert foreign is not None and CLERK == 1


def test_the_list_of_another_terminal_does_not_open(shelf):
    other = StaffStore(
        Slots(NorPartition(shelf.nor, 0, 4), Sealer(bytes(16), b"", b"vafa-slots"), 5, first=2),
        Sealer(TMK, b"T0000002"),
        "/config",
        lambda: 1,
    )
    with pytest.raises(StaffDamaged):
        other.open()
