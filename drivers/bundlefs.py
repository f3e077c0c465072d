"""A read-only file system in one file: all modules of a program, found by hash, read where they lie.

A flash file system gives each small file a block of 4096 bytes; a hundred modules of 1.5 KB waste two thirds of a
small flash. `mount` a `BundleFS` and put its place into `sys.path`. Format, little-endian: "VBN1", crc32 of all that
follows u32, number of entries u32, size of the whole file u32; then per entry, sorted by hash: crc32 of its path u32,
offset u32, size u32 (a directory has size 0); then the contents. Knows no product.
"""

import io
from binascii import crc32
from struct import unpack_from

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEAD = const(16)
_COVERED_AT = const(8)
_ENTRY = const(12)
_PIECE = const(512)
_ENOENT = const(2)
_EROFS = const(30)
_DIRECTORY = const(0x4000)
_FILE = const(0x8000)
_SEEK_SET = const(0)
_IOCTL_CLOSE = const(4)


class BundleDamaged(OSError):
    """The file is no whole bundle: it was cut off while it was copied, or altered."""


class _Module(io.IOBase):
    """One file of the bundle, read from beginning to end."""

    def __init__(self, file: "Any", at: int, size: int) -> None:
        self._file = file
        self._at = at
        self._left = size

    def readinto(self, buf: bytearray) -> int:
        count = min(len(buf), self._left)
        if not count:
            return 0
        self._file.seek(self._at, _SEEK_SET)
        count = self._file.readinto(memoryview(buf)[:count])
        self._at += count
        self._left -= count
        return count

    def ioctl(self, op: int, _arg: int) -> int:
        return 0 if op == _IOCTL_CLOSE else -1


class BundleFS:
    """The bundle at `path`, open as long as this lives. Raises OSError when it is missing, BundleDamaged."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (every import reads from it)
        head = self._file.read(_HEAD)
        if len(head) < _HEAD or head[:4] != b"VBN1":
            raise BundleDamaged("no bundle")
        crc, count, size = unpack_from("<III", head, 4)
        self._check(size, crc)
        self._file.seek(_HEAD, _SEEK_SET)
        self._index = self._file.read(count * _ENTRY)
        self._count = count

    def _check(self, size: int, crc: int) -> None:
        piece = bytearray(_PIECE)
        seen = 0
        self._file.seek(_COVERED_AT, _SEEK_SET)
        at = _COVERED_AT
        while True:
            count = self._file.readinto(piece)
            if not count:
                break
            seen = crc32(memoryview(piece)[:count], seen)
            at += count
        if at != size or seen != crc:
            raise BundleDamaged("cut off or altered")

    def mount(self, _readonly: bool, _mkfs: bool) -> None:
        """Nothing to do."""

    def umount(self) -> None:
        """The last use."""
        self._file.close()

    def stat(self, path: str) -> "tuple[int, ...]":
        """As os.stat; raises OSError for what is not there."""
        _at, size = self._find(path)
        return (_FILE if size else _DIRECTORY, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def open(self, path: str, mode: str) -> _Module:
        """A file to be read."""
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(_EROFS)
        at, size = self._find(path)
        if not size:
            raise OSError(_ENOENT)
        return _Module(self._file, at, size)

    def _find(self, path: str) -> "tuple[int, int]":
        wanted = crc32(path.lstrip("/").encode())
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            key, at, size = unpack_from("<III", self._index, middle * _ENTRY)
            if key == wanted:
                return at, size
            if key < wanted:
                low = middle + 1
            else:
                high = middle
        raise OSError(_ENOENT)
