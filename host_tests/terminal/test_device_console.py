"""`console` and `repl` at the shipped firmware: words and answers, the prompt through the real mpremote, and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from host_tests.terminal.test_console_terminal import keys, sell, shown
from host_tests.terminal.test_device_contact import tool
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


def test_words_are_answered_and_the_prompt_is_lent_and_given_back(stage: Stage) -> None:
    port = stage.terminal.serial_path
    code, events, told = tool("console", "--port", port, "ping", live=lambda: stage.run(20))
    assert code == 0, told
    assert any(event["text"].startswith("up ") for event in events)
    keys(stage, "1")
    once = ["repl", "--port", port, "--yes", "--timeout", "0", "--exec", "print(6 * 7)"]
    code, _, told = tool(*once, live=lambda: stage.run(20))
    assert code == 4 and "the till is in use" in told, "nobody is sent away in the middle of a sale"
    keys(stage, "CANCEL OK")
    code, events, told = tool("repl", "--port", port, "--yes", "--exec", "print(6 * 7)", live=lambda: stage.run(20))
    assert code == 0 and "sells again" in told, told
    assert events[-1]["said"].strip() == "42"
    assert stage.run_until(lambda: stage.terminal.alive, 5000)
    stage.run(2000)
    keys(stage, "OK")
    shown(stage, "READY")
    sell(stage, 125, 1125)


def test_a_terminal_that_somebody_left_at_its_prompt_sells_again_after_the_next_visit(stage: Stage) -> None:
    port = stage.terminal.serial_path
    stay = ("repl", "--port", port, "--yes", "--stay", "--exec")
    code, _, told = tool(*stay, "1/0", live=lambda: stage.run(20))
    assert code == 6 and "restarts" not in told, told
    code, events, told = tool(*stay, "print(1)", live=lambda: stage.run(20))
    assert code == 0 and events[-1]["said"].strip() == "1", told
    code, events, told = tool("repl", "--port", port, "--yes", "--exec", "print(2)", live=lambda: stage.run(20))
    assert code == 0 and events[-1]["said"].strip() == "2" and "restarts" in told, told
    assert stage.run_until(lambda: stage.terminal.alive, 5000)
    stage.run(2000)
    keys(stage, "OK")
    shown(stage, "READY")


def test_what_the_terminal_refuses_is_an_exit_code_and_a_test_is_waited_for(stage: Stage) -> None:
    port = stage.terminal.serial_path

    def typed(*words: str, live: Callable[[], object] = lambda: stage.run(20)) -> tuple[int, str]:
        code, events, told = tool("console", "--port", port, *words, live=live)
        return code, "\n".join([event["text"] for event in events if event["event"] == "line"]) + told

    assert typed("frobnicate")[0] == 2
    assert typed("queue", "show", "x")[0] == 2
    code, said = typed("queue", "show", "999999")
    assert code == 4 and "1004" in said
    for words in ("test screen", "config get"):
        code, said = typed(*words.split())
        assert code == 7 and "K04" in said, said
    assert typed("right", "support")[0] == 0
    code, said = typed("answer", "12345678")
    assert code == 7 and "K05" in said, said
    assert typed("health")[0] == typed("status")[0] == typed("log", "3")[0] == 0
    assert stage.console_right("support")
    keys(stage, "1")
    code, said = typed("test", "screen")
    assert code == 4 and "in use" in said, said
    keys(stage, "CANCEL OK")
    code, said = typed("test", "screen")
    assert code == 0 and "seen" in said, said

    def paced() -> None:
        """As long for the terminal as for the tool."""
        time.sleep(0.02)
        stage.run(20)

    code, said = typed("test", "screen", "--timeout", "1", live=paced)
    assert code == 4 and "may still go on" in said, said
