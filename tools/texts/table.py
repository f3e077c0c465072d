"""Writes the table of all languages, which firmware/text/catalogue.py reads in place.

Format, little-endian: "VTX2"; per language (firmware.text.catalogue.LANGUAGES gives the order) the place of its
alphabet u16; the places of 64 rows u16 each; the alphabets, told in tools/texts/packing.py; the rows. A row has the
names whose CRC-32 has the row's number in its six highest bits: how many u8; the 16 lowest bits of each name's CRC-32,
ascending; per language the length of each text u8; per language the texts, in the same order.
"""

from __future__ import annotations

from binascii import crc32
from struct import pack

from tools.texts import source
from tools.texts.packing import packed

MAGIC = b"VTX2"
ROWS = 64
CHECK = 2
ROOM = 160  # bytes the reader has for a row before its texts, and for a text in UTF-8
PACKED = 64  # and for a text as it lies here


def key(name: str) -> tuple[int, int]:
    """(row, what tells a name from the others of its row)."""
    crc = crc32(name.encode())
    return crc >> 26, crc & 0xFFFF


def compiled(languages: list[dict[str, str]]) -> bytes:
    """The table of these languages, which have the same names. Raises ValueError when names collide or what is said is
    too long for the reader."""
    names = sorted(languages[0], key=key)
    if len({key(name) for name in names}) != len(names):
        raise ValueError("two names have the same hash: rename one")
    longest = max(len(text.encode()) for texts in languages for text in texts.values())
    if longest > ROOM:
        raise ValueError(f"a text of {longest} bytes, {ROOM} at most")
    packs = [packed([texts[name] for name in names]) for texts in languages]
    if max(len(text) for _, coded in packs for text in coded) > PACKED:
        raise ValueError(f"a text that takes more than {PACKED} bytes")
    alphabets = [alphabet.table() for alphabet, _ in packs]
    rows = [
        _row([name for name in names if key(name)[0] == row], [dict(zip(names, p, strict=True)) for _, p in packs])
        for row in range(ROWS)
    ]
    at = len(MAGIC) + 2 * len(languages) + 2 * ROWS
    places = b""
    for piece in (*alphabets, *rows):
        places += pack("<H", at)
        at += len(piece)
    return MAGIC + places + b"".join((*alphabets, *rows))


def _row(names: list[str], languages: list[dict[str, bytes]]) -> bytes:
    head = bytes((len(names),)) + b"".join(key(name)[1].to_bytes(CHECK, "little") for name in names)
    head += b"".join(bytes(len(texts[name]) for name in names) for texts in languages)
    if len(head) > ROOM:
        raise ValueError(f"{len(names)} names in one row: there must be more rows")
    return head + b"".join(texts[name] for texts in languages for name in names)


def languages() -> list[dict[str, str]]:
    """Each language's texts by name; English stands for what one lacks."""
    first = source.read(source.FIRST)
    return [source.merged(first, source.read(language))[0] for language in source.LANGUAGES]


def built() -> tuple[bytes, dict[str, list[str]]]:
    """The table of the sources, and what each language lacks: English stands for that. Raises ValueError."""
    first = source.read(source.FIRST)
    missing = {language: source.merged(first, source.read(language))[1] for language in source.LANGUAGES}
    return compiled(languages()), missing
