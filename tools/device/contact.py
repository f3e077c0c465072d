"""The frame of every command that works on a connected terminal: common options, and which terminal is meant.

A command is written

    @click.command()
    @contact_options
    def info(contact: Contact, ...) -> None:
        found = contact.one(Answers.APPLICATION)

and added to tools/device/cli.py with one line. What answers at a port stands in probing.py, ports in ports.py.
Exit codes: 0 done, 1 health failed, 2 usage, 3 no or several devices, 4 no answer or busy, 5 refused for safety, 6
transfer or verify, 7 right missing, 8 batch partly done, 9 input file, 130 interrupted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tools.device.errors import (
    NoBoard,
    NoPortRight,
    PortBusy,
    PortMissing,
    SeveralBoards,
    TerminalSilent,
    WrongState,
)
from tools.device.output import Output
from tools.device.ports import Port, drives, identity, ports
from tools.device.probing import Answers, Found, probe
from tools.device.secrets_cli import Declined
from tools.device.selling import left_alone
from tools.device.unprovisioned import way_on

F = TypeVar("F", bound=Callable[..., Any])

DEBUG = "tools.device.debug"  # in the command's meta: errors with their traceback
DEFAULT_TIMEOUT_S = 60.0
_AT_ONCE = 16  # ports
LANGUAGES = ("en", "fa")
_ANOTHER = "This works on a terminal that does not sell: connect that one, or choose it with --id or --port."


@dataclass
class Contact:
    """Which terminal a command is for, and how it talks to the person who gave it."""

    output: Output
    wanted: str = ""  # its serial number or its name at the switch
    port: str = ""
    yes: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S
    lang: str = "en"
    dry_run: bool = False
    debug: bool = False

    def all(self) -> list[Found]:
        """Every board that is connected, ports in use among them."""
        if self.port:
            return [probe(_port_named(self.port))]
        there = ports()
        # A board that says nothing takes its seconds: all of them together are asked as long as one.
        with ThreadPoolExecutor(max_workers=max(1, min(len(there), _AT_ONCE))) as asking:
            found = list(asking.map(probe, there))
        return found + [Found(Answers.BOOTSEL, str(drive.path), "pico", detail=drive.board_id) for drive in drives()]

    def one(self, *wanted: Answers) -> Found:
        """The board that is meant, in one of these states (any when none is named).

        Raises NoBoard, SeveralBoards (after a table of them), and for its state PortBusy, NoPortRight, TerminalSilent,
        TerminalSells, WrongState, NotProvisioned.
        """
        found = self._chosen()
        _usable(found)
        if wanted and found.answers not in wanted:
            if found.answers is Answers.APPLICATION:
                raise left_alone(f"{found.name} runs its program", _ANOTHER)
            names = " or ".join(answers.value for answers in wanted)
            raise WrongState(f"{found.name}: {found.answers.value}, wanted is {names}", _way_on(found, wanted))
        return found

    def agreed(self, question: str) -> bool:
        """Whether the person wants it; --yes answers beforehand."""
        return self.yes or click.confirm(question, err=True)

    def may_stop(self, found: Found, why: str = "") -> None:
        """Before a terminal that runs its program is asked to its prompt. Raises Declined."""
        if found.answers is Answers.APPLICATION and not self.agreed(f"{found.name} runs its program. Stop it{why}?"):
            raise Declined(f"{found.name} was not stopped")

    def told_only(self, found: Found, would: str) -> None:
        """A dry run on a terminal that runs: nothing stops it, so what it says of itself is all that is known."""
        said = found.hello
        unsent, build, slot = said.get("unsent"), said.get("build"), said.get("slot")
        known = [f"build {build}" if build else "its build is not known", *([f"slot {slot}"] if slot else [])]
        known.append("unsent transactions not counted" if unsent is None else f"{unsent} unsent")
        self.output.event("result", dry_run=True, terminal=found.terminal, unsent=unsent, build=build, slot=slot)
        self.output.say(f"{found.name} runs its program and goes on: {', '.join(known)}")
        self.output.say(f"dry run: {would}. The rest can be seen at its prompt only")

    def _chosen(self) -> Found:
        found = self.all()
        if self.wanted:
            known = [one for one in found if self.wanted in (one.terminal, one.serial, identity(one.serial))]
            if not known:
                known = [one for one in found if one.serial and one.serial == identity(self.wanted)]
            if not known:
                self.show(found)
                raise NoBoard(f"none of the {len(found)} that are connected is {self.wanted}")
            found = known
        if not found:
            raise NoBoard("no serial port of a terminal and no BOOTSEL drive")
        if len(found) > 1:
            self.show(found)
            raise SeveralBoards(f"{len(found)} of them")
        return found[0]

    def show(self, found: list[Found]) -> None:
        """The table of what is connected."""
        for one in found:
            self.output.event(
                "device",
                state=one.answers.name.lower(),
                port=one.port,
                board=one.board,
                serial=one.serial,
                terminal=one.terminal,
                firmware=one.firmware,
                detail=one.detail,
            )
        rows = [
            (one.serial or "-", one.board or "-", one.answers.value, one.terminal or "-", one.firmware or "-", one.port)
            for one in found
        ]
        if rows:
            self.output.table("connected", ("serial", "board", "answers", "terminal", "version", "port"), rows)


def _port_named(path: str) -> Port:
    """With its USB identity, when it has one."""
    return next((port for port in ports() if port.path == path), Port(path))


def _way_on(found: Found, wanted: tuple[Answers, ...]) -> str:
    """The next step of WrongState, where there is a better one than to read. Raises NotProvisioned."""
    return way_on(found) if found.answers is Answers.PROMPT and Answers.APPLICATION in wanted else ""


def _usable(found: Found) -> None:
    if found.answers is Answers.BUSY:
        raise PortBusy(found.detail)
    if found.answers is Answers.DENIED:
        raise NoPortRight(found.detail)
    if found.answers is Answers.SILENT:
        is_there(found)
        raise TerminalSilent(f"{found.port}: {found.detail}")


def is_there(found: Found) -> None:
    """Raises PortMissing for a port that could not be opened at all."""
    if found.answers is Answers.SILENT and found.detail.startswith(found.port):
        raise PortMissing(found.detail)


def contact_options(command: F) -> F:
    """The options every command shares; the command gets one `contact` instead of them."""

    @click.option("--id", "wanted", default="", metavar="SERIAL|TID", help="Which terminal: serial number or id.")
    @click.option("--port", default="", help="Which serial port. Default: the only terminal that is connected.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(0),
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        help="Seconds to wait for the terminal.",
    )
    @click.option(
        "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the terminal's texts."
    )
    @click.option("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
    @click.option("--debug", is_flag=True, help="Show where an error came from.")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(
        context: click.Context,
        wanted: str,
        port: str,
        as_json: bool,
        yes: bool,
        timeout_s: float,
        lang: str,
        dry_run: bool,
        debug: bool,
        **rest: Any,
    ) -> Any:
        output: Output = context.obj
        output.as_json = output.as_json or as_json
        if debug:
            context.meta[DEBUG] = True
        return command(Contact(output, wanted, port, yes, timeout_s, lang, dry_run, debug), **rest)

    return wrapped  # type: ignore[return-value]
