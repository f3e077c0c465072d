"""Packs modules into the one file that `drivers/bundlefs.py` reads."""

from __future__ import annotations

from binascii import crc32
from struct import pack

MAGIC = b"VBN1"


def bundle(files: dict[str, bytes]) -> bytes:
    """The bundle of these files; the same files give the same bytes. Raises ValueError when two paths share a hash."""
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    names = sorted([*files, *folders], key=lambda name: crc32(name.encode()))
    if len({crc32(name.encode()) for name in names}) != len(names):
        raise ValueError("two paths have the same CRC-32: rename one")
    if any(not content for content in files.values()):
        raise ValueError("an empty file would look like a folder")
    at = 16 + 12 * len(names)
    index, contents = b"", b""
    for name in names:
        content = files.get(name, b"")
        index += pack("<III", crc32(name.encode()), at + len(contents) if content else 0, len(content))
        contents += content
    covered = pack("<II", len(names), at + len(contents)) + index + contents
    return MAGIC + pack("<I", crc32(covered)) + covered
