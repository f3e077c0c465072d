"""An MFRC522 as a device: reset, set-up, field, sleep, bit rate, and whether it still is what it was set up to be.

Knows no frame and no card. What `init` wrote, and what the chip had by itself in every register that shapes the field
or the receiver, is kept and compared by `check` in one transaction: a spark or a dip of the supply changes registers
without a word, and the chip is deaf from then on. Whatever is noticed is counted. Section numbers are those of the
MFRC522 datasheet, revision 3.9.
"""

import asyncio

from micropython import const

from drivers.rc522_bus import READ, Registers
from drivers.rc522_errors import ChipAbsent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Registers (9.2), already shifted into the address byte of a write.
_COMMAND = const(0x01 << 1)
_COM_IEN = const(0x02 << 1)
_DIV_IEN = const(0x03 << 1)
_COM_IRQ = const(0x04 << 1)
_STATUS2 = const(0x08 << 1)
_COLL = const(0x0E << 1)
_MODE = const(0x11 << 1)
_TX_MODE = const(0x12 << 1)
_RX_MODE = const(0x13 << 1)
_TX_CONTROL = const(0x14 << 1)
_TX_ASK = const(0x15 << 1)
_MOD_WIDTH = const(0x24 << 1)
_RF_CFG = const(0x26 << 1)
_T_MODE = const(0x2A << 1)
_T_PRESCALER = const(0x2B << 1)
_T_RELOAD_HIGH = const(0x2C << 1)
_T_RELOAD_LOW = const(0x2D << 1)
_VERSION = const(0x37 << 1)

_IDLE = const(0x00)
_SOFT_RESET = const(0x0F)
_POWER_DOWN = const(0x10)  # CommandReg; reads 1 until the oscillator runs (9.3.1.2)
_RECEIVER_OFF = const(0x20)
_CRYPTO1_ON = const(0x08)  # Status2Reg
_CRC_EN = const(0x80)  # TxModeReg, RxModeReg
_FIELD_ON = const(0x83)  # TxControlReg: InvTx2RFOn as after reset, both drivers on (9.3.2.5)
_FIELD_OFF = const(0x80)

_IRQ_ALL = const(0x7F)
_SET_TIMER_IRQ = const(0x81)  # Set1: a write may also raise flags (9.3.1.5)
_LINE_SOURCES = const(0x31)  # Rx, Idle, Timer

# Timer (8.5): prescaler 169 gives steps of (2 * 169 + 1) / 13.56 MHz = 25 us, 1695 gives 250 us; started by the end
# of a transmission, stopped by the fifth received bit.
_TICK_US = const(25)
_PRESCALER = const(169)
_PRESCALER_LONG = const(1695)
_STEPS_MAX = const(0x10000)
_T_AUTO = const(0x80)
QUICK_US = const(500)  # REQA, anticollision and SELECT are answered after 1236/fc = 91 us (ISO/IEC 14443-3)
PATIENT_US = const(5_000)  # what a card may take for data (NTAG21x data sheet, table "timings")

_RATES = const((106, 212, 424, 848))  # kbit/s, by their code in TxModeReg and RxModeReg (9.3.2.3, 9.3.2.4)
_PAUSES = const((0x26, 0x15, 0x0A, 0x05))  # ModWidthReg: a pause has to become shorter with the bit

_GAINS = const((18, 23, 0, 0, 33, 38, 43, 48))  # dB by RxGain (9.3.3.6); 2 and 3 are as 0 and 1
_ATTEMPTS = const(2)
_READY_TRIES = const(20)

