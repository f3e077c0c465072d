"""Safe mode: three failed starts, a held key or no whole slot lead there; nothing is sold, the journal still leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.service import slots
from host_tests.terminal.test_runtime_serial import mpremote
from tools.firmware import program
from tools.sim import demo, image
from tools.sim.provision import Provisioning
from tools.sim.terminal import Terminal

CRASHES = b"raise ValueError('a new program')\n"


def made(board: str = "s3", language: str = "en") -> Terminal:
    settings = demo.settings("127.0.0.1", 9) | {"language": language}
    return Terminal(board, provisioning=Provisioning(settings, demo.keys(), b"\x30\x03ABC"))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    one = made()
    try:
        yield one
    finally:
        one.close()


def volume(terminal: Terminal) -> tuple[int, int]:
    return terminal.layout.partitions["vfs"]


def file(terminal: Terminal, name: str) -> bytes:
    start, size = volume(terminal)
    return image.read_file(terminal.nor.image[start : start + size], name) or b""


NAMES = (
    *("boot.py", "main.py", "bundlefs.mpy", "slots.mpy", "boot.dat", "slot_a.vfu", "slot_b.vfu", "safe.vfu"),
    *("config/settings.json", "config/keys.json", "config/ca.der"),
)


def put(terminal: Terminal, files: dict[str, bytes]) -> None:
    """A file system with these beside what is there; written over, a program would have to lie there twice."""
    start, size = volume(terminal)
    there = {name: raw for name in NAMES if (raw := file(terminal, name))}
    fresh = image.volume_image({**there, **files}, size, program_size=terminal.layout.program_size)
    terminal.nor.image[start : start + size] = fresh


def damage(terminal: Terminal, name: str) -> None:
    raw = bytearray(file(terminal, name))
    raw[len(raw) // 2] ^= 1
    put(terminal, {name: bytes(raw)})


def said(terminal: Terminal, text: str, within_ms: int = 40_000) -> str:
    """What is said until this is."""
    before = len(terminal.serial_output())
    assert terminal.run_until(lambda: text in terminal.serial_output()[before:], within_ms), terminal.serial_output()
    return terminal.serial_output()[before:]


def typed(terminal: Terminal, line: str) -> str:
    """What is said to this line."""
    before = len(terminal.serial_output())
    terminal.serial_type(line + "\r")
    terminal.run(1500)
    return terminal.serial_output()[before:]


def state(terminal: Terminal) -> slots.State:
    return slots.State(file(terminal, "boot.dat"))


def crashing(board: str = "s3") -> bytes:
    """A whole program that does not come to its first screen."""
    modules = image.compiled_modules(image.REPOSITORY, board)
    modules["firmware/starting.mpy"] = image.compile_module(CRASHES, "firmware.starting", board)
    return program.slot(modules, image.REPOSITORY, board)


def on_trial(tries: int = slots.TRIES) -> bytes:
    wanted = slots.State()
    wanted.trial, wanted.tries = "b", tries
    return wanted.packed()


READY = "Vafa 0.1.0 on"
SAFE = "help lists what can be asked"


def test_no_whole_slot_leads_to_safe_mode_where_the_journal_still_leaves(terminal: Terminal) -> None:
    damage(terminal, "slot_a.vfu")
    put(terminal, {"slot_b.vfu": file(terminal, "slot_a.vfu")})
    terminal.power_on()
    assert "/slot_a.vfu: cut off or altered, /slot_b.vfu: cut off or altered" in said(terminal, SAFE)
    assert any(terminal.screen())
    assert "export, update, maintenance, reboot" in typed(terminal, "help")
    assert '"mode": "safe"' in typed(terminal, '{"jsonrpc":"2.0","id":1,"method":"hello"}')
    assert "-32601" in typed(terminal, '{"jsonrpc":"2.0","id":2,"method":"queue.list"}')
    assert "-32601" in typed(terminal, '{"jsonrpc":"2.0","id":3,"method":"health"}')
    assert "not in safe mode" in typed(terminal, "queue")
    assert "no update lies here" in typed(terminal, "update")
    terminal.serial_type("export\r")
    assert "J0 begin" in said(terminal, "J1 end")
    assert "boot" in mpremote(terminal, "fs", "ls").stdout, "the prompt is free for tools"


def test_a_damaged_slot_is_passed_over(terminal: Terminal) -> None:
    put(terminal, {"slot_b.vfu": file(terminal, "slot_a.vfu")})
    damage(terminal, "slot_a.vfu")
    terminal.power_on()
    said(terminal, READY)


@pytest.mark.parametrize("board", ["s3", "pico"])
def test_starts_that_fail_lead_to_safe_mode_and_off_and_on_leaves_it(board: str) -> None:
    terminal = made(board, "fa")
    try:
        good = file(terminal, "slot_a.vfu")
        put(terminal, {"slot_a.vfu": crashing(board)})
        terminal.power_on()
        if board == "s3":
            assert said(terminal, SAFE).count("a new program") == 3
            assert any(terminal.screen())
            put(terminal, {"slot_a.vfu": good})
        else:
            assert terminal.run_until(lambda: terminal.starts == 4, 40_000)
            terminal.run(1000)
            put(terminal, {"slot_a.vfu": good})
            terminal.power_off()
            put(terminal, {"boot.dat": failed_often()})
            terminal.power_on()
            said(terminal, SAFE)
        terminal.power_off()
        terminal.power_on()
        said(terminal, READY)
        terminal.run(32_000)
        assert (state(terminal).failed, state(terminal).flags) == (0, 0), "this start went well"
    finally:
        terminal.close()


def failed_often() -> bytes:
    wanted = slots.State()
    wanted.failed = 6
    return wanted.packed()


def test_power_that_goes_five_times_is_no_fault_of_the_program(terminal: Terminal) -> None:
    for _ in range(5):
        terminal.power_on()
        said(terminal, READY)
        terminal.power_off()
    terminal.power_on()
    assert "safe mode" not in said(terminal, READY)


def test_cancel_held_from_power_on_on_leads_to_safe_mode(terminal: Terminal) -> None:
    terminal.key_down("CANCEL")
    terminal.power_on()
    assert "because: asked for" in said(terminal, SAFE)
    terminal.key_up("CANCEL")
    terminal.power_off()
    terminal.key_down("CANCEL")
    terminal.power_on()
    terminal.run(1000)
    terminal.key_up("CANCEL")
    said(terminal, READY)


def test_a_trial_that_does_not_start_ends_after_three_starts_and_the_program_before_runs(terminal: Terminal) -> None:
    put(terminal, {"slot_b.vfu": crashing(), "boot.dat": on_trial()})
    terminal.power_on()
    assert said(terminal, READY, 60_000).count("a new program") == 3
    assert terminal.starts == 4
    found = state(terminal)
    assert (found.active, found.trial, found.tries, found.failed) == ("a", "b", 0, 0)
