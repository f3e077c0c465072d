"""The checked archive of a terminal: raw regions and files with a SHA-256 each, in one zip with a manifest.

A region is the flash as it lay there: sealed with the terminal's master key, which is not in here, nor is the region of
keys. What is read back is bounded and checked before anybody believes it; nothing is ever unpacked into a folder. A
file that only its owner may read: it still tells how much was sold. Sizes in bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.device import new_file
from tools.device.errors import DeviceError

FORMAT = 1
KIND = "vafa-backup"
_MANIFEST = "manifest.json"
_MANIFEST_MAX = 100_000
_PART_MAX = 2 * 1024 * 1024
_PARTS_MAX = 80
SECTOR = 4096


class ArchiveUnfit(DeviceError):
    """Not whole, not ours, or not to be written."""

    code, title, exit_code = "D90", "The backup cannot be trusted", 6
    next_step = "Take another copy of it, or back the terminal up again."


@dataclass
class Counts:
    """What the terminal's own program counted. `code` is why its journal does not open, else "". `gaps` are places it
    could not read; `high` is the highest SEQ not settled, else 0; `empty`: it never held a record."""

    waiting: int = 0
    unanswered: int = 0
    dead: int = 0
    high: int = 0
    gaps: int = 0
    code: str = ""
    empty: bool = False

    @property
    def unsettled(self) -> int:
        """Transactions only this terminal knows."""
        return self.waiting + self.unanswered + self.dead


@dataclass
class Backup:
    """`regions` and `files` by name; `unread` counts places the flash did not give, by region."""

    terminal: str
    serial: str
    board: str
    taken_utc: int
    counts: Counts
    regions: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every place was read."""
        return not any(self.unread.values())


def digest(content: bytes) -> str:
    """As the manifest has it."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, backup: Backup) -> None:
    """A new file, whole or not at all, for its owner alone; then read back. Raises FileNotWritten, ArchiveUnfit."""
    parts = {f"regions/{name}.bin": raw for name, raw in backup.regions.items()}
    parts |= {f"files/{name}": raw for name, raw in backup.files.items()}
    manifest = {
        "v": FORMAT,
        "kind": KIND,
        "terminal": backup.terminal,
        "serial": backup.serial,
        "board": backup.board,
        "taken_utc": backup.taken_utc,
        "journal": asdict(backup.counts),
        "unread": backup.unread,
        "parts": {name: {"size": len(raw), "sha256": digest(raw)} for name, raw in sorted(parts.items())},
    }
    head = json.dumps(manifest, indent=1, sort_keys=True).encode()
    write_zip(path, {_MANIFEST: head, **parts})
    read(path)


def write_zip(path: Path, parts: dict[str, bytes]) -> None:
    """A zip under a new name, its owner's alone. Raises FileNotWritten when the name is taken or cannot be written."""
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in parts.items():
            archive.writestr(zipfile.ZipInfo(name), raw, zipfile.ZIP_DEFLATED)
    new_file.save({path: room.getvalue()})


def read(path: Path) -> Backup:
    """The archive, every part of it checked. Raises ArchiveUnfit."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _checked(archive)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ArchiveUnfit(f"{path}: {getattr(error, 'strerror', '') or error}") from None


def _checked(archive: zipfile.ZipFile) -> Backup:
    listed = archive.infolist()
    if len(listed) > _PARTS_MAX or len({info.filename for info in listed}) != len(listed):
        raise ValueError("it has too many parts, or one twice")
    manifest = json.loads(_part(archive, _MANIFEST, _MANIFEST_MAX))
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND or manifest.get("v") != FORMAT:
        raise ValueError("it is no backup of this version")
    backup = _head(manifest)
    parts = manifest.get("parts")
    if not isinstance(parts, dict) or {info.filename for info in listed} != {_MANIFEST, *parts}:
        raise ValueError("its parts are not those of its manifest")
    for name, told in parts.items():
        raw = _part(archive, name, _PART_MAX)
        if not isinstance(told, dict) or told.get("size") != len(raw) or told.get("sha256") != digest(raw):
            raise ValueError(f"{name} is not what was backed up")
        kind, _, short = name.partition("/")
        if kind == "regions" and short.endswith(".bin") and len(raw) % SECTOR == 0:
            backup.regions[short[:-4]] = raw
        elif kind == "files":
            backup.files[short] = raw
        else:
            raise ValueError(f"{name} is of no kind we know")
    return backup


def _part(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Never more than so much, whatever the zip says of itself."""
    try:
        with archive.open(name) as part:
            raw = part.read(most + 1)
    except KeyError:
        raise ValueError(f"{name} is not there") from None
    if len(raw) > most:
        raise ValueError(f"{name} is too large")
    return raw


def _head(manifest: dict[str, Any]) -> Backup:
    names = ("terminal", "serial", "board")
    counts, unread = manifest.get("journal"), manifest.get("unread")
    fields = {"waiting", "unanswered", "dead", "high", "gaps", "code", "empty"}
    if (
        not all(isinstance(manifest.get(name), str) and len(manifest[name]) <= 64 for name in names)
        or type(manifest.get("taken_utc")) is not int
        or not isinstance(counts, dict)
        or set(counts) != fields
        or not all(type(counts[name]) is int for name in ("waiting", "unanswered", "dead", "high", "gaps"))
        or not isinstance(counts["code"], str)
        or not isinstance(unread, dict)
        or not all(type(count) is int for count in unread.values())
    ):
        raise ValueError("its manifest makes no sense")
    return Backup(
        manifest["terminal"],
        manifest["serial"],
        manifest["board"],
        manifest["taken_utc"],
        Counts(**counts),
        unread=dict(unread),
    )
