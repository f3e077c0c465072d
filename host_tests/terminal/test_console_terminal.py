"""The console of the shipped firmware on its serial port: noise, mpremote's control bytes, the way to the prompt."""

from __future__ import annotations

import importlib
import json
import random
import re
from collections.abc import Callable, Iterator

import pytest
import serial

from firmware.service import methods
from host_tests.terminal.stage_time import waits_with
from host_tests.terminal.test_runtime_serial import mpremote
from tools.rpc.client import Line, RpcError
from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.terminal import Terminal

RUNNING = "# Vafa is running. Python prompt: type maintenance\r\n"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(Start())
    try:
        made.open()
        waits_with(made, monkeypatch)
        yield made
    finally:
        made.close()


def heard(stage: Stage, port: serial.Serial, complete: Callable[[str], bool]) -> str:
    """What comes on the host's side until it is complete; no more than a simulated minute."""
    got = ""
    for _ in range(3000):
        if complete(got):
            break
        stage.run(20)
        got += port.read(port.in_waiting).decode()
    stage.run(200)
    return got + port.read(port.in_waiting).decode()


def shown(stage: Stage, text: str, timeout_ms: int = 20_000) -> None:
    assert stage.run_until(lambda: any(text in line for line in stage.screen_lines()), timeout_ms), stage.screen_lines()


def keys(stage: Stage, names: str) -> None:
    for name in names.split():
        stage.press(name)
        stage.run(100)


def program(stage: Stage, port: serial.Serial) -> Line:
    """A program's end of the line; the terminal lives on while it waits."""
    return Line(port, idle=lambda: stage.run(10))


def sell(stage: Stage, points: int, sum_at_switch: int) -> None:
    keys(stage, " ".join(str(points)) + " 000 OK")
    stage.lay("gold-card")
    assert stage.run_until(lambda: stage.ledger()["ali"] == sum_at_switch, 20_000), stage.screen_lines()
    stage.run(2000)
    stage.remove("gold-card")
    keys(stage, "OK")
    shown(stage, "READY")


def test_what_mpremote_sends_to_a_selling_terminal_gets_one_line_and_the_sale_goes_on(stage: Stage) -> None:
    keys(stage, "SALE 1 2 5 000")
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        stage.run(100)
        port.reset_input_buffer()
        port.write(b"\r\x03\r\x01")
        assert heard(stage, port, lambda text: "running" in text) == RUNNING
        stage.run(1000)
        port.write(b"\x02\x03\x03\x04\r")
        assert heard(stage, port, lambda text: "running" in text) == RUNNING
        port.write(b"maintenance\r")
        got = heard(stage, port, lambda text: "\n" in text)
        assert got.startswith("# not now: the till is in use") and got.count("\n") == 1
    keys(stage, "OK")
    stage.lay("gold-card")
    assert stage.run_until(lambda: stage.ledger()["ali"] == 1125, 20_000)
    assert stage.terminal.starts == 1


def test_noise_on_the_line_harms_nothing(stage: Stage) -> None:
    noise = random.Random(87)
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        for burst in (b"\xff\xfe\n", bytes(range(256)) + b"\n", *(noise.randbytes(400) + b"\n" for _ in range(8))):
            port.write(burst)
            stage.run(400)
        heard(stage, port, lambda text: not text)
        port.write(b"status\r")
        got = heard(stage, port, lambda text: "reader" in text)
        assert "# link online" in got
        assert "# minimum build 0" in got
        assert "restarted" not in got
    assert "X00" not in stage.serial()
    assert stage.terminal.alive and stage.terminal.starts == 1
    done = maintenance(stage.terminal, "import os; print(sorted(os.listdir('/')))")
    assert "fault.txt" not in done


def maintenance(terminal: Terminal, program: str) -> str:
    """By the console's word to the prompt, and there a program through the unmodified mpremote."""
    terminal.serial_type("maintenance\r")
    assert terminal.run_until(lambda: terminal.starts == 2 and not terminal.alive, 5000), terminal.serial_output()
    done = mpremote(terminal, "exec", program)
    assert done.returncode == 0, done
    return done.stdout


def test_maintenance_gives_mpremote_the_prompt_until_the_next_reset_and_then_it_sells_again(stage: Stage) -> None:
    sell(stage, 125, 1125)
    terminal = stage.terminal
    assert maintenance(terminal, "print(6 * 7)") == "42\n"
    assert terminal.reset_cause == "SOFT"
    assert any("Maintenance" in line for line in stage.screen_lines())
    assert "maintenance" not in mpremote(terminal, "fs", "ls").stdout, "the flag is for one start"
    assert mpremote(terminal, "fs", "cat", ":config/settings.json").stdout.startswith("{")
    assert mpremote(terminal, "reset").returncode == 0
    assert stage.run_until(lambda: terminal.alive, 5000)
    stage.run(2000)
    keys(stage, "OK")
    shown(stage, "READY")
    sell(stage, 75, 1200)
    assert stage.ledger_problems() == []


def test_a_program_asks_a_selling_terminal_and_the_sale_goes_on(stage: Stage) -> None:
    keys(stage, "SALE 1 2 5 000")
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        line = program(stage, port)
        found = line.call("hello")
        assert (found["proto"], found["tid"], found["board"], found["unsent"]) == (1, "VAFA0001", "s3", 0)
        assert any("link online" in told for told in line.call("status")["lines"])
    keys(stage, "OK")
    stage.lay("gold-card")
    assert stage.run_until(lambda: stage.ledger()["ali"] == 1125, 20_000)


def test_nothing_a_program_can_look_at_shows_a_key_a_card_or_a_member(stage: Stage) -> None:
    sell(stage, 125, 1125)
    provisioned = demo.keys()
    secrets = [value for value in provisioned.values() if isinstance(value, str) and len(value) >= 6]
    assert len(secrets) >= 4, "there are keys to look for"
    said = [stage.serial()]
    with serial.Serial(stage.terminal.serial_path, 115200, timeout=0) as port:
        line = program(stage, port)
        asked = 0
        for entry in methods.GROUPS.split():
            name = entry.partition(":")[0]
            module = importlib.import_module(f"firmware.service.methods.{name}")
            for method, level in module.RIGHTS.items():
                if level == 0 and method not in getattr(module, "CHANGES", ()):
                    full = method if name == "base" else f"{name}.{method}"
                    try:
                        said.append(json.dumps(line.call(full, {"seq": 1} if full == "queue.show" else None)))
                        asked += 1
                    except RpcError as error:
                        said.append(f"{error.code} {error}")
        assert asked >= 12
        said += line.said()
    text = "\n".join(said).lower()
    uid = stage.start.cards["gold-card"].uid.hex()
    for secret in [*(value.lower() for value in secrets), uid]:
        assert secret not in text
    assert not re.search(r"\b(ali|sara|reza|maryam)\b", text)
