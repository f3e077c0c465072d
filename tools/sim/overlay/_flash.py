"""Runs inside MicroPython: a stretch of the flash chip as a block device, by the extended block protocol."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
from micropython import const

BLOCK = const(4096)
_READ_US = const(2)  # what the chip model takes a read: tools/sim/chips/nor.py
_READ_BYTES_A_US = const(4)


class Flash:
    def __init__(self, start, size):
        self.start = start
        self.size = size

    def _address(self, block_num, offset, n):
        address = block_num * BLOCK + offset
        if address < 0 or address + n > self.size:
            raise OSError(22)
        return self.start + address

    def readblocks(self, block_num, buf, offset=0):
        n = len(buf)
        address = self._address(block_num, offset, n)
        at = 0
        while at < n:
            part = min(n - at, BLOCK)
            _bus.call(80, address + at, 0, part)
            buf[at : at + part] = _bus.payload(part)
            at += part

    def writeblocks(self, block_num, buf, offset=None):
        """Without an offset whole blocks are erased first."""
        n = len(buf)
        address = self._address(block_num, offset or 0, n)
        at = 0
        while at < n:
            part = min(n - at, BLOCK)
            if offset is None:
                _bus.call(82, (address + at) // BLOCK)
            _bus.call(81, address + at, 0, 0, memoryview(buf)[at : at + part])
            at += part

    def ioctl(self, op, arg):
        if op == 4:
            return self.size // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            _bus.call(82, self._address(arg, 0, BLOCK) // BLOCK)
        return 0


class Files(Flash):
    """The stretch with the file system. It is read in thousands of small pieces, so a file of the host mirrors it;
    the time of a read is spent all the same."""

    def __init__(self, start, size):
        super().__init__(start, size)
        self._mirror = open(_bus.info["mirror"], "rb")  # noqa: SIM115 (open as long as the process lives)

    def readblocks(self, block_num, buf, offset=0):
        n = len(buf)
        self._mirror.seek(self._address(block_num, offset, n) - self.start)
        self._mirror.readinto(buf)
        _bus.spend(_READ_US + n // _READ_BYTES_A_US)
