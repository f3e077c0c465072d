"""Which program starts: two slots, a trial that has to be confirmed, and starts that failed. `/boot.dat` remembers.

Compiled twice: into the root as `slots.mpy`, which boot.py and main.py import, and into the program, for whoever puts
an update into a slot. The file is 16 bytes: "VBT1", letter of the slot that runs for good, letter of the slot on trial
or 0, starts the trial has left, failed starts, flags, starts given back to the trial, two zeros, crc32 of all that u32
(little-endian). It is rewritten in one commit of the file system: after a power cut the old or the new content is
there. What cannot be read counts as slot a, no trial, no failures. Imports nothing of ours: it has to work when the
program is damaged.

A start that did not come to 30 s of healthy running has failed. One that ended in a reset counts 2, one that ended
because the power went 1, since a loose plug is no fault of the program; at 6 the program of safe mode starts.
"""

import os
from binascii import crc32

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PATH = "/boot.dat"
HEAD = const(2048)  # bytes of an update before its bundle
SLOTS = ("a", "b")
SAFE = "safe"
TRIES = const(3)
_GIVEN_MOST = const(5)  # a program that restarts itself for ever ends its trial all the same

_MAGIC = const(b"VBT1")
_SIZE = const(16)
_OPEN = const(1)  # the program was started and has not run well yet
_ASKED = const(2)  # somebody wants safe mode at the next start
_BY_RESET = const(2)
_BY_POWER = const(1)
_TOO_OFTEN = const(6)


class State:
    """What `/boot.dat` holds. `trial` is "" or a slot; with no tries left it is one that was given up."""

    def __init__(self, raw: bytes = b"") -> None:
        self.active = "a"
        self.trial = ""
        self.tries = 0
        self.failed = 0
        self.flags = 0
        self.given = 0
        if len(raw) == _SIZE and raw[:4] == _MAGIC and crc32(raw[:12]) == int.from_bytes(raw[12:], "little"):
            self.active = chr(raw[4])
            self.trial = chr(raw[5]) if raw[5] else ""
            self.tries, self.failed, self.flags, self.given = raw[6:10]

    def packed(self) -> bytes:
        """As it lies in the file."""
        raw = _MAGIC + bytes(
            (ord(self.active), ord(self.trial or "\0"), self.tries, min(self.failed, 255), self.flags, self.given, 0, 0)
        )
        return raw + crc32(raw).to_bytes(4, "little")

    def first(self) -> str:
        """The slot to start."""
        return self.trial if self.trial and self.tries else self.active

    def unsafe(self) -> str:
        """Why safe mode shall start instead, or ""."""
        if self.flags & _ASKED:
            return "asked for"
        return "failed starts" if self.failed >= _TOO_OFTEN else ""


def other(slot: str) -> str:
    """The slot that is not this one."""
    return "b" if slot == "a" else "a"


def file_of(slot: str) -> str:
    """Where a slot, or the program of safe mode, lies."""
    return "/safe.vfu" if slot == SAFE else "/slot_" + slot + ".vfu"


def running() -> str:
    """The slot boot.py mounted; "" when the program is built into the runtime."""
    return getattr(__import__("__main__"), "vafa_slot", "")  # not in sys.modules there


def read(path: str = PATH) -> State:
    """What was decided last."""
    try:
        with open(path, "rb") as file:
            return State(file.read(_SIZE + 1))
    except OSError:
        return State()


def write(state: State, path: str = PATH) -> None:
    """Remember; in one commit. Raises OSError."""
    with open(path, "wb") as file:
        file.write(state.packed())


# --- boot.py and main.py ----------------------------------------------------------------------------------------------


def ended(power_on: bool, path: str = PATH) -> State:
    """What is remembered, with the start before this one counted."""
    state = read(path)
    if state.flags & _OPEN:
        state.flags &= ~_OPEN
        state.failed += _BY_POWER if power_on else _BY_RESET
    return state


