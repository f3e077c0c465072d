"""The flash as a map for the page: what each sector is used for, how often it was erased, which journal lies there.

Reads a copy of the chip's bytes and the layout; the firmware is not asked and notices nothing. Headers as in
docs/store.md. One letter a sector: `.` blank, `f` file, `j` journal, `w` the journal's sector that is written now, `o`
journal that is not needed any more, `m` member cache, `v` vault, `x` bad.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from tools.sim.chips.nor import BLOCK
from tools.sim.layout import Layout

BLANK, FILE, JOURNAL, WRITTEN, OLD, MEMBERS, VAULT, BAD = ".", "f", "j", "w", "o", "m", "v", "x"
_EMPTY = b"\xff" * BLOCK
_HEADER = struct.Struct("<2sBBHHI")  # magic, format, kind, sectors, behind, generation
_HEADER_BYTES = 32
_KIND_JOURNAL = 1
_USES = {"vfs": FILE, "txlog": JOURNAL, "members": MEMBERS, "vault": VAULT}


def _header(sector: bytes) -> tuple[int, int] | None:
    """(generation, behind) of a journal's sector, from the first of its two copies whose CRC fits."""
    for copy in (sector[:_HEADER_BYTES], sector[_HEADER_BYTES : 2 * _HEADER_BYTES]):
        magic, _, kind, _, behind, generation = _HEADER.unpack_from(copy)
        if magic == b"VA" and kind == _KIND_JOURNAL and zlib.crc32(copy[:28]) == int.from_bytes(copy[28:], "little"):
            return generation, behind
    return None


def _journal_uses(sectors: dict[int, bytes]) -> dict[int, str]:
    """The journal's sectors that hold something, by number."""
    headers = {number: _header(sector) for number, sector in sectors.items()}
    newest = max((header for header in headers.values() if header is not None), default=(0, 0))
    tail = newest[0] - newest[1]
    uses: dict[int, str] = {}
    for number, header in headers.items():
        if header is None:
            uses[number] = JOURNAL  # without a header it is kept all the same
        elif header == newest:
            uses[number] = WRITTEN
        else:
            uses[number] = OLD if header[0] < tail else JOURNAL
    return uses


def sector_uses(image: bytes, layout: Layout, bad: dict[int, str]) -> str:
    """One letter for each sector of the chip."""
    uses = [BLANK] * (len(image) // BLOCK)
    journal: dict[int, bytes] = {}
    for name, (start, size) in layout.partitions.items():
        for number in range(start // BLOCK, (start + size) // BLOCK):
            sector = image[number * BLOCK : (number + 1) * BLOCK]
            if sector != _EMPTY:
                uses[number] = _USES[name]
                if name == "txlog":
                    journal[number] = sector
    for number, use in _journal_uses(journal).items():
        uses[number] = use
    for number in bad:
        uses[number] = BAD
    return "".join(uses)


def flash_map(image: bytes, wear: list[int], bad: dict[int, str], layout: Layout) -> dict[str, Any]:
    """For the page: letters, erase counts of the sectors that were erased, and the regions' places in sectors."""
    return {
        "sectors": sector_uses(image, layout, bad),
        "erased": {str(number): count for number, count in enumerate(wear) if count},
        "regions": [
            {"name": name, "first": start // BLOCK, "count": size // BLOCK}
            for name, (start, size) in sorted(layout.partitions.items(), key=lambda item: item[1])
        ],
    }
