"""Whatever comes over the cable: the console lives, keeps its bounds, answers the next request, and shows no secret."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from firmware.core.keyed import keyed_uid
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.service import methods
from host_tests.unit.rooms_kit import ALI, NOW, TMK, Rooms, give, wired
from host_tests.unit.rpc_kit import Wire
from tools.rpc.client import crc16

PING = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}'
PIECE = 64
NAME, MOBILE = "Sara the canary", "09123456789"


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def wire(rooms: Rooms) -> Iterator[Wire]:
    with wired(rooms) as made:
        yield made


def alive(wire: Wire, number: int) -> None:
    """The next request is answered, once."""
    wire.console._rpc = None  # as a second later: the rate is another one
    said = wire.raw(b"\n" + PING % number + b"\n", 400).decode().splitlines()
    answers = [json.loads(line) for line in said if line.startswith("{")]
    assert [one["id"] for one in answers if "result" in one] == [number]


def test_any_bytes_between_requests_harm_nothing(wire: Wire) -> None:
    noise = random.Random(20)
    pieces = [PING % 1, b"status", b"queue list", b"log follow", b"help", b"{", b"}", b'{"id":', b"*0000", b"\xff\xfe"]
    for number in range(120):
        count = noise.randrange(1, 6)
        mixed = b"".join(
            noise.choice((noise.randbytes(noise.randrange(40)), noise.choice(pieces), bytes([noise.randrange(256)])))
            for _ in range(count)
        )
        wire.raw(mixed + noise.choice((b"\n", b"\r", b"\r\n", b"")), 30)
        if number % 10 == 0:
            alive(wire, 1000 + number)
    assert not wire.left, "and nothing of it was maintenance"


def test_a_line_of_a_megabyte_takes_no_memory_and_one_answer(wire: Wire) -> None:
    for head in (b"{", b'{"jsonrpc":"2.0","id":1,"method":"', b"x", b'{"a":' + b"[" * 200):
        wire.port.to_terminal += head
        answered = bytearray()
        for _ in range(256 if head == b"{" else 16):
            answered += wire.raw(b"a" * 4096, 65)
            assert wire.console._length <= 240
        answered += wire.raw(b"\n", 40)
        assert len(answered.splitlines()) == 1
    alive(wire, 7)


@pytest.mark.parametrize("depth", [50, 100, 119])
def test_json_as_deep_as_a_line_allows_is_refused_and_nothing_else(wire: Wire, depth: int) -> None:
    for opened, closed in ((b"[", b"]"), (b'{"":', b"}")):
        line = b'{"a":' + opened * (depth // len(opened)) + closed * (depth // len(opened)) + b"}"
        assert b'"error"' in wire.raw(line[:240] + b"\n")
    alive(wire, 8)


def test_half_lines_and_control_bytes_between_are_forgotten(wire: Wire) -> None:
    half = PING % 3
    for cut in range(1, len(half)):
        said = wire.raw(half[:cut] + b"\x03" + half[cut:] + b"\n", 30)
        assert b'"result"' not in said
        wire.console._rpc = None
    alive(wire, 9)


def test_a_program_that_goes_in_the_middle_of_an_answer_leaves_the_next_one_whole(wire: Wire, rooms: Rooms) -> None:
    rooms.sell(5)
    line = b'{"jsonrpc":"2.0","id":5,"method":"queue.list"}\n'
    whole = len(wire.raw(line, 100))
    for turns in range(3, 12):
        wire.raw(line, turns)  # and it stops reading: the rest is in the port when the next program opens it
        said = wire.raw(b"", 60)
        assert len(said) <= whole
        alive(wire, 100 + turns)


def test_no_piece_is_longer_than_the_port_takes_and_no_turn_carries_out_two_lines(wire: Wire) -> None:
    pieces: list[int] = []
    real = wire.port.write
    wire.port.write = lambda text: (pieces.append(len(text.encode())), real(text))[1]  # type: ignore[method-assign]
    asked: list[int] = []
    wire.console._status = lambda: asked.append(1) or []  # type: ignore[func-returns-value]
    wire.log.event("سلام " * 40)
    wire.raw(b"status\nstatus\nlog 5\n" * 20, 3)
    assert len(asked) <= 3
    wire.raw(b"", 400)
    assert max(pieces) <= PIECE


def test_nothing_the_console_can_be_asked_shows_a_key_a_number_or_a_name(wire: Wire, rooms: Rooms) -> None:
    journal = rooms.journal
    for uid in (ALI, keyed_uid(MOBILE[1:])):
        journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, uid, 2, 1250, 12, NOW, 2))
    journal.bury(next(journal.pending()).seq, "12")
    answered = [give(wire, "technician")]
    said = bytearray()
    number = 5000
    for group in ("queue", "mem", "log", "clock", "rights", "base"):
        module = __import__(f"firmware.service.methods.{group}", None, None, ("RIGHTS",))
        for method in module.RIGHTS:
            full = method if group == "base" else f"{group}.{method}"
            if full in ("mem.info", "queue.export", "status", "health"):  # of the interpreter; sealed; of App
                continue
            for params in ({}, {"seq": 1}, {"seq": 2}, {"from": 0}, {"right": "zeroise"}, {"ecr": "till"}):
                number += 1
                request = json.dumps({"jsonrpc": "2.0", "id": number, "method": full, "params": params}).encode()
                wire.console._rpc = None
                said += wire.raw(request + b"*%04x\n" % crc16(request), 60)
    for words in ("log 60", "queue list", "queue dead", "help", "clock", "rights"):
        wire.console._rpc = None
        said += wire.raw(words.encode() + b"\n", 120)
    text = (said.decode() + json.dumps(answered)).upper()
    assert "****9B32" in text and "0912***6789" in text, "they were there to be shown"
    for secret in (ALI.hex(), MOBILE[1:], TMK.hex(), NAME, keyed_uid(MOBILE[1:]).hex()):
        assert secret.upper() not in text
    assert methods.GROUPS
