"""Runs on the terminal at its Python prompt, sent there as text: sends raw regions and files, and takes a region back.

Says lines `words... sum`; sum is CRC-32 of what stands before it. Bytes go as base64, at most 1024 in a line, FF at the
end left out and blank pieces not sent at all; a SHA-256 over the whole ends each. A region is taken only where
nothing stands, or where an earlier try with the same content was cut short: a file says which. Nothing but the bytes
goes through here; what they mean is the PC's matter. The PC imports it, too: its tests run it on a modelled flash.
"""

import os
from binascii import a2b_base64, b2a_base64, crc32, hexlify
from hashlib import sha256

from firmware.core.errors import StoreError
from firmware.store.flash import Flash
from firmware.store.frames import SECTOR, is_blank, last_written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.board import Board

_PIECE = 1024
_BLANK = b"\xff" * _PIECE
_FILES_MAX = 64


class Regions:
    """`say` takes a line. `flag` is the file that stands while a region is being taken."""

    def __init__(
        self, board: "Board", say: "Callable[[str], object]", root: str = "/", flag: str = "/replacing"
    ) -> None:
        self._board = board
        self._say = say
        self._root = root
        self._flag = flag
        self._buffer = bytearray(SECTOR)

    def _flash(self, name: str) -> Flash:
        makers = {
            "txlog": self._board.transaction_flash,
            "members": self._board.member_flash,
            "vault": self._board.vault_flash,
        }
        return Flash(makers[name](), self._board.page_only, self._buffer)

    def about(self) -> None:
        """Which board this is, and how large its regions are."""
        from machine import unique_id

        self._tell("board {} {}".format(self._board.name, hexlify(unique_id()).decode()))
        for name in ("txlog", "members", "vault"):
            self._tell("size {} {}".format(name, self._flash(name).sectors))

    # --- sending ------------------------------------------------------------------------------------------------------

    def send(self, name: str) -> None:
        """A region, sector by sector."""
        flash = self._flash(name)
        whole = sha256()
        unread = 0
        for sector in range(flash.sectors):
            for at in range(0, SECTOR, _PIECE):
                try:
                    raw = bytes(flash.read(sector, at, _PIECE))
                except StoreError:
                    self._tell("unread {} {} {}".format(name, sector, at))
                    raw = _BLANK
                    unread += 1
                whole.update(raw)
                self._piece("piece {} {} {}".format(name, sector, at), raw)
        self._tell("over {} {} {} {}".format(name, flash.sectors, hexlify(whole.digest()).decode(), unread))

    def _piece(self, head: str, raw: bytes) -> None:
        length = last_written(raw, 0, len(raw))
        if length:
            self._tell("{} {}".format(head, b2a_base64(raw[:length])[:-1].decode()))

    def files(self, folder: str) -> None:
        """The names and sizes of a folder's files."""
        for entry in self._entries(folder)[:_FILES_MAX]:
            self._tell("entry {} {}".format(folder + "/" + entry if folder else entry, self._size(folder, entry)))
        self._tell("entries " + (folder or "-"))

    def _entries(self, folder: str) -> "list[str]":
        try:
            found = sorted(os.listdir(self._root + folder))
        except OSError:
            return []
        return [entry for entry in found if self._size(folder, entry) >= 0]

    def _size(self, folder: str, entry: str) -> int:
        """-1 for a folder, or what is none of ours to name in a line."""
        if not all(["!" <= char <= "~" for char in entry]):
            return -1
        try:
            found = os.stat(self._root + (folder + "/" if folder else "") + entry)
        except OSError:
            return -1  # where the program is mounted
        return -1 if found[0] & 0x4000 else found[6]

    def file(self, path: str) -> None:
        """A file's bytes."""
        whole = sha256()
        at = 0
        with open(self._root + path, "rb") as file:
            while True:
                raw = file.read(_PIECE)
                if not raw:
                    break
                whole.update(raw)
                self._tell("bytes {} {} {}".format(path, at, b2a_base64(raw)[:-1].decode()))
                at += len(raw)
        self._tell("over {} {} {} 0".format(path, at, hexlify(whole.digest()).decode()))

    # --- taking -------------------------------------------------------------------------------------------------------

    def begin(self, name: str, digest: str) -> None:
        """Make room for a region whose content has this SHA-256; says `ready`, or `occupied` and changes nothing."""
        flash = self._flash(name)
        used = [sector for sector in range(flash.sectors) if not self._blank(flash, sector)]
        if used and self._agreed() != digest:
            self._tell("occupied {} {}".format(name, len(used)))
            return
        with open(self._flag, "w") as file:
            file.write(digest)
        failed = 0
        for sector in used:
            if not (flash.erase(sector) or flash.erase(sector)):
                failed += 1
        self._tell("ready {} {}".format(name, failed))

    def put(self, name: str, sector: int, at: int, text: str) -> None:
        """Program one piece into a blank place, and read it back."""
        if self._flash(name).program(sector, at, a2b_base64(text)):
            self._tell("put {} {}".format(sector, at))
        else:
            self._tell("failed {} {}".format(sector, at))

    def digest(self, name: str) -> None:
        """What the region holds now."""
        flash = self._flash(name)
        whole = sha256()
        for sector in range(flash.sectors):
            whole.update(flash.read_sector(sector))
        self._tell("digest {} {}".format(name, hexlify(whole.digest()).decode()))

    def done(self) -> None:
        """All of it stands and was looked at."""
        os.remove(self._flag)
        self._tell("done")

    def _agreed(self) -> str:
        try:
            with open(self._flag) as file:
                return file.read(80)
        except OSError:
            return ""

    def _blank(self, flash: Flash, sector: int) -> bool:
        return is_blank(flash.read_sector(sector), 0, SECTOR)

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))
