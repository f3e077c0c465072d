"""`replace`: another device takes a terminal's place, with what waits in its journal, its id and its SEQ.

What moves is the journal's raw region out of a backup, or what an `export` recorded: sealed with the master key and the
id, both of which move too, so the records open on the new device and on no third one. SEQ goes on above every number
the old journal promised, and above the switch's HIGH_SEQ at the first sign-on. Keys go last: until then the new device
is not provisioned and sells nothing. Two devices with one id are what must never be: here is checked what can be.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from firmware.service import fingerprint
from tools.device import archive as archives
from tools.device import capture as captures
from tools.device import new_file
from tools.device import provision_on_terminal as provisioning_there
from tools.device.archive import SECTOR, ArchiveUnfit, Backup, Counts, digest
from tools.device.backup import Copier, Session, at_prompt
from tools.device.contact import Contact, contact_options
from tools.device.errors import DeviceError, FileNotWritten, TerminalSilent
from tools.device.export import Exported, capture_of, verified
from tools.device.journal import CaptureIncomplete, TerminalKeysUnfit
from tools.device.probing import Answers, Found
from tools.device.provision_session import SETUP, ProvisioningSession
from tools.device.terminal import prompt
from tools.rpc.client import Line, NoAnswer, RpcError

_PIECE = 1024
_START_S = 60.0
UNSETTLED = ("pending", "open", "dead")
LEDGER = Path("build/replaced.jsonl")


class NewUnfit(DeviceError):
    """It cannot take the journal, or has something to lose."""

    code, title, exit_code = "D91", "This device cannot take the terminal's place", 5
    next_step = "Take a device of the same kind that was never provisioned, or wipe this one."


class OldMaySell(DeviceError):
    """Two devices with one id would use the same numbers for different sales."""

    code, title, exit_code = "D92", "The old terminal might still sell", 5
    next_step = (
        "Take its keys out (`decommission`, or `wipe --what vault`), or destroy it; then say so with --old-gone."
    )


def source(
    backup_path: Path | None, capture_path: Path | None, key_file: Path, terminal: str
) -> tuple[Backup, Exported]:
    """What is moved, read and verified as `export` does. Raises for what is not whole."""
    if backup_path is not None:
        found = archives.read(backup_path)
        if not found.whole:
            raise ArchiveUnfit(f"{sum(found.unread.values())} places of it could not be read from the old flash")
        if terminal and terminal != found.terminal:
            raise ArchiveUnfit(f"it is of terminal {found.terminal}, not of {terminal}")
        made = verified(capture_of(found), key_file, found.terminal)
    elif capture_path is not None:
        taken = captures.read(capture_path)
        if not taken.complete:
            raise CaptureIncomplete(f"{taken.missing + taken.unread} lines or places are missing")
        made = verified(taken, key_file, terminal)
        found = Backup(made.terminal, "", "", 0, Counts(), {"txlog": bytes(taken.image())})
    else:
        raise click.UsageError("name what is moved: --backup or --capture")
    if made.problem is not None and (made.found.code or made.found.altered_or_missing):
        raise made.problem
    return found, made


def settings_of(found: Backup, settings_path: Path | None) -> dict[str, bytes]:
    """The files of provisioning that move: out of the backup, or settings.json and its neighbours out of a folder."""
    if settings_path is None:
        files = {name.removeprefix("config/"): raw for name, raw in found.files.items() if name.startswith("config/")}
    else:
        files = {path.name: path.read_bytes() for path in sorted(settings_path.parent.iterdir()) if path.is_file()}
        files["settings.json"] = settings_path.read_bytes()
    wanted = {name: raw for name, raw in files.items() if name == "settings.json" or name in fingerprint.FILES}
    try:
        told = json.loads(wanted["settings.json"])["terminal_id"]
    except (KeyError, ValueError, TypeError):
        raise NewUnfit("the old terminal's settings.json is missing", "Name it with --settings.") from None
    if told != found.terminal:
        raise NewUnfit(f"these settings are of terminal {told}, the journal of {found.terminal}")
    return wanted


class Mover:
    """Puts a region onto a new device at its prompt, and looks at it there."""

    def __init__(self, session: Session, say: Callable[[str], object]) -> None:
        self.copier = Copier(session, say)
        self._say = say

    def fits(self, found: Backup) -> None:
        """Raises NewUnfit."""
        self.copier.about()
        sectors = len(found.regions["txlog"]) // SECTOR
        if self.copier.serial == found.serial:
            raise NewUnfit(
                "it is the very device the backup is of: an older state of its own journal would come back",
                "A backup goes onto another device; this one has its journal.",
            )
        if self.copier.sectors.get("txlog") != sectors or found.board not in ("", self.copier.board):
            raise NewUnfit(
                f"the journal has {sectors} sectors of a {found.board or 'board'}, this {self.copier.board} has room "
                f"for {self.copier.sectors.get('txlog')}"
            )

    def put(self, raw: bytes) -> None:
        """The journal's region, piece by piece; read back as a whole. Raises NewUnfit, ArchiveUnfit."""
        wanted = digest(raw)
        if self._digest() == wanted:
            return  # an earlier try came so far
        said = self._one(f"regions.begin('txlog', {wanted!r})")
        if said[0] == "occupied":
            raise NewUnfit(
                f"its own journal is not empty ({said[2]} sectors)",
                "It may hold sales the switch has not seen: look with `backup`, then `wipe` it, or take another.",
            )
        if said[0] != "ready" or said[2] != "0":
            raise NewUnfit("its flash cannot be erased")
        told = -1
        for at in range(0, len(raw), _PIECE):
            piece = raw[at : at + _PIECE].rstrip(b"\xff")
            if piece:
                text = base64.b64encode(piece).decode()
                if self._one(f"regions.put('txlog', {at // SECTOR}, {at % SECTOR}, {text!r})")[0] != "put":
                    raise NewUnfit(f"its flash does not take sector {at // SECTOR}")
            done = at * 5 // len(raw)
            if done > told:
                told = done
                self._say(f"journal: {done * 20} %")
        if self._digest() != wanted:
            raise ArchiveUnfit("what the new device holds is not what was sent", "Run again; it begins anew.")
        self._one("regions.done()")

    def _digest(self) -> str:
        return self._one("regions.digest('txlog')")[2]

    def _one(self, call: str) -> list[str]:
        lines: list[list[str]] = []
        self.copier.run(call, lines.append)
        if not lines:
            raise TerminalSilent("it did not say what became of it")
        return lines[-1]


