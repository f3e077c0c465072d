"""`batch`: the terminals of a file one after the other, "next device, please", until all are done.

A terminal is known by its serial number; one the file does not name gets the next entry without a number after asking.
What was done is noted in an append-only ledger before the next is asked for: a run that was cut short goes on from it,
and a terminal that is done already and unchanged is told and not written again. The ledger holds who is who and check
values, no secret. Seconds.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click

from tools.device import provisioner as provisioning
from tools.device.contact import Contact, contact_options
from tools.device.errors import CableLost, DeviceError, ReportUnfit
from tools.device.label import drawn, fitting
from tools.device.probing import Answers, Found
from tools.device.provision import Bench, Ways, key_options, warned
from tools.device.provision_errors import BatchPartly, NotInFile, NotNoted
from tools.device.provision_keys import of_file
from tools.device.provision_session import State
from tools.device.report import Report
from tools.device.secret_store import SecretStore
from tools.device.terminal_file import Entry, TerminalFile, load

BEGUN, DONE, FAILED = "begun", "done", "failed"
_FORMAT = 1
_LOOK_S = 0.5
_TRIES = 2
_LONGEST = 8 << 20
_WHOSE = "Connect another, or name the file of this one."


class Ledger:
    """One JSON object a line, flushed to disk; a last line cut off by a power loss is left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[dict[str, Any]] = []
        if path.exists():
            self._read()

    def note(self, event: str, facts: dict[str, object]) -> None:
        """One line more. Raises NotNoted."""
        line = {"v": _FORMAT, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        try:
            Report.append(self.path, json.dumps(line))
        except ReportUnfit as error:
            raise NotNoted(str(error.args[0])) from None
        self._lines.append(line)

    def ready(self) -> None:
        """That it can be written is known before a terminal is touched. Raises NotNoted."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as error:
            raise NotNoted(f"{self.path}: {error.strerror or error}") from None

    def done(self) -> list[dict[str, Any]]:
        """The newest line of each terminal, where it says that it was done."""
        newest = {line["tid"]: line for line in self._lines}
        return [line for line in newest.values() if line["event"] == DONE]

    def serial_of(self, tid: str) -> str:
        """Which terminal became this one, or began to."""
        return next((line["serial"] for line in reversed(self._lines) if line["tid"] == tid), "")

    def tid_of(self, serial: str) -> str:
        """What this terminal became, or began to."""
        return next((line["tid"] for line in reversed(self._lines) if line["serial"] == serial), "")

    def _read(self) -> None:
        try:
            with self.path.open("rb") as file:
                texts = file.read(_LONGEST).split(b"\n")
        except OSError as error:
            raise NotNoted(f"{self.path}: {error.strerror or error}") from None
        for number, text in enumerate(texts, 1):
            if not text:
                continue
            try:
                line = json.loads(text)
                if line["v"] != _FORMAT or not all(isinstance(line[name], str) for name in ("event", "tid", "serial")):
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                if number == len(texts):  # it lacks its line end
                    continue
                raise NotNoted(f"line {number} of {self.path} is none of this tool's") from None
            self._lines.append(line)


class Line:
    """The work of one run."""

    def __init__(
        self, contact: Contact, file: TerminalFile, secrets: SecretStore, ways: Ways, ledger: Ledger,
        labels: Path | None = None,
    ) -> None:  # fmt: skip
        self._contact = contact
        self._output = contact.output
        self._file = file
        self._secrets = secrets
        self._ways = ways
        self._ledger = ledger
        self._labels = labels
        self._bench = Bench(contact, file, secrets, ways, self._choose)
        self._begun: Entry | None = None
        self._lost: dict[str, int] = {}
        self._handled: set[str] = set()  # ports whose terminal was worked on and is still connected

    def run(self) -> None:
        """Raises BatchPartly when terminals are left."""
        if self._contact.dry_run:
            self._output.say(f"{len(self.left())} to do: {', '.join(entry.tid for entry in self.left())}")
            return
        last = time.monotonic()
        asked = False
        while self.left():
            found = self._next()
            if found is None:
                if not asked:
                    self._output.event("progress", what="next", left=len(self.left()))
                    self._output.say(f"{len(self.left())} to do. Next device, please.")
                    asked = True
                if time.monotonic() - last > self._contact.timeout_s:
                    break
                time.sleep(_LOOK_S)
                continue
            self._one(found)
            last, asked = time.monotonic(), False
        left = self.left()
        self._output.event("batch", done=len(self._file.entries) - len(left), left=[entry.tid for entry in left])
        if left:
            raise BatchPartly(f"left: {', '.join(entry.tid for entry in left)}")
        self._output.say(f"all {len(self._file.entries)} done")

    def left(self) -> list[Entry]:
        """Entries the ledger does not call done as they stand in the file today."""
        done = {line["tid"]: line.get("whole") for line in self._ledger.done()}
        return [entry for entry in self._file.entries if entry.tid not in done or not self._same(entry, done)]

    def _same(self, entry: Entry, done: dict[str, Any]) -> bool:
        if any(not self._secrets.has(name) for name in entry.secret_names()):
            return False
        return bool(provisioning.wanted(entry, self._secrets).parts["whole"] == done[entry.tid])

    def _next(self) -> Found | None:
        """A board that was not worked on since it was plugged in."""
        connected = [one for one in self._contact.all() if one.answers in (Answers.APPLICATION, Answers.PROMPT)]
        self._handled &= {one.port for one in connected}
        return next((one for one in connected if one.port not in self._handled), None)

    def _one(self, found: Found) -> None:
        self._output.say(f"{found.name}:")
        try:
            outcome = self._bench.one(found)
        except NotNoted:
            raise
        except DeviceError as error:
            # The others need not wait for this one; a cable that is in again is tried again.
            self._output.fail(error)
            self._lost[found.port] = self._lost.get(found.port, 0) + 1
            if not isinstance(error, CableLost) or self._lost[found.port] > _TRIES:
                self._handled.add(found.port)
            tid = self._begun.tid if self._begun is not None else ""
            if tid:
                self._ledger.note(FAILED, {"tid": tid, "serial": self._ledger.serial_of(tid), "code": error.code})
            self._begun = None
            return
        self._begun = None
        self._handled.add(found.port)
        facts = outcome.facts()
        self._ledger.note(DONE, {**facts, "result": outcome.result})
        self._output.event("result", result=outcome.result, **facts)
        self._output.say(f"{facts['tid']}: {outcome.result} (check {facts['check']})")
        if self._labels is not None:
            self._output.say(f"label {drawn(self._labels, facts, self._file.label, 'png')}")

    def _choose(self, state: State) -> Entry:
        """By serial number, then by the ledger, then the next entry that is nobody's yet, after asking."""
        serial, named = state.serial, state.tid
        entry = self._file.by_serial(serial) or self._file.by_tid(self._ledger.tid_of(serial))
        if entry is None and named:
            known = self._file.by_tid(named)
            if known is not None and not known.serial and not self._ledger.serial_of(known.tid):
                entry = known
        if entry is None and named and state.keys == "yes":
            raise NotInFile(f"this is {named}, and no entry of {self._file.path} is left for it", _WHOSE)
        if entry is None:
            free = [one for one in self._file.entries if not one.serial and not self._ledger.serial_of(one.tid)]
            if not free:
                raise NotInFile(f"{serial} is not in {self._file.path}, and every entry has its terminal")
            if not self._contact.agreed(f"{serial} is nobody yet. Shall it become {free[0].tid}?"):
                raise NotInFile(f"{serial} was left as it is")
            entry = free[0]
        if entry is not self._begun:
            self._begun = entry
            self._ledger.note(BEGUN, {"tid": entry.tid, "serial": serial})
        return entry


@click.command("batch")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--ledger",
    "ledger_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What was done. Default: FILE with .ledger.jsonl behind its name.",
)
@click.option(
    "--labels", type=click.Path(file_okay=False, path_type=Path), help="Draw a label of each into this folder."
)
@key_options
@contact_options
def batch(
    contact: Contact,
    path: Path,
    ledger_path: Path | None,
    labels: Path | None,
    generate: bool,
    inject: bool,
    renew: bool,
    books: str,
    passphrase_env: str | None,
    passphrase_fd: int | None,
) -> None:
    """Provision the terminals of FILE one after the other.

    --timeout is how long the next is waited for. Exit code 8: not all of them are done.
    """
    if generate and inject:
        raise click.UsageError("--generate or --inject, not both")
    file = load(path)
    if labels is not None:
        fitting(file.label)
    ledger = Ledger(ledger_path or path.with_suffix(".ledger.jsonl"))
    if not contact.dry_run:
        ledger.ready()
    warned(contact, file)
    secrets = of_file(file, passphrase_env, passphrase_fd)
    ways = Ways(generate, inject, books, renew)
    Line(contact, file, secrets, ways, ledger, labels).run()
