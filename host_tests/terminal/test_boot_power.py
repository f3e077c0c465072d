"""Power cut at every flash operation of a start, of a trial, of its confirmation or end: one of the two programs runs.

boot.py, main.py and slots.py are the product's; the programs in the slots are small ones that say their name and then
do what a file tells them. The default takes three ways of tearing an operation on the S3; the long form
(VAFA_POWER=long, `make power`) all of them on both boards. Each case is played with a fresh directory, and with one so
full that the file system has to move it: then an erase is among the operations.
"""

from __future__ import annotations

import functools
import os

import pytest

from firmware.service.slots import State
from tools.firmware import program
from tools.sim import image
from tools.sim.chips.nor import Nor, Torn
from tools.sim.layout import LAYOUTS
from tools.sim.terminal import Terminal

LONG = os.environ.get("VAFA_POWER") == "long"
WAYS = tuple(Torn) if LONG else (Torn.NOTHING, Torn.DONE, Torn.RANDOM_BITS)
PROGRAM = """
def built(mode):
    from firmware.service import slots
    print("program", "{name}")
    with open("/act") as file:
        act = file.read()
    if act == "begin_trial":
        slots.begin_trial("b")
    elif act[:5] == "fill|":
        _, writes, decided, then = act.split("|")
        state = slots.read()
        for tries in range(int(writes)):
            state.tries = tries & 1
            slots.write(state)
        with open("/act", "w") as file:
            file.write(then)
        with open("/boot.dat", "wb") as file:
            file.write(bytes.fromhex(decided))
    elif act:
        getattr(slots, act)()
    print("acted")
"""
SAFE = 'def serve(board, why):\n    print("program safe")\n'
BOARD = "def this_board():\n    return None\n"


def decided(trial: str = "", tries: int = 0, failed: int = 0) -> State:
    state = State()
    state.trial, state.tries, state.failed = trial, tries, failed
    return state


# What is decided before, what the program does, and which programs may run after a cut.
CASES = {
    "start": (decided(), "", "a"),
    "start after a failed one": (decided(failed=2), "", "a"),
    "started well": (decided(failed=2), "started_well", "a"),
    "trial begins": (decided(), "begin_trial", "ab"),
    "trial starts": (decided("b", 3), "", "b"),
    "last try starts": (decided("b", 1), "", "ab"),
    "confirmed": (decided("b", 3), "confirm", "b"),
    "confirmed at the last try": (decided("b", 1), "confirm", "ab"),
    "given up": (decided("b", 3), "give_up", "ab"),
    "safe mode asked for": (decided(), "ask_for_safe_mode", ["a", "safe"]),
    "safe mode starts": (decided(failed=6), "", ["a", "safe"]),
}


@functools.cache
def tiny(board: str, name: str) -> bytes:
    def compiled(module: str, source: str) -> bytes:
        return image.compile_module(source.encode(), module, board)

    slots = (image.REPOSITORY / "firmware" / "service" / "slots.py").read_text()
    modules = {
        "firmware/__init__.mpy": compiled("firmware", ""),
        "firmware/board.mpy": compiled("firmware.board", BOARD),
        "firmware/starting.mpy": compiled("firmware.starting", PROGRAM.format(name=name)),
        "firmware/service/__init__.mpy": compiled("firmware.service", ""),
        "firmware/service/safe.mpy": compiled("firmware.service.safe", SAFE),
        "firmware/service/slots.mpy": compiled("firmware.service.slots", slots),
    }
    return program.slot(modules, image.REPOSITORY, board)


def volume(board: str, state: State, act: str) -> bytes:
    whole = image.staged_files(image.REPOSITORY, board)
    files = {name: whole[name] for name in ("boot.py", "main.py", "bundlefs.mpy", "slots.mpy")}
    files |= {f"slot_{name}.vfu": tiny(board, name) for name in "ab"}
    files |= {"safe.vfu": tiny(board, "safe"), "boot.dat": state.packed(), "act": act.encode()}
    size = LAYOUTS[board].partitions["vfs"][1]
    return image.volume_image(files, size, program_size=LAYOUTS[board].program_size)


def terminal_with(board: str, flash: bytes) -> Terminal:
    nor = Nor(LAYOUTS[board].flash_size)
    start, size = LAYOUTS[board].partitions["vfs"]
    nor.image[start : start + size] = flash
    return Terminal(board, flash=nor)


