"""`wipe`: empty a terminal's store, told beforehand what would be lost, and only when the command names just that.

Works at the Python prompt (`--maintenance` asks a selling terminal there). The counting and the erasing are done by
tools/device/wipe_on_terminal.py; here it is decided. Nothing is guessed: a store that does not open is wiped only with
the terminal's name typed beside it.
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click

from tools.device import capture as captures
from tools.device import new_file
from tools.device import wipe_on_terminal as there
from tools.device.contact import Contact, contact_options
from tools.device.errors import DeviceError, TerminalSilent
from tools.device.journal import CaptureIncomplete
from tools.device.probing import Answers
from tools.device.secrets_cli import Declined
from tools.device.terminal import prompt

SETUP = "from firmware.board import this_board\nwiping = Wipe(this_board(), print)"
COUNTED = frozenset(("journal", "vault", "settings"))  # without one of these what waits cannot be sent any more


class UnsentWouldBeLost(DeviceError):
    """The command does not name the number of transactions it would destroy."""

    code, title, exit_code = "D61", "The journal holds what only this terminal knows", 5
    next_step = "Best: connect it and let it send, then run again. To lose it: --discard with just that number."


class StoreDoesNotOpen(DeviceError):
    """Nobody can say what would be lost."""

    code, title, exit_code = "D62", "The journal does not open, so nobody can count what it holds", 5
    next_step = "To lose it: --discard unreadable --serial and the terminal's name."


SAVE_FIRST = "Save it first: --save FILE. "
SAVED = "It is saved: leave --save out. "


class OtherTerminal(DeviceError):
    """The typed name is another."""

    code, title, exit_code = "D63", "That is not this terminal's name", 5
    next_step = "Look which terminal is connected; its name stands on its label and in the console's `status`."


class WipeUnfinished(DeviceError):
    """An earlier wipe was cut short, and this command asks for something else."""

    code, title, exit_code = "D64", "An earlier wipe was not finished", 5
    next_step = "Give the command again as it was given then, without --save; it goes on where it stopped."


class FlashNotErased(DeviceError):
    """Sectors that do not come out blank."""

    code, title, exit_code = "D65", "Some of the flash cannot be erased", 6
    next_step = "What they held is overwritten with zeros. Replace the terminal: its flash is worn out."


class Session(Protocol):
    """The program on the terminal: `run` calls one of its functions and gives the lines it says."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...
    def close(self) -> None: ...


@dataclass
class State:
    """What the terminal said of itself. `code` is why the journal does not open."""

    name: str = ""
    unique: str = ""
    code: str = ""
    waiting: int = 0
    unanswered: int = 0
    dead: int = 0
    high: int = 0
    gaps: int = 0
    known: bool = False
    agreed: tuple[str, int, tuple[str, ...]] | None = None
    fit: int = there.OTHER  # of what was agreed, to the journal that is there now

    @property
    def lost(self) -> int:
        """Transactions a wipe would destroy, as far as they can be read."""
        return self.waiting + self.unanswered + self.dead

    @property
    def named(self) -> str:
        """What the command has to say of them: the number, and that it is not all when places cannot be read."""
        return str(self.lost) + (f"+{there.UNREADABLE}" if self.gaps else "")

    @property
    def holds(self) -> bool:
        """Whether what was agreed still says what a wipe would destroy: of a journal that opens, its numbers tell what
        came later; any other must be just as it was."""
        return self.fit == there.UNTOUCHED or (self.fit == there.SAME_JOURNAL and not self.code)


