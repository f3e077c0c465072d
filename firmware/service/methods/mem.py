"""Memory: what the interpreter's heap holds, and the system's own heap where the board has one. Bytes.

The figures of micropython.mem_info, as numbers: that one prints and cannot be asked. Nothing is collected for it: that
would hide what is short, and stop a sale for the time it takes.
"""

import gc

import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"info": 0}
WORDS = {"mem": "info"}


def info(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """`largest` is the largest free block of the system's heap; None where the board does not tell."""
    blocks = rooms.board.heap_blocks()
    return {
        "free": gc.mem_free(),
        "used": gc.mem_alloc(),
        "stack": micropython.stack_use(),
        "system_free": sum([block[1] for block in blocks]) if blocks else None,
        "largest": max([block[2] for block in blocks]) if blocks else None,
        "least_free": sum([block[3] for block in blocks]) if blocks else None,
    }
