"""The MFRC522's side units: 25-byte internal buffer, random numbers, CRC coprocessor and self-test (8.2.5, 10.3, 16.1).

Times in microseconds. The data sheet gives no durations for these; a byte of CRC costs about one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tools.sim.cards.frames import crc_a
from tools.sim.chips import rc522_regs as R

if TYPE_CHECKING:
    from tools.sim.chips.rc522 import Rc522
    from tools.sim.clock import SimClock, Timer

_CRC_PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)
_RANDOM_US, _SELF_TEST_US = 100, 200
_INTERNAL = 25


class Coprocessor:
    """Commands that need no field. The internal buffer survives a reset, not a loss of supply."""

    def __init__(self, chip: Rc522, clock: SimClock) -> None:
        self._chip, self._clock = chip, clock
        self._random = random.Random(522)
        self._pending: Timer | None = None
        self._crc = 0
        self.tested = False
        self.power_on()

    def power_on(self) -> None:
        """The internal buffer is empty."""
        self._internal = bytearray(_INTERNAL)

    def cancel(self) -> None:
        """Another command, or a reset."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    @property
    def busy(self) -> bool:
        """A calculation runs."""
        return self._pending is not None

    def mem(self) -> None:
        """Mem: FIFO to internal buffer, or back when the FIFO is empty (10.3.1.2)."""
        fifo = self._chip.fifo
        if fifo:
            self._internal[:] = bytes(fifo[:_INTERNAL]).ljust(_INTERNAL, b"\x00")
            del fifo[:_INTERNAL]
        else:
            fifo += self._internal
        self._chip.alerts()
        self._chip.finish()

    def random_id(self) -> None:
        """Generate RandomID: ten bytes into the internal buffer (10.3.1.3)."""
        self._internal[:10] = self._random.randbytes(10)
        self._pending = self._clock.after(_RANDOM_US, self._random_done)

    def calc_crc(self) -> None:
        """CalcCRC, or the self-test when AutoTestReg asks for it (10.3.1.4, 16.1.1)."""
        if self._chip.r[R.AUTO_TEST] & 0x0F == 0x09:
            self._pending = self._clock.after(_SELF_TEST_US, self._self_test)
            return
        self._crc = _CRC_PRESETS[self._chip.r[R.MODE] & 3]
        self.more()

    def more(self) -> None:
        """Bytes came into the FIFO while CalcCRC goes on."""
        if self._pending is None:
            self._pending = self._clock.after(max(1, len(self._chip.fifo)), self._crc_done)

    def _random_done(self) -> None:
        self._pending = None
        self._chip.finish()

    def _crc_done(self) -> None:
        """Ends with the FIFO, not the command: CalcCRC goes on until another command is written."""
        self._pending = None
        chip = self._chip
        self._crc = crc_a(chip.take_fifo(), self._crc)
        result = self._crc
        if chip.r[R.MODE] & 0x80:  # MSBFirst: the result comes bit-reversed
            result = int(f"{result:016b}"[::-1], 2)
        chip.r[R.CRC_RESULT_H], chip.r[R.CRC_RESULT_L] = result >> 8, result & 0xFF
        chip.div_irq |= R.CRC_IRQ

    def _self_test(self) -> None:
        """The modem stays in test mode until the next reset."""
        self._pending = None
        chip = self._chip
        good = bytes(chip.fifo) == b"\x00" and not any(self._internal)
        chip.fifo[:] = chip.self_test if good else b"\xee" * R.FIFO_SIZE
        self.tested = True
        chip.div_irq |= R.CRC_IRQ
        chip.alerts()
