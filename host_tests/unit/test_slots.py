"""Which program starts: what each start, trial, confirmation and failure leaves in the file of decisions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.service import slots
from firmware.service.slots import State


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "boot.dat")


class Disk:
    """The files there are; what is mounted. A damaged one is not."""

    def __init__(self, *there: str, damaged: tuple[str, ...] = ()) -> None:
        self.there = {slots.file_of(slot) for slot in (*there, *damaged)}
        self.damaged = {slots.file_of(slot) for slot in damaged}
        self.mounted: list[str] = []

    def stat(self, path: str) -> None:
        if path not in self.there:
            raise OSError(2)

    def bundle(self, path: str, at: int) -> str:
        assert at == slots.HEAD
        if path in self.damaged:
            raise OSError("altered")
        return path

    def mount(self, what: str, _place: str) -> None:
        self.mounted.append(what)


def mounted(monkeypatch: pytest.MonkeyPatch, disk: Disk, state: State) -> tuple[str, str, str]:
    monkeypatch.setattr(slots, "os", SimpleNamespace(stat=disk.stat, mount=disk.mount))
    return slots.mount(state, disk.bundle)


def state(**values: Any) -> State:
    made = State()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def start(path: str, *, power: bool = False, mode: str = "normal", slot: str = "a") -> State:
    """As boot.py and main.py do."""
    found = slots.ended(power, path)
    if found.unsafe():
        mode, slot = "safe", ""
    slots.began(found, mode, slot or found.first(), path)
    return slots.read(path)


def running(monkeypatch: pytest.MonkeyPatch, slot: str) -> None:
    monkeypatch.setattr(slots, "running", lambda: slot)


def test_what_cannot_be_read_is_slot_a_without_trial_or_failures(path: str) -> None:
    plain = State().packed()
    assert slots.read(path).packed() == plain
    good = state(active="b", trial="a", tries=2, failed=3, flags=1, given=4).packed()
    assert State(good).packed() == good
    for at in range(len(good)):
        damaged = bytearray(good)
        damaged[at] ^= 4
        assert State(bytes(damaged)).packed() == plain, at
    assert State(good[:-1]).packed() == State(good + b"\0").packed() == plain


@pytest.mark.parametrize(
    ("decided", "there", "damaged", "wanted"),
    [
        ({}, "ab", "", ("normal", "a")),
        ({"active": "b"}, "ab", "", ("normal", "b")),
        ({"trial": "b", "tries": 1}, "ab", "", ("normal", "b")),
        ({"trial": "b", "tries": 0}, "ab", "", ("normal", "a")),
        ({"trial": "b", "tries": 3}, "a", "b", ("normal", "a")),
        ({"active": "b"}, "a", "b", ("normal", "a")),
        ({}, ("safe",), "ab", ("safe", "")),
        ({}, "", "a", ("damaged", "")),
        ({}, "", "", ("normal", "")),
        ({"failed": 6}, ("a", "b", "safe"), "", ("safe", "")),
        ({"flags": 2}, ("a", "safe"), "", ("safe", "")),
        ({"failed": 5}, ("a", "safe"), "", ("normal", "a")),
        ({"failed": 6}, "a", "", ("safe", "a")),
        ({"failed": 6}, "", "", ("safe", "")),
    ],
)
def test_the_place_of_a_start(
    monkeypatch: pytest.MonkeyPatch, decided: dict[str, Any], there: Any, damaged: str, wanted: tuple[str, str]
) -> None:
    disk = Disk(*there, damaged=tuple(damaged))
    mode, slot, why = mounted(monkeypatch, disk, state(**decided))
    assert (mode, slot) == wanted
    assert why or mode == "normal", "whatever is not the plain case has a reason"


def test_three_resets_or_six_losses_of_power_are_too_many_and_a_good_start_forgives(path: str) -> None:
    for power, most in ((False, 3), (True, 6)):
        slots.write(State(), path)
        start(path, power=True)
        for _ in range(most - 1):
            assert not slots.ended(power, path).unsafe()
            start(path, power=power)
        assert slots.ended(power, path).unsafe() == "failed starts"
        assert start(path, power=power).failed == 0, "safe mode was started: off and on leaves it"
    start(path)
    slots.started_well(path)
    assert slots.read(path).packed() == State().packed()


def test_a_restart_somebody_wants_is_no_failed_start_and_forgives_none(path: str) -> None:
    start(path)
    assert slots.ended(False, path).failed == 2
    start(path)
    for _ in range(4):
        slots.ended_well(path)
        assert slots.ended(False, path).failed == 2
        start(path)


def test_restarts_somebody_wants_cost_a_trial_nothing_but_not_for_ever(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):  # a second trial has as many
        slots.write(State(), path)
        slots.begin_trial("b", path=path)
        running(monkeypatch, "b")
        starts = 0
        while slots.ended(False, path).first() == "b" and starts < 20:
            assert slots.read(path).tries == max(1, min(3, 8 - starts)), starts
            starts += 1
            start(path, slot="b")
            slots.started_well(path)
            slots.wanted(path)
        assert starts == 8
        slots.wanted(path)
        assert slots.read(path).first() == "a"


def test_a_restart_before_the_trial_and_of_the_program_before_gives_nothing_back(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots.begin_trial("b", path=path)
    running(monkeypatch, "a")
    slots.wanted(path)
    assert slots.read(path).packed() == state(trial="b", tries=3).packed()
    running(monkeypatch, "b")
    start(path, slot="b")
    slots.ask_for_safe_mode(path)
    assert (slots.read(path).tries, slots.read(path).unsafe()) == (3, "asked for")
    slots.confirm(path)
    assert slots.read(path).given == 0


def test_maintenance_ends_a_start_in_order(path: str) -> None:
    for _ in range(4):
        start(path)
        assert slots.ended(False, path).failed == 2
        start(path, mode="maintenance")
        slots.started_well(path)


def test_a_trial_has_three_starts_and_is_given_up_then(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slots.begin_trial("b", path=path)
    firsts = []
    for _ in range(4):
        firsts.append(slots.ended(False, path).first())
        start(path, slot=firsts[-1])
    assert firsts == ["b", "b", "b", "a"]
    running(monkeypatch, "a")
    assert slots.given_up(path) == "b"
    assert not slots.on_trial(path)
    assert not slots.confirm(path), "the one before runs: there is nothing to confirm"
    assert slots.read(path).first() == "a"


def test_only_what_runs_on_trial_is_confirmed_and_stays(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slots.begin_trial("b", path=path)
    running(monkeypatch, "a")  # the new one was damaged: the one before runs
    assert not slots.confirm(path)
    running(monkeypatch, "b")
    start(path, slot="b")
    assert slots.on_trial(path)
    assert slots.confirm(path)
    assert slots.read(path).packed() == state(active="b").packed()
    slots.begin_trial("a", path=path)
    slots.give_up(path)
    assert slots.read(path).first() == "b"
    for wrong in ("b", "c", ""):
        with pytest.raises(ValueError, match="slot"):
            slots.begin_trial(wrong, path=path)


def test_a_start_writes_once_and_a_trial_costs_no_failed_start(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    write = slots.write

    def counted(told: State, where: str = slots.PATH) -> None:
        writes.append(told.packed())
        write(told, where)

    monkeypatch.setattr(slots, "write", counted)
    start(path)
    assert len(writes) == 1
    start(path, power=True)
    slots.started_well(path)
    slots.started_well(path)
    assert len(writes) == 3
    slots.begin_trial("b", path=path)
    start(path, slot="b")
    assert slots.ended(False, path).failed == 0