class Wiper:
    """One terminal at its prompt."""

    def __init__(self, session: Session, say: Callable[[str], object]) -> None:
        self._session = session
        self._say = say

    def look(self) -> State:
        """Count, and change nothing."""
        state = State()

        def heard(words: list[str]) -> None:
            if words[0] == "terminal" and len(words) == 3:
                state.name, state.unique = "" if words[1] == "-" else words[1], words[2]
            elif words[0] == "unfinished" and len(words) == 5:
                state.agreed, state.fit = (words[1], int(words[2]), tuple(words[3].split(","))), int(words[4])
            elif words[:2] == ["journal", "open"] and len(words) == 7:
                counts = [int(word) for word in words[2:]]
                state.waiting, state.unanswered, state.dead, state.high, state.gaps = counts
                state.known = True
            elif words[:2] == ["journal", "closed"] and len(words) == 3:
                state.code, state.known = words[2], True
            elif words == ["journal", "empty"]:
                state.known = True

        self._run("wiping.look()", heard)
        if not state.known or not state.unique:
            raise TerminalSilent("it did not say what its store holds")
        return state

    def save(self, path: Path) -> None:
        """Keep the journal's region in a new file that `journal` reads. Raises FileNotWritten, CaptureIncomplete."""
        lines: list[str] = []
        self._session.run("wiping.save()", lines.append)
        raw = ("\n".join(lines) + "\n").encode("ascii", "replace")
        taken = captures.parsed(raw)
        if not taken or not taken[-1].ended or taken[-1].missing:  # the next try brings them, under the same name
            raise CaptureIncomplete(
                "lines of it did not come: nothing was saved or wiped", "Look at the cable and run again."
            )
        new_file.save({path: raw})
        if taken[-1].unread:  # the flash does not give them: there is no more to be had
            raise CaptureIncomplete(
                f"{taken[-1].unread} places of the flash could not be read; the rest is in {path}, nothing was wiped",
                "Keep the file; to wipe, give the command without --save.",
            )
        self._say(f"journal saved in {path}; `journal` reads it with the terminal's keys")

    def wipe(self, what: tuple[str, ...], agreed: str, high: int) -> None:
        """Erase, telling how far it is. Raises FlashNotErased, TerminalSilent."""
        over: list[int] = []

        def heard(words: list[str]) -> None:
            if words[0] == "erased":
                self._say(f"{words[1]}: {words[2]} of {words[3]} sectors")
            elif words[0] == "failed":
                self._say(f"{words[1]}: sector {words[2]} cannot be erased")
            elif words[0] == "over":
                over.append(int(words[1]))

        self._run(f"wiping.wipe({what!r}, {agreed!r}, {high})", heard)
        if not over:
            raise TerminalSilent("it did not say that it is done")
        if over[0]:
            raise FlashNotErased(f"{over[0]} sectors")

    def _run(self, call: str, heard: Callable[[list[str]], object]) -> None:
        def checked(line: str) -> None:
            text, _, crc = line.strip().rpartition(" ")
            with contextlib.suppress(ValueError):
                if binascii.crc32(text.encode()) == int(crc, 16):
                    heard(text.split(" "))

        self._session.run(call, checked)


def decided(state: State, what: tuple[str, ...], discard: str, serial: str, first: str = "") -> tuple[str, int]:
    """What was agreed to lose, as the flag on the terminal keeps it. Raises when the command does not say it; then a
    person is told to do this `first`."""
    if state.agreed is not None and state.holds:
        number, high, parts = state.agreed
        if (discard or "0") == number and what == parts and state.high <= high:
            return number, high
        if state.high <= high:
            raise WipeUnfinished(f"it was: --discard {number}, of {', '.join(parts)}")
    if not COUNTED & set(what):
        return "0", 0
    if state.code:
        if discard != there.UNREADABLE:
            raise StoreDoesNotOpen(f"the firmware says {state.code}", first + StoreDoesNotOpen.next_step)
        if serial != (state.name or state.unique):
            raise OtherTerminal(f"it says {state.name or state.unique}" if serial else "--serial is missing")
        return discard, 0
    if (discard or "0") != state.named:
        why = (
            f"{state.lost} transactions: {state.waiting} wait for the switch, {state.unanswered} had no answer, "
            f"{state.dead} were refused"
        )
        if state.gaps:
            why = f"at least {why}; {state.gaps} places cannot be read, what stood there cannot be counted"
            raise UnsentWouldBeLost(why, f"{first}To lose all of it: --discard {state.named}")
        if not state.lost:
            raise UnsentWouldBeLost(why, "It holds nothing: leave --discard out.")
        best = "Best: connect it and let it send, then run again."
        raise UnsentWouldBeLost(why, f"{best} {first}To lose it: --discard {state.named}")
    return discard or "0", state.high


