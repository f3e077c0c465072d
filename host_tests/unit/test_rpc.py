"""JSON-RPC on the serial port: framing, repeats, long answers, limits; and the program's end of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware.core.errors import RpcError as Refusal
from firmware.core.errors import StoreFull
from firmware.service import methods, rpc_frames
from firmware.text import catalogue
from host_tests.unit.rpc_kit import Wire, time_by_turns
from tools.rpc import client


class Board:
    name = "s3"

    def serial_number(self) -> str:
        return "f412fa4a8b68"


class Rooms:
    """A terminal in safe mode: nothing but a board."""

    board = Board()
    mode = "safe"
    done = 0

    def uptime_s(self) -> int:
        return 17

    def status(self) -> list[str]:
        return ["not selling"]


@pytest.fixture(autouse=True)
def by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    time_by_turns(monkeypatch)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A group of methods made up for these tests."""
    made: Any = ModuleType("firmware.service.methods.trial")

    def add(rooms: Rooms, params: dict[str, object]) -> dict[str, object]:
        rooms.done += 1
        return {"done": rooms.done, "by": methods.whole(params, "by", 1, 9, 1)}

    def long(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        return {"entries": [{"n": n, "text": 'a "quoted" سلام'} for n in range(120)]}

    def full(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        raise StoreFull("no more value")

    async def slow(rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        await rooms.gate.wait()  # type: ignore[attr-defined]
        return {"slow": True}

    def broken(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        raise MemoryError("allocating")

    async def broken_later(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        return {"worn": None.worn}  # type: ignore[attr-defined]

    made.broken, made.broken_later = broken, broken_later
    made.RIGHTS = {"add": 0, "long": 0, "full": 0, "slow": 0, "secret": 3, "broken": 0, "broken_later": 0}
    made.CHANGES = ("add",)
    made.ARGUMENTS = {"add": "by"}
    made.WORDS = {"trial": "long"}
    made.add, made.long, made.full, made.slow, made.secret = add, long, full, slow, add
    monkeypatch.setitem(sys.modules, "firmware.service.methods.trial", made)
    monkeypatch.setattr(methods, "GROUPS", methods.GROUPS + " trial")
    return made


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(Rooms())
    yield made
    made.close()


def ask(wire: Wire, text: str) -> dict[str, Any]:
    """A line as it is, and the one answer to it."""
    lines = wire.raw(text.encode() + b"\n").decode().splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0].partition("}*")[0] + "}" if "}*" in lines[0] else lines[0])


def error_of(wire: Wire, text: str) -> int:
    return ask(wire, text)["error"]["code"]


def test_a_terminal_without_rooms_says_who_it_is(wire: Wire) -> None:
    found = wire.line.call("hello")
    assert (found["proto"], found["serial"], found["board"], found["mode"]) == (1, "f412fa4a8b68", "s3", "safe")
    assert found["unsent"] is None
    assert wire.line.call("ping") == {"up": 17}
    assert wire.type("ping") == ["up 17"]


def test_a_tool_that_asks_every_group_fills_no_heap(wire: Wire, group: ModuleType) -> None:
    for method in ("hello", "trial.add", "mem.info", "log.tail", "flash.info", "trial.add", "hello"):
        with contextlib.suppress(client.RpcError):  # this terminal has few rooms
            wire.line.call(method, {"by": 1} if method == "trial.add" else {})
    held = [one.__name__.rpartition(".")[2] for one in vars(wire.console._rpc).values() if isinstance(one, ModuleType)]
    assert sorted(held) == ["base", "trial"]


def test_both_ends_have_the_same_check(wire: Wire) -> None:
    assert rpc_frames.crc16(b"123456789") == client.crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("{", -32700),
        ('{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700),
        ('{"id":1,"method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":"1","method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":1e400,"method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":["ping"]}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"pong"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"os.system"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"base.__name__"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"..base.ping"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"next","params":{"from":0}}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"ping"}*0000', 1008),
        ('{"jsonrpc":"2.0","id":1,"method":"' + "p" * 240 + '"}', 1008),
    ],
)
def test_what_is_no_request_is_answered_with_its_number(wire: Wire, line: str, number: int) -> None:
    assert error_of(wire, line) == number
    assert wire.line.call("ping") == {"up": 17}


def test_a_torn_line_changes_nothing_and_one_without_a_check_neither(wire: Wire, group: ModuleType) -> None:
    plain = '{"jsonrpc":"2.0","id":5,"method":"trial.add"}'
    assert error_of(wire, plain) == 1008
    assert error_of(wire, plain.replace("5", "6") + f"*{client.crc16(plain.encode()):04x}") == 1008
    assert wire.console._rooms.done == 0
    assert wire.line.call("trial.add", {"by": 2}) == {"done": 1, "by": 2}


def test_a_line_torn_on_its_way_goes_again_at_once(wire: Wire, group: ModuleType) -> None:
    wire.raw(b'{"half a line of a program before')
    wire.port.tears = 1
    assert wire.line.call("trial.add") == {"done": 1, "by": 1}
    assert len(wire.port.sent) <= 3


def test_a_line_whose_answer_was_lost_is_answered_again_and_not_done_again(
    wire: Wire, group: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REPEAT_S", 0.05)
    wire.port.drops = 2
    assert wire.line.call("trial.add") == {"done": 1, "by": 1}
    assert len(wire.port.sent) == 3
    assert wire.line.call("trial.add") == {"done": 2, "by": 1}
    wire.port.drops = 9
    with pytest.raises(client.NoAnswer):
        wire.line.call("trial.add", timeout=0.2)
    assert wire.console._rooms.done == 3


def test_a_long_answer_comes_in_pieces_none_longer_than_a_line(wire: Wire, group: ModuleType) -> None:
    found = wire.line.call("trial.long")
    assert [entry["n"] for entry in found["entries"]] == list(range(120))
    assert found["entries"][0]["text"] == 'a "quoted" سلام'
    answer = wire.raw(b'{"jsonrpc":"2.0","id":5,"method":"trial.long"}\n')
    assert 300 < len(answer) <= 1024
    assert len(wire.type("trial", 400)) == 80, "for people as many lines as the queue takes"


def test_a_program_that_asks_too_fast_is_slowed_down_and_not_refused(wire: Wire, group: ModuleType) -> None:
    for n in range(30):
        assert wire.line.call("trial.add")["done"] == n + 1


def test_errors_of_the_terminal_keep_their_codes(wire: Wire, group: ModuleType) -> None:
    with pytest.raises(client.RpcError) as found:
        wire.line.call("trial.full")
    assert (found.value.number, found.value.code) == (1009, "S03")
    with pytest.raises(client.RpcError) as found:
        wire.line.call("trial.add", {"by": 10})
    assert found.value.number == -32602
    assert "1 to 9" in found.value.text
    assert wire.type("trial add 12") == ["-32602 by: a whole number, 1 to 9"]
    assert wire.type("trial add 3")[-1] == "by 3"


def test_while_a_method_works_another_request_hears_busy_and_the_same_one_working(
    wire: Wire, group: ModuleType
) -> None:
    import asyncio

    wire.console._rooms.gate = asyncio.Event()
    line = '{"jsonrpc":"2.0","id":5,"method":"trial.slow"}'
    assert wire.raw(line.encode() + b"\n") == b""
    assert ask(wire, line) == {"jsonrpc": "2.0", "method": "working", "params": {"id": 5}}
    busy = ask(wire, '{"jsonrpc":"2.0","id":6,"method":"ping"}')
    assert (busy["id"], busy["error"]["code"], busy["error"]["data"]["retry_ms"]) == (6, 1001, 500)
    assert wire.type("ping") == ["busy: what was asked before is under way"]
    wire.console._rooms.gate.set()
    assert ask(wire, "") == {"jsonrpc": "2.0", "id": 5, "result": {"slow": True}}
    assert ask(wire, '{"jsonrpc":"2.0","id":7,"method":"ping"}')["result"] == {"up": 17}


def test_more_than_twenty_requests_a_second_hear_busy(wire: Wire) -> None:
    answers = [ask(wire, f'{{"jsonrpc":"2.0","id":{n},"method":"ping"}}') for n in range(25)]
    assert sum("result" in answer for answer in answers) == 20
    assert answers[-1]["error"]["data"]["retry_ms"] == 1000


def test_events_are_for_programs_and_carry_a_rising_number(wire: Wire) -> None:
    wire.console.event({"event": "sale", "state": "card"})
    assert wire.raw(b"") == b"", "nobody asked yet"
    wire.line.call("ping")
    wire.console.event({"event": "sale", "state": "card"})
    wire.console.event({"event": "sale", "state": "done"})
    assert list(wire.line.events(0.05)) == [
        {"event": "sale", "state": "card", "seq": 1}, {"event": "sale", "state": "done", "seq": 2}
    ]  # fmt: skip


def test_a_method_may_refuse_with_a_number_of_its_own(wire: Wire, group: ModuleType) -> None:
    def refuses(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        raise Refusal(1003, "wait", retry_ms=250)

    group.full = refuses  # type: ignore[attr-defined]
    with pytest.raises(client.RpcError) as found:
        wire.line.call("trial.full")
    assert (found.value.number, found.value.code, found.value.retry_ms) == (1003, "1003", 250)


@pytest.mark.parametrize(("method", "says"), [("broken", "MemoryError"), ("broken_later", "AttributeError")])
def test_what_a_method_never_expected_is_answered_kept_and_ends_nothing(
    wire: Wire, group: ModuleType, method: str, says: str
) -> None:
    kept: list[tuple[str, Exception]] = []
    wire.rooms.watch = SimpleNamespace(fault=lambda where, error: kept.append((where, error)))
    with pytest.raises(client.RpcError) as refused:
        wire.line.call("trial." + method)
    assert refused.value.number == -32603 and says in refused.value.text
    assert [(where, type(error).__name__) for where, error in kept] == [("console", says)]
    assert wire.line.call("ping") == {"up": 17}


def test_a_line_that_comes_again_after_a_fault_gets_the_answer_and_not_the_method_again(
    wire: Wire, group: ModuleType
) -> None:
    begun: list[int] = []

    def broken(_rooms: Rooms, _params: dict[str, object]) -> dict[str, object]:
        begun.append(1)
        raise KeyError("x")

    group.broken = broken  # type: ignore[attr-defined]
    text = '{"jsonrpc":"2.0","id":4,"method":"trial.broken"}'
    line = f"{text}*{rpc_frames.crc16(text.encode()):04x}\r".encode()
    first = wire.raw(line)
    assert b"-32603" in first
    assert wire.raw(line) == first and begun == [1]


@pytest.mark.parametrize("method", ["sale.", "base.", "trial.", ".", "..", ""])
def test_a_method_without_a_name_is_none_and_ends_nothing(wire: Wire, group: ModuleType, method: str) -> None:
    with pytest.raises(client.RpcError) as refused:
        wire.line.call(method)
    assert refused.value.number == -32601
    assert wire.line.call("ping") == {"up": 17}


def test_an_error_with_a_text_says_the_next_step_in_the_terminals_language(wire: Wire, group: ModuleType) -> None:
    wire.rooms.panel = SimpleNamespace(text=catalogue.load("fa"))
    with pytest.raises(client.RpcError) as refused:
        wire.line.call("trial.full")
    assert refused.value.next_step == catalogue.load("fa").error("S03")[1] != ""
