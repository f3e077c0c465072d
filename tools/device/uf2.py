"""UF2 files offline: each block of 512 bytes is checked before a file goes onto a Pico W (the UF2 specification).

Bytes; addresses as the RP2040 sees its flash, from 0x10000000.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from tools.device.errors import ImageUnfit
from tools.sim.layout import LAYOUTS

BLOCK = 512
FLASH_AT, FLASH_SIZE = 0x10000000, 2 * 1024 * 1024
STORAGE_AT = FLASH_AT + FLASH_SIZE - LAYOUTS["pico"].flash_size  # file system and store: never part of an image
RP2040 = 0xE48BFF56
# Frozen into a build whose `_boot.py` mounts the first region only; see manifest.py.
MARK = b"vafa-fs-0x6e000"
_HEAD = struct.Struct("<IIIIIIII")
_MAGIC, _MAGIC_2, _MAGIC_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_MAIN_FLASH, _FAMILY_GIVEN = 0x00000001, 0x00002000
_PAYLOAD = 256
_VERSION = re.compile(rb"MicroPython (v[0-9][0-9A-Za-z.\-]{2,40})|\b(v1\.[0-9]{2}\.[0-9][0-9A-Za-z.\-]{0,30}) on 20")


@dataclass(frozen=True)
class Uf2:
    """`content`: address -> 256 bytes. `keeps_store`: its file system ends where the store begins."""

    content: dict[int, bytes]
    version: str
    keeps_store: bool

    @property
    def start(self) -> int:
        return min(self.content)

    @property
    def end(self) -> int:
        return max(self.content) + _PAYLOAD


def parsed(raw: bytes) -> Uf2:
    """Every block for this chip, in the program's place, once, and none missing. Raises ImageUnfit."""
    if not raw or len(raw) % BLOCK:
        raise ImageUnfit("it is no UF2 file: not whole blocks of 512 bytes")
    blocks = len(raw) // BLOCK
    content: dict[int, bytes] = {}
    for number in range(blocks):
        block = raw[number * BLOCK : (number + 1) * BLOCK]
        magic, magic_2, flags, address, size, index, count, family = _HEAD.unpack(block[: _HEAD.size])
        where = f"block {number}"
        if (magic, magic_2) != (_MAGIC, _MAGIC_2) or int.from_bytes(block[-4:], "little") != _MAGIC_END:
            raise ImageUnfit(f"{where} is no UF2 block")
        if not flags & _FAMILY_GIVEN or family != RP2040:
            raise ImageUnfit(f"{where} is for another chip than the RP2040")
        if flags & _NOT_MAIN_FLASH or size != _PAYLOAD or address % _PAYLOAD:
            raise ImageUnfit(f"{where} is not a page of flash")
        if index != number or count != blocks:
            raise ImageUnfit(f"{where} says it is {index} of {count}, the file has {blocks}")
        if not FLASH_AT <= address <= STORAGE_AT - _PAYLOAD:
            raise ImageUnfit(f"{where} would be written to {address:#x}, outside the program's place")
        if address in content:
            raise ImageUnfit(f"{where} repeats the address {address:#x}")
        content[address] = block[_HEAD.size : _HEAD.size + _PAYLOAD]
    flat = b"".join(content[address] for address in sorted(content))
    found = _VERSION.search(flat)
    version = next((part.decode() for part in found.groups() if part), "") if found else ""
    return Uf2(content, version, MARK in flat)
