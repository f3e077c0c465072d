"""Runs on the terminal at its Python prompt, sent there as text: measures on this board what is only assumed elsewhere.

Says lines `fact NAME VALUE sum`; sum is CRC-32 of what stands before it. The reader's part is told in places (what
the chip does with a CRC, with four bits, what CollPos counts from), the others in microseconds or bytes. Flash is
tried on a blank sector of the member cache, which is blank again afterwards; with none blank nothing is tried. The PC
imports it, too: its tests run it on modelled chips in both positions of each switch. Nothing of a card is said.
"""

import asyncio
import gc
from binascii import crc32
from time import sleep_ms, ticks_diff, ticks_us

from drivers.iso14443a import Iso14443A
from drivers.rc522_errors import Collision, Nak, NoAnswer, RC522Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# Registers of the MFRC522 (9.2), shifted into the address byte of a write.
_COMMAND, _ERROR, _T_RELOAD_L = 0x01 << 1, 0x06 << 1, 0x2D << 1
_SOFT_RESET, _POWER_DOWN, _IDLE = 0x0F, 0x10, 0x00
_CRC_ERR = 0x04
_WAIT_US = 50_000
_SETTLE_MS = 6  # field before the first frame, 5 ms by ISO 14443-3 6.2.4
_SELECT_CL1, _NVB_NONE = 0x93, 0x20
_LEVEL_BITS = 32
_READ, _NO_PAGE = 0x30, 0xFF  # refused by every NTAG, and by a Classic that nobody authenticated
_TAPS = 20
_SECTOR, _PAGE = 4096, 256
_ROUNDS = 4


