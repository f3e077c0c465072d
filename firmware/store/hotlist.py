"""Cards that get nothing: the switch's list on the file system, searched where it lies, and a short one of our own.

The long list is sorted rows of 12 bytes: UID filled with zeros to 10, its length, the reason. It is never loaded: a
look-up reads a dozen rows. The short list holds the cards the switch refused as lost or stolen since: newest last,
written whole at each change. A downloaded list that was made later covers them, and they leave. Times in UTC seconds.
"""

import os
from binascii import crc32

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.core.log import Log

ROW = const(12)
MOST = const(5000)
LOST = const(41)
STOLEN = const(43)
_KEY = const(11)
_PIECE = const(85)  # rows looked at in one go
_OWN_ROW = const(16)  # a row, and since when
_OWN_MOST = const(64)
_NOT_KEPT = const("U05")


def key_of(uid: bytes) -> bytes:
    """What the rows are sorted by."""
    return uid + bytes(10 - len(uid)) + bytes((len(uid),))


def checked(path: str, at: int, size: int) -> "Iterator[bool]":
    """Whether `size` bytes from `at` are a list: False once and for all when they are none. In pieces between which
    others may work. Raises OSError."""
    if size % ROW or size > MOST * ROW:
        yield False
        return
    with open(path, "rb") as file:
        file.seek(at)
        last = b""
        for first in range(0, size, _PIECE * ROW):
            rows = file.read(min(_PIECE * ROW, size - first))
            for i in range(0, len(rows), ROW):
                key = rows[i : i + _KEY]
                if key <= last or key[10] not in (4, 7, 10) or any(key[key[10] : 10]):
                    yield False
                    return
                last = key
            yield True


class Hotlist:
    """`own` is the path of the short list."""

    def __init__(self, own: str, log: "Log") -> None:
        self._path = ""  # of the long list; "": there is none
        self._at = 0
        self._rows = 0
        self._own_path = own
        self._log = log
        self._own: "dict[bytes, bytes]" = {}  # key -> reason and since when; the dictionary is not ordered
        self._load()

    def use(self, path: str, at: int, size: int) -> None:
        """The rows of this file count from now on."""
        self._path, self._at, self._rows = path, at, size // ROW

    def blocked(self, uid: bytes) -> bool:
        """Whether a card is on either list. A list that cannot be read blocks nobody."""
        key = key_of(uid)
        if key in self._own:
            return True
        try:
            return self._rows > 0 and self._found(key)
        except OSError as error:
            self._log.fault(_NOT_KEPT, "hotlist cannot be read: {}".format(error))
            return False

    def _found(self, key: bytes) -> bool:
        low, high = 0, self._rows
        with open(self._path, "rb") as file:
            while low < high:
                middle = (low + high) // 2
                file.seek(self._at + middle * ROW)
                row = file.read(ROW)[:_KEY]
                if row == key:
                    return True
                if row < key:
                    low = middle + 1
                else:
                    high = middle
        return False

    # --- the short list -----------------------------------------------------------------------------------------------

    def heard(self, uid: bytes, rc: str, now_utc: int) -> None:
        """What the switch answered of a card: 41 and 43 block it here, an approval lets it go again."""
        key = key_of(uid)
        if rc in ("41", "43"):
            if key in self._own:
                return
            while len(self._own) >= _OWN_MOST:
                del self._own[min(self._own, key=self._since)]
            self._own[key] = bytes((int(rc),)) + now_utc.to_bytes(4, "big")
        elif rc == "00" and key in self._own:
            del self._own[key]
        else:
            return
        self._save()

    def covered(self, made_utc: int) -> None:
        """A list made at this time is in force: it knows of everything before."""
        stale = [key for key in self._own if int.from_bytes(self._own[key][1:], "big") <= made_utc]
        for key in stale:
            del self._own[key]
        if stale:
            self._save()

    def own(self) -> int:
        """How many cards the short list holds."""
        return len(self._own)

    def _since(self, key: bytes) -> bytes:
        return self._own[key][1:]

    def _load(self) -> None:
        try:
            with open(self._own_path, "rb") as file:
                raw = file.read(_OWN_MOST * _OWN_ROW + 5)
        except OSError:
            return  # the normal case: nobody was refused yet
        rows = raw[:-4]
        if len(rows) % _OWN_ROW or crc32(rows) != int.from_bytes(raw[-4:], "big"):
            self._log.fault("U07", "the list of refused cards is damaged and begins anew")
            return
        for i in range(0, len(rows), _OWN_ROW):
            self._own[rows[i : i + _KEY]] = rows[i + _KEY : i + _OWN_ROW]

    def _save(self) -> None:
        """Whole or not at all; what cannot be written still counts until the power goes."""
        rows = b"".join([key + rest for key, rest in self._own.items()])
        try:
            with open(self._own_path + ".new", "wb") as file:
                file.write(rows + crc32(rows).to_bytes(4, "big"))
            os.rename(self._own_path + ".new", self._own_path)
        except OSError as error:
            self._log.fault(_NOT_KEPT, "the list of refused cards: {}".format(error))
