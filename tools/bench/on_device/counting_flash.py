"""A NOR flash of bytes that counts what is asked of it; for programs on the device's interpreter.

The extended block protocol: programs clear bits, erases set a block. Time is modelled by page, as in
tools.sim.chips.nor: 400 us for each 256-byte page a program touches, 45 ms an erase, 2 us and 0.25 us a byte a read.
Imports nothing of ours.
"""

import gc
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 4096
_PAGE = 256
_PROGRAM_US_A_PAGE = 400
_ERASE_US = 45_000
_BLANK = b"\xff" * BLOCK


class Nor:
    """Counters rise until `reset`. `programs` are commands of up to 256 bytes, `pages` what they touch."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.data = bytearray(_BLANK * blocks)
        self.reset()

    def reset(self) -> None:
        self.erases = self.programmed = self.programs = self.pages = self.read = self.reads = 0

    def busy_us(self) -> int:
        """Modelled time of everything since `reset`."""
        write_us = self.pages * _PROGRAM_US_A_PAGE + self.erases * _ERASE_US
        return write_us + self.reads * 2 + self.read // 4

    def readblocks(self, n: int, buf: bytearray, offset: int = 0) -> None:
        at = n * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]
        self.read += len(buf)
        self.reads += 1

    def writeblocks(self, n: int, buf: bytes, offset: "int | None" = None) -> None:
        if offset is None:
            for i in range(len(buf) // BLOCK):
                self.ioctl(6, n + i)
            offset = 0
        at = n * BLOCK + offset
        size = len(buf)
        if size <= BLOCK and self.data[at : at + size] == _BLANK[:size]:
            self.data[at : at + size] = buf
        else:
            for i in range(size):
                self.data[at + i] &= buf[i]
        self.programs += (size + _PAGE - 1) // _PAGE
        self.pages += (at + size - 1) // _PAGE - at // _PAGE + 1
        self.programmed += size

    def ioctl(self, op: int, arg: int) -> int:
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.data[arg * BLOCK : (arg + 1) * BLOCK] = _BLANK
            self.erases += 1
        return 0


def heap() -> int:
    """Bytes alive."""
    gc.collect()
    return gc.mem_alloc()


def tell(what: str, name: str, **figures: "int | float | str") -> None:
    """One line for the host."""
    print(json.dumps(dict(figures, what=what, name=name)))


def measured(
    what: str,
    name: str,
    nor: Nor,
    steps: int,
    step: "Callable[[int], object]",
    rest: "Callable[[int], object] | None" = None,
    **known: "int | float",
) -> None:
    """Means of `steps` steps, and the most one of them took. `rest` is what may wait for an idle moment after a step:
    its work is in the means and in no worst."""
    nor.reset()
    worst_erases = worst_us = 0
    for n in range(steps):
        erases, busy_us = nor.erases, nor.busy_us()
        step(n)
        worst_erases = max(worst_erases, nor.erases - erases)
        worst_us = max(worst_us, nor.busy_us() - busy_us)
        if rest is not None:
            rest(n)
    tell(
        what,
        name,
        steps=steps,
        erases=nor.erases / steps,
        programmed=nor.programmed / steps,
        programs=nor.programs / steps,
        pages=nor.pages / steps,
        read=nor.read / steps,
        reads=nor.reads / steps,
        worst_erases=worst_erases,
        worst_ms=worst_us / 1000,
        **known,
    )
    gc.collect()
