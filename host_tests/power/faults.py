"""Flash whose driver gives up on reads."""

from __future__ import annotations

from tools.sim.chips.nor import Nor, NorPartition


class Unreadable(NorPartition):
    """Raises on every read of some sectors, or on the `fail_in`-th read from now, once."""

    def __init__(self, nor: Nor, sectors: frozenset[int] = frozenset()) -> None:
        super().__init__(nor, 0, nor.size // 4096)
        self.sectors = sectors
        self.fail_in = 0

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        """As on the device."""
        self.fail_in -= 1
        if block_num in self.sectors or self.fail_in == 0:
            raise OSError(5)
        super().readblocks(block_num, buf, offset)
