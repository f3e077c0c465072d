"""ESP32-S3 images offline: what a download holds, whether it is whole, and the partition table of ours.

A download for address 0 is boot loader, partition table and application in one file (ESP-IDF, "Firmware Image Format"
and gen_esp32part). Runs nothing and talks to no board. Bytes; offsets from the start of the chip.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from tools.device.errors import ImageUnfit
from tools.device.partition import s3_rows

TABLE_AT, TABLE_SIZE = 0x8000, 0x1000
_IMAGE_MAGIC, _CHIP_S3 = 0xE9, 9
_HEADER, _SEGMENT = 24, 8
_DESCRIPTION = struct.Struct("<II8s32s32s16s16s32s32s")
_DESCRIPTION_MAGIC = 0xABCD5432
_SIZE_8MB = 0x30  # high half of the header's fourth byte
_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC, _SUM_MAGIC = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14
_TABLE_BYTES = 0xC00
_TYPES = {"app": 0, "data": 1}
_SUBTYPES = {"factory": 0x00, "phy": 0x01, "nvs": 0x02, "fat": 0x81}
_SEGMENTS_MAX = 16


@dataclass(frozen=True)
class EspImage:
    """`loader` goes to 0, `application` to `application_at`; the rest is what the application says of itself."""

    loader: bytes
    application: bytes
    application_at: int
    project: str
    version: str
    idf: str


def parsed(raw: bytes) -> EspImage:
    """The parts of a download, each whole and for this chip. Raises ImageUnfit."""
    if len(raw) > _HEADER and raw[0] == _IMAGE_MAGIC and _description(raw) is not None:
        raise ImageUnfit("it is the application alone, without loader and table; take the file for address 0")
    loader = whole(raw[:TABLE_AT], "boot loader")
    rows = table_rows_of(raw[TABLE_AT : TABLE_AT + TABLE_SIZE])
    applications = [(start, size) for _, kind, _, start, size in rows if kind == _TYPES["app"]]
    if not applications:
        raise ImageUnfit("its partition table names no application")
    start, size = applications[0]
    application = whole(raw[start : start + size], "application")
    said = _description(application)
    if said is None:
        raise ImageUnfit("its application does not say what it is")
    project, version, idf = said
    return EspImage(with_8mb(loader), application, start, project, version, idf)


def whole(raw: bytes, what: str) -> bytes:
    """The image at the start of `raw`, without what follows it; its checksum and hash are right. Raises ImageUnfit."""
    if len(raw) < _HEADER or raw[0] != _IMAGE_MAGIC:
        raise ImageUnfit(f"no {what} where it should begin")
    if int.from_bytes(raw[12:14], "little") != _CHIP_S3:
        raise ImageUnfit(f"its {what} is for another chip than the ESP32-S3")
    at, check = _HEADER, 0xEF
    for _ in range(min(raw[1], _SEGMENTS_MAX)):
        size = int.from_bytes(raw[at + 4 : at + 8], "little")
        content = raw[at + _SEGMENT : at + _SEGMENT + size]
        if len(content) < size:
            raise ImageUnfit(f"its {what} ends too early: the file was cut short")
        for word in range(0, len(content), 4096):
            check ^= _folded(content[word : word + 4096])
        at += _SEGMENT + size
    at += 16 - at % 16
    if len(raw) < at or raw[at - 1] != check:
        raise ImageUnfit(f"its {what} has a wrong checksum: the file is damaged")
    if raw[23] == 1:
        if hashlib.sha256(raw[:at]).digest() != raw[at : at + 32]:
            raise ImageUnfit(f"its {what} has a wrong hash: the file is damaged")
        at += 32
    return raw[:at]


def _folded(content: bytes) -> int:
    """All bytes of a piece by exclusive or."""
    number = int.from_bytes(content, "little")
    bits = 1 << max(3, (len(content) * 8 - 1).bit_length())
    while bits > 8:
        bits //= 2
        number = (number >> bits) ^ (number & ((1 << bits) - 1))
    return number


def with_8mb(loader: bytes) -> bytes:
    """A loader that counts on 8 MB of flash, whatever it was built for: it refuses partitions beyond what it knows."""
    if loader[3] & 0xF0 == _SIZE_8MB:
        return loader
    changed = bytearray(loader)
    changed[3] = _SIZE_8MB | (loader[3] & 0x0F)
    if changed[23] == 1:  # the header is not part of the checksum, but of the hash
        changed[-32:] = hashlib.sha256(changed[:-32]).digest()
    return bytes(changed)


def _description(image: bytes) -> tuple[str, str, str] | None:
    """Project, version and ESP-IDF of an application."""
    raw = image[_HEADER + _SEGMENT : _HEADER + _SEGMENT + _DESCRIPTION.size]
    if len(raw) < _DESCRIPTION.size:
        return None
    magic, _, _, version, project, _, _, idf, _ = _DESCRIPTION.unpack(raw)
    if magic != _DESCRIPTION_MAGIC:
        return None
    texts = [text.split(b"\0")[0].decode("ascii", "replace") for text in (project, version, idf)]
    return texts[0], texts[1], texts[2]


# --- the partition table ------------------------------------------------------------------------------------------


def table() -> bytes:
    """Ours, as it lies at 0x8000: rows of 32 bytes, then their MD5."""
    rows = b"".join(
        _ENTRY.pack(_ENTRY_MAGIC, _TYPES[kind], _SUBTYPES[subtype], start, size, name.encode(), 0)
        for name, kind, subtype, start, size in s3_rows()
    )
    # MD5 because the loader checks just that; it guards against decay, not against people.
    rows += _SUM_MAGIC + hashlib.md5(rows, usedforsecurity=False).digest()
    return rows.ljust(_TABLE_BYTES, b"\xff")


def table_rows_of(raw: bytes) -> list[tuple[str, int, int, int, int]]:
    """Name, type, subtype, start, size of each row of a table; none for what is no table."""
    rows = []
    for at in range(0, min(len(raw), _TABLE_BYTES), _ENTRY.size):
        entry = raw[at : at + _ENTRY.size]
        if len(entry) < _ENTRY.size or entry[:2] != _ENTRY_MAGIC:
            break
        _, kind, subtype, start, size, name, _ = _ENTRY.unpack(entry)
        rows.append((name.split(b"\0")[0].decode("ascii", "replace"), kind, subtype, start, size))
    return rows
