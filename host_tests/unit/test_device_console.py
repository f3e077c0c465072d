"""The tool's console: completion from the terminal's help, a history without secrets, the terminal's lines above it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from host_tests.patience import wait_for
from host_tests.unit.rooms_kit import Rooms
from host_tests.unit.rpc_kit import Wire
from tools.device import console
from tools.device.console import Discreet, Shell, kept_history, private, words_of
from tools.device.contact import Contact
from tools.rpc.client import Line


@pytest.mark.parametrize(
    "line",
    ["answer 12345678", "forget 04A1B2C3D4E5F6", "zeroise 12", "rights answer 12345678", '{"jsonrpc":"2.0"}',
     "queue list 9C599B32", "clock set 1800000000"],
)  # fmt: skip
def test_what_opens_a_right_or_names_a_card_is_not_kept(line: str, tmp_path: Path) -> None:
    assert private(line)
    history = kept_history(tmp_path / "deep" / "history")
    for typed in (line, "queue show 12", "log 20", "status"):
        history.append_string(typed)
    kept = (tmp_path / "deep" / "history").read_text()
    assert line not in kept and "queue show 12" in kept and "log 20" in kept
    assert line not in history.get_strings()
    assert (tmp_path / "deep" / "history").stat().st_mode & 0o077 == 0


class Flow:
    """A line of a terminal that sends these lines, one at each look, then nothing."""

    def __init__(self, *lines: str) -> None:
        self.lines = ["", *lines]
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def said(self) -> list[str]:
        line = self.lines.pop(0) if self.lines else ""
        return [line] if line else []

    def send(self, _words: str) -> None: ...

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


PIECES = [f"J{number:x} 0.1.{number:x} AAAA 00000000" for number in range(20)]
WHOLE, RING = "J14 end 20 20 0 00000000", "J14 stopped 00000000"


@pytest.mark.parametrize(
    ("words", "lines", "code"),
    [
        ("export", [*PIECES, WHOLE], 0),
        ("export", [*PIECES[:3], "", "", "7 S20 sync", *PIECES[3:], WHOLE], 0),
        ("export", PIECES, 4),
        ("export", [*PIECES, RING], 4),
        ("export", [*PIECES, "export stopped: the port was not read"], 4),
        ("export", ["unknown command; help lists them"], 2),
        ("export", [], 4),
        ("log 3", ["7 S20 sync"], 0),
        ("log 3", ["7 S20 sync"] * 50, 4),
    ],
    ids=["whole", "a pause", "silence", "overtaken", "stopped", "refused", "nothing", "a log", "a log cut off"],
)
def test_only_what_came_to_its_end_is_told_as_whole(
    words: str, lines: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    flow = Flow(*lines)
    monkeypatch.setattr(console, "time", flow)
    output = SimpleNamespace(as_json=True, event=lambda *_what, **_how: None, say=told.append)
    contact = cast("Contact", SimpleNamespace(output=output, timeout_s=2.0))
    assert console._sent(contact, cast("Line", flow), words, 0.1) == code
    assert bool(told) == (code == 4) and all("did not come to its end" in text for text in told)


def test_the_words_to_complete_are_those_of_the_terminals_help() -> None:
    wire = Wire(Rooms())
    words = words_of(wire.type("help"))
    wire.close()
    assert {"help", "log", "queue", "clock", "rights", "reboot", "ping"} <= set(words)
    assert all(" " not in word for word in words)


def test_a_person_types_words_and_reads_lines_until_ctrl_d(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, said = Wire(Rooms()), list[str]()
    monkeypatch.setattr(console, "print", lambda text, **_: said.append(text), raising=False)
    history = InMemoryHistory()

    def reads_and_leaves() -> None:
        try:
            wait_for(lambda: any("up 5" in text for text in said))
        finally:
            given.send_text("\x04")

    with create_pipe_input() as given:
        given.send_text("ping\ranswer 12345678\r")
        person = threading.Thread(target=reads_and_leaves)
        person.start()
        Shell(wire.line).run(Discreet(history), given, DummyOutput())
        person.join()
    wire.close()
    assert any("up 5" in text for text in said)
    assert history.get_strings() == [] or "answer 12345678" not in history.get_strings()
