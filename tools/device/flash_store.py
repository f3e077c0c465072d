"""What a terminal's store holds before it is flashed, and whether the command said that this may be lost.

`flash` does not write into the store. It still stops for unsent transactions: a program that does not start again
keeps them from the switch, and a new partition table may lose their place. Counting is wipe's, the copy is backup's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tools.device import archive, board_seen, esp_image, new_file
from tools.device import backup as backups
from tools.device import wipe_on_terminal as wipe_there
from tools.device.board_seen import Seen
from tools.device.contact import Contact
from tools.device.errors import PlanUnfit
from tools.device.esptool_run import Esptool
from tools.device.flash_plan import places, same_store
from tools.device.ports import identity
from tools.device.terminal import TerminalPrompt, prompt_with
from tools.device.wipe import OtherTerminal, State, StoreDoesNotOpen, UnsentWouldBeLost

FOLDER = Path("build/backups")


@dataclass(frozen=True)
class Allowed:
    """What the command says may be lost, and the name it types for a store nobody can count."""

    discard: str = ""
    serial: str = ""


def at_prompt(contact: Contact, port: str, seen: Seen, allowed: Allowed, *, ask: bool) -> str:
    """What is told of the store of a board at its prompt. A store that is not blank is saved before anything is asked.

    Raises UnsentWouldBeLost, StoreDoesNotOpen, OtherTerminal; with `ask` False only tells.
    """
    _same_place(seen)
    if seen.store != "written":
        return "store empty"
    if not seen.program:
        if not ask:
            return "store written; no program is there to count it"
        session = prompt_with(port, board_seen.program(), stay=True)
        try:
            raw = board_seen.raw_store(session)
        finally:
            session.close()
        saved = _keep_raw(contact, seen.unique, raw)
        _unreadable(allowed, seen.unique, f"no program is there to count it; saved in {saved}")
        return f"store not readable, saved in {saved}, not touched"
    state = _counted(contact, port, save=ask)
    if ask:
        _decided(state, allowed)
    if state.code:
        return f"store does not open ({state.code}), not touched"
    return f"{state.named} unsent: stop" if state.lost and not ask else f"{state.named} unsent, not touched"


def in_loader(contact: Contact, tool: Esptool, serial: str, allowed: Allowed, *, ask: bool) -> str:
    """The same for an ESP32-S3 in its loader, where the store can be read and not counted."""
    rows = esp_image.table_rows_of(tool.read(esp_image.TABLE_AT, esp_image.TABLE_SIZE))
    found = next(((start, size) for name, _, _, start, size in rows if name == "txlog"), None)
    if found is None:
        return "store empty"  # never one of ours: no such region
    raw = tool.read(*found)
    if not raw.strip(b"\xff"):
        return "store empty"
    if not ask:
        return "store written, not readable here: start the program and count it"
    saved = _keep_raw(contact, serial, raw)
    if not same_store(rows):
        raise PlanUnfit(f"the board's table has the store at {found[0]:#x}; saved in {saved}")
    _unreadable(allowed, serial, f"the loader cannot count it; saved in {saved}")
    return f"store not readable here, saved in {saved}, not touched"


def _same_place(seen: Seen) -> None:
    if seen.board != "s3" or seen.store != "written" or seen.store_at < 0:
        return
    ours = next(place for place in places("s3") if place.name == "txlog")
    base = next(place for place in places("s3") if place.name == "vfs").start
    # The simulated chip has only what lies behind the interpreter.
    if (seen.store_at, seen.store_size) not in ((ours.start, ours.size), (ours.start - base, ours.size)):
        raise PlanUnfit(f"the board's table has the store at {seen.store_at:#x}, ours at {ours.start:#x}")


def _counted(contact: Contact, port: str, *, save: bool) -> State:
    """As wipe counts; saved as backup saves, when there is something to save."""
    text = Path(wipe_there.__file__).read_text(encoding="utf-8")
    regions = Path(backups.regions_there.__file__).read_text(encoding="utf-8")
    session: TerminalPrompt = prompt_with(port, f"{text}\n{regions}\n{backups.SETUP}\n", stay=True)
    try:
        if save:
            made = backups.taken(session, contact.output.say, int(time.time()))
            target = backups.default_path(made)
            archive.write(target, made)
            contact.output.event("saved", file=str(target))
            contact.output.say(f"saved in {target}")
        return backups.Wiper(session, contact.output.say).look()
    finally:
        session.close()


def _decided(state: State, allowed: Allowed) -> None:
    if state.code:
        _unreadable(allowed, state.name or state.unique, f"the firmware says {state.code}")
    elif state.named not in ("0", allowed.discard):
        raise UnsentWouldBeLost(
            f"{state.lost} transactions: {state.waiting} wait for the switch, {state.unanswered} had no answer, "
            f"{state.dead} were refused",
            "Best: connect it and let it send, or bring the program with `update`, which keeps them. "
            f"To flash all the same: --discard {state.named}",
        )


def _unreadable(allowed: Allowed, name: str, why: str) -> None:
    if allowed.discard != wipe_there.UNREADABLE:
        raise StoreDoesNotOpen(why, "To flash all the same: --discard unreadable --serial and the terminal's name.")
    if not allowed.serial or allowed.serial not in (name, identity(name)):
        raise OtherTerminal(f"it says {name}" if allowed.serial else "--serial is missing")


def _keep_raw(contact: Contact, name: str, raw: bytes) -> Path:
    path = FOLDER / f"{name or 'board'}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.raw"
    new_file.save({path: raw})
    contact.output.event("saved", file=str(path))
    contact.output.say(f"saved in {path}")
    return path
