"""A terminal that was asked to its prompt: what comes back is named, and whatever ends the command it sells again."""

from __future__ import annotations

import json
import os
import pty
import signal
import threading
import time
import tty
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from host_tests.patience import PATIENCE_S, wait_for
from tools.device import cli, flash_chip, probing, terminal
from tools.device.contact import Contact
from tools.device.errors import DeviceError, SafeMode, TerminalSilent
from tools.device.flash import Flashing
from tools.device.flash_store import Allowed
from tools.device.output import Output
from tools.device.ports import Port
from tools.device.probing import Answers, Found

HELLO = {"tid": "VAFA0001", "board": "s3", "fw": "0.1.0"}
RAW = b"raw REPL; CTRL-B to exit\r\n>"


class Board:
    """What stands behind a port. `state` is selling, prompt, safe, silent; `after` the one a restart leads to."""

    def __init__(self) -> None:
        self.far, near = pty.openpty()
        tty.setraw(near)
        self.path = os.ttyname(near)
        os.close(near)
        self.state, self.after = "selling", "prompt"
        self.in_use = 0  # times it does not stop when asked
        self.stops = 0  # times it was asked to stop
        self.leaves_late = False  # says once more that it runs, and restarts
        self.deaf = 0  # questions it does not answer
        self.asked = 0
        self.said_meanwhile = b""  # in place of an answer
        self.disturbed = False  # something other than `hello` came
        self.ran: list[bytes] = []
        self.ended = False
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.ended = True
        self.thread.join(2)
        os.close(self.far)

    def _live(self) -> None:
        heard = b""
        os.set_blocking(self.far, False)
        while not self.ended:
            try:
                heard += os.read(self.far, 1024)
            except OSError:
                time.sleep(0.005)
                continue
            heard = self._answered(heard)

    def _answered(self, heard: bytes) -> bytes:
        self.disturbed = self.disturbed or b"\x03" in heard or b"\xc0" in heard
        if b'"hello"' in heard and heard.endswith(b"\n"):
            self.asked += 1
            if self.state in ("selling", "safe") and self.asked > self.deaf:
                mode = "safe" if self.state == "safe" else "normal"
                self._say(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {**HELLO, "mode": mode}}).encode() + b"\r\n")
            else:
                self._say(self.said_meanwhile)
            return b""
        if self.state == "selling" and b"maintenance\r" in heard:
            self.stops += 1
            if self.in_use:
                self.in_use -= 1
                self._say(b"# not now: the till is in use; end what is on the screen, then type maintenance again\r\n")
                return b""
            self._say(b"# restarting to the Python prompt\r\n")
            self.state = self.after
            return b""
        if self.state == "selling" and b"\x01" in heard:
            self._say(b"# Vafa is running. Python prompt: type maintenance\r\n")
            if self.leaves_late:
                self.state = self.after
            return b""
        if self.state == "prompt":
            return self._at_prompt(heard)
        return heard

    def _at_prompt(self, heard: bytes) -> bytes:
        if b"\x05A\x01" in heard:
            self._say(b"R\x00")
            return b""
        if heard.endswith(b"\x04") and len(heard) > 1:
            self.ran.append(heard[:-1])
            self._say(b"OK")
            if b"machine.reset()" in heard:
                self.state = "selling"
            else:
                self._say(b"\x04\x04>")
            return b""
        if heard == b"\x04":
            self._say(b"soft reboot\r\n" + RAW)
            return b""
        if b"\x01" in heard:
            self._say(RAW)
            return b""
        return heard

    def _say(self, text: bytes) -> None:
        os.write(self.far, text)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setattr(terminal, "_PROBE_S", 1.0)
    monkeypatch.setattr(terminal, "_RESTART_S", 1.5)
    monkeypatch.setattr(probing, "_HELLO_S", (PATIENCE_S,))
    made = Board()
    try:
        yield made
    finally:
        made.close()


def sells(board: Board) -> bool:
    wait_for(lambda: board.state == "selling", lambda: board.state)
    return True


