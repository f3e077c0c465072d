"""`decommission`: a terminal leaves for good. What waits is sent, its journal saved, keys and all of its store erased,
then its file system, where pieces of deleted files may lie.

In this order, and each step only after the one before: a cable pulled at any moment leaves a terminal that the same
command takes on. Nothing that only this terminal knows is lost unless the command names its number. Seconds.
"""

from __future__ import annotations

import binascii
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import click

from tools.device import archive as archives
from tools.device import erase_on_terminal as erasing_there
from tools.device import new_file
from tools.device import wipe_on_terminal as wipe_there
from tools.device.archive import Backup
from tools.device.asking import Terminal, asked
from tools.device.backup import FOLDER, Session, at_prompt, default_path, taken
from tools.device.contact import Contact, contact_options
from tools.device.errors import TerminalProgram, TerminalSilent
from tools.device.partition import Region, regions
from tools.device.probing import Answers, Found
from tools.device.secrets_cli import Declined
from tools.device.terminal import prompt
from tools.device.wipe import FlashNotErased, OtherTerminal, UnsentWouldBeLost, Wiper, decided
from tools.sim.layout import LAYOUTS

SETUP = "erasing = Erasing(print)"
_BETWEEN_S = 1.0
_NO_PROGRAM = "ImportError"


class StoreNotEmpty(UnsentWouldBeLost):
    """Its program is gone and its store is not."""

    next_step = "Put its program back (`flash`), then run again: the store is counted before it goes."


def unsettled(told: dict[str, object]) -> int:
    """What only the terminal knows, by `queue.count`."""
    return sum(value for name in ("waiting", "unanswered", "rejected") if isinstance(value := told.get(name), int))


def uploaded(terminal: Terminal, say: Callable[[str], object], seconds: float) -> int:
    """Wait until nothing waits for the switch, so long; what is left then."""
    until, before = time.monotonic() + seconds, -1
    while True:
        told = terminal.ask("queue.count")
        left = unsettled(told)
        if left != before:
            say(f"{left} not settled with the switch")
            before = left
        # What the switch refused for good waits for a person, not for the line.
        if not left or left == told.get("rejected") or time.monotonic() >= until:
            return left
        terminal.line.wait(_BETWEEN_S)


def erased(contact: Contact, discard: str, serial: str, target: Path | None, *, maintenance: bool) -> Backup | None:
    """Save, count, wipe and erase at the prompt; None when the program is gone already. Raises as `wipe` does."""
    also = Path(erasing_there.__file__).read_text(encoding="utf-8") + f"\n{SETUP}"
    try:
        session = at_prompt(contact, maintenance=maintenance, also=also)
    except TerminalProgram as error:
        if str(error.args[0]).startswith(_NO_PROGRAM):
            return None
        raise
    say = contact.output.say
    try:
        made = taken(session, say, int(time.time()))
        wiper = Wiper(session, say)
        state = wiper.look()
        agreed, high = decided(state, wipe_there.ALL, discard, serial)
        if serial and serial not in (state.name, state.unique):
            raise OtherTerminal(f"it says {state.name or state.unique}")
        if contact.dry_run:
            named = state.name or state.unique
            contact.output.event("result", dry_run=True, terminal=named, unsettled=state.lost)
            say(f"dry run: {named}: {state.named} not settled; journal saved, then all of it would be erased")
            return made
        if not contact.agreed(f"Erase {state.name or state.unique} for good?"):
            raise Declined(f"{state.name or state.unique} is as it was")
        if made.counts.empty:
            say("it never held a record: there is no journal to save")
        else:
            path = target or default_path(made)
            archives.write(path, made)
            say(f"journal saved in {path}")
        wiper.wipe(wipe_there.ALL, agreed, high)
        say("keys, members, journal and settings are erased")
        erase_files(session, made.board, say)
        return made
    finally:
        session.close()


def erase_files(session: Session, board: str, say: Callable[[str], object]) -> None:
    """The file system of a device whose store is empty. Raises StoreNotEmpty, FlashNotErased."""
    store_is_empty(session, board)
    vfs = _file_system(board)
    said = _said(session, f"erasing.files('vfs', {vfs.start}, {vfs.size})", say)
    if said[-1] != ["over", "0"]:
        raise FlashNotErased(f"{said[-1][-1]} sectors of the file system")


