"""Runs on the terminal at its Python prompt, sent there as text: tells what its files are and takes new ones.

Says lines `words... sum`; sum is CRC-32 of what stands before it. Needs nothing of ours: it works on a board that holds
only the interpreter. A file arrives beside its name, with `.part` behind it, and takes its name when its hash is right:
a cut leaves the old file and a part that is gone on with. The PC imports it, too: its tests run it on a folder.
"""

import hashlib
import os
from binascii import a2b_base64, b2a_base64, crc32, hexlify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_PIECE = 1024
_KEEP = 16384  # so much may be lost of a part when the cable goes; each keeping costs a write of the directory
PART = ".part"


class Files:
    """`say` takes a line; `root` is where the files lie."""

    def __init__(self, say: "Callable[[str], object]", root: str = "") -> None:
        self._say = say
        self._root = root
        self._file: "Any" = None
        self._since = 0

    def space(self) -> None:
        """Size of the file system and what is free in it."""
        said = os.statvfs(self._root + "/")
        self._tell("space {} {}".format(said[1] * said[2], said[1] * said[3]))

    def look(self, names: "list[str]") -> None:
        """Size and hash of each of these that is there, and of what came of it."""
        for name in names:
            for path in (name, name + PART):
                size = self._size(path)
                if size >= 0:
                    self._tell("file {} {} {}".format(path, size, self._hash(path, size)))

    def head(self, name: str, size: int) -> None:
        """Its first bytes, and the hash of what follows; nothing of a file that is not there."""
        if self._size(name) < size:
            return
        digest, buffer = hashlib.sha256(), bytearray(_PIECE)
        with open(self._root + "/" + name, "rb") as file:
            for at in range(0, size, _PIECE):
                self._tell("head {}".format(b2a_base64(file.read(min(_PIECE, size - at)))[:-1].decode()))
            count = file.readinto(buffer)
            while count:
                digest.update(memoryview(buffer)[:count])
                count = file.readinto(buffer)
        self._tell("rest {} {}".format(self._size(name) - size, hexlify(digest.digest()).decode()))

    def begin(self, name: str, at: int) -> None:
        """Take a file from byte `at` on: 0 begins anew, else a part of just that size goes on."""
        path = self._root + "/" + name + PART
        if at and self._size(name + PART) != at:
            self._tell("wrong")
            return
        self._file = open(path, "ab" if at else "wb")  # noqa: SIM115 (it stays open from call to call)
        self._since = 0
        self._tell("ready")

    def write(self, text: "str | bytes") -> None:
        """The next piece, in base 64."""
        data = a2b_base64(text)
        self._file.write(data)
        self._since += len(data)
        if self._since >= _KEEP:
            self._file.flush()
            self._since = 0

    def end(self, name: str, size: int, wanted: str) -> None:
        """The part is whole: it takes its name when it is what was sent."""
        self._file.close()
        self._file = None
        if self._size(name + PART) == size and self._hash(name + PART, size) == wanted:
            os.rename(self._root + "/" + name + PART, self._root + "/" + name)
            self._tell("kept")
            return
        self._tell("differs")

    def remove(self, name: str) -> None:
        """Away with it, if it is there."""
        try:
            os.remove(self._root + "/" + name)
        except OSError:
            pass
        self._tell("removed")

    def _size(self, name: str) -> int:
        """-1 for a file that is not there."""
        try:
            return os.stat(self._root + "/" + name)[6]
        except OSError:
            return -1

    def _hash(self, name: str, size: int) -> str:
        digest, left, buffer = hashlib.sha256(), size, bytearray(_PIECE)
        with open(self._root + "/" + name, "rb") as file:
            while left > 0:
                count = file.readinto(buffer)
                if not count:
                    break
                count = min(count, left)
                digest.update(memoryview(buffer)[:count])
                left -= count
        return hexlify(digest.digest()).decode()

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))


def unmount() -> None:
    """The running program's bundle lies in a file that may be replaced now."""
    try:
        os.umount("/app")  # type: ignore[attr-defined]  # MicroPython's
    except (OSError, AttributeError):
        pass  # nothing mounted
