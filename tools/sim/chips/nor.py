"""A NOR flash chip: programming clears bits, erasing sets a 4096-byte block to FF, and the power may fail in between.

Modelled time goes to the clock (anything with `advance(us)`, or None): by page, 400 us for every 256-byte page a
program touches (the page model of the design page, not the by-byte one, which is kinder to short programs); 45 ms an
erase; 2 us and 0.25 us a byte a read (4 MB/s). An interrupted operation leaves what a `Torn` model says; a bit that was
not moved keeps its OLD value, it is never set. Knows nothing of what is stored. Units: bytes, microseconds.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from typing import Protocol

BLOCK = 4096
PAGE = 256
COMMAND = 64  # the ESP32 driver splits a program into commands of at most this
PROGRAM_US_A_PAGE = 400
ERASE_US = 45_000
READ_US_A_CALL = 2
READ_BYTES_A_US = 4


class PowerCut(BaseException):
    """The supply failed inside a flash operation. Not an `Exception`: no error handling of a program can catch it."""


class Torn(enum.Enum):
    """What an interrupted operation left behind. Each member says it for a program and for an erase."""

    NOTHING = "nothing"  # not begun
    DONE = "done"  # complete, but nobody was told
    HALF = "half"  # the first half of the bytes
    PREFIX_64 = "prefix-64"  # the first 64-byte command; of an erase the first 1/64 of the block
    RANDOM_BITS = "random-bits"  # every bit that had to move moved with probability 1/2
    ONE_BIT = "one-bit"  # all but one bit moved


class Ticker(Protocol):
    """The simulated clock, as far as this chip uses it."""

    def advance(self, us: int) -> object: ...


class Nor:
    """`size` bytes of flash, erased at first. Counters only rise; `reset_counters` starts a measurement.

    `ops` counts programs and erases, the points at which `cut_at` can cut. With `log_ops` every operation is kept in
    `op_log` as ("program", address, data) or ("erase", block, b""). `before_op` is called with the same three before
    each, at the moment a cut would come. `bad_blocks` maps a block to "silent" (its programs and erases do nothing),
    "worn" (only its erases do nothing) or "raises" (both raise OSError).
    """

    def __init__(self, size: int, clock: Ticker | None = None, *, seed: int = 1, log_ops: bool = False) -> None:
        if size <= 0 or size % BLOCK:
            raise ValueError("size must be whole blocks")
        self.size = size
        self.image = bytearray(b"\xff" * size)
        self.clock = clock
        self.wear = [0] * (size // BLOCK)
        self.op_log: list[tuple[str, int, bytes]] | None = [] if log_ops else None
        self.bad_blocks: dict[int, str] = {}
        self.before_op: Callable[[str, int, bytes], None] | None = None
        self.off = False
        self.seed = seed
        self._cut_in = 0
        self._torn: Torn = Torn.NOTHING
        self.reset_counters()

    def reset_counters(self) -> None:
        """All counters but the wear to zero."""
        self.ops = self.programs = self.page_programs = self.bytes_programmed = self.erases = 0
        self.reads = self.bytes_read = self.busy_us = 0

    # --- power ------------------------------------------------------------------------------------------------------

    def cut_at(self, n: int, torn: Torn | None = None) -> None:
        """The n-th program or erase from now (1 is the next) ends in PowerCut, leaving what `torn` says."""
        if n < 1:
            raise ValueError("the next operation is number 1")
        self._cut_in = n
        self._torn = torn or Torn.NOTHING

    @property
    def cut_in(self) -> int:
        """Operations left until the cut asked for; 0 when none is."""
        return self._cut_in

    def power_on(self) -> None:
        """After a cut: the chip answers again. Disarms a cut that has not fired."""
        self.off = False
        self._cut_in = 0

    # --- operations -------------------------------------------------------------------------------------------------

    def read(self, addr: int, n: int) -> bytes:
        self._check(addr, n)
        self.reads += 1
        self.bytes_read += n
        self._spend(READ_US_A_CALL + n // READ_BYTES_A_US)
        return bytes(self.image[addr : addr + n])

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        """Clear bits; nothing is erased. May span pages: the driver of a real chip splits it."""
        data = bytes(data)
        self._check(addr, len(data))
        if not data:
            return
        pages = (addr + len(data) - 1) // PAGE - addr // PAGE + 1
        old = bytes(self.image[addr : addr + len(data)])
        new = _and(old, data)
        cut = self._count("program", addr, data)
        if cut is not None:
            self.image[addr : addr + len(data)] = self._torn_program(old, new, cut)
            self._fail()
        self.programs += 1
        self.page_programs += pages
        self.bytes_programmed += len(data)
        self._spend(pages * PROGRAM_US_A_PAGE)
        if self.bad_blocks.get(addr // BLOCK) == "worn" or not self._spoilt(addr // BLOCK):
            self.image[addr : addr + len(data)] = new

    def erase(self, block: int) -> None:
        """One 4096-byte block to FF."""
        addr = block * BLOCK
        self._check(addr, BLOCK)
        cut = self._count("erase", block, b"")
        self.wear[block] += 1
        if cut is not None:
            self.image[addr : addr + BLOCK] = self._torn_erase(bytes(self.image[addr : addr + BLOCK]), cut)
            self._fail()
        self.erases += 1
        self._spend(ERASE_US)
        if not self._spoilt(block):
            self.image[addr : addr + BLOCK] = b"\xff" * BLOCK

    # --- inside -----------------------------------------------------------------------------------------------------

    def _check(self, addr: int, n: int) -> None:
        if self.off:
            raise PowerCut("the supply is off")
        if addr < 0 or addr + n > self.size:
            raise ValueError(f"flash access out of range: {addr:#x}+{n}")

    def _count(self, name: str, where: int, data: bytes) -> Torn | None:
        if self.before_op is not None:
            self.before_op(name, where, data)
        self.ops += 1
        if self.op_log is not None:
            self.op_log.append((name, where, data))
        if self._cut_in:
            self._cut_in -= 1
            if not self._cut_in:
                return self._torn
        return None

    def _fail(self) -> None:
        self.off = True
        raise PowerCut(f"cut in operation {self.ops}, {self._torn.value}")

    def _spoilt(self, block: int) -> bool:
        fault = self.bad_blocks.get(block)
        if fault == "raises":
            raise OSError(5)
        return fault is not None

    def _spend(self, us: int) -> None:
        self.busy_us += us
        if self.clock is not None:
            self.clock.advance(us)

    def _random(self) -> random.Random:
        return random.Random(self.seed * 1_000_003 + self.ops)  # noqa: S311 (a repeatable fault, not a secret)

    def _torn_program(self, old: bytes, new: bytes, torn: Torn) -> bytes:
        if torn is Torn.NOTHING:
            return old
        if torn is Torn.DONE:
            return new
        if torn is Torn.HALF:
            return new[: len(new) // 2] + old[len(new) // 2 :]
        if torn is Torn.PREFIX_64:
            return new[:COMMAND] + old[COMMAND:]
        return self._some_bits(old, new, torn)

    def _torn_erase(self, old: bytes, torn: Torn) -> bytes:
        if torn is Torn.NOTHING:
            return old
        if torn is Torn.DONE:
            return b"\xff" * BLOCK
        if torn in (Torn.HALF, Torn.PREFIX_64):
            done = BLOCK // 2 if torn is Torn.HALF else BLOCK // 64
            return b"\xff" * done + old[done:]
        return self._some_bits(old, b"\xff" * BLOCK, torn)

    def _some_bits(self, old: bytes, new: bytes, torn: Torn) -> bytes:
        was, becomes = int.from_bytes(old, "little"), int.from_bytes(new, "little")
        moving = was ^ becomes
        if not moving:
            return new
        rng = self._random()
        bits = len(old) * 8
        if torn is Torn.RANDOM_BITS:
            stuck = rng.getrandbits(bits) & moving
        else:
            stuck = 0
            while not stuck:
                stuck = moving & (1 << rng.randrange(bits))
        return (becomes ^ stuck).to_bytes(len(old), "little")


def _and(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") & int.from_bytes(other, "little")).to_bytes(len(one), "little")


class NorPartition:
    """`blocks` blocks of a chip from byte address `start`, by MicroPython's extended block protocol.

    With `page_only` a program must be whole aligned 256-byte pages, as the Pico's ROM routine demands; anything else
    raises ValueError here, where the real chip would over-read RAM.
    """

    def __init__(self, nor: Nor, start: int, blocks: int, page_only: bool = False) -> None:
        if start % BLOCK or start + blocks * BLOCK > nor.size:
            raise ValueError("partition does not fit the chip")
        self.nor, self.start, self.blocks, self.page_only = nor, start, blocks, page_only

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        addr = self._at(block_num, offset, len(buf))
        buf[:] = self.nor.read(addr, len(buf))

    def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int | None = None) -> None:
        """With an offset: program only. Without: erase the blocks first, as the ports do."""
        addr = self._at(block_num, offset or 0, len(buf))
        if self.page_only and (addr % PAGE or len(buf) % PAGE):
            raise ValueError("this flash takes whole aligned 256-byte pages only")
        if offset is None:
            for block in range(addr // BLOCK, (addr + len(buf) + BLOCK - 1) // BLOCK):
                self.nor.erase(block)
        self.nor.program(addr, buf)

    def ioctl(self, op: int, arg: int) -> int | None:
        if op in (1, 2, 3):  # init, shutdown, sync
            return 0
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.nor.erase(self._at(arg, 0, BLOCK) // BLOCK)
            return 0
        raise OSError(22)

    def _at(self, block: int, offset: int, n: int) -> int:
        at = block * BLOCK + offset
        if block < 0 or offset < 0 or at + n > self.blocks * BLOCK:
            raise ValueError("access outside the partition")
        return self.start + at
