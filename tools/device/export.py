"""`export`: a terminal's journal as CSV and JSON, its chain verified, and beside them in plain words what is unproven.

The journal comes from a running terminal (the console's `export`, while it sells), from a recording of that, or from a
backup. It is read by tools/device/audit.py with the terminal's own keys; nothing here decides what counts. Cards are
shown by the end of their UID and members not at all, unless --full. Seconds.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click

from firmware.store.frames import HEADER, is_blank, parse_header
from tools.device import archive as archives
from tools.device import capture as captures
from tools.device import new_file
from tools.device.archive import ArchiveUnfit, Backup
from tools.device.audit import Audit, audit
from tools.device.capture import SECTOR, Capture, Piece
from tools.device.contact import Contact, contact_options
from tools.device.errors import CableLost, DeviceError, TerminalSilent
from tools.device.evidence import GRAVE, UNPROVEN
from tools.device.file_names import file_name
from tools.device.journal import KeysDoNotFit, sealer, summary_of, values_of, verdict
from tools.device.probing import Answers, opened

FORMAT = 1
FOLDER = Path("build/exports")
PARTS = ("journal.csv", "journal.json", "verdict.txt")
RECORDED = "capture.txt"  # of a terminal; another source is there already
COLUMNS = (
    "seq",
    "time",
    "verb",
    "offline",
    "card",
    "amount",
    "points",
    "state",
    "rc",
    "approval",
    "original_seq",
    "reason",
)
_SILENCE_S = 10.0
_WHOLE_S = 1800.0  # a full journal of 1 MB takes 6 minutes at 115200 baud
_HEARD_MAX = 8_000_000
_END = re.compile(rb"J[0-9a-f]{1,8} (?:end|stopped)\b[^\r\n]*[\r\n]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Port(Protocol):
    """What of a serial port this uses."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1, /) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...


def recorded(port: Port, say: Callable[[str], object]) -> bytes:
    """What a running terminal's `export` sends. Raises TerminalSilent, CableLost; what came so far is lost then."""
    heard, told = bytearray(), 0
    try:
        port.write(b"\r\nexport\r\n")
        last = began = time.monotonic()
        while len(heard) < _HEARD_MAX:
            came = port.read(max(1, port.in_waiting))
            now = time.monotonic()
            if came:
                heard += came
                last = now
                if _END.search(heard, max(0, len(heard) - len(came) - 200)):
                    return bytes(heard)
                if len(heard) - told > 100_000:
                    told = len(heard)
                    say(f"{told // 1000} KB")
            elif now - last > _SILENCE_S:
                break
            if now - began > _WHOLE_S:
                break
    except OSError as error:
        raise CableLost(str(error.strerror or error)) from None
    with contextlib.suppress(OSError):
        port.write(b"\r\n ")  # any byte ends an export that goes on
    raise TerminalSilent("the export did not come to its end")


