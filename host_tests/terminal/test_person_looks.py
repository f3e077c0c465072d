"""`test screen`, `keys`, `sound`, `printer` on the whole terminal: what screen, buzzer and paper really show, by words
and by a program; never into a sale, and no key of a test does anything besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import serial

from host_tests.terminal.stage_time import waits_with
from tools.rpc.client import Line, RpcError, framed
from tools.sim.scenario_sounds import heard
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

ROWS = ("SALE", "REDEEM", "BALANCE", "MENU", *"123", "UP", *"456", "DOWN", *"789", "CANCEL", "CLEAR", "0", "000", "OK")
_numbers = iter(range(1, 100_000))


def opened(**settings: Any) -> Stage:
    stage = Stage(Start(settings=settings))
    stage.open()
    stage.run(2000)
    assert stage.console_right("support")
    stage.run(2000)
    return stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = opened(again_within_s=0)
    try:
        waits_with(made, monkeypatch)
        yield made
    finally:
        made.close()


def typed(stage: Stage, words: str) -> int:
    """Type them; where what is said to them begins."""
    before = len(stage.serial())
    stage.terminal.serial_type(words + "\r")
    return before


def shown(stage: Stage, text: str, timeout_ms: int = 12_000) -> None:
    assert stage.run_until(lambda: any(text in line for line in stage.screen_lines()), timeout_ms), stage.screen_lines()


def said(stage: Stage, before: int, text: str, timeout_ms: int = 5_000) -> None:
    assert stage.run_until(lambda: text in stage.serial()[before:], timeout_ms), stage.serial()[before:]


def asked(stage: Stage, method: str) -> int:
    """A program asks; where the answer begins."""
    before = len(stage.serial())
    line = framed({"jsonrpc": "2.0", "id": next(_numbers), "method": method})
    stage.terminal.serial_type(line.decode())
    return before


def test_every_pixel_is_lit_and_dark_and_a_key_pressed_before_the_question_is_no_answer(stage: Stage) -> None:
    before = typed(stage, "test screen")
    pictures: set[bytes] = set()

    def looked() -> bool:
        pictures.add(stage.screen())
        return any("Pixels complete?" in line for line in stage.screen_lines())

    stage.run(2000)
    stage.press("OK")
    assert stage.run_until(looked, 12_000)
    assert {bytes(1024), bytes([0x55, 0xAA]) * 512, bytes([0xAA, 0x55]) * 512} <= pictures
    stage.run(1000)
    assert "seen" not in stage.serial()[before:], "the key came before anybody could answer"
    stage.press("OK")
    said(stage, before, "# seen True")
    shown(stage, "READY")
    before = asked(stage, "test.screen")
    assert stage.run_until(lambda: stage.screen() == b"\xff" * 1024, 2000)
    shown(stage, "Pixels complete?")
    stage.press("CANCEL")
    said(stage, before, '"result":{"seen": false}')


def test_each_key_is_told_and_none_of_them_does_anything(stage: Stage) -> None:
    before = typed(stage, "test keys")
    shown(stage, "0 / 20")
    for name in ROWS:
        stage.press(name)
        stage.run(60)
    said(stage, before, "# missing none")
    assert "# came " + " ".join(str(number) for number in range(20)) + "\r\n" in stage.serial()[before:]
    shown(stage, "READY")
    before = asked(stage, "test.keys")
    shown(stage, "0 / 20")
    began = stage.terminal.clock.now_us
    while '"came"' not in stage.serial()[before:] and stage.terminal.clock.now_us - began < 40_000_000:
        for name in ("MENU", "5"):  # somebody who tries the same two again and again
            stage.press(name)
            stage.run(200)
    said(stage, before, '"came": [3, 9]')
    assert '"missing": [0, 1, 2, 4,' in stage.serial()[before:]
    stage.run(1000)
    assert stage.journal() == {"pending": 0, "dead": 0}


def test_the_three_sounds_are_heard_also_where_the_terminal_was_told_to_be_quiet() -> None:
    stage = opened(sounds="none")
    try:
        before = typed(stage, "test sound")
        shown(stage, "Heard 3 sounds?")
        assert {"ok", "offline", "refused"} <= set(heard(stage.terminal.board.buzzer.heard))
        stage.press("OK")
        said(stage, before, "# heard True")
        count = len([hz for _, hz in stage.terminal.board.buzzer.heard if hz])
        stage.press("9")
        stage.press("CANCEL")
        stage.lay("phone")
        stage.run(3000)
        assert len([hz for _, hz in stage.terminal.board.buzzer.heard if hz]) == count, "and is quiet again"
    finally:
        stage.close()


def test_paper_shows_it_or_the_code_says_why_not(stage: Stage) -> None:
    before = typed(stage, "test printer")
    shown(stage, "Printed well?")
    assert stage.receipts()[-1].count("ABCabc 0123456789") == 1
    stage.press("OK")
    said(stage, before, "# printed True")
    shown(stage, "READY")
    stage.printer("paper-out")
    count = len(stage.receipts())
    before = asked(stage, "test.printer")
    said(stage, before, '"printed": false')
    assert '"code": "P32"' in stage.serial()[before:]
    assert len(stage.receipts()) == count
    shown(stage, "READY")


def test_a_terminal_without_a_printer_says_so_and_asks_nobody() -> None:
    stage = opened(printer="none")
    try:
        before = asked(stage, "test.printer")
        said(stage, before, "no printer is fitted")
        assert "Printed" not in "".join(stage.screen_lines())
    finally:
        stage.close()


def test_no_test_begins_in_a_sale_or_on_a_dark_screen_nor_without_the_right(stage: Stage) -> None:
    for name in ("SALE", *"125", "000"):
        stage.press(name)
    stage.run(200)
    for name in ("screen", "keys", "sound", "printer"):
        before = asked(stage, "test." + name)
        said(stage, before, '"code": 1001')
    assert any("125,000" in line for line in stage.screen_lines()), "the sale stands there"
    stage.press("OK")
    stage.lay("gold-card")
    assert stage.run_until(lambda: stage.ledger()["ali"] == 1125, 20_000)
    stage.remove(None)
    stage.run(3000)
    stage.press("OK")
    shown(stage, "READY")
    stage.part("display", plugged=False)
    stage.run(3000)
    before = asked(stage, "test.sound")
    said(stage, before, '"R02"', 2000)
    stage.part("display", plugged=True)
    stage.run(3000)
    shown(stage, "READY")
    before = typed(stage, "rights drop")
    stage.run(500)
    before = asked(stage, "test.sound")
    said(stage, before, '"code": 1002')


def test_a_cable_pulled_in_the_middle_leaves_a_terminal_that_sells_and_can_be_tested_again(stage: Stage) -> None:
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        port.write(framed({"jsonrpc": "2.0", "id": next(_numbers), "method": "test.keys"}))
        shown(stage, "0 / 20")
    stage.run(30_000)
    shown(stage, "READY")
    for name in ("SALE", *"125", "000", "OK"):
        stage.press(name)
    stage.lay("gold-card")
    assert stage.run_until(lambda: stage.ledger()["ali"] == 1125, 20_000)
    stage.remove(None)
    stage.run(3000)
    stage.press("OK")
    shown(stage, "READY")
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        line = Line(port, idle=lambda: _presses_ok(stage))
        assert line.call("test.sound", timeout=100, tries=100) == {"heard": True}
    assert stage.terminal.starts == 1


def _presses_ok(stage: Stage) -> None:
    stage.run(20)
    if any("Heard 3" in row for row in stage.screen_lines()):
        stage.press("OK")


def test_a_program_that_was_refused_is_told_the_number(stage: Stage) -> None:
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        stage.press("SALE")
        stage.run(200)
        line = Line(port, idle=lambda: stage.run(20))
        with pytest.raises(RpcError) as refused:
            line.call("test.sound", timeout=0.5, tries=100)
        assert refused.value.number == 1001
