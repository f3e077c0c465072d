"""A new file on this computer: whole or not at all, for its owner alone, and nothing of it left where it cannot be.

Whether there will be one is tried before a terminal is stopped for it: what is found out afterwards costs a till its
minutes. Sizes in bytes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tools.device.errors import FileNotWritten

ROOM = 2 * 1024 * 1024  # the largest of them: a journal of 1 MB as lines of text


class NewFile:
    """Filled beside its name, then given it. What is not kept goes, and so do the folders that were made for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        self._folders: list[Path] = []

    def __enter__(self) -> NewFile:
        return self

    def fill(self, raw: bytes) -> None:
        """Write all of it under another name. Raises FileNotWritten."""
        with self._told():
            if self._path.exists():
                raise FileNotWritten(f"{self._path} exists")
            self._folders = [folder for folder in self._path.parents if not folder.exists()]
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())

    def keep(self) -> None:
        """Give it its name. Raises FileNotWritten."""
        with self._told():
            self._draft.replace(self._path)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise FileNotWritten(f"{self._path}: {getattr(error, 'strerror', '') or error}") from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._draft.unlink(missing_ok=True)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # one that holds something stays
                folder.rmdir()


def save(parts: dict[Path, bytes]) -> None:
    """All of these or none. Raises FileNotWritten."""
    with contextlib.ExitStack() as stack:
        files = [(stack.enter_context(NewFile(path)), raw) for path, raw in parts.items()]
        for file, raw in files:
            file.fill(raw)
        for file, _ in files:
            file.keep()


def tried(*paths: Path) -> None:
    """Whether a file of each name could be written now, the largest there is. Raises FileNotWritten."""
    for path in paths:
        with NewFile(path) as file:
            file.fill(bytes(ROOM))


def unnamed(folder: Path) -> Path:
    """To try in place of a name that only the terminal tells: nothing that is there already is called so."""
    return folder / f"new-{secrets.token_hex(8)}"
