"""The lines between PC and terminal: nothing is done twice, noise is no request, and the field does not stay on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from host_tests.chips.reader_bench import ReaderBench, run_on
from host_tests.unit.device_kit import Desk, blank
from host_tests.unit.field_chip import FieldChip
from tools.device import on_terminal as there
from tools.device.errors import CableLost, CardGone, ReaderFault, TerminalProgram, TerminalSilent
from tools.device.reader import CardRelay, LineSilent


class Troubled:
    """A line that spoils some of what it carries: `trouble(number of the exchange)` names what."""

    def __init__(self, desk: Desk, trouble: Callable[[int], str]) -> None:
        self._line = desk.line
        self._trouble = trouble
        self.exchanges = 0

    async def ask(self, line: str) -> str:
        self.exchanges += 1
        trouble = self._trouble(self.exchanges)
        if trouble == "request lost":
            raise LineSilent()
        if trouble == "request garbled":
            line = line[:3] + "#" + line[4:]
        answer = await self._line.ask(line)
        if trouble == "answer lost":
            raise LineSilent()
        return answer[:-1] + "x" if trouble == "answer garbled" else answer

    def close(self) -> None:
        self._line.close()


TROUBLES = ("request lost", "request garbled", "answer lost", "answer garbled")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_spoilt_line_is_repeated_and_nothing_is_done_twice(trouble: str) -> None:
    desk = Desk()
    card: Any = blank("ntag213")
    card.memory[0x2A * 4] = 0x10  # the tag counts its reads
    desk.field.lay(card)
    line = Troubled(desk, lambda n: trouble if n % 2 else "")
    relay = CardRelay(line)

    async def talk() -> bytes:
        await relay.find()
        written = bytes([0xA2, 5]) + b"once"
        await relay.frame(written)
        return await relay.frame(b"\x30\x05", 16)

    frames = desk.field.frames
    assert desk.run(talk())[:4] == b"once"
    assert line.exchanges == 6
    quiet = Desk()
    quiet.field.lay(blank("ntag213"))
    relay = CardRelay(quiet.line)
    before = quiet.field.frames
    quiet.run(talk())
    assert desk.field.frames - frames == quiet.field.frames - before


def test_a_line_that_stays_silent_or_noisy_ends_with_an_error() -> None:
    desk = Desk()
    for trouble, error in (
        ("request lost", TerminalSilent),
        ("answer lost", TerminalSilent),
        ("answer garbled", CableLost),
    ):
        line = Troubled(desk, lambda n, trouble=trouble: trouble)
        with pytest.raises(error):
            desk.run(CardRelay(line).find())
        assert line.exchanges == 3


def test_no_request_is_longer_than_a_serial_port_takes_at_once() -> None:
    asked: list[str] = []

    class Recorder:
        async def ask(self, line: str) -> str:
            asked.append(line)
            return there.summed("=" + line.split(" ")[0] + " ok 9000")

        def close(self) -> None: ...

    apdu = bytes(range(256)) + b"\x00\x01\x02\x03\x04"
    assert asyncio.run(CardRelay(Recorder()).transceive(apdu)) == b"\x90\x00"
    assert all(len(line) <= there.LINE_MAX for line in asked)
    assert b"".join(there.from_hex(there.checked(line).split(" ")[2]) for line in asked) == apdu
    assert [line.split(" ")[1] for line in asked] == ["put", "put", "apdu"]


def test_without_a_found_card_nothing_is_sent_to_one() -> None:
    desk = Desk()
    card = blank("classic")
    desk.field.lay(card)
    relay = desk.relay
    asks: list[Callable[[], Any]] = [
        relay.again,
        lambda: relay.transceive(b"\x90"),
        lambda: relay.frame(b"\x30\x00", 16),
        lambda: relay.authenticate("a", 4, b"\xff" * 6),
        lambda: relay.read_block(4),
        lambda: relay.write_block(4, bytes(16)),
        relay.copyable,
    ]
    for ask in asks:
        with pytest.raises(CardGone):
            desk.run(ask())
    desk.run(relay.find())
    desk.run(relay.rest())
    frames = desk.field.frames
    for ask in asks:
        with pytest.raises(CardGone):
            desk.run(ask())
    assert desk.field.frames == frames and not desk.field.on


def test_requests_that_make_no_sense_are_refused_by_name() -> None:
    desk = Desk()
    card = blank("classic")
    desk.field.lay(card)
    desk.run(desk.relay.find())
    for number, text in enumerate(("", "jump", "frame x 30", "frame 16 3", "auth a 4", "read", "write 4 zz"), 100):
        answer = desk.run(desk.line.ask(there.summed(f"{number} {text}")))
        assert there.checked(answer) == f"={number} no syntax"
    for line in ("", " ", "7 find", "7 find 00000000", "\x00\xff"):
        assert there.checked(desk.run(desk.line.ask(line))) == "=? no sum"


def test_another_version_of_the_program_is_not_used() -> None:
    class Other:
        async def ask(self, line: str) -> str:
            return there.summed("=" + line.split(" ")[0] + " ok 9 92")

        def close(self) -> None: ...

    with pytest.raises(TerminalProgram):
        asyncio.run(CardRelay(Other()).start())


def test_a_reader_that_does_not_answer_is_told() -> None:
    desk = Desk(whole_chip=True)
    desk.clock.advance(1000)
    desk.chip._spi = type("Dead", (), {"write": lambda *_: None, "write_readinto": lambda _, out, into: None})()
    with pytest.raises(ReaderFault):
        desk.run(desk.relay.start())


class Port:
    """Bytes for the program at simulated times, and what it wrote."""

    def __init__(self) -> None:
        self.bench = ReaderBench()
        self.side = there.CardSide(FieldChip(self.bench.field, self.bench.clock))
        self.said: list[str] = []
        self._waiting = bytearray()

    def type(self, after_ms: int, data: bytes) -> None:
        self.bench.clock.after(after_ms * 1000, lambda: self._waiting.extend(data))

    def serve(self) -> int:
        """Until the program ends; how many simulated milliseconds it took."""
        began_us = self.bench.clock.now_us
        serving = there.serve(self.side, lambda: self._waiting, self._read, self.said.append)
        run_on(self.bench.clock, serving, 600_000)
        return (self.bench.clock.now_us - began_us) // 1000

    def _read(self, count: int) -> bytes:
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        return data


def test_a_field_nobody_asks_anything_of_goes_off_and_the_program_ends() -> None:
    port = Port()
    port.bench.field.lay(blank("classic"))
    port.type(10, (there.summed("1 start") + "\n").encode())
    port.type(500, (there.summed("2 find") + "\r\n").encode())
    seen: list[bool] = []
    for ms in (2000, 500 + there.FIELD_IDLE_MS + 100):
        port.bench.clock.after(ms * 1000, lambda: seen.append(port.bench.field.on))
    took = port.serve()
    assert [line.split(" ")[1] for line in port.said] == ["ok", "ok"]
    assert seen == [True, False]
    assert there.END_MS <= took - 500 < there.END_MS + 1000


def test_the_program_ends_when_told_with_the_field_off() -> None:
    port = Port()
    port.bench.field.lay(blank("classic"))
    for number, verb in enumerate(("start", "find", "end"), 1):
        port.type(number * 50, (there.summed(f"{number} {verb}") + "\n").encode())
    assert port.serve() < 1000 and not port.bench.field.on


def test_noise_on_the_port_is_answered_and_never_obeyed() -> None:
    noise = random.Random(8)
    port = Port()
    for n in range(60):
        port.type(10 * n + 1, noise.randbytes(noise.randrange(1, 400)) + b"\n")
    port.type(900, (there.summed("1 end") + "\n").encode())
    port.serve()
    assert port.said[-1].startswith("=1 ok") and not port.bench.field.frames
