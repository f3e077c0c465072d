"""Puts a signed program into the slot that does not run: verified where it lies, taken by one rename, then on trial.

The same steps for a program that came over the line, at the Python prompt and in safe mode. Until the rename the slots
are as they were; between it and the trial's beginning the program before starts. A terminal without room for two
programs has one slot: there the new program replaces the old one, at the prompt or in safe mode only. Sizes in bytes.
"""

import os
from hashlib import sha256

from micropython import const

from firmware import version
from firmware.service import builds, slots
from firmware.service.manifest import (
    DAMAGED,
    HEAD,
    NOT_NOW,
    ROOT,
    ROOT_FILE,
    Here,
    Manifest,
    Root,
    UpdateRefused,
    admit,
    next_root,
    opened,
    root_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, Protocol

    from firmware.service.builds import Builds
    from firmware.store.slots import Slots

    class Board(Protocol):
        """What of a board this needs."""

        name: str
        page_only: bool

        def transaction_flash(self) -> "object": ...


NEW = "/program.new"  # what is being loaded; it becomes a slot by its rename
KEYS = "/config/release-keys.bin"
_PIECE = const(2048)
_TWO_SLOTS = const(900_000)  # a file system of less has room for one program
_SPARE = const(32_768)  # blocks the file system itself wants, and room for files of settings


def root_in_force() -> Root:
    """Whose signatures count. Raises UpdateRefused."""
    try:
        with open(KEYS, "rb") as file:
            return root_of(file.read(ROOT_FILE + 1))
    except OSError:
        raise UpdateRefused(ROOT, "no release keys: provision the terminal") from None


def change_root(raw: bytes) -> Root:
    """The next root file is in force: one rename. Raises UpdateRefused, OSError."""
    found = next_root(root_in_force(), raw)
    with open(KEYS + ".new", "wb") as file:
        file.write(raw)
    os.rename(KEYS + ".new", KEYS)
    return found


def one_slot(place: str = "/") -> bool:
    """Whether there is room for one program only."""
    found = os.statvfs(place)
    return found[1] * found[2] < _TWO_SLOTS


def target(replacing: bool = False) -> str:
    """The slot a new program goes into. Raises UpdateRefused while another is on trial, and when the only slot runs,
    unless it may be replaced."""
    if one_slot():
        if not replacing:
            raise UpdateRefused(NOT_NOW, "one slot: over USB only")
        return "a"
    if slots.on_trial():
        raise UpdateRefused(NOT_NOW, "a program is on trial")
    return slots.other(slots.running() or slots.read().active)


def make_room(slot: str, size: int, there: int = 0) -> None:
    """Room for a file of `size` of which `there` lie already: the program in that slot goes when it has to. Raises
    UpdateRefused."""
    found = os.statvfs("/")
    if found[0] * found[3] + there >= size + _SPARE:
        return
    try:
        os.remove(slots.file_of(slot))
    except OSError:
        pass
    found = os.statvfs("/")
    if found[0] * found[3] + there < size + _SPARE // 2:
        raise UpdateRefused(NOT_NOW, "no room for {} bytes".format(size))


def here(board: str, store: "Slots", root: Root, again: bool = False) -> Here:
    """What an update has to fit. Raises UpdateRefused for a root file older than one that was in force."""
    from firmware.store.frames import FORMAT

    kept = builds.read(store)
    found = Here(board, version.ABI, getattr(__import__("__main__"), "vafa_stage", 0), version.BUILD, version.EPOCH)
    found.journal = FORMAT
    found.floor = kept.floor(root)
    found.lowest = kept.lowest
    found.again = again
    found.now_utc = version.BUILT_UTC  # no earlier, whatever a clock says
    return found


class Update:
    """A whole update at `path`. Iterate over `opening` to its end; then `manifest` may be believed."""

    def __init__(self, path: str, root: Root, place: Here) -> None:
        self.path = path
        self._root = root
        self._here = place
        self.manifest: "Manifest | None" = None

    def opening(self) -> "Iterator[None]":
        """Verify, in pieces between which others may work. Raises UpdateRefused, OSError."""
        digest = sha256()
        size = os.stat(self.path)[6]
        with open(self.path, "rb") as file:
            found = opened(file.read(HEAD), self._root)
            yield
            admit(found, self._root, self._here)
            if size != HEAD + found.size:
                raise UpdateRefused(DAMAGED, "{} bytes, the manifest says {}".format(size - HEAD, found.size))
            piece = bytearray(_PIECE)
            view = memoryview(piece)
            left = found.size
            while left:
                count = file.readinto(view[: min(left, _PIECE)])
                if not count:
                    raise UpdateRefused(DAMAGED, "cut short")
                digest.update(view[:count])
                left -= count
                yield
        if digest.digest() != found.digest:
            raise UpdateRefused(DAMAGED, "the SHA-256 of the program is another one")
        self.manifest = found


def take(slot: str, path: str, found: Manifest, store: "Slots", mark: "Callable[[Builds], object]") -> None:
    """Into the slot, and on trial from the next start on. `mark` notes how the journal is now. A cut leaves the program
    before in force; the same call ends what it began. Raises OSError, StoreError."""
    kept = builds.read(store)
    kept.tried, kept.tried_root = found.build, found.root
    mark(kept)
    builds.keep(store, kept)
    if path != slots.file_of(slot):
        os.rename(path, slots.file_of(slot))
    if one_slot():
        return  # nothing to go back to: nothing to try
    state, runs = slots.read(), slots.running()
    if runs and runs != state.active:  # the other one was passed over at this start: it is no program to go back to
        state.active, state.trial, state.tries = runs, "", 0
        slots.write(state)
    slots.begin_trial(slot)


def marks_of(board: "Board") -> "Callable[[Builds], None]":
    """For `take` without the keys: the newest sector of the journal, as its header tells."""

    def mark(kept: "Builds") -> None:
        from firmware.store.flash import Flash
        from firmware.store.frames import HEADER, parse_header

        kept.salt = kept.generation = kept.seq = 0
        kept.gaps = builds.UNKNOWN
        flash = Flash(board.transaction_flash(), board.page_only)  # type: ignore[arg-type]
        for sector in range(flash.sectors):
            for copy in (0, HEADER):
                header = parse_header(flash.read(sector, copy, HEADER))
                if header is not None and header.generation > kept.generation:
                    kept.salt, kept.generation, kept.seq = header.salt, header.generation, header.seq_high

    return mark
