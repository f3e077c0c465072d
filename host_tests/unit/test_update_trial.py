"""A program on trial stays only when it has shown everything in one start, and goes back otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import version
from firmware.cards.taps import Taps
from firmware.core import types
from firmware.core.log import Log
from firmware.core.spread import Spread
from firmware.core.visiting import Visit
from firmware.service import boot_record, builds, faults, slots, trial
from firmware.service.builds import Builds
from firmware.service.checks import _memory, _reader, _stores
from firmware.service.trial import LONGEST_S, PROVEN_S, Trial
from firmware.service.watch import Watch
from host_tests.unit.update_kit import Place, update


class Terminal:
    """What a trial asks of a terminal: all as it should be, unless a test says otherwise."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.now_s = 30
        self.heard: list[Callable[[Any], object]] = []
        self.line = True
        self.answers_reader = True
        self.died = 0
        self.top = 41
        self.verb, self.state = types.ACCRUAL, types.APPROVED
        self.gone = 0
        self.reading = 0
        self.resets = 0
        self.log = Log(50)
        self.board = SimpleNamespace(
            reset=self._reset, transaction_flash=place.transaction_flash, page_only=False, name="s3"
        )
        self.session = SimpleNamespace(online=lambda: self.line, on_network=self.heard)
        self.journal = SimpleNamespace(
            highest_seq=lambda: self.top,
            gaps=lambda: self.gone,
            loading=lambda: self.reading,
            last=lambda: SimpleNamespace(transaction=SimpleNamespace(seq=self.top, verb=self.verb), state=self.state),
        )
        self.reader = SimpleNamespace(healthy=lambda: self.answers_reader)
        self.chip = SimpleNamespace(version=0x92, polls=False)
        self.filled, self.open, self.key_copies = 10, True, 2
        self.journal.care, self.journal.worn, self.journal.mended = lambda: (100, 100 - self.filled, 0, 0, 0), int, int
        self.members = SimpleNamespace(working=lambda: self.open, worn=int)
        self.reader.taps, self.reader.reinitialised = Taps(), 0
        self.watch = SimpleNamespace(vitals=SimpleNamespace(lag=Spread((10, 100)), lag_task="", free_percent=60))
        self.block = 200_000
        self.board.heap_blocks = lambda: [(300_000, 250_000, self.block)]
        self.supervisor = SimpleNamespace(restarts=lambda: [("desk", 0), ("reader", self.died)])

    def _reset(self) -> None:
        self.resets += 1

    def uptime_s(self) -> int:
        return self.now_s

    def small_values(self) -> Any:
        return self.place.store()

    def begun(self) -> Trial:
        return Trial(self, builds.read(self.place.store()))  # type: ignore[arg-type]

    def at(self, found: Trial, seconds: int) -> bool:
        self.now_s = seconds
        return found.turn() and (found.testing is None or found.turn())


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """This very build runs in slot b, on trial."""
    place = Place(tmp_path, monkeypatch)
    place.put(update(build=version.BUILD), "slot_b.vfu")
    slots.begin_trial("b")
    place.runs = "b"
    kept = Builds()
    kept.tried, kept.tried_root, kept.seq, kept.gaps = version.BUILD, 1, 41, 0
    builds.keep(place.store(), kept)
    return Terminal(place)


def test_ten_minutes_with_everything_right_confirm_it_and_raise_the_floors(terminal: Terminal) -> None:
    found = terminal.begun()
    assert terminal.at(found, PROVEN_S - 1), "not before"
    assert slots.on_trial()
    assert terminal.place.kept().lowest == 0
    assert not terminal.at(found, PROVEN_S + 60)
    state, kept = slots.read(), terminal.place.kept()
    assert (state.active, state.trial) == ("b", "")
    assert (kept.lowest, kept.epoch, kept.root, kept.tried) == (version.BUILD, version.EPOCH, 1, 0)
    assert terminal.resets == 0


