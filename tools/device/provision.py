"""`provision`: make one terminal what its entry of a YAML file says, and see that it became it.

A running terminal is asked first and not disturbed when nothing differs. Else it goes to its Python prompt, takes what
differs, starts, and has to say itself that it is as the file says. Knows no flash and no key's value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tools.device import provision_on_terminal, running
from tools.device import provisioner as provisioning
from tools.device.contact import Contact, contact_options
from tools.device.errors import NotProvisioned, TerminalSells
from tools.device.output import Output
from tools.device.probing import Answers, Found
from tools.device.provision_errors import DiffersFromFile, NotInFile, NotTaken, OtherMaster
from tools.device.provision_keys import completed, of_file, would_complete
from tools.device.provision_session import SETUP, ProvisioningSession, State
from tools.device.provisioner import Wanted
from tools.device.secret_store import SecretStore, key_name
from tools.device.secrets_cli import Declined, passphrase_options
from tools.device.site import change_wifi
from tools.device.switch_books import enter
from tools.device.terminal import prompt
from tools.device.terminal_file import Entry, TerminalFile, load

F = TypeVar("F", bound=Callable[..., Any])

_IMPORT = "Take them in with `secrets import`; or let it send what waits, `wipe` it, and run again."
_NO_DRY_RUN = "Run without --dry-run: it asks before it stops the terminal."
UNCHANGED, WRITTEN, PLANNED = "unchanged", "provisioned", "planned"


@dataclass
class Ways:
    """How missing keys come about, and what else is done with a terminal."""

    generate: bool = False
    inject: bool = False
    books: str = ""
    renew: bool = False


@dataclass
class Outcome:
    """What became of one terminal."""

    result: str
    wanted: Wanted
    board: str
    serial: str
    version: str

    def facts(self) -> dict[str, object]:
        """For programs, ledger and label; no secret."""
        entry = self.wanted.entry
        return {
            "tid": entry.tid,
            "serial": self.serial,
            "board": self.board,
            "fw": self.version,
            "check": self.wanted.check,
            "till": entry.till,
            "merchant": str(entry.settings["merchant_id"]).rstrip(),
            "whole": self.wanted.parts["whole"],
        }


class Bench:
    """A file with its secrets, at work on one terminal after the other. `choose` gives the entry of the terminal that
    said this of itself."""

    def __init__(
        self, contact: Contact, file: TerminalFile, secrets: SecretStore, ways: Ways,
        choose: Callable[[State], Entry],
    ) -> None:  # fmt: skip
        self._contact = contact
        self._output: Output = contact.output
        self._file = file
        self._secrets = secrets
        self._ways = ways
        self._choose = choose

    def one(self, found: Found) -> Outcome:
        """Provision what is connected there. Raises DeviceError; run again, it goes on from there."""
        if found.answers is Answers.APPLICATION:
            done = self._as_it_runs(found)
            if done is not None:
                return done
            if self._contact.dry_run:
                raise TerminalSells(f"{found.name} does not tell how it is provisioned while it runs", _NO_DRY_RUN)
            self._contact.may_stop(found, ", provision it, and have it sell again")
        session = ProvisioningSession(prompt(found.port, Path(provision_on_terminal.__file__), SETUP, maintenance=True))
        restart = found.answers is Answers.APPLICATION
        try:
            state = session.look()
            target, work = self._planned(state)
            outcome = Outcome(UNCHANGED, target, state.board, state.serial, state.version)
            if self._contact.dry_run:
                self._say_plan(work)
                outcome.result = UNCHANGED if work.nothing else PLANNED
                return outcome
            if not work.nothing:
                if self._ways.books:
                    new = enter(self._ways.books, target)
                    self._output.say(f"{target.entry.tid}: {'entered at' if new else 'known to'} the switch")
                outcome.result = WRITTEN
                provisioning.write(session, target, work, self._step)
            restart = True
        finally:
            session.close(restart=restart)
        self._confirm(found.port, target)
        return outcome

    def _as_it_runs(self, found: Found) -> Outcome | None:
        """A terminal that sells and is as the file says already is left alone; in a dry run every one that tells."""
        told = running.asked(found.port)
        if told is None or not told.parts or not told.serial:
            return None
        state = State(told.board, told.serial, told.version, told.tid, "yes", parts=told.parts)
        target, work = self._planned(state)
        if self._contact.dry_run:
            self._say_plan(work)
        else:
            for text in work.told:
                self._output.say(text)
        outcome = Outcome(UNCHANGED if work.nothing else PLANNED, target, told.board, told.serial, told.version)
        return outcome if work.nothing or self._contact.dry_run else None

    def _planned(self, state: State) -> tuple[Wanted, provisioning.Plan]:
        provisioning.program_fits(self._file.program, state.board, state.version)
        entry = self._choose(state)
        provisioning.same_terminal(entry, state)
        if state.keys == "yes" and not self._secrets.has(key_name(entry.tid, "tmk")):
            # New ones would be refused by the terminal, and would stand in the file as if they were its own.
            raise OtherMaster(f"{entry.tid} has keys, and the secrets file has none of it", _IMPORT)
        make = would_complete if self._contact.dry_run else completed
        make(entry, self._secrets, self._output, generate=self._ways.generate, inject=self._ways.inject)
        target = provisioning.wanted(entry, self._secrets)
        return target, provisioning.plan(target, state, renew=self._ways.renew)

    def _say_plan(self, work: provisioning.Plan) -> None:
        for text in work.told:
            self._output.say(text)
        self._output.say(f"would write: {work.summary}" if not work.nothing else "nothing to write")

    def _step(self, what: str) -> None:
        self._output.event("progress", what=what)
        self._output.say(f"  {what}")

    def _confirm(self, port: str, target: Wanted) -> None:
        """It starts, answers under its name, and its check values are the file's. Raises NotTaken."""
        tid = target.entry.tid
        found, code = running.waited_for(port, tid, self._contact.timeout_s)
        if found is None:
            why = f"it does not start and says {code}" if code else "it did not answer under its new name"
            raise NotTaken(f"{tid}: {why}")
        if found.parts:
            wrong = provisioning.differences(target, found.parts)
            if wrong:
                raise NotTaken(f"{tid}: {', '.join(wrong)} differ")