class Accept:
    """`say` takes a line."""

    def __init__(self, board: "Any", say: "Callable[[str], object]") -> None:
        self._board = board
        self._say = say
        self._chip: "Any" = None

    def _fact(self, name: str, value: "int | str") -> None:
        text = "fact {} {}".format(name, value)
        self._say("{} {:08x}".format(text, crc32(text.encode()) & 0xFFFFFFFF))

    # --- the reader chip ----------------------------------------------------------------------------------------------

    async def reader(self) -> None:
        """The chip alone: who it is, and how long it does not listen after a reset and after sleep."""
        chip = self._chip = self._board.reader_chip()
        self._fact("version", "{:02x}".format(await chip.init()))
        from drivers.rc522_health import examine

        health = await examine(chip)
        self._fact("self_test", health.self_test.replace(" ", "-"))
        self._fact("bus_us", self._until(lambda: self._takes(0x5A)))
        chip.write(_COMMAND, _SOFT_RESET)
        self._fact("soft_reset_us", self._until(lambda: self._takes(0xA5)))
        await chip.init()
        chip.write(_COMMAND, _POWER_DOWN)
        sleep_ms(2)
        chip.write(_COMMAND, _IDLE)
        self._fact("wake_us", self._until(lambda: not chip.read(_COMMAND) & _POWER_DOWN))
        await chip.init()

    def _takes(self, value: int) -> bool:
        self._chip.write(_T_RELOAD_L, value)
        return self._chip.read(_T_RELOAD_L) == value

    def _until(self, true: "Callable[[], bool]") -> int:
        """Microseconds until it is; -1 when it did not become so."""
        started = ticks_us()
        while not true():
            if ticks_diff(ticks_us(), started) > _WAIT_US:
                return -1
        return ticks_diff(ticks_us(), started)

    # --- cards --------------------------------------------------------------------------------------------------------

    async def cards(self, wanted: int) -> None:
        """With one card: checked CRC and four bits. With two of different UIDs: what CollPos counts from. Says `cards`
        with how many lie there, and nothing else unless they are as many as wanted."""
        chip = self._chip
        if chip is None:
            chip = self._chip = self._board.reader_chip()
            await chip.init()
        picc = Iso14443A(chip)
        chip.field_on()
        try:
            await asyncio.sleep_ms(_SETTLE_MS)
            try:
                found = await picc.select_all(wanted + 1)
            except RC522Error:
                found = []
            self._fact("cards", len(found))
            if len(found) != wanted:
                return
            if wanted == 1:
                await self._one(chip, picc)
            else:
                await self._two(chip, picc, found[0].first, found[1].first)
        finally:
            chip.field_off()

    async def _one(self, chip: "Any", picc: "Iso14443A") -> None:
        slowest = fastest = 0
        for _ in range(_TAPS):
            started = ticks_us()
            await picc.select(wake=True)
            took = ticks_diff(ticks_us(), started)
            slowest, fastest = max(slowest, took), min(fastest or took, took)
            await picc.halt()
        self._fact("select_us", fastest)
        self._fact("select_worst_us", slowest)
        self._fact("strips_crc", int(not chip.crc_in_fifo))
        await picc.select(wake=True)
        try:
            await chip.exchange(bytes((_READ, _NO_PAGE)), 16, crc=True)
        except Nak:
            self._fact("nibble_is_crc_error", int(bool(chip.read(_ERROR) & _CRC_ERR)))
        except RC522Error:
            self._fact("nibble_is_crc_error", "unknown")  # a card that says nothing, or a whole frame

    async def _two(self, chip: "Any", picc: "Iso14443A", one: bytes, other: bytes) -> None:
        """Asks with as many known bits that the three ways to count give three numbers."""
        at = 0
        while at < _LEVEL_BITS and not (one[at >> 3] ^ other[at >> 3]) >> (at & 7) & 1:
            at += 1
        if at in (0, _LEVEL_BITS):
            self._fact("collision_base", "unknown")  # alike in the first level, or different from the first bit on
            return
        known = 9 if at >= 9 else min(at, 7)
        whole, bits = known >> 3, known & 7
        frame = bytearray((_SELECT_CL1, _NVB_NONE + (whole << 4) + bits)) + one[: whole + 1]
        frame[-1] &= (1 << bits) - 1
        await picc.request(wake=True)
        try:
            await chip.exchange(frame, 5 - whole, last_bits=bits, align=bits)
        except Collision as error:
            self._fact("collision_base", _base(error.position, at, known))
        except NoAnswer:
            self._fact("collision_base", "unknown")

    # --- flash and memory ---------------------------------------------------------------------------------------------

    def flash(self) -> None:
        """Programs and erases of one blank sector, each the slowest of several."""
        device = self._board.member_flash()
        buffer = bytearray(_SECTOR)
        sector = self._blank(device, buffer)
        self._fact("flash_sector", sector)
        if sector < 0:
            return
        page = bytes(_PAGE)
        program_us = erase_us = read_us = 0
        for _ in range(_ROUNDS):
            started = ticks_us()
            device.writeblocks(sector, page, 0)
            program_us = max(program_us, ticks_diff(ticks_us(), started))
            started = ticks_us()
            device.readblocks(sector, buffer)
            read_us = max(read_us, ticks_diff(ticks_us(), started))
            started = ticks_us()
            device.ioctl(6, sector)
            erase_us = max(erase_us, ticks_diff(ticks_us(), started))
        device.readblocks(sector, buffer)
        self._fact("flash_blank", int(buffer == b"\xff" * _SECTOR))
        self._fact("program_us", program_us)
        self._fact("read_us", read_us)
        self._fact("erase_us", erase_us)

    @staticmethod
    def _blank(device: "Any", buffer: bytearray) -> int:
        """The last blank sector, -1 when there is none."""
        blank = b"\xff" * _SECTOR
        for sector in range(device.ioctl(4, 0) - 1, -1, -1):
            device.readblocks(sector, buffer)
            if buffer == blank:
                return sector
        return -1

    def memory(self) -> None:
        """The heap with nothing but drivers in it."""
        gc.collect()
        self._fact("heap_free", gc.mem_free())
        self._fact("heap_used", gc.mem_alloc())


def _base(position: int, at: int, known: int) -> str:
    """What a told position (from 1, 0: none) counts from, when bit `at` of the level collided and `known` were sent."""
    if not position:
        return "untold"
    if position == at - known + 1:
        return "frame"
    if position == at - (known & ~7) + 1:
        return "aligned" if known > 7 or position != at + 1 else "aligned or level"
    return "level" if position == at + 1 else "unknown"
