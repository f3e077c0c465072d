"""The files of a terminal as a build made them: of this source tree, or a folder that `make firmware` wrote.

In a folder each file is held against its manifest. Signatures are looked at by the terminal and by `verify`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tools.device.errors import ImageUnfit, WrongBoard
from tools.firmware import program
from tools.sim import image as staging

_FIRST = ("slot_a.vfu",)  # the largest first: room runs out early or not at all
_LAST = ("main.py", "boot.py")  # nothing starts half-copied
_BELOW = "files/"
_NEXT = "Run `make firmware` again, or name a folder it wrote, such as build/firmware/s3."


@dataclass(frozen=True)
class Built:
    """`files` stand in the order in which they are brought over."""

    board: str
    version: str
    files: dict[str, bytes]


def built(folder: Path | None, board: str) -> Built:
    """For this board. Raises ImageUnfit, WrongBoard for a folder that is not what its manifest says."""
    if folder is None:
        files = staging.staged_files(staging.REPOSITORY, board)
        return Built(board, str(program.numbers(staging.REPOSITORY)["VERSION"]), _ordered(files))
    try:
        said = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        made_for, version, listed = str(said["board"]), str(said["version"]), dict(said["files"])
        files = {}
        for name, facts in listed.items():
            if name.startswith(_BELOW):
                files[name[len(_BELOW) :]] = _whole(folder / name, str(facts["sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageUnfit(f"{folder} is no build: {getattr(error, 'strerror', '') or 'its manifest'}", _NEXT) from None
    if board and made_for != board:
        raise WrongBoard(f"{folder} is a build for {made_for}, connected is {board}")
    return Built(made_for, version, _ordered(files))


def _whole(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if ".." in path.parts or hashlib.sha256(content).hexdigest() != sha256:
        raise ImageUnfit(f"{path} is not what its manifest says", _NEXT)
    return content


def _ordered(files: dict[str, bytes]) -> dict[str, bytes]:
    middle = sorted(name for name in files if name not in (*_FIRST, *_LAST))
    return {name: files[name] for name in (*_FIRST, *middle, *_LAST) if name in files}
