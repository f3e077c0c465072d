"""`update`: a signed program over the cable into the slot that does not run, or the next release keys.

The terminal judges the head before anything is sent, and verifies the whole before it takes it. What an earlier run
brought over is not sent again. Success is told only when the new program answers; it is on trial then.
"""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path

import click

from tools.device import files_on_terminal, flash_chip
from tools.device.contact import Contact, contact_options
from tools.device.errors import DeviceError, SafeMode, TerminalProgram, WrongBoard
from tools.device.files import Filing
from tools.device.flash import running_version
from tools.device.probing import SAFE, Answers, Found
from tools.device.secrets_cli import Declined
from tools.device.terminal import TerminalPrompt, prompt_with
from tools.device.update_errors import NoInstaller, UpdateDoesNotRun, UpdateRefused, UpdateUnfit
from tools.release.program import HEAD, ProgramError, Summary, summary

_SETUP = "files = Files(print)\n"
_INSTALLER = """\
from firmware.board import this_board
from firmware.service import over_usb
up = over_usb.OverUsb(this_board())
"""
_ONE_SLOT = "slot_a.vfu"


class Updating:
    """One terminal."""

    def __init__(self, contact: Contact, content: bytes, what: Summary) -> None:
        self._contact = contact
        self._output = contact.output
        self._content = content
        self._what = what
        self._started = time.monotonic()

    def run(self) -> None:
        """Do it; with --dry-run a terminal at its prompt judges it, and one that runs is left alone."""
        found = self._contact.one(Answers.APPLICATION, Answers.PROMPT)
        if self._what.board and found.board and found.board != self._what.board:
            raise WrongBoard(f"the update is for {self._what.board}, {found.name} is {found.board}")
        what = f"build {self._what.build}" if self._what.board else f"root {self._what.root}"
        runs = found.answers is Answers.APPLICATION
        if self._contact.dry_run and runs:
            self._contact.told_only(found, f"{what} is whole; it would be stopped for it, and judge the signatures")
            return
        stopped = ", which stops selling meanwhile" if runs else ""
        if not self._contact.dry_run and not self._contact.agreed(f"Put {what} onto {found.name}{stopped}?"):
            raise Declined()
        session, found = self._at_prompt(found)
        try:
            if runs:  # in safe mode, too, which no question stops
                session.sell_at_end()
            done = self._install(session)
            if done:
                session.leave("import machine; machine.reset()")
                self._answers(found)
            else:
                session.close()
        except BaseException:
            with contextlib.suppress(DeviceError):
                session.close()
            raise

    def _at_prompt(self, found: Found) -> tuple[TerminalPrompt, Found]:
        """A terminal that sells is asked to its prompt, and sells again at the end whatever happens."""
        program = Path(files_on_terminal.__file__).read_text(encoding="utf-8") + "\n" + _SETUP
        selling = found.answers is Answers.APPLICATION
        session = prompt_with(found.port, program, maintenance=selling)
        return session, found

    def _install(self, session: TerminalPrompt) -> bool:
        """Whether a restart shall follow."""
        try:
            session.run(_INSTALLER)
        except TerminalProgram:
            return self._without_program(session)
        if not self._what.board:
            said = self._ask(session, f"up.change_root({self._text(self._content)!r})") if not self._dry() else ["-"]
            self._output.event("result", root=self._what.root)
            self._output.say(" ".join(said))
            return False
        said = self._ask(session, f"up.judge({self._text(self._content[:HEAD])!r})")
        words = said[0].split(" ")
        self._output.event("judged", **dict(zip(words[::2], words[1::2], strict=True)))
        self._output.say(f"the terminal runs build {words[3]} and takes build {self._what.build} into slot {words[5]}")
        if self._dry():
            self._output.event("result", dry_run=True)
            self._output.say("dry run: nothing was written")
            return False
        self._ask(session, f"up.make_room({len(self._content)})")
        self._send(session, words[7].lstrip("/"))
        if words[7].lstrip("/") != _ONE_SLOT:
            self._output.say(self._ask(session, "up.install()")[0])
        return True

    def _dry(self) -> bool:
        return self._contact.dry_run

    def _without_program(self, session: TerminalPrompt) -> bool:
        """A board with one slot whose update was cut: the program is gone and the rest of the new one missing."""
        board: list[str] = []
        session.run("import sys; print(sys.platform)", board.append)
        if self._what.board != "pico" or "rp2" not in board:
            raise NoInstaller()
        if not self._dry():
            self._send(session, _ONE_SLOT)
        return not self._dry()

    def _send(self, session: TerminalPrompt, name: str) -> None:
        desk = Filing(session, self._output.progress)
        sent = desk.put(name, self._content, desk.look([name]))
        self._output.event("sent", bytes=sent, of=len(self._content))
        self._output.say(f"{sent} of {len(self._content)} bytes sent")

    def _ask(self, session: TerminalPrompt, call: str) -> list[str]:
        """What the terminal says before `done`. Raises UpdateRefused."""
        said: list[str] = []
        session.run(f"over_usb.try_it(lambda: {call})", said.append)
        if not said or said[-1] != "done":
            raise UpdateRefused(said[-1].removeprefix("refused ") if said else "it said nothing")
        return said[:-1]

    def _text(self, content: bytes) -> str:
        return base64.b64encode(content).decode()

    def _answers(self, found: Found) -> None:
        """Only the running program says that it is done."""
        until = time.monotonic() + self._contact.timeout_s
        while True:
            back = flash_chip.wait_for(self._contact, found, (Answers.APPLICATION, Answers.PROMPT))
            if back.hello.get("mode") == SAFE:
                raise SafeMode(f"{self._what.version} is installed, and the terminal came back there")
            running = running_version(back)
            if running == self._what.version or time.monotonic() > until:
                break
        if running != self._what.version:
            raise UpdateDoesNotRun(f"{running or 'none'} answers, installed was {self._what.version}")
        seconds = round(time.monotonic() - self._started)
        self._output.event("result", running=running, build=self._what.build, seconds=seconds)
        self._output.say(f"running {running} build {self._what.build}, on trial; {seconds} s")


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@contact_options
def update(contact: Contact, path: Path) -> None:
    """Put a signed program, or release keys, onto a terminal.

    PATH is a .vfu or a root file. A terminal that sells is stopped after a question, and sells again afterwards.
    """
    content = path.read_bytes()
    try:
        what = summary(content)
    except ProgramError as error:
        raise UpdateUnfit(f"{path.name}: {error}") from error
    Updating(contact, content, what).run()
