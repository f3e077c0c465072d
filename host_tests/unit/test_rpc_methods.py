"""The methods of the serial port: queue, log, clock, memory, rights, a register's pairing, restarts; and no secret."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.core.types import CLOCK_OK, ONLINE
from firmware.service import methods
from host_tests.unit.rooms_kit import NOW, Rooms, give, wired
from host_tests.unit.rpc_kit import Wire, time_by_turns
from tools.rpc.client import RpcError


@pytest.fixture(autouse=True)
def by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    time_by_turns(monkeypatch)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def wire(rooms: Rooms) -> Iterator[Wire]:
    with wired(rooms) as made:
        yield made


def refused(wire: Wire, method: str, params: dict[str, Any] | None = None, *, timeout: float = 0.5) -> int:
    with pytest.raises(RpcError) as found:
        wire.line.call(method, params, timeout=timeout)
    return found.value.number


# --- queue ------------------------------------------------------------------------------------------------------------


def test_the_queue_is_counted_listed_in_pages_and_shown_masked(wire: Wire, rooms: Rooms) -> None:
    rooms.sell(12)
    rooms.sell(1, ONLINE)
    assert wire.line.call("queue.count") == {"waiting": 12, "unanswered": 1, "rejected": 0, "oldest_s": 0}
    seqs, at = [], 0
    while True:
        page = wire.line.call("queue.list", {"from": at})
        seqs += [entry["seq"] for entry in page["entries"]]
        at = page["next"]
        if not at:
            break
    assert seqs == list(range(seqs[0], seqs[0] + 12))
    shown = wire.line.call("queue.show", {"seq": seqs[2]})
    assert (shown["card"], shown["amount"], shown["points"], shown["state"]) == ("****9B32", 1250, 12, "approved")
    assert refused(wire, "queue.show", {"seq": 99}) == 1004
    assert any("STAN less 1" in line for line in wire.type("queue show 99")), "a receipt shows no SEQ"
    assert wire.type("queue")[0] == "waiting 12"
    assert len(wire.type("queue list 10")) == 3
    assert any("9C599B32" in line for line in wire.type("queue list")) is False


def test_a_rejected_transaction_goes_again_or_is_given_up_only_with_a_right(wire: Wire, rooms: Rooms) -> None:
    rooms.sell(2)
    seq = next(rooms.journal.pending()).seq
    rooms.journal.bury(seq, "12")
    assert [entry["rc"] for entry in wire.line.call("queue.dead")["entries"]] == ["12"]
    for method, params in (("queue.retry", {"seq": seq}), ("queue.give_up", {"seq": seq, "reason": "made good"})):
        assert refused(wire, method, params) == 1002
    assert rooms.letter_office.done == []
    give(wire, "letters")
    assert wire.line.call("queue.retry", {"seq": seq}) == {"seq": seq, "state": "settled"}
    assert wire.type(f"queue giveup {seq} made good") == [f"seq {seq}", "state given up"]
    assert rooms.letter_office.done == [("again", seq), ("given up", seq, "made good")]
    assert refused(wire, "queue.give_up", {"seq": seq, "reason": "x" * 28}) == -32602


# --- log, clock, memory -----------------------------------------------------------------------------------------------


def test_the_log_is_read_by_level_and_followed_as_events(wire: Wire, rooms: Rooms) -> None:
    wire.log.event("signed on")
    wire.log.fault("R01", "reader silent")
    newest = [line.split(" ", 1)[1] for line in wire.line.call("log.tail")["lines"]]
    assert newest == ["I00 signed on", "R01 reader silent"]
    assert len(wire.line.call("log.tail", {"level": "faults"})["lines"]) == 1
    assert wire.line.call("log.follow", {"level": "faults"}) == {"follow": "faults"}
    wire.line.said()
    wire.log.event("something")
    wire.log.fault("L01", "line down")
    assert [event["line"].split(" ", 1)[1] for event in wire.line.events(0.05)] == ["L01 line down"]
    assert wire.line.said() == [], "no line comes twice"
    assert any("follow off" not in line for line in wire.type("help"))
    wire.log.event("for people")
    wire.line.wait(0.05)
    assert any("for people" in line for line in wire.line.said()), "who types words gets lines"
    assert refused(wire, "log.follow", {"level": "some"}) == -32602


def test_the_clock_is_set_by_a_technician_within_the_switchs_time_alone(wire: Wire, rooms: Rooms) -> None:
    assert rooms.clock.quality == CLOCK_OK
    assert wire.line.call("clock.get")["utc"] - NOW in (0, 1)
    assert refused(wire, "clock.set", {"utc": NOW}) == 1002
    give(wire, "technician")
    assert refused(wire, "clock.set", {"utc": NOW + 130}) == 1006
    assert wire.line.call("clock.set", {"utc": NOW + 60})["corrected_s"] in (59, 60)
    rooms.clock.start()
    assert refused(wire, "clock.set", {"utc": NOW - 1001}) == 1006, "before what has surely passed"
    assert wire.line.call("clock.set", {"utc": NOW + 86_400})["corrected_s"] > 80_000


def test_memory_is_told_in_figures(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc

    import micropython

    monkeypatch.setattr(gc, "mem_free", lambda: 1000, raising=False)
    monkeypatch.setattr(gc, "mem_alloc", lambda: 2000, raising=False)
    monkeypatch.setattr(micropython, "stack_use", lambda: 300, raising=False)
    found = wire.line.call("mem.info")
    assert (found["free"], found["used"], found["system_free"], found["largest"], found["least_free"]) == (
        1000, 2000, 110, 40, 40
    )  # fmt: skip


# --- rights -----------------------------------------------------------------------------------------------------------


def test_a_level_is_kept_by_using_it_and_ends_fifteen_minutes_after(wire: Wire, rooms: Rooms) -> None:
    assert wire.line.call("rights.have") == {"level": 0, "register": False}
    assert give(wire, "support")["level"] == 2
    assert refused(wire, "clock.set", {"utc": NOW}) == 1002, "support is no technician"
    assert give(wire, "technician")["level"] == 3
    for minutes in (14, 28, 42):
        rooms.now_s = minutes * 60
        wire.line.call("clock.set", {"utc": NOW})
    rooms.now_s += 15 * 60
    assert refused(wire, "clock.set", {"utc": NOW}) == 1002
    give(wire, "technician")
    wire.line.call("rights.drop")
    assert wire.line.call("rights.have")["level"] == 0


def test_five_wrong_answers_lock_for_fifteen_minutes_and_a_reset_gives_none_back(wire: Wire, rooms: Rooms) -> None:
    for _ in range(5):
        wire.line.call("rights.ask", {"right": "technician"})
        assert refused(wire, "rights.answer", {"digits": "00000000"}) == -32000
        rooms.now_s += 121
    rooms._rights, rooms.now_s = None, 0  # the plug
    rooms.tries.open()
    for rooms.now_s in (0, 899):
        with pytest.raises(RpcError) as found:
            wire.line.call("rights.ask", {"right": "technician"})
        assert (found.value.number, found.value.code) == (1003, "K06")
        assert found.value.retry_ms == (900 - rooms.now_s) * 1000
    rooms.now_s = 900
    assert give(wire, "technician")["level"] == 3


def test_a_register_is_paired_by_the_code_on_the_screen_and_known_again_after_a_start(wire: Wire, rooms: Rooms) -> None:
    wire.line.call("rights.pair", {"ecr": "till 1"})
    shown = rooms.counter.notice()[0]
    code = shown.split()[-1]
    token = wire.line.call("rights.confirm", {"code": code})["token"]
    assert wire.line.call("rights.have") == {"level": 1, "register": True}
    assert rooms.counter.notice is None
    assert refused(wire, "rights.confirm", {"code": code}) == 1006, "a code is good once"
    wire.console.paired = False  # the next start
    other = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert refused(wire, "rights.register", {"token": other}) == 1002
    assert wire.line.call("rights.register", {"token": token}) == {"level": 1}
    wire.line.call("rights.pair", {"ecr": "till 2"})
    shown: Any = rooms.counter.notice
    second = wire.line.call("rights.confirm", {"code": shown()[0].split()[-1]})["token"]
    wire.console.paired = False
    assert refused(wire, "rights.register", {"token": token}) == 1002, "the newest register counts alone"
    assert wire.line.call("rights.register", {"token": second}) == {"level": 1}


def test_a_wrong_code_ends_the_pairing_and_counts_as_a_wrong_answer(wire: Wire, rooms: Rooms) -> None:
    wire.line.call("rights.pair", {"ecr": "till 1"})
    code = rooms.counter.notice()[0].split()[-1]
    assert refused(wire, "rights.confirm", {"code": "999999"}) == -32000
    assert refused(wire, "rights.confirm", {"code": code}) == 1006
    assert rooms.tries.failures() == 1
    assert not wire.console.paired


def test_a_register_paired_in_between_forgives_no_wrong_answer_and_counts_as_none(wire: Wire, rooms: Rooms) -> None:
    for wrong in (1, 2, 3):
        wire.line.call("rights.ask", {"right": "technician"})
        assert refused(wire, "rights.answer", {"digits": "1"}) == -32000
        if wrong < 3:
            wire.line.call("rights.pair", {"ecr": "till 1"})
            wire.line.call("rights.confirm", {"code": rooms.counter.notice()[0].split()[-1]})
        assert rooms.tries.failures() == wrong
    assert refused(wire, "rights.ask", {"right": "technician"}) == 1003


@pytest.mark.parametrize("name", ["a\r\nb", "\x7f", "\x9b2J", "\ud800", "\x00"])
def test_what_cannot_be_printed_is_no_name_of_a_register(wire: Wire, rooms: Rooms, name: str) -> None:
    assert refused(wire, "rights.pair", {"ecr": name}) == -32602
    assert rooms.counter.notice is None
    wire.line.call("rights.pair", {"ecr": "\u0635\u0646\u062f\u0648\u0642 1"})


@pytest.mark.parametrize("db", [33.0, True, "33", None, 34, 17])
def test_a_gain_is_one_of_the_readers_whole_numbers(wire: Wire, db: object) -> None:
    give(wire, "support")
    assert refused(wire, "reader.gain", {"db": db}) == -32602


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_a_restart_follows_its_answer_and_waits_for_the_till(wire: Wire, rooms: Rooms) -> None:
    wire.console.attach_service(lambda: None, lambda: wire.left.append("reset"))  # type: ignore[arg-type,return-value]
    rooms.quiet = False
    rooms.now_s = 5
    assert refused(wire, "device.reboot") == 1001
    assert refused(wire, "device.maintenance") == 1001
    rooms.quiet = True
    assert wire.line.call("device.reboot") == {"restarts": True}
    wire.turn()
    assert wire.left == ["reset"]
    wire.line.call("device.maintenance")
    for _ in range(3):
        wire.turn()
    assert wire.left == ["reset", "prompt"]


def test_a_restart_asked_for_again_just_after_it_is_none(wire: Wire, rooms: Rooms) -> None:
    wire.console.attach_service(lambda: None, lambda: wire.left.append("reset"))  # type: ignore[arg-type,return-value]
    rooms.now_s = 4
    assert wire.line.call("device.reboot") == {"restarts": False}
    wire.turn()
    assert wire.left == []


# --- the page ---------------------------------------------------------------------------------------------------------


def test_every_method_stands_on_a_page_with_its_level_and_is_loaded_for_a_visit() -> None:
    from firmware.starting import _RARE

    docs = Path(__file__).parents[2] / "docs"
    console = (docs / "console.md").read_text()
    pages = "".join(path.read_text() for path in docs.glob("*.md"))
    for entry in methods.GROUPS.split():
        name = entry.partition(":")[0]
        module = importlib.import_module(f"firmware.service.methods.{name}")
        assert f"firmware.service.methods.{name}" in _RARE.split()
        for method, level in module.RIGHTS.items():
            full = method if name == "base" else f"{name}.{method}"
            assert re.search(rf"`{full}[ `]", pages), full
            row = re.search(rf"^\| `{full}[ `][^|]*\| ([^|]+) \|", console, re.M)
            assert row is None or row[1][0] == str(level) or (level, row[1]) == (0, "3 or `letters`"), full
        assert set(getattr(module, "CHANGES", ())) <= set(module.RIGHTS)
        assert set(getattr(module, "ARGUMENTS", {})) <= set(module.RIGHTS)
        assert set(getattr(module, "WORDS", {}).values()) <= set(module.RIGHTS)
