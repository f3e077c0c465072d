"""Which cards each clerk saw most in a shift, for its report: who sells a stranger's purchases to one card shows there.

Memory is bounded however many cards came: a first reading counts by a hash, a second counts exactly those whose hash
came often. Nobody is accused; cards are masked. Reads the journal, so no restart hides anything.
"""

from binascii import crc32

from micropython import const

from firmware.core.reference import masked
from firmware.core.types import ACCRUAL
from firmware.loyalty.totals import ACCRUALS, OFFLINE_ACCRUALS, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.core.ports import Journal
    from firmware.core.types import JournalEntry

    class Watch(Protocol):
        """Who waits."""

        async def wait(self, ms: int, done: int, total: int) -> None: ...


_HASHES = const(1024)
_CANDIDATES = const(48)
_TOLD = const(3)  # cards of one clerk
_OFTEN = const(3)  # fewer sales are told of nobody
_STRIDE = const(8)


def _key(entry: "JournalEntry") -> bytes:
    """Clerk and card of a sale that counts, b"" of anything else."""
    t = entry.transaction
    if t.verb != ACCRUAL or not t.clerk or kind_of(entry) not in (ACCRUALS, OFFLINE_ACCRUALS):
        return b""
    return bytes((t.clerk,)) + t.uid


async def top_cards(journal: "Journal", low: int, high: int, watch: "Watch") -> "list[tuple[int, str, int]]":
    """(clerk, card, how often), by clerk, most first; of each clerk some. Raises Cancelled."""
    seen = bytearray(_HASHES)
    for looked, entry in enumerate(journal.history(low, high)):
        key = _key(entry)
        if key:
            at = crc32(key) % _HASHES
            seen[at] = min(255, seen[at] + 1)
        if looked % _STRIDE == 0:
            await watch.wait(0, 0, 0)
    often = _OFTEN
    while len([count for count in seen if count >= often]) > _CANDIDATES:
        often += 1
    exact: "dict[bytes, int]" = {}
    for looked, entry in enumerate(journal.history(low, high)):
        key = _key(entry)
        if key and seen[crc32(key) % _HASHES] >= often and (key in exact or len(exact) < 2 * _CANDIDATES):
            exact[key] = exact.get(key, 0) + 1
        if looked % _STRIDE == 0:
            await watch.wait(0, 0, 0)
    rows = sorted([(key[0], -count, key[1:]) for key, count in exact.items() if count >= _OFTEN])
    told = []
    for at, (clerk, count, uid) in enumerate(rows):
        if at < _TOLD or rows[at - _TOLD][0] != clerk:
            told.append((clerk, masked(uid), -count))
    return told
