"""Headers on a modelled flash as other firmware would have written them, or somebody with a programmer."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator
from struct import pack, unpack_from

from firmware.store.frames import FORMAT, Header, parse_header
from firmware.store.seal import Sealer
from tools.sim.chips.nor import Nor


def places(nor: Nor) -> Iterator[int]:
    """Where a copy of a header stands."""
    for copy in range(0, nor.size, 32):
        if copy % 4096 < 64 and parse_header(nor.image[copy : copy + 32]) is not None:
            yield copy


def of_format(nor: Nor, number: int) -> None:
    """Every header as a firmware of another format wrote it, or will: the old ones had another layout."""
    for at in list(places(nor)):
        raw = bytes(nor.image[at : at + 28])
        _magic, _format, kind, sectors, behind, generation, salt, high, ceiling = unpack_from("<HBBHHIIII", raw, 0)
        if number < FORMAT:
            tail = behind if kind == 6 else generation - behind
            fields = pack("<4sBBHIIIII", b"VAFS", number, kind, sectors, generation, salt, tail, high, ceiling)
        else:
            fields = raw[:2] + bytes((number,)) + raw[3:]
        nor.image[at : at + 32] = fields + crc32(fields).to_bytes(4, "little")


def put(nor: Nor, sector: int, raw: bytes) -> None:
    """Bytes at the start of a sector, cells set where they have to be."""
    nor.image[sector * 4096 : sector * 4096 + len(raw)] = raw


def behead(nor: Nor, sector: int) -> None:
    """One wrong bit in each copy."""
    nor.image[sector * 4096 + 9] ^= 1
    nor.image[sector * 4096 + 32 + 9] ^= 1


def forged(header: Header, sector: int) -> bytes:
    """What somebody without the keys can write: everything but the tag is right."""
    return Sealer(b"not the real key", b"VAFA0001").header(header, sector)


def header_in(nor: Nor, sector: int) -> Header:
    """A sector's header, its first copy."""
    header = parse_header(nor.image[sector * 4096 : sector * 4096 + 32])
    assert header is not None
    return header
