"""The flash: how worn each part is, what failed, what is free. Erases are of one sector, counted by what wrote it.

What the file system erased nobody counts: LittleFS keeps no figure.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"info": 0}
WORDS = {"flash": "info"}


def info(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Part by part."""
    small = rooms.small_values()
    small.open()
    block, _, blocks, free = os.statvfs("/")[:4]
    journal = rooms.journal
    found: "dict[str, object]" = {"journal": _ring(journal)}
    found["missing_or_altered"], found["mended"] = journal.gaps(), journal.mended()
    found["members"] = _ring(rooms.members) if rooms.members.working() else None
    found["small_values"] = {"erases": small.worn()}
    found["keys"] = {"copies": rooms.key_copies}
    found["files"] = {"bytes": block * blocks, "free": block * free}
    return found


def _ring(store: "Any") -> "dict[str, object]":
    sectors, free, ahead, given_up, waited = store.care()
    bits = store.bad_sectors()[4:]
    bad = [number for number in range(8 * len(bits)) if bits[number >> 3] >> (number & 7) & 1]
    return {
        "sectors": sectors, "free": free, "erased_ahead": ahead, "bad": bad, "given_up": given_up,
        "erases": store.worn(), "waited": waited,
    }  # fmt: skip