def store_is_empty(session: Session, board: str) -> None:
    """Raises StoreNotEmpty."""
    for region in regions(board):
        if region.name != "vfs":
            said = _said(session, f"erasing.look({region.name!r}, {region.start}, {region.size})")
            if said[-1][2] != "0":
                raise StoreNotEmpty(f"{region.name} holds {said[-1][2]} sectors")


def _file_system(board: str) -> Region:
    return next(region for region in regions(board) if region.name == "vfs")


def _said(session: Session, call: str, say: Callable[[str], object] | None = None) -> list[list[str]]:
    lines: list[list[str]] = []

    def heard(line: str) -> None:
        text, _, crc = line.strip().rpartition(" ")
        with contextlib.suppress(ValueError):
            if binascii.crc32(text.encode()) == int(crc, 16):
                lines.append(text.split(" "))
                if say is not None and lines[-1][0] == "erased":
                    say(f"file system: {lines[-1][2]} of {lines[-1][3]} sectors")

    session.run(call, heard)
    if not lines:
        raise TerminalSilent("it did not say what became of it")
    return lines


@click.command()
@click.option("--discard", default="", metavar="N", help="So many transactions may be lost: exactly what it holds.")
@click.option("--serial", default="", help="Its name, for a journal that does not open.")
@click.option("--to", "path", type=click.Path(dir_okay=False, path_type=Path), help="Where its journal is saved.")
@contact_options
def decommission(contact: Contact, discard: str, serial: str, path: Path | None) -> None:
    """Erase a terminal that leaves for good.

    It sends what waits, then its journal is saved, and its keys, store and files are erased. Asks first.
    """
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    if found.answers is Answers.APPLICATION:
        if contact.dry_run:
            would = "it would send what waits, be stopped, its journal saved, then keys, store and files erased"
            contact.told_only(found, would)
            return
        new_file.tried(path or new_file.unnamed(FOLDER))
        contact.may_stop(found, " for good, once all is sent")
        with asked(contact) as terminal:
            left = uploaded(terminal, contact.output.say, contact.timeout_s)
        if left and discard.partition("+")[0] != str(left):
            raise UnsentWouldBeLost(f"{left} transactions are not settled with the switch")
    made = erased(contact, discard, serial, path, maintenance=found.answers is Answers.APPLICATION)
    if made is None:
        without_program(contact, found)
    elif not contact.dry_run:
        _told(contact, made.terminal, made.serial)


def without_program(contact: Contact, found: Found) -> None:
    """A bare interpreter: its file system went in an earlier try, or part of it. Raises as `erase_files`, Declined."""
    say = contact.output.say
    if contact.dry_run:
        contact.output.event("result", dry_run=True)
        say("dry run: its program is gone already; what may be left of its files would be erased")
        return
    session = prompt(found.port, Path(erasing_there.__file__), SETUP, maintenance=False)
    try:
        said = _said(session, "erasing.about()")[-1]
        if len(said) != 3 or said[1] not in LAYOUTS:
            raise TerminalSilent("it does not say which board it is")
        board, serial = said[1:]
        store_is_empty(session, board)
        files = _file_system(board)
        if _said(session, f"erasing.left('vfs', {files.start}, {files.size})")[-1][2] == "0":
            say("There is nothing left to do: no program, no keys, no journal, no files of the shop.")
        elif contact.agreed(f"{serial} has no program of ours and an empty store. Erase its files for good?"):
            erase_files(session, board, say)
        else:
            raise Declined(f"{serial} is as it was")
    finally:
        session.close()
    _told(contact, "", serial)


def _told(contact: Contact, name: str, serial: str) -> None:
    contact.output.event("result", terminal=name, serial=serial, erased=True)
    contact.output.say("Nothing of the shop is left on it.")
    contact.output.say(f"At the switch: `terminal block {name or 'ID'}`, unless another device took its place.")