def mount(state: State, bundle: "Callable[[str, int], Any]", place: str = "/app") -> "tuple[str, str, str]":
    """Mount the program: (mode, slot, why it is not the plain case). A slot that is damaged is passed over."""
    first, safe = state.first(), state.unsafe()
    why = [safe] if safe else []
    if state.trial and not state.tries:
        why.append("update in slot {} was given up".format(state.trial))
    found = False
    for slot in (SAFE, first, other(first)) if safe else (first, other(first), SAFE):
        path = file_of(slot)
        try:
            os.stat(path)
        except OSError:
            continue
        found = True
        try:
            os.mount(bundle(path, HEAD), place)
        except OSError as error:
            why.append("{}: {}".format(path, error))
            continue
        # A board without a program of safe mode has it in each slot, too.
        return "safe" if safe or slot == SAFE else "normal", "" if slot == SAFE else slot, ", ".join(why)
    mode = "damaged" if found else "safe" if safe else "normal"  # without files: what is built into the runtime
    return mode, "", ", ".join(why)


def began(state: State, mode: str, slot: str, path: str = PATH) -> None:
    """The program starts now. A start of a slot on trial costs a try, any other has failed until it says otherwise."""
    state.flags = 0
    if mode == "safe":
        state.failed = 0
    elif mode == "normal":
        if slot and slot == state.trial and state.tries:
            state.tries -= 1
        else:
            state.flags = _OPEN
    if state.packed() != read(path).packed():
        write(state, path)


# --- the program ------------------------------------------------------------------------------------------------------


def started_well(path: str = PATH) -> None:
    """The program has run long enough: no start has failed so far. Raises OSError."""
    state = read(path)
    if state.failed or state.flags:
        state.failed = state.flags = 0
        write(state, path)


def ended_well(path: str = PATH) -> None:
    """The program ends because somebody wants it, or has nothing to run: this start has not failed. Raises OSError."""
    state = read(path)
    if state.flags & _OPEN:
        state.flags &= ~_OPEN
        write(state, path)


def wanted(path: str = PATH) -> None:
    """Somebody wants a restart: this start has not failed, and a trial has its try back, a few times. Raises
    OSError."""
    ended_well(path)
    state = read(path)
    if state.trial and state.trial == running() and state.given < _GIVEN_MOST:
        state.tries += 1
        state.given += 1
        write(state, path)


def ask_for_safe_mode(path: str = PATH) -> None:
    """The next start is one of safe mode. Raises OSError."""
    wanted(path)
    state = read(path)
    state.flags = _ASKED
    write(state, path)


def begin_trial(slot: str, tries: int = TRIES, path: str = PATH) -> None:
    """From the next start on this slot runs, so many starts long. Raises OSError, ValueError for the slot that runs."""
    state = read(path)
    if slot not in SLOTS or slot == state.active:
        raise ValueError("slot " + slot)
    state.trial, state.tries = slot, tries
    state.failed = state.flags = state.given = 0
    write(state, path)


def on_trial(path: str = PATH) -> bool:
    """Whether what runs has still to be confirmed."""
    slot = running()
    return bool(slot) and slot == read(path).trial


def confirm(path: str = PATH) -> bool:
    """What runs stays; False when it is not on trial. Raises OSError."""
    state, slot = read(path), running()
    if not slot or slot != state.trial:
        return False
    state.active, state.trial, state.tries, state.given = slot, "", 0, 0
    write(state, path)
    return True


def give_up(path: str = PATH) -> None:
    """The former slot runs again from the next start on. Raises OSError."""
    state = read(path)
    if state.trial and state.tries:
        state.tries = 0
        write(state, path)


def given_up(path: str = PATH) -> str:
    """The slot whose trial ended without a confirmation, or ""."""
    state = read(path)
    return state.trial if state.trial and not state.tries and state.trial != running() else ""
