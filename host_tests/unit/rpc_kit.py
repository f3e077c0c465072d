"""A console and a program's end of its line, joined in one process: what a method answers, as a tool gets it.

wire = Wire(rooms)          # rooms: what the methods work on
wire.line.call("hello")
wire.type("status")         # what a person reads
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from firmware.core.log import Log
from firmware.service.console import Console
from tools.rpc import client
from tools.rpc.client import Line
from tools.sim import onhost


class Port:
    """Both ends of a serial line. `drops` lines towards the program are lost first."""

    def __init__(self) -> None:
        self.to_terminal = bytearray()
        self.to_program = bytearray()
        self.sent: list[bytes] = []  # what the program wrote
        self.drops = 0
        self.tears = 0  # lines of the program that lose a byte

    # the terminal's side
    def read(self, count: int = 1) -> bytes:
        byte = bytes(self.to_terminal[:count])
        del self.to_terminal[:count]
        return byte

    def write(self, text: str) -> None:
        if self.drops:
            self.drops -= "\n" in text
        else:
            self.to_program += text.encode()


class Program:
    """The program's side of a port, as pyserial shows it."""

    def __init__(self, port: Port) -> None:
        self.port = port

    @property
    def in_waiting(self) -> int:
        return len(self.port.to_program)

    def read(self, size: int = 1) -> bytes:
        found = bytes(self.port.to_program[:size])
        del self.port.to_program[:size]
        return found

    def write(self, data: bytes) -> int:
        self.port.sent.append(data)
        if self.port.tears:
            self.port.tears -= 1
            data = data[:30] + data[31:]
        self.port.to_terminal += data
        return len(data)

    def close(self) -> None:
        pass


class Turns:
    """Time as the console's turns take it, a tenth of a millisecond each."""

    now_us = 1_000_000

    def monotonic(self) -> float:
        return self.now_us / 1_000_000

    def time(self) -> float:
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)


def time_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, at both ends of the line: how long a busy PC takes for a turn is not seen."""
    clock, turn = Turns(), Wire.turn

    def turned(wire: Wire) -> None:
        clock.now_us += 100
        turn(wire)

    monkeypatch.setattr(client, "time", clock)
    monkeypatch.setattr(onhost, "ticks_source", lambda: clock.now_us)
    monkeypatch.setattr(Wire, "turn", turned)


class Wire:
    """`rooms` is what methods work on; None for a terminal that has none."""

    def __init__(self, rooms: Any) -> None:
        self.port, self.rooms = Port(), rooms
        self.loop = asyncio.new_event_loop()
        self.left: list[str] = []
        calm = getattr(rooms, "calm", lambda: True)
        self.console = Console(
            self.port, self.port, lambda: bool(self.port.to_terminal), lambda: ["link online"], calm,
            lambda: self.left.append("prompt"),
        )  # fmt: skip
        self.log = Log(16, echo=self.console.log_line)
        self.console.attach(self.log)
        if rooms is not None:
            self.console.attach_rooms(rooms)
        self.line = Line(Program(self.port), idle=self.turn)

    def turn(self) -> None:
        """One turn of the console, and of whatever it began."""
        self.run(self._turn())

    async def _turn(self) -> None:
        self.console.turn()
        if self.console._rpc is not None:
            await self.console._rpc.finished()
        await asyncio.sleep(0)

    def run(self, work: Awaitable[Any]) -> Any:
        """Let something of the terminal's run to its end."""
        return self.loop.run_until_complete(work)  # type: ignore[arg-type]

    def type(self, words: str, turns: int = 60) -> list[str]:
        """The lines a person gets."""
        self.line.said()
        self.port.to_terminal += words.encode() + b"\r"
        for _ in range(turns):
            self.turn()
        self.line.pump()
        return self.line.said()

    def raw(self, data: bytes, turns: int = 60) -> bytes:
        """Bytes to the terminal, and all that comes back."""
        del self.port.to_program[:]
        self.port.to_terminal += data
        for _ in range(turns):
            self.turn()
        return bytes(self.port.to_program)

    def close(self) -> None:
        """Let the console end what it began: visits are counted for the whole process."""
        del self.port.to_terminal[:]
        for _ in range(8):
            self.turn()
        self.loop.close()