def capture_of(backup: Backup) -> Capture:
    """A backed-up region as if it had been exported; places that could not be read are holes."""
    raw = backup.regions.get("txlog", b"")
    if not raw:
        raise ArchiveUnfit("it holds no journal")
    taken = Capture(len(raw) // SECTOR, ended=True, unread=backup.unread.get("txlog", 0))
    for sector in range(taken.sectors):
        bytes_there = raw[sector * SECTOR : (sector + 1) * SECTOR]
        if is_blank(bytes_there, 0, SECTOR):
            continue
        headers = [parse_header(bytes_there[copy : copy + HEADER]) for copy in (0, HEADER)]
        generation = max([header.generation for header in headers if header is not None], default=0)
        taken.newest = max(taken.newest, generation)
        taken.pieces.append(Piece(sector, generation, 0, bytes_there))
    if taken.unread:
        taken.holes = [((0, 0), (1 << 32, 0))]
    return taken


@dataclass
class Exported:
    """A journal that was read, and why it is not proven to be whole."""

    terminal: str
    capture: Capture
    found: Audit
    problem: DeviceError | None

    def words(self) -> list[str]:
        """The verdict for people."""
        found = self.found
        if self.problem is None:
            said = ["Complete and whole: every record is sealed by this terminal and follows the one before it."]
        else:
            said = [f"{self.problem}"]
        grave = [finding.what for finding in found.findings if finding.level == GRAVE]
        open_ = [finding.what for finding in found.findings if finding.level == UNPROVEN]
        said += [f"Altered or missing: {what}." for what in grave]
        said += [f"Not proven: {what}." for what in open_]
        said.append(
            "Not proven by this file alone: that nothing was cut off at its end. The newest record is "
            f"{summary_of(found, self.capture)['newest_tag'] or 'none'}; keep this and compare it the next time."
        )
        waiting = sum(row.state in ("pending", "open", "dead") for row in found.rows)
        said.append(f"{len(found.rows)} transactions, {waiting} of them not settled with the switch.")
        return said

    def document(self, *, full: bool) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "v": FORMAT,
            "kind": "vafa-journal",
            "terminal": self.terminal,
            "proven": self.problem is None,
            "verdict": self.words(),
            "code": self.problem.code if self.problem else "",
            "summary": summary_of(self.found, self.capture),
            "findings": [{"level": finding.level, "what": finding.what} for finding in self.found.findings],
            "transactions": [values_of(row, full=full) for row in self.found.rows],
        }

    def table(self, *, full: bool) -> str:
        """CSV with a head; the first column that says whether a row is proven is the state."""
        out = io.StringIO()
        columns = [*COLUMNS, "member"] if full else list(COLUMNS)
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(columns)
        for row in self.found.rows:
            values = values_of(row, full=full)
            moment = datetime.datetime.fromtimestamp(values["time_utc"], datetime.timezone.utc)
            values["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            values["offline"] = "yes" if values["offline"] else "no"
            writer.writerow([_cell(values[column]) for column in columns])
        return out.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet must not take a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def verified(taken: Capture, key_file: Path, terminal: str) -> Exported:
    """Raises KeysDoNotFit, TerminalKeysUnfit."""
    keys, name = sealer(key_file, terminal), terminal or _named(key_file)
    found = audit(taken, keys)
    if found.refused and not found.frames:
        raise KeysDoNotFit(f"none of its {found.refused} records")
    return Exported(name, taken, found, verdict(found, taken))


def _named(key_file: Path) -> str:
    content = json.loads(key_file.read_text(encoding="utf-8"))
    return str(content.get("terminal_id", ""))


def save(folder: Path, parts: dict[str, bytes]) -> None:
    """New files in a folder, for their owner alone. Raises FileNotWritten."""
    new_file.save({folder / name: raw for name, raw in parts.items()})


@click.command()
@click.option(
    "--keys",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="keys.json of the terminal, or any JSON file with its tmk.",
)
@click.option("--terminal", default="", help="Its name, when neither the file with the keys nor the terminal says it.")
@click.option(
    "--capture",
    "capture_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read a recording of the console's `export` instead of a terminal.",
)
@click.option(
    "--backup",
    "backup_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read an archive of `backup` instead of a terminal.",
)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="A folder for the files.")
@click.option("--full", is_flag=True, help="Whole UIDs and member numbers: personal data.")
@contact_options
def export(
    contact: Contact,
    key_file: Path,
    terminal: str,
    capture_path: Path | None,
    backup_path: Path | None,
    folder: Path | None,
    full: bool,
) -> None:
    """Save a terminal's journal as CSV and JSON.

    It says whether all of it is there. A terminal that sells goes on selling.
    """
    if capture_path is not None and backup_path is not None:
        raise click.UsageError("--capture and --backup exclude each other")
    live = capture_path is None and backup_path is None
    trial = folder or new_file.unnamed(FOLDER)  # what a full journal sends takes minutes
    new_file.tried(*(trial / name for name in (*PARTS, *([RECORDED] if live else []))))
    raw = b""
    if capture_path is not None:
        taken = captures.read(capture_path)
    elif backup_path is not None:
        backup = archives.read(backup_path)
        taken, terminal = capture_of(backup), terminal or backup.terminal
    else:
        found = contact.one(Answers.APPLICATION)
        terminal = terminal or found.terminal
        with opened(found.port, read_s=0.2) as line:
            raw = recorded(line, contact.output.say)
        came = captures.parsed(raw)
        if not came:
            raise TerminalSilent("it sent no export")
        taken = came[-1]
    made = verified(taken, key_file, terminal)
    target = folder or FOLDER / f"{file_name(made.terminal)}-{time.strftime('%Y%m%d-%H%M%S')}"
    parts = {
        PARTS[0]: b"\xef\xbb\xbf" + made.table(full=full).encode(),  # the mark is for spreadsheets
        PARTS[1]: json.dumps(made.document(full=full), indent=1, ensure_ascii=False).encode() + b"\n",
        PARTS[2]: "\n".join(made.words()).encode() + b"\n",
    }
    if raw:
        parts[RECORDED] = raw
    save(target, parts)
    summary = summary_of(made.found, taken)
    contact.output.event("result", folder=str(target), proven=made.problem is None, **summary)
    for words in made.words():
        contact.output.say(words)
    contact.output.say(f"saved in {target}: {', '.join(parts)}")
    if made.problem is not None:
        raise made.problem
