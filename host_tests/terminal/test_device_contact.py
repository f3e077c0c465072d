"""What the tool finds at a port: a selling terminal, its prompt, a loader, another program, no right, nothing."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from host_tests.terminal import beside
from tools.device import probing
from tools.device.ports import identity
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Start())
    try:
        made.open()
        yield made
    finally:
        made.close()


def tool(
    *arguments: str, live: Callable[[], object] = lambda: time.sleep(0.02), **named: str
) -> tuple[int, list[dict[str, Any]], str]:
    """Run the tool: exit code, its JSON lines, what it told people."""
    return beside.tool(live, lambda: "", *arguments, **{"VAFA_PORTS": "", "VAFA_BOOTSEL": "", **named})


def test_a_till_is_named_without_being_disturbed_and_so_is_its_prompt(stage: Stage) -> None:
    path = stage.terminal.serial_path

    def paced() -> None:
        """Unpaced the terminal's minute, after which an amount is forgotten, is over within a second of the tool's."""
        time.sleep(0.02)
        stage.run(20)

    for name in ("SALE", "1", "2"):
        stage.press(name)
    before = stage.screen_lines()
    code, events, told = tool("list", live=paced, VAFA_PORTS=path)
    assert code == 0, told
    assert events[0]["state"] == "application" and events[0]["port"] == path
    assert stage.screen_lines() == before and stage.terminal.starts == 1
    for _ in range(3):
        stage.press("CANCEL")
    stage.terminal.serial_type("maintenance\r")
    assert stage.run_until(lambda: stage.terminal.starts == 2 and not stage.terminal.alive, 5000)
    code, events, told = tool("list", live=lambda: stage.run(20), VAFA_PORTS=path)
    assert code == 0 and events[0]["state"] == "prompt" and events[0]["firmware"].startswith("MicroPython"), told


def test_no_question_of_the_tool_ends_or_prolongs_an_amount_on_the_screen(stage: Stage) -> None:
    """Asked again and again, a prompt's and a loader's questions among them, it is forgotten as ever."""

    def forgotten_after(*questions: bytes) -> float:
        for name in ("SALE", "1", "2"):
            stage.press(name)
        begun = stage.terminal.clock.now_us
        asked = 0
        while "12" in stage.screen_lines():
            stage.run(100)
            passed = (stage.terminal.clock.now_us - begun) // 1000
            assert passed < 90_000
            if passed >= asked:
                for question in questions:
                    stage.terminal.serial.type(question)
                asked += 1500
        return (stage.terminal.clock.now_us - begun) / 1000

    alone = forgotten_after()
    asked = forgotten_after(probing.HELLO, probing.PROMPT, probing.SYNC, b"\r\x01")
    assert abs(asked - alone) <= 100 and alone > 50_000
    assert stage.terminal.starts == 1


def test_a_loader_is_told_from_a_board_that_says_nothing() -> None:
    loader, host = pty.openpty()
    dumb, silent = pty.openpty()
    both = os.pathsep.join((os.ttyname(host), os.ttyname(silent)))
    for fd in (host, silent):
        tty.setraw(fd)
        os.close(fd)  # who has it open counts as a program that uses the port

    def answer() -> None:
        heard = b""
        while probing.SYNC[:4] not in heard:
            try:
                heard += os.read(loader, 200)
            except OSError:
                time.sleep(0.01)  # nobody there yet
        os.write(loader, b"\xc0\x01\x08\x04\x00\x07\x07\x12\x20\x00\x00\x00\x00\xc0")

    threading.Thread(target=answer, daemon=True).start()
    code, events, told = tool("list", VAFA_PORTS=both)
    assert code == 0, told
    assert [event["state"] for event in events[:2]] == ["rom", "silent"]
    os.close(loader)
    os.close(dumb)


def test_a_port_in_use_names_the_program_and_a_forbidden_one_says_so(tmp_path: Path) -> None:
    terminal, host = pty.openpty()
    path = os.ttyname(host)
    with serial.Serial(path):
        _, events, told = tool("list", VAFA_PORTS=path)
        assert events[0]["state"] == "busy" and f"(pid {os.getpid()})" in events[0]["detail"], told
    os.close(host)
    forbidden = tmp_path / "port"
    forbidden.touch(0)
    if os.geteuid():  # nothing is forbidden to root
        _, events, told = tool("list", VAFA_PORTS=str(forbidden))
        assert events[0]["state"] == "denied" and "usermod" not in told
    os.close(terminal)


@pytest.mark.parametrize(
    ("said", "compared"),
    [
        ("F4:12:FA:4A:8B:68", "f412fa4a8b68"),
        ("f412fa4a8b680000", "f412fa4a8b68"),
        ("E6614864D3417A31", "e6614864d3417a31"),
    ],
)
def test_a_serial_number_is_compared_as_the_board_means_it(said: str, compared: str) -> None:
    assert identity(said) == compared
