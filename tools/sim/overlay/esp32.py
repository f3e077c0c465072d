"""Runs inside MicroPython: `esp32.Partition` over the modelled flash. Offered on the S3 only."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
from _flash import Flash

HEAP_DATA = 4


def idf_heap_info(capabilities):
    """(size, free, largest free, least free ever) of each region: figures of a board at rest, which nothing changes."""
    return [(7440, 16, 0, 0), (226_784, 142_000, 110_592, 120_000), (29_000, 21_000, 20_480, 19_000)]


class Partition(Flash):
    TYPE_APP = 0
    TYPE_DATA = 1
    BOOT = 0
    RUNNING = 1

    def __init__(self, label):
        if label not in _bus.info["partitions"]:
            raise OSError(2)
        start, size = _bus.info["partitions"][label]
        super().__init__(start, size)
        self.label = label

    @staticmethod
    def find(type=TYPE_APP, subtype=0xFF, label=None, block_size=4096):
        if type != Partition.TYPE_DATA:
            return []
        return [Partition(name) for name in _bus.info["partitions"] if label is None or name == label]

    def info(self):
        return Partition.TYPE_DATA, 0x81, self.start, self.size, self.label, False