def chooser(file: TerminalFile, tid: str) -> Callable[[State], Entry]:
    """By the name on the command line, else by serial number, else by the name it has, else the only one there is."""

    def choose(state: State) -> Entry:
        serial, named = state.serial, state.tid
        if tid:
            entry = file.by_tid(tid)
            if entry is None:
                raise NotInFile(f"no {tid} in {file.path}")
            if entry.serial and entry.serial != serial:
                raise NotInFile(f"{tid} is {entry.serial} there, and this is {serial}")
            return entry
        entry = file.by_serial(serial)
        if entry is None:
            entry = file.by_tid(named)
            if entry is not None and entry.serial:
                raise NotInFile(f"{named} is {entry.serial} there, and this is {serial}")
        if entry is None and len(file.entries) == 1 and not file.entries[0].serial:
            entry = file.entries[0]
        if entry is None:
            raise NotInFile(f"{serial} is not in {file.path}")
        return entry

    return choose


def warned(contact: Contact, file: TerminalFile) -> None:
    """Say what the file leaves out: a terminal without works, and can never be changed from afar."""
    for text in file.lacking():
        contact.output.event("warning", code="K29", text=text)
        contact.output.say(f"warning {text}", "yellow")


def key_options(command: Callable[..., None]) -> Callable[..., None]:
    """How missing keys come about."""
    options = (
        click.option("--generate", is_flag=True, help="Make missing keys of a terminal here, and keep them sealed."),
        click.option("--inject", is_flag=True, help="Ask two people for the two parts of each missing key."),
        click.option("--renew", is_flag=True, help="Also write MAC keys whose number differs from the terminal's."),
        click.option(
            "--books", default="", metavar="URL", help="Enter the terminal in these books of the bench switch."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return passphrase_options(command)


@click.command()
@click.option("--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="The YAML file.")
@click.option("--tid", default="", help="Which entry of the file this terminal is. Default: by its serial number.")
@click.option("--wifi", metavar="SSID", help="Change only the access point of a terminal; its password is asked for.")
@key_options
@contact_options
def provision(
    contact: Contact,
    path: Path | None,
    tid: str,
    wifi: str | None,
    generate: bool,
    inject: bool,
    renew: bool,
    books: str,
    passphrase_env: str | None,
    passphrase_fd: int | None,
) -> None:
    """Make the connected terminal what a file says.

    With --wifi instead of --file change its access point only.
    """
    if (path is None) == (wifi is None):
        raise click.UsageError("give --file FILE, or --wifi SSID on site")
    if wifi is not None:
        change_wifi(contact, wifi)
        return
    assert path is not None
    if generate and inject:
        raise click.UsageError("--generate or --inject, not both")
    file = load(path)
    warned(contact, file)
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    secrets = of_file(file, passphrase_env, passphrase_fd)
    ways = Ways(generate, inject, books, renew)
    if not contact.dry_run and found.answers is Answers.PROMPT and not contact.agreed(f"Provision {found.name}?"):
        raise Declined()
    outcome = Bench(contact, file, secrets, ways, chooser(file, tid)).one(found)
    contact.output.event("result", result=outcome.result, **outcome.facts())
    secret_count = sum(1 for name, value in outcome.wanted.keys.items() if value != "" and name != "kid")
    contact.output.say(
        f"{outcome.wanted.entry.tid}: {outcome.result}, {len(outcome.wanted.entry.settings)} settings, "
        f"{secret_count} secrets (check {outcome.wanted.check})"
    )


def against_file(command: F) -> F:
    """`--file` for the command `verify`: compare with a YAML file's entry instead of with this build."""

    @click.option(
        "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="Compare with this YAML file."
    )
    @click.option("--tid", default="", help="With which entry of it. Default: by serial number.")
    @passphrase_options
    @functools.wraps(command)
    def wrapped(
        contact: Contact,
        path: Path | None,
        tid: str,
        passphrase_env: str | None,
        passphrase_fd: int | None,
        **rest: Any,
    ) -> Any:
        if path is None:
            return command(contact, **rest)
        secrets_of = functools.partial(of_file, environment=passphrase_env, descriptor=passphrase_fd)
        return verified(contact, load(path), tid, secrets_of, maintenance=bool(rest.get("maintenance")))

    return wrapped  # type: ignore[return-value]


def verified(
    contact: Contact,
    file: TerminalFile,
    tid: str,
    secrets_of: Callable[[TerminalFile], SecretStore],
    *,
    maintenance: bool,
) -> None:
    """Compare the connected terminal with its entry; nothing is written. A terminal that sells is asked as it runs.

    Raises DiffersFromFile, NotInFile, NotProvisioned.
    """
    warned(contact, file)
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    secrets = secrets_of(file)
    told = running.asked(found.port) if found.answers is Answers.APPLICATION else None
    if told is not None and told.parts:
        state = State(told.board, told.serial, told.version, told.tid, "yes", parts=told.parts)
    elif contact.dry_run and found.answers is Answers.APPLICATION:
        contact.told_only(found, "with --maintenance it would be stopped, its provisioning compared, and sell again")
        return
    else:
        if maintenance:
            contact.may_stop(found, ", compare, and have it sell again")
        state = _at_prompt(found, maintenance=maintenance)
        if state.keys == "no":
            raise NotProvisioned(found.name)
    entry = chooser(file, tid)(state)
    provisioning.same_terminal(entry, state)
    provisioning.program_fits(file.program, state.board, state.version)
    target = provisioning.wanted(entry, secrets)
    wrong = provisioning.differences(target, state.parts)
    contact.output.event("verify", tid=entry.tid, differ=wrong, kid=state.parts["kid"])
    if wrong:
        raise DiffersFromFile(f"{entry.tid}: {', '.join(wrong)}")
    contact.output.say(f"{entry.tid}: as {file.path} says (check {target.check})")


def _at_prompt(found: Found, *, maintenance: bool) -> State:
    session = ProvisioningSession(
        prompt(found.port, Path(provision_on_terminal.__file__), SETUP, maintenance=maintenance)
    )
    try:
        return session.look()
    finally:
        session.close(restart=found.answers is Answers.APPLICATION)
