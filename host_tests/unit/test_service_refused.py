"""The console of a terminal whose store does not open: it tells why, sends every byte, and goes away for a tool."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from firmware import board as boards
from firmware.core.errors import StoreForeign
from firmware.service import refused
from host_tests.unit.test_service_console import Port, turns
from tools.device import capture as captures
from tools.sim.chips.nor import Nor, NorPartition

SECTORS = 4


class Lost(NorPartition):
    """Flash of which some bytes cannot be read."""

    def readblocks(self, block_num: int, buf: Any, offset: int = 0) -> None:
        if block_num == 2 and offset <= 700 < offset + len(buf):
            raise OSError(5)
        super().readblocks(block_num, buf, offset)


class Refusing:
    """A board whose journal's region holds something else."""

    name = "s3"
    page_only = False

    def __init__(self) -> None:
        self.port = Port()
        self.nor = Nor(SECTORS * 4096, None)
        self.nor.image[:9000] = bytes(range(250)) * 36
        self.flash = NorPartition(self.nor, 0, SECTORS, False)

    def serial(self) -> Any:
        return self.port, self.port, lambda: bool(self.port.incoming)

    def transaction_flash(self) -> Any:
        return self.flash

    def restart_to_prompt(self) -> None:
        self.port.leave()

    def said(self, words: bytes) -> str:
        console = refused.made(self, "S07", "another store")  # type: ignore[arg-type]
        self.port.pieces.clear()
        self.port.incoming = words
        turns(console, 1000)
        return "".join(self.port.pieces)


def test_it_says_why_and_sends_all_of_it() -> None:
    board = Refusing()
    assert "# not selling: S07 another store\r\n" in board.said(b"status\r\n")
    taken = captures.parsed(board.said(b"export\r\n").encode())[0]
    assert taken.complete and taken.image() == board.nor.image
    assert board.said(b"maintenance\r") and board.port.left == 1


def test_what_the_flash_does_not_give_is_told_and_all_else_leaves() -> None:
    board = Refusing()
    board.flash = Lost(board.nor, 0, SECTORS, False)
    text = board.said(b"export\r\n")
    taken = captures.parsed(text.encode())[0]
    assert " 2.0.280 unread " in text
    assert taken.ended and not taken.complete and (taken.unread, taken.missing) == (1, 0)
    image = bytearray(board.nor.image)
    image[2 * 4096 + 640 : 2 * 4096 + 704] = b"\xff" * 64
    assert taken.image() == image


def test_a_tool_that_looks_for_a_prompt_is_not_told_of_a_till() -> None:
    assert Refusing().said(b"\r\x01\r\x02\x04") == ""


def test_a_region_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    esp32 = types.ModuleType("esp32")
    vars(esp32)["Partition"] = type("Partition", (), {"TYPE_DATA": 1, "find": staticmethod(lambda *_, **__: [])})
    monkeypatch.setitem(sys.modules, "esp32", esp32)
    board = boards.this_board()
    with pytest.raises(StoreForeign, match="no partition txlog"):
        board.transaction_flash()
    refusing = Refusing()
    refusing.transaction_flash = board.transaction_flash  # type: ignore[method-assign]
    assert "# S07 no partition txlog\r\n" in refusing.said(b"export\r")


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[int] = []

    def sleep_ms(ms: int) -> None:
        slept.append(ms)
        if len(slept) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(refused, "sleep_ms", sleep_ms)
    board = Refusing()
    refused.serve(board, "S07", "another store")  # type: ignore[arg-type]
    assert "not selling: S07" in "".join(board.port.pieces) and slept == [10] * 5