def played(terminal: Terminal, op: int = 0, torn: Torn = Torn.NOTHING) -> str:
    """Power on, to the end of the program or of the power, which is cut at this operation; what was said."""
    before = len(terminal.serial_output())
    terminal.power_on()
    if op:
        terminal.cut_at_flash_op(op, torn)
    assert terminal.run_until(lambda: not terminal.alive, 20_000), terminal.serial_output()
    return terminal.serial_output()[before:].replace("\r\n", "\n")


def decision(terminal: Terminal) -> bytes:
    start, size = terminal.layout.partitions["vfs"]
    return image.read_file(terminal.nor.image[start : start + size], "boot.dat") or b""


@functools.cache
def operations(board: str, case: str, full: int) -> tuple[str, ...]:
    """The kinds of flash operations from power-on to the end."""
    terminal = terminal_with(board, filled(board, case, full))
    kinds: list[str] = []
    terminal.nor.before_op = lambda kind, _where, _data: kinds.append(kind)
    try:
        played(terminal)
        return tuple(kinds)
    finally:
        terminal.close()


@functools.cache
def filling_operations(board: str) -> tuple[str, ...]:
    """Of more writes than a directory has room for."""
    terminal = terminal_with(board, volume(board, decided(), f"fill|200|{decided().packed().hex()}|"))
    kinds: list[str] = []
    terminal.nor.before_op = lambda kind, _where, _data: kinds.append(kind)
    try:
        played(terminal)
        return tuple(kinds)
    finally:
        terminal.close()


@functools.cache
def filled(board: str, case: str, writes: int) -> bytes:
    """The volume a case begins with, after so many writes of its own."""
    state, act, _ = CASES[case]
    if not writes:
        return volume(board, state, act)
    terminal = terminal_with(board, volume(board, decided(), f"fill|{writes}|{state.packed().hex()}|{act}"))
    try:
        assert "acted" in played(terminal)
        start, size = terminal.layout.partitions["vfs"]
        return bytes(terminal.nor.image[start : start + size])
    finally:
        terminal.close()


def cut(board: str, case: str, full: int, op: int, torn: Torn) -> None:
    _, _, allowed = CASES[case]
    told = f"{case}, operation {op} {torn.value}, {full} writes before"
    terminal = terminal_with(board, filled(board, case, full))
    try:
        played(terminal, op, torn)
        assert not terminal.powered, told
        found = State(decision(terminal))
        assert found.packed() == decision(terminal), told  # never a torn one
        said = played(terminal)
        assert [name for name in allowed if f"program {name}\n" in said] != [], (told, said)
        assert "X03" not in said, told
        assert terminal.powered, told
        again = played_again(terminal)
        assert [name for name in (*"ab", "safe") if f"program {name}\n" in again] != [], (told, again)
    finally:
        terminal.close()


def played_again(terminal: Terminal) -> str:
    terminal.power_off()
    return played(terminal)


def nearly_full(board: str, case: str) -> int:
    """So many writes before the case that an erase is among its operations."""
    first = filling_operations(board).index("erase")
    for writes in range(first, max(0, first - 9), -1):
        if "erase" in operations(board, case, writes):
            return writes
    raise AssertionError("the directory is never moved")


@pytest.mark.timeout(1800 if LONG else 600)
@pytest.mark.parametrize("board", ["s3", "pico"] if LONG else ["s3"])
@pytest.mark.parametrize("case", CASES)
def test_after_a_cut_one_of_the_two_programs_runs(case: str, board: str) -> None:
    kinds = operations(board, case, 0)
    assert kinds or case == "start after a failed one"
    for op in range(1, len(kinds) + 1):
        for torn in WAYS:
            cut(board, case, 0, op, torn)


@pytest.mark.timeout(3600 if LONG else 600)
@pytest.mark.parametrize("board", ["s3", "pico"] if LONG else ["s3"])
@pytest.mark.parametrize("case", CASES if LONG else ["trial starts", "confirmed"])
def test_also_when_the_directory_has_to_be_moved(case: str, board: str) -> None:
    writes = nearly_full(board, case)
    for op in range(1, len(operations(board, case, writes)) + 1):
        for torn in WAYS:
            cut(board, case, writes, op, torn)