@click.command()
@click.option(
    "--maintenance", is_flag=True, help="Stop a terminal that sells, after a question; it restarts at the end."
)
@click.option(
    "--what",
    "parts",
    multiple=True,
    type=click.Choice(there.ALL),
    help="Only this (may be repeated); the vault takes the members with it. Default: everything.",
)
@click.option(
    "--discard",
    default="",
    metavar="N",
    help="So many transactions may be lost; `unreadable`, or N+unreadable, when they cannot (all) be counted.",
)
@click.option("--serial", default="", help="The terminal's name, for a journal that does not open.")
@click.option(
    "--save", "save_path", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Save the journal first."
)
@contact_options
def wipe(
    contact: Contact,
    maintenance: bool,
    parts: tuple[str, ...],
    discard: str,
    serial: str,
    save_path: Path | None,
) -> None:
    """Empty a terminal's store.

    Journal, members, keys and settings, or --what of them. Refused while something would be lost, unless --discard
    names how much. A terminal that sells is stopped only with --maintenance, after a question.
    """
    what, output = parts_of(parts), contact.output
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    if contact.dry_run and found.answers is Answers.APPLICATION:
        contact.told_only(found, f"with --maintenance it would be stopped, then erased: {', '.join(what)}")
        return
    if save_path is not None and not contact.dry_run:
        new_file.tried(save_path)
    if maintenance:
        contact.may_stop(found)
    session = prompt(found.port, Path(there.__file__), SETUP, maintenance=maintenance)
    try:
        if found.answers is Answers.APPLICATION:
            if maintenance:
                session.sell_at_end()
            else:  # one that refuses to sell is not asked first: its prompt is where it is mended
                output.say(f"{found.name} did not sell; it is left at its prompt")
        wiper = Wiper(session, output.say)
        state = wiper.look()
        output.event(
            "store",
            terminal=state.name,
            code=state.code,
            waiting=state.waiting,
            unanswered=state.unanswered,
            refused=state.dead,
        )
        if state.code:
            output.say(f"terminal {state.name or state.unique}: the journal does not open ({state.code})")
        else:
            output.say(
                f"terminal {state.name or state.unique}: {state.waiting} wait for the switch, "
                f"{state.unanswered} without answer, {state.dead} dead letters"
            )
        if contact.dry_run:
            needs = f" with --discard {state.named}" if state.named != "0" and COUNTED & set(what) else ""
            output.event("result", dry_run=True, unsettled=state.lost)
            output.say(f"dry run: would be erased{'' if state.code else needs}: {', '.join(what)}")
            return
        first = SAVE_FIRST if save_path is None else "" if discard else SAVED
        try:
            agreed, high = decided(state, what, discard, serial, first)
        except DeviceError:
            # Without a number this is the first of two commands. With a wrong one the same line is mended and given
            # again, so no file may stand in its way.
            if save_path is not None and not discard:
                wiper.save(save_path)
            raise
        if not contact.agreed(f"Erase {', '.join(what)} of {state.name or state.unique}?"):
            raise Declined("nothing was erased")
        if save_path is not None:
            wiper.save(save_path)
        wiper.wipe(what, agreed, high)
    finally:
        session.close()
    output.event("result", wiped=list(what))
    output.say(f"wiped: {', '.join(what)}")


def parts_of(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """In their order; members go with the keys."""
    chosen = set(wanted or there.ALL)
    if "vault" in chosen:
        chosen.add("members")
    return tuple(part for part in there.ALL if part in chosen)