# What `check` compares: first what is set here and the two that are masked, then what is left as the reset made it.
_AT_VERSION = const(1)
_AT_TX_CONTROL = const(2)
_AT_TX_MODE = const(3)
_AT_RX_MODE = const(4)
_AT_MOD_WIDTH = const(5)
_AT_RF_CFG = const(6)
_AT_T_MODE = const(7)  # then prescaler, reload high, reload low
_AT_COMMAND = const(11)
_AT_STATUS2 = const(12)
_AT_FIXED = const(13)
_FIXED = (
    (_TX_ASK, 0x40),  # 100 % ASK, whatever the conductance registers say (9.3.2.6)
    (_MODE, 0x3D),  # TxWaitRF, MFIN active high, CRC preset 6363h (9.3.2.2)
    (_COM_IEN, 0x80 | _LINE_SOURCES),  # IRqInv: the line is low while an enabled flag is set (9.3.1.3)
    (_DIV_IEN, 0x80),  # IRQPushPull: no pull-up needed (9.3.1.4)
)
# TxSel .. MfRx, GsN .. ModGsP, AutoTest
_AS_RESET = const((0x16, 0x17, 0x18, 0x19, 0x1C, 0x1D, 0x27, 0x28, 0x29, 0x36))
_WATCHED = (
    bytes(READ | register for register in (_VERSION, _TX_CONTROL, _TX_MODE, _RX_MODE, _MOD_WIDTH, _RF_CFG))
    + bytes(READ | register for register in (_T_MODE, _T_PRESCALER, _T_RELOAD_HIGH, _T_RELOAD_LOW, _COMMAND, _STATUS2))
    + bytes(READ | register for register, _ in _FIXED)
    + bytes(READ | register << 1 for register in _AS_RESET)
    + b"\x00"
)


