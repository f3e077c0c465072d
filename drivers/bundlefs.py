"""A read-only file system in one file: all modules of a program, found by hash, read where they lie.

A flash file system gives each small file a block of 4096 bytes; a hundred modules of 1.5 KB waste two thirds of a
small flash. `mount` a `BundleFS` and put its place into `sys.path`. Format, little-endian: "VBN3", crc32 of all that
follows u32, number of entries u32, size of the whole file u32; then per entry, sorted by hash: crc32 of its path u32,
offset u32, size in the bundle u32 (a directory has size 0; bit 31 is set when the content is stored as it is); then
the contents, each deflated by itself (RFC 1951, window of 1 KB): compiled modules take 70 % of their size. What is
stored as it is can be read from any place. Offsets count from the magic; something else may stand before it.
`deflate` is in the standard builds of both boards. Knows no product.
"""

import io
from binascii import crc32
from struct import unpack_from

from deflate import RAW, DeflateIO
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEAD = const(16)
_COVERED_AT = const(8)
_ENTRY = const(12)
_PIECE = const(512)
_WINDOW_BITS = const(10)
_ENOENT = const(2)
_EROFS = const(30)
_DIRECTORY = const(0x4000)
_FILE = const(0x8000)
_SEEK_SET = const(0)
_SIZE = const(0x3FFFFFFF)


class BundleDamaged(OSError):
    """The file is no whole bundle: it was cut off while it was copied, or altered."""


class Stored:
    """A part of the bundle as a file of its own. Several may be read in turn: each knows its place."""

    def __init__(self, bundle: "Any", at: int, size: int) -> None:
        self._bundle = bundle
        self._at = at
        self._size = size
        self._place = 0

    def seek(self, place: int) -> int:
        """Go to this place, counted from the beginning; not beyond the end."""
        self._place = min(place, self._size)
        return self._place

    def readinto(self, buffer: "bytearray | memoryview") -> int:
        """Fill the buffer; less only at the end."""
        left = self._size - self._place
        if left < len(buffer):
            buffer = memoryview(buffer)[:left]
        self._bundle.seek(self._at + self._place, _SEEK_SET)
        count = self._bundle.readinto(buffer)
        self._place += count
        return count

    def read(self, count: int) -> bytes:
        """Up to so many bytes."""
        content = bytearray(min(count, self._size - self._place))
        self.readinto(content)
        return bytes(content)

    def close(self) -> None:
        """The bundle stays open: it is everybody's."""


class BundleFS:
    """The bundle in `path` from byte `at` to the end, open as long as this lives. Raises OSError when it is missing,
    BundleDamaged."""

    def __init__(self, path: str, at: int = 0) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (every import reads from it)
        self._begin = at
        self._file.seek(at, _SEEK_SET)
        head = self._file.read(_HEAD)
        if len(head) < _HEAD or head[:4] != b"VBN3":
            raise BundleDamaged("no bundle")
        crc, count, size = unpack_from("<III", head, 4)
        self._check(size, crc)
        self._file.seek(self._begin + _HEAD, _SEEK_SET)
        self._index = self._file.read(count * _ENTRY)
        self._count = count

    def _check(self, size: int, crc: int) -> None:
        piece = bytearray(_PIECE)
        seen = 0
        self._file.seek(self._begin + _COVERED_AT, _SEEK_SET)
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
        """As os.stat, with the size as it is stored; raises OSError for what is not there."""
        size = self._find(path)[1]
        return (_FILE if size else _DIRECTORY, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def open(self, path: str, mode: str) -> "Any":
        """A file to be read from beginning to end; one that is stored as it is also has `seek`."""
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(_EROFS)
        at, size, stored = self._find(path)
        if not size:
            raise OSError(_ENOENT)
        if stored:
            return Stored(self._file, self._begin + at, size)
        self._file.seek(self._begin + at, _SEEK_SET)
        # Its own buffer: inflating takes it byte by byte, and several modules are open at a time.
        return DeflateIO(io.BytesIO(self._file.read(size)), RAW, _WINDOW_BITS)

    def _find(self, path: str) -> "tuple[int, int, bool]":
        wanted = crc32(path.lstrip("/").encode())
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            key, at, size = unpack_from("<III", self._index, middle * _ENTRY)
            if key == wanted:
                # The flag is looked at as a byte: on a board a number above 30 bits is an object of the heap.
                return at, size & _SIZE, self._index[middle * _ENTRY + _ENTRY - 1] > 0x7F
            if key < wanted:
                low = middle + 1
            else:
                high = middle
        raise OSError(_ENOENT)
