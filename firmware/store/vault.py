"""The key store: two raw sectors that hold the same record, wrapped; nothing else of the terminal keeps a key.

A record is a few named byte strings, sealed with a key that only this board has. A new one is written to one sector and
read back before the other is touched, so every cut leaves the old keys or the new ones; `load` finishes what a cut left
in one sector only. Raw sectors, because a file system keeps old copies: `zeroise` erases both and looks. Values are
secrets: never log or show them.

A sector that takes no erase may still take zeros, which need none: so nothing readable is left where it fails.
"""

from struct import unpack_from

from micropython import const

from firmware.core.errors import FlashUnreadable, StoreError, StoreNewer
from firmware.store import frames
from firmware.store.flash import Flash
from firmware.store.frames import FRAME_HEAD, MAX_BODY, PAGE, SECTOR
from firmware.store.seal import CLEAR, TAG, Sealer, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.ports import BlockDevice

KIND = const(4)
_RECORD = const(8)  # frame type
_SEED = const(0x59454B56)  # "VKEY"
_MAX_FIELDS = const(238)  # with their length a multiple of 16, in the longest frame there is


class VaultDamaged(StoreError):
    """The key store holds something that does not open on this board."""

    code = "S10"


def is_gone(flash: Flash, sector: int) -> bool:
    """Whether a sector holds nothing any more: blank, or zeros all over."""
    try:
        raw = flash.read_sector(sector)
    except FlashUnreadable:
        return False
    piece = bytes((raw[0],)) * 64
    return raw[0] in (0, 0xFF) and all([raw[at : at + 64] == piece for at in range(0, SECTOR, 64)])


def overwrite(flash: Flash, sector: int) -> bool:
    """Zeros over what takes no erase; False when something is left."""
    for at in range(0, SECTOR, PAGE):
        flash.program(sector, at, bytes(PAGE))
    return is_gone(flash, sector)


class Vault:
    """`wrapping` seals with the board's own key. Uses the first two sectors of `device`."""

    def __init__(
        self, device: "BlockDevice", wrapping: Sealer, page_only: bool = False, buffer: "bytearray | None" = None
    ) -> None:
        self._flash = Flash(device, page_only, buffer)
        self._wrapping = wrapping
        self._counter = 0
        self.copies = 0  # whole ones after the last call of `load` or `save`: with one only, replace the terminal

    def load(self) -> "dict[str, bytes] | None":
        """The keys, None when there are none. Mends the second copy. Raises VaultDamaged, StoreNewer or
        FlashUnreadable, with nothing written."""
        found = self._both()
        self.copies = 0
        if found[0] is None and found[1] is None:
            if is_gone(self._flash, 0) and is_gone(self._flash, 1):
                return None
            raise VaultDamaged("key store does not open")
        counters = [record[0] if record is not None else 0 for record in found]
        newest = 0 if counters[0] >= counters[1] else 1
        record = found[newest]
        assert record is not None
        self._counter = record[0]
        mended = counters[1 - newest] == self._counter or self._write(1 - newest, record[1])
        if not mended:
            self._forget(1 - newest)
        self.copies = 2 if mended else 1
        return _fields_of(record[1])

    def save(self, keys: "dict[str, bytes]") -> None:
        """Replace all keys; the former ones are erased.

        Raises StoreError: then the former ones are still there (`copies` is 0), or the new ones count and only one
        sector took them (`copies` is 1); the other was overwritten with zeros, and each `load` tries it again.
        """
        self.copies = 0
        fields = _packed(keys)
        if len(fields) > _MAX_FIELDS:
            raise StoreError("keys are too long for the key store")
        counters = [record[0] if record is not None else 0 for record in self._both()]
        older = 0 if counters[0] < counters[1] else 1
        self._counter = max(counters) + 1
        if self._counter >> 31:
            raise StoreError("key store was changed too often")
        if not self._write(older, fields):
            raise StoreError("key store takes nothing")
        self.copies = 1
        if not self._write(1 - older, fields):
            self._forget(1 - older)
            raise StoreError("key store took one copy only")
        self.copies = 2

    def zeroise(self) -> int:
        """Erase every key and look; how many sectors took no erase and are zeros now. Raises StoreError when something
        is left."""
        zeros = left = 0
        for sector in (0, 1):
            if not (self._flash.erase(sector) or self._flash.erase(sector)):
                gone = overwrite(self._flash, sector)
                zeros += gone
                left += not gone
        if left:
            raise StoreError("keys are not erased")
        self._counter = 0
        return zeros

    def _forget(self, sector: int) -> None:
        """Former keys go from a sector that takes no new ones, if it takes zeros."""
        if not is_gone(self._flash, sector):
            overwrite(self._flash, sector)

    def _both(self) -> "list[tuple[int, bytes] | None]":
        """What each sector holds. One that cannot be read is like one that does not open, as long as the other does."""
        found: "list[tuple[int, bytes] | None]" = []
        unreadable: "FlashUnreadable | None" = None
        for sector in (0, 1):
            try:
                found.append(self._read(sector))
            except FlashUnreadable as error:
                unreadable = error
                found.append(None)
        if unreadable is not None and found[0] is None and found[1] is None:
            raise unreadable
        return found

    def _read(self, sector: int) -> "tuple[int, bytes] | None":
        """(counter, fields) of a sector, None when nothing there opens."""
        frame = frames.frame_at(self._flash.read(sector, 0, FRAME_HEAD + MAX_BODY), 0, _SEED, 0)
        if frame is None or frame.kind != _RECORD:
            return None
        if frame.version > frames.VERSION:
            raise StoreNewer("keys in layout {}".format(frame.version))
        body = self._wrapping.body_of(place_of(KIND, _SEED, frame.seq, 0), frame, True)
        if body is None:
            return None
        length = unpack_from("<H", body, CLEAR)[0]
        return frame.seq, bytes(body[CLEAR + 2 : CLEAR + 2 + length])

    def _write(self, sector: int, fields: bytes) -> bool:
        plain = len(fields).to_bytes(2, "little") + fields
        body = bytearray(CLEAR + (len(plain) + 15 & -16) + TAG)
        body[CLEAR : CLEAR + len(plain)] = plain
        place = place_of(KIND, _SEED, self._counter, 0)
        frame = self._wrapping.frame(place, _RECORD, self._counter, body, True, _SEED)
        return self._flash.erase(sector) and self._flash.program(sector, 0, frame)


def _packed(keys: "dict[str, bytes]") -> bytes:
    out = bytearray()
    for name in sorted(keys):
        raw = name.encode()
        out.append(len(raw))
        out.extend(raw)
        out.append(len(keys[name]))
        out.extend(keys[name])
    return bytes(out)


def _fields_of(raw: bytes) -> "dict[str, bytes]":
    keys = {}
    at = 0
    while at < len(raw):
        name = raw[at + 1 : at + 1 + raw[at]].decode()
        at += 1 + raw[at]
        keys[name] = raw[at + 1 : at + 1 + raw[at]]
        at += 1 + raw[at]
    return keys
