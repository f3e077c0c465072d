"""The journal of a simulated terminal, read from its flash without its notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.sim import demo, onhost
from tools.sim.chips.nor import Nor, NorPartition
from tools.sim.terminal import Terminal

if TYPE_CHECKING:
    from firmware.store.journal import Journal

_ANY_SALT = 1  # a journal that has begun knows its own


def journal_copy(nor: Nor, terminal: Terminal) -> Journal:
    """The journal on a flash, opened by the firmware's own code on a copy; the terminal notices nothing."""
    onhost.install()
    from firmware.store.journal import Journal
    from firmware.store.seal import Sealer

    start, size = terminal.layout.partitions["txlog"]
    copy = Nor(size, None)
    copy.image[:] = nor.image[start : start + size]
    journal = Journal(
        NorPartition(copy, 0, size // 4096, terminal.layout.page_only),
        Sealer(demo.TMK, demo.TERMINAL_ID.encode()),
        _ANY_SALT,
        terminal.layout.page_only,
    )
    journal.open()
    return journal


def journal_counts(nor: Nor, terminal: Terminal) -> dict[str, int]:
    """What the journal on a flash holds."""
    journal = journal_copy(nor, terminal)
    return {"pending": journal.pending_count(), "dead": journal.dead_count()}
