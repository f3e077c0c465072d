"""What a terminal keeps in memory of the files it loaded from the switch, and whom such files must be for.

Apart from those who read and load the files: they leave the heap when their work is done, this stays.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOTLIST_AT = const(56)  # where the rows of a hotlist file begin: behind what is pinned and the head


class Owner:
    """Whom files must be for: `merchant` 15 and `terminal` 8 characters; `keys`: moduli of who may sign, joined."""

    def __init__(self, merchant: str, terminal: str, keys: bytes) -> None:
        self.merchant = merchant.encode()
        self.terminal = terminal.encode()
        self.keys = keys


class InForce:
    """`held`: versions by role, 0 none; `floor`: the highest that were ever taken; `base` and `now`: the settings a
    configuration may change, without and with it; `programme`: what the rules begin with; `rows`: bytes of the
    hotlist."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.held = [0, 0, 0, 0]
        self.floor = [0, 0, 0, 0]
        self.base: "dict[str, object]" = {}
        self.now: "dict[str, object]" = {}
        self.programme: "dict[str, Any]" = {}
        self.rows = 0