class Chip(Registers):
    """The device. `rst` and `irq` may be missing: a soft reset and polling take their place.

    `irq_faults` interrupt line given up, `register_faults` registers found changed, `bus_faults` answers that cannot
    be, `stalls` exchanges the chip did not end by itself.
    """

    def __init__(self, spi: "Any", cs: "Any", rst: "Any" = None, irq: "Any" = None) -> None:
        super().__init__(spi, cs)
        self._rst = rst
        self._line = irq
        self._irq = irq  # None once it failed: polling from then on, until the next `init`
        self.version = 0
        self.irq_faults = self.register_faults = self.bus_faults = self.stalls = 0
        self._seen = bytearray(len(_WATCHED))
        self._wanted = bytearray(len(_WATCHED))
        self._gain = 0x48  # RxGain 33 dB (9.3.3.6), the value after reset
        self._doubtful = False
        self._crc = False
        self._send_rate = self._receive_rate = 0
        self._timeout_us = 0
        self._crypto = False
        self._dirty = True

    # --- life -----------------------------------------------------------------------------------------------------

    async def init(self) -> int:
        """Reset and set up the chip, field off. Returns VersionReg; raises ChipAbsent. Takes a few milliseconds."""
        for _ in range(_ATTEMPTS):  # one disturbed transaction must not leave a chip that is half set up
            await self._set_up()
            if self.check():
                break
        return self.version

    def check(self) -> bool:
        """Whether the chip still is what `init` made it; one transaction. False means: `init` again.

        Also false after an exchange in which the chip did what it cannot. Raises ChipAbsent.
        """
        return self._intact() and not self._doubtful

    def set_gain(self, db: int) -> None:
        """Receiver gain in dB: 18, 23, 33, 38, 43 or 48."""
        self._gain = _GAINS.index(db) << 4 | 0x08
        self._wanted[_AT_RF_CFG] = self._gain & 0x70
        self.write(_RF_CFG, self._gain)

    def gain_db(self) -> int:
        """As it was set."""
        return _GAINS[self._gain >> 4 & 7]

    def sleep(self) -> None:
        """Soft power-down (8.6.2): field and receiver off, registers and FIFO kept, a few microamperes. See `wake`."""
        self.field_off()
        self.write(_COMMAND, _RECEIVER_OFF | _POWER_DOWN)

    async def wake(self) -> None:
        """Leave soft power-down. The chip needs 1,024 clocks and its crystal; raises ChipAbsent when it stays down."""
        for _ in range(_ATTEMPTS):  # a command that got lost leaves the chip asleep
            self.write(_COMMAND, _IDLE)
            if await self._ready():
                return
        raise ChipAbsent()

    @property
    def polls(self) -> bool:
        """Whether the chip is asked instead of its interrupt line: there is none, or it was given up."""
        return self._irq is None

    # --- field ----------------------------------------------------------------------------------------------------

    def field_on(self) -> None:
        """Power the antenna. A card is ready 5 ms later (ISO/IEC 14443-3, 6.2.4)."""
        self._keep(_AT_TX_CONTROL, _TX_CONTROL, _FIELD_ON)

    def field_off(self) -> None:
        """Take the antenna's power: every card forgets its state. Also ends a Classic session and a higher bit rate."""
        self.stop_crypto()
        self._keep(_AT_TX_CONTROL, _TX_CONTROL, _FIELD_OFF)
        self._set_crc(False)  # as the next request wants it
        self._set_timeout(QUICK_US)
        self.set_rate()

    def stop_crypto(self) -> None:
        """End a Classic session. MFCrypto1On is only ever cleared by software (9.3.1.9). Costs nothing without one."""
        if self._crypto:
            self._crypto = False
            self._wanted[_AT_STATUS2] = 0
            self.write(_STATUS2, 0)

    def _begin_crypto(self) -> None:
        self._crypto = True
        self._wanted[_AT_STATUS2] = _CRYPTO1_ON

    def set_rate(self, send: int = 106, receive: int = 106) -> None:
        """Bit rates in kbit/s (106, 212, 424, 848) from the next exchange on; the card has agreed to them before."""
        one, other = _RATES.index(send), _RATES.index(receive)
        if one != self._send_rate or other != self._receive_rate:
            self._send_rate, self._receive_rate = one, other
            self._write_modes()
            self._keep(_AT_MOD_WIDTH, _MOD_WIDTH, _PAUSES[one])

    # --- set-up ---------------------------------------------------------------------------------------------------

    async def _set_up(self) -> None:
        await self._reset()
        self._doubtful = self._crc = self._crypto = False
        self._send_rate = self._receive_rate = self._timeout_us = 0
        self._dirty = True
        wanted = self._wanted
        self.transfer(_WATCHED, wanted)  # what is not set below shall stay as the reset made it
        for register, value in _FIXED:
            self.write(register, value)
        self.write(_RF_CFG, self._gain)
        self.write(_COLL, 0)  # ValuesAfterColl off: bits after a collision read 0 (9.3.1.15)
        self.write(_STATUS2, 0)
        self.write(_COMMAND, _IDLE)  # the receiver on
        wanted[0] = wanted[_AT_COMMAND] = wanted[_AT_STATUS2] = 0
        wanted[_AT_VERSION] = self.version
        wanted[_AT_RF_CFG] = self._gain & 0x70
        for i in range(len(_FIXED)):
            wanted[_AT_FIXED + i] = _FIXED[i][1]
        for i in range(4):
            wanted[_AT_T_MODE + i] = 0xFF  # no value of ours: each is written
        self._keep(_AT_TX_CONTROL, _TX_CONTROL, _FIELD_OFF)
        self._write_modes()
        self._keep(_AT_MOD_WIDTH, _MOD_WIDTH, _PAUSES[0])
        self._set_timeout(QUICK_US)
        self._irq = self._line
        self._judge_line()

    async def _reset(self) -> None:
        if self._rst is not None:
            self._rst(0)  # >= 100 ns (8.8.1)
            await asyncio.sleep_ms(1)
            self._rst(1)
            await asyncio.sleep_ms(1)
        for _ in range(_ATTEMPTS):
            self.write(_COMMAND, _SOFT_RESET)
            await self._ready()
            self.version = self._alive()
            if not self.read(_T_PRESCALER):
                break  # the value after reset: a lost command, or one that only woke the chip, leaves ours

    async def _ready(self) -> bool:
        """Wait for the oscillator: 38 us plus the crystal's start (8.8.2)."""
        for _ in range(_READY_TRIES):
            await asyncio.sleep_ms(1)
            if not self.read(_COMMAND) & _POWER_DOWN:
                return True
        return False

    # --- doubts ---------------------------------------------------------------------------------------------------

    def _alive(self) -> int:
        """VersionReg, asked twice where it looks like a dead bus. Raises ChipAbsent."""
        version = self.read(_VERSION)
        if version in (0x00, 0xFF):
            version = self.read(_VERSION)
            if version in (0x00, 0xFF):
                raise ChipAbsent()
            self.bus_faults += 1
        return version

    def _intact(self) -> bool:
        """Whether all watched registers hold what they held. Raises ChipAbsent."""
        seen = self._seen
        self.transfer(_WATCHED, seen)
        seen[0] = 0
        seen[_AT_RF_CFG] &= 0x70  # the other bits are reserved
        seen[_AT_COMMAND] &= _RECEIVER_OFF | _POWER_DOWN
        seen[_AT_STATUS2] &= _CRYPTO1_ON
        if seen == self._wanted:
            return True
        self._alive()
        self.register_faults += 1
        return False

    def _doubt(self) -> None:
        """The chip did what it cannot do: `check` fails until the next `init`. Raises ChipAbsent for a dead bus.

        Where the registers are as they should be, the interrupt line may be what lied.
        """
        self._dirty = self._doubtful = True
        self.write(_COMMAND, _IDLE)  # nothing may raise a flag in between
        self._alive()
        if self._intact() and self._judge_line():
            self._doubtful = False

    def _judge_line(self) -> bool:
        """Give up an interrupt line that does not follow the flags: not wired, broken, or shorted. True when it was."""
        line = self._irq
        if line is not None and not self._follows(line) and not self._follows(line):
            self._irq = None
            self.irq_faults += 1
            return True
        return False

    def _follows(self, line: "Any") -> bool:
        self.write(_COM_IRQ, _IRQ_ALL)
        high = line()
        self.write(_COM_IRQ, _SET_TIMER_IRQ)
        low = line()
        self.write(_COM_IRQ, _IRQ_ALL)
        return bool(high) and not low

    # --- settings an exchange needs -------------------------------------------------------------------------------

    def _keep(self, at: int, register: int, value: int) -> None:
        """Write a watched register."""
        self._wanted[at] = value
        self.write(register, value)

    def _set_crc(self, on: bool) -> None:
        if on != self._crc:
            self._crc = on
            self._write_modes()

    def _write_modes(self) -> None:
        crc = _CRC_EN if self._crc else 0
        self._keep(_AT_TX_MODE, _TX_MODE, crc | self._send_rate << 4)
        self._keep(_AT_RX_MODE, _RX_MODE, crc | self._receive_rate << 4)

    def _set_timeout(self, us: int) -> None:
        """The chip's timer. What a register holds already is not written: the usual two time-outs differ in one."""
        if us == self._timeout_us:
            return
        steps = (us + _TICK_US - 1) // _TICK_US
        prescaler = _PRESCALER
        if steps > _STEPS_MAX:
            steps = (steps + 9) // 10
            prescaler = _PRESCALER_LONG
        if not 0 < steps <= _STEPS_MAX:
            raise ValueError("time-out")
        wanted = self._wanted
        steps -= 1
        if wanted[_AT_T_MODE] != _T_AUTO | prescaler >> 8:
            self._keep(_AT_T_MODE, _T_MODE, _T_AUTO | prescaler >> 8)
            self._keep(_AT_T_MODE + 1, _T_PRESCALER, prescaler & 0xFF)
        if wanted[_AT_T_MODE + 2] != steps >> 8:
            self._keep(_AT_T_MODE + 2, _T_RELOAD_HIGH, steps >> 8)
        if wanted[_AT_T_MODE + 3] != steps & 0xFF:
            self._keep(_AT_T_MODE + 3, _T_RELOAD_LOW, steps & 0xFF)
        self._timeout_us = us