def old_is_gone(connected: list[Found], found: Backup, new: Found, new_serial: str, said: str, ledger: Path) -> None:
    """What can be checked of it: what is connected here, what was moved from here before, what the person says."""
    for one in connected:
        old = bool(found.serial) and one.serial == found.serial
        if one.port != new.port and one.answers is Answers.APPLICATION and (old or one.terminal == found.terminal):
            raise OldMaySell(f"{found.terminal} is connected at {one.port} and runs")
    for earlier in _ledger(ledger):
        same = earlier.get("terminal") == found.terminal and earlier.get("sha256") == digest(found.regions["txlog"])
        if same and earlier.get("to") != new_serial:
            raise OldMaySell(
                f"this very journal was moved to {earlier.get('to')} already",
                f"One journal has one successor. If that one never ran, wipe it and take its line out of {ledger}.",
            )
    if said != found.terminal:
        why = f"--old-gone names {said}, the journal is of" if said else "nobody said that the keys are gone of"
        raise OldMaySell(f"{why} {found.terminal}", f"{OldMaySell.next_step} It is: --old-gone {found.terminal}")


def _ledger(path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue  # the line a cut left half written
            lines += [found] if isinstance(found, dict) else []
    return lines


def note(path: Path, entry: dict[str, Any]) -> None:
    """One more line, never another changed. Raises FileNotWritten."""
    _appended(path, json.dumps(entry) + "\n")


def _appended(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileNotWritten(f"{path}: {error.strerror or error}") from None


def writable(ledger: Path) -> None:
    """Before a journal moves that could not be noted. Raises FileNotWritten."""
    new_file.tried(ledger.with_name(f"{ledger.name}.next"))
    if ledger.exists():
        _appended(ledger, "")


def provisioned(port: str, files: dict[str, bytes], keys: dict[str, Any], *, only_look: bool) -> str:
    """Have the new device take files and keys, or say only whether it has keys: yes, no, damaged."""
    session = prompt(port, Path(provisioning_there.__file__), SETUP, maintenance=False)
    work = ProvisioningSession(session)
    try:
        state = work.look()
        if not only_look:
            for name, raw in files.items():
                work.file(name, raw)
            work.keys(keys)
            work.commit()
    finally:
        work.close(restart=not only_look)
    return state.keys


def keys_of(path: Path) -> dict[str, Any]:
    """A whole keys.json. Raises TerminalKeysUnfit."""
    try:
        content = json.loads(captures.bounded(path, 100_000))
    except (OSError, ValueError) as error:
        raise TerminalKeysUnfit(f"{path}: {getattr(error, 'strerror', '') or 'no JSON'}") from None
    wanted = ("tmk", "kid", "mac_out", "mac_in")
    if not isinstance(content, dict) or not all(name in content for name in wanted):
        raise TerminalKeysUnfit(f"{path} has not all of {', '.join(wanted)}")
    return {name: content[name] for name in (*wanted, "card_group", "wifi_psk") if name in content}


def running(port: str, terminal: str) -> dict[str, Any]:
    """Its hello once it sells under that id. Raises TerminalSilent."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        try:
            with Line.open(port) as line:
                said = line.call("hello", timeout=2)
            if said.get("tid") == terminal and said.get("unsent") is not None:
                return said
        except (NoAnswer, RpcError, OSError):
            pass  # it starts, and its port may come and go
        time.sleep(0.3)
    raise TerminalSilent(f"it does not run as {terminal}", "Look at its screen; the journal is on it, whole.")


@click.command()
@click.option("--backup", "backup_path", type=click.Path(dir_okay=False, path_type=Path), help="Archive of `backup`.")
@click.option(
    "--capture",
    "capture_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Instead: a complete recording of the old terminal's `export`; then --settings is needed.",
)
@click.option(
    "--keys",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="keys.json of the old terminal: tmk and the MAC keys move with its id.",
)
@click.option("--settings", "settings_path", type=click.Path(dir_okay=False, path_type=Path), help="Its settings.json.")
@click.option("--terminal", default="", help="Its id, when the files do not say it.")
@click.option("--old-gone", default="", metavar="TID", help="Its id again: the old one is wiped or destroyed.")
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    default=LEDGER,
    show_default=True,
    help="Which journal went where; one office keeps one.",
)
@contact_options
def replace(
    contact: Contact,
    backup_path: Path | None,
    capture_path: Path | None,
    key_file: Path,
    settings_path: Path | None,
    terminal: str,
    old_gone: str,
    ledger: Path,
) -> None:
    """Let a new device take a dead terminal's place.

    Its queue, its id and its SEQ move. The new one stands at its prompt and was never provisioned.
    """
    output = contact.output
    keys = keys_of(key_file)
    found, made = source(backup_path, capture_path, key_file, terminal)
    files = settings_of(found, settings_path)
    waiting = sum(row.state in UNSETTLED for row in made.found.rows)
    output.say(f"terminal {found.terminal}: {len(made.found.rows)} transactions, {waiting} not settled with the switch")
    for words in made.words():
        output.say(words)
    device = contact.one(Answers.PROMPT)
    if provisioned(device.port, {}, {}, only_look=True) != "no":
        raise NewUnfit("it has keys already")
    session = at_prompt(contact, maintenance=False)
    try:
        mover = Mover(session, output.say)
        mover.fits(found)
        old_is_gone(Contact(output).all(), found, device, mover.copier.serial, old_gone, ledger)
        if contact.dry_run:
            output.say("dry run: nothing was written")
            return
        writable(ledger)
        mover.put(found.regions["txlog"])
    finally:
        session.close()
    note(
        ledger,
        {
            "terminal": found.terminal,
            "sha256": digest(found.regions["txlog"]),
            "from": found.serial,
            "to": mover.copier.serial,
            "utc": int(time.time()),
        },
    )
    provisioned(device.port, files, keys, only_look=False)
    hello = running(device.port, found.terminal)
    output.event("result", terminal=found.terminal, serial=mover.copier.serial, moved=waiting, unsent=hello["unsent"])
    output.say(
        f"{found.terminal} now runs on {mover.copier.serial}: {waiting} moved, {hello['unsent']} still to settle."
    )
    output.say(
        "Give it new MAC keys at the switch (`terminal rekey`): should the old one ever start again, it is refused."
    )