@pytest.mark.parametrize(("after", "error"), [("safe", SafeMode), ("silent", TerminalSilent)])
def test_a_terminal_that_comes_back_elsewhere_is_named_by_where_it_is(
    board: Board, after: str, error: type[DeviceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    board.after = after
    if after == "silent":
        monkeypatch.setattr(probing, "_HELLO_S", (0.3, 0.3))
    with pytest.raises(error) as raised:
        terminal.prompt_with(board.path, "pass", maintenance=True)
    assert ("Press RESET" in raised.value.next_step) == (after == "silent"), "it stands where nobody sees why"


def test_the_page_of_a_start_is_waited_for(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_AGAIN_S", 0.05)
    board.in_use = 3
    terminal.prompt_with(board.path, "pass", maintenance=True).close()
    told = capsys.readouterr().err
    assert board.in_use == 0 and told.count("waiting up to 25 s") == 1 and "OK on the terminal" in told
    assert sells(board)


@pytest.mark.parametrize("patience", ["0", "0.3"])
def test_a_till_in_use_is_waited_for_as_long_as_the_command_says(
    board: Board, monkeypatch: pytest.MonkeyPatch, patience: str
) -> None:
    monkeypatch.setattr(terminal, "_AGAIN_S", 0.05)
    board.in_use = 1000
    asked = ["wipe", "--json", "--maintenance", "--yes", "--port", board.path, "--timeout", patience]
    result = CliRunner().invoke(cli.main, asked)
    last = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, last["code"]) == (4, "D02") and "OK or CANCEL" in last["next"] and "20 s" in last["next"]
    assert "--maintenance" not in last["next"] and board.state == "selling"
    assert ("waiting" in result.stderr) == (patience != "0") and (board.in_use == 999) == (patience == "0")


@pytest.mark.parametrize("then", ["in use", "free", "on its way out"])
def test_ctrl_c_while_a_till_in_use_is_waited_for_asks_it_for_nothing_more(
    board: Board, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(terminal, "_AGAIN_S", 0.05)
    board.in_use = 1000

    def interrupted(*_said: object, **_options: object) -> None:
        board.in_use = 999 if then == "in use" else 0
        board.leaves_late = then == "on its way out"
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal.click, "echo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        terminal.prompt_with(board.path, "pass", maintenance=True)
    assert board.stops == 1 and sells(board) and bool(board.ran) == (then == "on its way out")


def test_a_command_that_ends_while_the_terminal_restarts_has_it_sell_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, calls = terminal._after_restart, []

    def interrupted(*way: object, **how: object) -> object:
        calls.append(way)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return after(*way, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(terminal, "_after_restart", interrupted)
    with pytest.raises(KeyboardInterrupt):
        terminal.prompt_with(board.path, "pass", maintenance=True)
    assert sells(board) and board.ran


def test_a_command_that_ends_while_its_program_goes_over_has_the_terminal_sell_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_way: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal.TerminalPrompt, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        terminal.prompt_with(board.path, "pass", maintenance=True)
    assert sells(board)


@pytest.mark.parametrize("when", ["its session is closed", "it is looked for"])
def test_a_flash_that_ends_just_after_it_stopped_the_terminal_has_it_sell_again(
    board: Board, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    close, calls = terminal.TerminalPrompt.close, []

    def interrupted(*way: object) -> None:
        calls.append(way)
        if when == "its session is closed" and len(calls) == 1:
            close(*way)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    of = (terminal.TerminalPrompt, "close") if when == "its session is closed" else (flash_chip, "wait_for")
    monkeypatch.setattr(*of, interrupted)
    found = Found(Answers.APPLICATION, board.path, "s3", terminal="VAFA0001")
    monkeypatch.setattr(Contact, "one", lambda *_wanted: found)
    with pytest.raises(KeyboardInterrupt):
        Flashing(Contact(Output(as_json=True), port=board.path, yes=True), None, None, Allowed()).run()
    assert calls and sells(board)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_takes_the_way_out_of_ctrl_c_and_is_as_before_afterwards(name: str) -> None:
    number = getattr(signal, name)
    before, ends = signal.getsignal(number), []

    @click.command("sleep-there")
    def sleeping() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            ends.append("sells again")

    cli.main.add_command(sleeping)
    try:
        result = CliRunner().invoke(cli.main, ["sleep-there"])
    finally:
        del cli.main.commands["sleep-there"]
    assert result.exit_code == 130 and ends == ["sells again"]
    assert signal.getsignal(number) is before


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_HELLO_S", (0.5, 0.5, PATIENCE_S))
    monkeypatch.setattr(probing, "_PROMPT_S", 0.1)
    monkeypatch.setattr(probing, "_ROM_S", 0.1)


BUSY = b'{"jsonrpc":"2.0","id":1,"error":{"code":1001,"message":"busy"}}\r\n'


@pytest.mark.parametrize(
    "meanwhile", [b"", b"# 10:00 I00 settled\r\n", BUSY], ids=["nothing", "a line of the log", "busy"]
)
def test_a_till_that_is_late_is_named_before_anything_else_is_asked(
    board: Board, hasty: None, meanwhile: bytes
) -> None:
    board.deaf, board.said_meanwhile = 2, meanwhile
    found = probing.probe(Port(board.path))
    assert (found.answers, found.terminal) == (Answers.APPLICATION, "VAFA0001")
    assert board.asked == 3 and not board.disturbed


def test_a_program_that_takes_words_alone_is_known_by_its_second_answer(board: Board, hasty: None) -> None:
    board.deaf, board.said_meanwhile = 9, b"# unknown command; help lists them\r\n"
    found = probing.probe(Port(board.path))
    assert (found.answers, found.terminal) == (Answers.APPLICATION, "")
    assert board.asked == 2 and not board.disturbed


def test_what_another_tool_left_in_the_line_is_no_answer(board: Board, hasty: None) -> None:
    board.deaf, board.said_meanwhile = 1, b"# unknown command; help lists them\r\n"
    found = probing.probe(Port(board.path))
    assert (found.answers, found.terminal) == (Answers.APPLICATION, "VAFA0001")


def test_a_board_that_says_nothing_is_asked_so_often_and_no_more(
    board: Board, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_HELLO_S", (0.5, 0.5, 0.5))
    board.state = "silent"
    assert probing.probe(Port(board.path)).answers is Answers.SILENT
    assert board.asked == 3 and board.disturbed