LACKS: dict[str, tuple[Callable[[Terminal], object], Callable[[Terminal], object]]] = {
    "reader": (lambda t: setattr(t, "answers_reader", False), lambda t: setattr(t, "answers_reader", True)),
    "switch": (lambda t: setattr(t, "line", False), lambda t: t.heard[0](SimpleNamespace(rc="00"))),
    "journal": (lambda t: setattr(t, "reading", 3), lambda t: setattr(t, "reading", 0)),
}


@pytest.mark.parametrize("what", LACKS)
def test_it_waits_for_what_is_missing(terminal: Terminal, what: str) -> None:
    breaks, mends = LACKS[what]
    breaks(terminal)
    found = terminal.begun()
    assert terminal.at(found, PROVEN_S + 60)
    assert slots.on_trial()
    mends(terminal)
    assert not terminal.at(found, PROVEN_S + 120)
    assert not slots.on_trial()


def low(terminal: Terminal, free: int) -> None:
    terminal.watch.vitals.free_percent = free


TROUBLES: dict[str, tuple[Callable[[Terminal], object], Callable[[Terminal], object]]] = {
    "S05 members": (lambda t: setattr(t, "open", False), lambda t: setattr(t, "open", True)),
    "M01 free heap": (lambda t: low(t, 8), lambda t: low(t, 9)),
    "M01 largest block": (lambda t: setattr(t, "block", 32 * 1024), lambda t: setattr(t, "block", 33 * 1024)),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_a_program_alone_may_have_spoilt_keeps_it_from_staying(terminal: Terminal, trouble: str) -> None:
    spoils, mends = TROUBLES[trouble]
    spoils(terminal)
    found = terminal.begun()
    assert terminal.at(found, PROVEN_S + 60)
    assert slots.on_trial() and found.missing == trouble
    mends(terminal)
    assert not terminal.at(found, PROVEN_S + 120)
    spoils(terminal)
    found = terminal.begun()
    assert not terminal.at(found, LONGEST_S) and terminal.resets == 1, "nor for ever"


def test_what_comes_from_outside_keeps_no_program_from_staying(terminal: Terminal) -> None:
    terminal.filled, terminal.key_copies, terminal.chip.polls = 99, 1, True
    terminal.reader.taps.count, terminal.reader.reinitialised = 100, 500
    terminal.watch.vitals.lag.add(5000)
    low(terminal, -1)
    worst = {str(one["code"]): one["state"] for part in (_reader, _stores, _memory) for one in part(terminal)}
    assert {worst[code] for code in ("R08", "S05", "M02")} == {"fail"}
    assert not terminal.at(terminal.begun(), PROVEN_S + 60)
    assert not slots.on_trial()


def test_the_checks_are_loaded_in_a_turn_of_their_own_and_leave(terminal: Terminal) -> None:
    found = terminal.begun()
    before = Visit.lasting
    terminal.now_s = PROVEN_S + 60
    assert found.turn() and slots.on_trial() and Visit.lasting == before + 1
    assert not found.turn() and Visit.lasting == before


def test_without_the_line_one_sale_of_this_start_is_enough(terminal: Terminal) -> None:
    terminal.line = False
    found = terminal.begun()
    assert terminal.at(found, PROVEN_S + 60), "the sales before it say nothing of this program"
    terminal.top += 1
    assert not terminal.at(found, PROVEN_S + 120)
    assert not slots.on_trial()


@pytest.mark.parametrize(
    ("verb", "state"),
    [(types.ACCRUAL, state) for state in (types.OPEN, types.REFUSED, types.REVERSED, types.DEAD, types.VOIDED)]
    + [(types.VOID, types.APPROVED)],
)
def test_a_sale_that_does_not_stand_shows_nothing(terminal: Terminal, verb: int, state: int) -> None:
    terminal.line = False
    found = terminal.begun()
    terminal.top += 1
    terminal.verb, terminal.state = verb, state
    assert terminal.at(found, PROVEN_S + 60)
    assert slots.on_trial()
    terminal.verb, terminal.state = types.REDEMPTION, types.SETTLED
    assert not terminal.at(found, PROVEN_S + 120)


def test_a_fault_that_was_answered_on_the_port_is_no_task_that_died(terminal: Terminal) -> None:
    from firmware.service.rpc import Rpc

    said: list[str] = []
    kept: list[str] = []
    terminal.watch.fault = lambda where, _error: kept.append(where)
    port = SimpleNamespace(paired=False, torn=0, frame=said.append, say=said.append)
    rpc = Rpc(port, terminal)
    found = terminal.begun()
    rpc.take('{"jsonrpc":"2.0","id":1,"method":"queue.count"}')
    while rpc.planned():
        rpc.go()
    assert kept == ["console"] and "-32603" in said[-1]
    assert not terminal.at(found, PROVEN_S + 60)
    assert not slots.on_trial()


def test_with_the_line_a_sale_does_not_stand_for_an_answer_under_the_mac(terminal: Terminal) -> None:
    terminal.line = False
    found = terminal.begun()
    terminal.top += 1
    terminal.line = True  # joined, and no sign-on was answered
    assert terminal.at(found, PROVEN_S + 60)
    terminal.heard[0](SimpleNamespace(rc="91"))
    assert terminal.at(found, PROVEN_S + 120)
    assert slots.on_trial()


def test_a_task_that_died_keeps_it_from_staying(terminal: Terminal) -> None:
    found = terminal.begun()
    terminal.died = 1
    assert terminal.at(found, PROVEN_S + 60)
    assert slots.on_trial()


@pytest.mark.parametrize(
    "lose", [lambda t: setattr(t, "top", 40), lambda t: setattr(t, "gone", 1)], ids=["the end", "one in the middle"]
)
def test_a_program_that_loses_records_goes_back_at_once(terminal: Terminal, lose: Callable[[Terminal], None]) -> None:
    found = terminal.begun()
    lose(terminal)
    assert not terminal.at(found, 90)
    assert terminal.resets == 1
    assert slots.given_up() == "" and slots.read().tries == 0
    terminal.place.runs = "a"
    assert slots.given_up() == "b"
    assert any(" U28 " in line for line in terminal.log.newest(9))
    assert terminal.place.kept().lowest == 0


def test_a_restart_of_the_watch_is_noted_as_wanted_and_gives_the_trial_its_start_back(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[int, str]] = []
    monkeypatch.setattr(boot_record, "intend", lambda kind, name, _now: noted.append((kind, name)))
    terminal.clock = SimpleNamespace(now_utc=lambda: 0)  # type: ignore[attr-defined]
    slots.began(slots.read(), "normal", "b", str(terminal.place.folder / "boot.dat"))
    assert slots.read().tries == 2
    watch = Watch(terminal)
    faults.about.remove(watch.around)
    watch.restart("settings")
    assert slots.read().tries == 3 and terminal.resets == 1
    assert noted == [(boot_record.WANTED, "settings")]


def test_another_journal_than_before_is_a_lost_one(terminal: Terminal) -> None:
    kept = terminal.place.kept()
    kept.salt, kept.generation = 77, 5
    builds.keep(terminal.place.store(), kept)
    assert not terminal.at(terminal.begun(), 90)
    assert terminal.resets == 1


def test_what_does_not_get_there_in_a_day_goes_back(terminal: Terminal) -> None:
    terminal.answers_reader = False
    found = terminal.begun()
    assert terminal.at(found, LONGEST_S - 60)
    assert not terminal.at(found, LONGEST_S)
    assert terminal.resets == 1
    assert slots.read().tries == 0


def test_a_cut_behind_the_confirmation_is_made_good_at_the_next_start(terminal: Terminal) -> None:
    slots.confirm()
    told: list[str] = []
    builds.at_start(terminal.place.store(), told.append)
    assert (terminal.place.kept().lowest, terminal.place.kept().tried) == (version.BUILD, 0)
    assert not told


def test_small_values_that_do_not_open_confirm_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware.core.errors import StoreError

    def broken() -> Any:
        raise StoreError("gone")

    terminal.small_values = broken  # type: ignore[method-assign]
    assert trial.of(terminal) is None  # type: ignore[arg-type]
    assert slots.on_trial()
