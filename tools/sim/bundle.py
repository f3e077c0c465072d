"""Packs modules into the one file that `drivers/bundlefs.py` reads."""

from __future__ import annotations

import zlib
from binascii import crc32
from struct import pack

MAGIC = b"VBN3"
STORED = 0x80000000
_WINDOW_BITS = 10
STORED_SUFFIX = ".tbl"  # tables are read where they lie


def deflated(content: bytes) -> bytes:
    """As it lies in the bundle."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW_BITS)
    return packer.compress(content) + packer.flush()


def bundle(files: dict[str, bytes]) -> bytes:
    """The bundle of these files; the same files give the same bytes. Raises ValueError when two paths share a hash."""
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    names = sorted([*files, *folders], key=lambda name: crc32(name.encode()))
    if len({crc32(name.encode()) for name in names}) != len(names):
        raise ValueError("two paths have the same CRC-32: rename one")
    at = 16 + 12 * len(names)
    index, contents = b"", b""
    for name in names:
        in_place = name.endswith(STORED_SUFFIX)
        content = b"" if name not in files else files[name] if in_place else deflated(files[name])
        size = len(content) | (STORED if in_place and content else 0)
        index += pack("<III", crc32(name.encode()), at + len(contents) if content else 0, size)
        contents += content
    covered = pack("<II", len(names), at + len(contents)) + index + contents
    return MAGIC + pack("<I", crc32(covered)) + covered
