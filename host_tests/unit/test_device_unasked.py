"""Nobody's till is stopped unasked: dry runs say what a running terminal tells, questions come before it goes down,
and a file that does not fit is refused before either."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from host_tests.terminal.update_programs import program
from host_tests.unit.test_provision_terminal import SERIAL, Board, Prompt
from tools.device import accept, backup, cli, contact, flash, provision, repl, unprovisioned, update, verify
from tools.device.errors import TerminalProgram, TerminalSells
from tools.device.output import Output
from tools.device.probing import Answers, Found

HELLO = {"tid": "VAFA0001", "build": 7, "slot": "a", "unsent": 3, "mode": "normal"}


class Till:
    """A connected terminal that runs; being asked to its prompt ends the test."""

    def __init__(self) -> None:
        self.found = Found(Answers.APPLICATION, "P", "s3", "abcd", "VAFA0001", "0.1.0", hello=HELLO)

    def all(self) -> list[Found]:
        return [self.found]

    def stopped(self, *_way: object, **_options: object) -> None:
        raise AssertionError("it was stopped")


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    made = Till()
    monkeypatch.setattr(contact.Contact, "all", made.all)
    for module in (accept, backup, provision):
        monkeypatch.setattr(module, "prompt", made.stopped)
    for module in (flash, repl, update, verify):
        monkeypatch.setattr(module, "prompt_with", made.stopped)
    return made


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release") / "next.vfu"
    path.write_bytes(program())
    return path


def tool(*arguments: str, says: str = "n\n") -> tuple[Result, dict[str, Any]]:
    result = CliRunner().invoke(cli.main, ["--json", *arguments], input=says, catch_exceptions=False)
    lines = result.stdout.splitlines()
    return result, json.loads(lines[-1]) if lines else {}


@pytest.mark.parametrize("command", ["update", "verify", "accept", "repl", "backup", "backup --maintenance", "flash"])
def test_a_dry_run_stops_no_till(till: Till, release: Path, command: str) -> None:
    words = [command, str(release)] if command == "update" else command.split()
    result, last = tool(*words, "--dry-run")
    assert result.exit_code == 0, result.output
    if command in ("update", "verify", "backup", "backup --maintenance"):
        assert (last["unsent"], last["build"], last["slot"]) == (3, 7, "a")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["update"], 5),
        (["verify", "--maintenance"], 5),
        (["accept"], 5),
        (["repl"], 5),
        (["backup", "--maintenance"], 5),
        (["flash"], 5),
    ],
)
def test_a_no_comes_before_the_till_is_stopped(till: Till, release: Path, words: list[str], code: int) -> None:
    result, _ = tool(*words, *([str(release)] if words == ["update"] else []))
    assert result.exit_code == code, result.output
    with pytest.raises(AssertionError, match="was stopped"):
        tool(*words, *([str(release)] if words == ["update"] else []), "--yes")


def test_a_no_to_another_wifi_is_a_no(till: Till) -> None:
    result, last = tool("provision", "--wifi", "shop-c", says="a third word\nn\n")
    assert (result.exit_code, last["code"]) == (5, "D15"), result.output


def test_a_till_that_is_left_alone_is_told_of_an_option_by_commands_that_have_it_alone(till: Till) -> None:
    told = []
    for name, command in cli.main.commands.items():
        with click.Context(command), pytest.raises(TerminalSells) as refused:
            contact.Contact(Output(False)).one(Answers.PROMPT)
        has = any(option.name == "maintenance" for option in command.params)
        assert ("--maintenance" in refused.value.next_step) is has, name
        told += [name] if has else []
    assert {"backup", "verify", "wipe"} <= set(told) and "replace" not in told
    assert "--" not in TerminalSells("the till is in use").next_step


@pytest.mark.parametrize("spoil", ["payload", "short", "long", "board"])
def test_a_file_that_does_not_fit_is_refused_before_any_question(
    till: Till, release: Path, tmp_path: Path, spoil: str
) -> None:
    content = bytearray(release.read_bytes())
    if spoil == "payload":
        content[-1] ^= 1
    elif spoil == "short":
        del content[-1]
    elif spoil == "long":
        content.append(0)
    else:
        till.found = Found(Answers.APPLICATION, "P", "pico", "abcd", "VAFA0001", hello={**HELLO, "board": "pico"})
    path = tmp_path / "next.vfu"
    path.write_bytes(content)
    result, last = tool("update", str(path), says="")
    assert (result.exit_code, last["code"]) == ((5, "D72") if spoil == "board" else (9, "D95")), result.output
    assert "Put build" not in result.stderr


def test_a_port_that_is_not_there_is_an_error_also_for_list(tmp_path: Path) -> None:
    result, last = tool("list", "--port", str(tmp_path / "ttyS99"))
    assert (result.exit_code, last["code"]) == (3, "D01")


def test_health_of_a_terminal_at_its_prompt_says_how_to_go_on(till: Till) -> None:
    till.found = Found(Answers.PROMPT, "P", "s3", "abcd")
    result, last = tool("health")
    assert (result.exit_code, last["code"]) == (4, "D71") and last["next"].startswith("Restart it")


@pytest.mark.parametrize("command", ["health", "logs", "label"])
def test_a_terminal_that_was_never_provisioned_is_told_to_be_provisioned_and_not_to_be_restarted(
    till: Till, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    till.found = Found(Answers.PROMPT, "P", "s3", "abcd")
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(unique_id=lambda: bytes.fromhex(SERIAL)))
    monkeypatch.setattr(unprovisioned, "prompt", lambda *_way, **_more: Prompt(Board(tmp_path)))
    result, last = tool(command)
    assert (result.exit_code, last["code"]) == (4, "K01"), result.output
    assert last["next"].startswith("Run `provision`")


def test_a_board_without_a_program_is_told_to_be_flashed(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(*_way: object, **_more: object) -> None:
        raise TerminalProgram("ImportError: no module named 'firmware'")

    till.found = Found(Answers.PROMPT, "P", "s3", "abcd")
    monkeypatch.setattr(unprovisioned, "prompt", bare)
    result, last = tool("health")
    assert (result.exit_code, last["code"]) == (4, "D71") and "`flash`" in last["next"]
