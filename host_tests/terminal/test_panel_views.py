"""The panel's views of flash and tap, without a terminal: from bytes and counters alone."""

import struct
import zlib

from tools.sim.chips.nor import BLOCK
from tools.sim.layout import LAYOUTS
from tools.sim.panel.flash_map import flash_map, sector_uses

LAYOUT = LAYOUTS["pico"]
JOURNAL = LAYOUT.partitions["txlog"][0] // BLOCK


def sector(generation, behind, *, kind=1, spoilt=()):
    """A journal's sector as docs/store.md has it; `spoilt`: which of its two headers are damaged."""
    head = struct.pack("<2sBBHHIIIII", b"VA", 3, kind, 32, behind, generation, 7, 0, 0, 0)
    header = head + zlib.crc32(head).to_bytes(4, "little")
    copies = [bytes(32) if at in spoilt else header for at in (0, 1)]
    return b"".join(copies).ljust(BLOCK, b"\xff")


def image_with(sectors):
    image = bytearray(b"\xff" * LAYOUT.flash_size)
    for number, content in sectors.items():
        image[number * BLOCK : (number + 1) * BLOCK] = content
    return bytes(image)


def test_a_journal_sector_nobody_needs_is_told_from_one_that_is_needed():
    image = image_with({JOURNAL: sector(4, 0), JOURNAL + 1: sector(5, 1), JOURNAL + 2: sector(6, 1)})
    assert sector_uses(image, LAYOUT, {})[JOURNAL : JOURNAL + 4] == "ojw."


def test_a_header_is_read_from_its_other_copy_and_a_sector_without_any_is_kept():
    image = image_with({JOURNAL: sector(9, 0, spoilt=(0,)), JOURNAL + 1: sector(8, 0, spoilt=(0, 1))})
    assert sector_uses(image, LAYOUT, {})[JOURNAL : JOURNAL + 2] == "wj"


def test_every_region_has_its_letter_and_a_bad_sector_says_so():
    first = {name: start // BLOCK for name, (start, _) in LAYOUT.partitions.items()}
    image = image_with({number: bytes(BLOCK) for number in first.values()})
    uses = sector_uses(image, LAYOUT, {first["vault"]: "worn"})
    assert {name: uses[number] for name, number in first.items()} == {
        "vfs": "f",
        "txlog": "j",
        "members": "m",
        "vault": "x",
    }
    assert uses.count(".") == len(uses) - 4


def test_the_map_tells_places_and_erase_counts():
    wear = [0] * (LAYOUT.flash_size // BLOCK)
    wear[JOURNAL] = 3
    told = flash_map(image_with({}), wear, {}, LAYOUT)
    assert told["erased"] == {str(JOURNAL): 3}
    assert [region["name"] for region in told["regions"]] == ["vfs", "vault", "txlog", "members"]
    assert sum(region["count"] for region in told["regions"]) == len(told["sectors"]) == 212
