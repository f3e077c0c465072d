"""MFRC522 contactless reader on SPI: registers, frames to and from a card, Classic authentication, health.

Knows nothing of card families, of `machine` or of any product: it gets an SPI object (`write`, `write_readinto`) and
pin objects (called with or without a value). One instance, one caller at a time. Section numbers are those of the
MFRC522 datasheet, revision 3.9. Times are in microseconds unless a name says otherwise.

Cost: an exchange is five SPI transactions (restart the command, clear the flags, fill the FIFO, start, one combined
read of flags and FIFO), because a read stream takes a new address with every byte (8.1.2.1). One more empties the FIFO
after an exchange that went wrong. The chip's timer ends a silent exchange; its interrupt line is read as a level.
"""

import asyncio
from time import sleep_us, ticks_diff, ticks_us

from micropython import const

from drivers.rc522_errors import AuthRefused, ChipAbsent, Collision, CrcError, FrameError, Nak, NoAnswer
from drivers.views import Views

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Registers (9.2), already shifted into the address byte of a write; a read sets bit 7 (8.1.2.3).
_COMMAND = const(0x01 << 1)
_COM_IEN = const(0x02 << 1)
_DIV_IEN = const(0x03 << 1)
_COM_IRQ = const(0x04 << 1)
_ERROR = const(0x06 << 1)
_STATUS2 = const(0x08 << 1)
_FIFO_DATA = const(0x09 << 1)
_FIFO_LEVEL = const(0x0A << 1)
_CONTROL = const(0x0C << 1)
_BIT_FRAMING = const(0x0D << 1)
_COLL = const(0x0E << 1)
_MODE = const(0x11 << 1)
_TX_MODE = const(0x12 << 1)
_RX_MODE = const(0x13 << 1)
_TX_CONTROL = const(0x14 << 1)
_TX_ASK = const(0x15 << 1)
_RF_CFG = const(0x26 << 1)
_T_MODE = const(0x2A << 1)
_T_PRESCALER = const(0x2B << 1)
_T_RELOAD_HIGH = const(0x2C << 1)
_T_RELOAD_LOW = const(0x2D << 1)
_VERSION = const(0x37 << 1)
_READ = const(0x80)

# Commands (10.3).
_IDLE = const(0x00)
_TRANSCEIVE = const(0x0C)
_MF_AUTHENT = const(0x0E)
_SOFT_RESET = const(0x0F)
_POWER_DOWN = const(0x10)  # CommandReg bit 4 reads 1 until the oscillator runs (9.3.1.2)

# ComIrqReg (9.3.1.5).
_IRQ_ALL = const(0x7F)
_IRQ_RX = const(0x20)
_IRQ_IDLE = const(0x10)
_IRQ_ERROR = const(0x02)
_IRQ_TIMER = const(0x01)
_END_OF_EXCHANGE = const(0x31)  # Rx, Idle, Timer
_END_OF_AUTHENT = const(0x13)  # Idle, Err, Timer: success falls back to Idle, failure never ends (10.3.1.9)

# ErrorReg (9.3.1.7).
_ERR_OVERFLOW = const(0x10)
_ERR_COLLISION = const(0x08)
_ERR_CRC = const(0x04)
_ERR_FATAL = const(0xF7)  # all but the collision, which is a finding and no fault

_START_SEND = const(0x80)
_FLUSH = const(0x80)
_CRYPTO1_ON = const(0x08)  # Status2Reg
_CRC_EN = const(0x80)  # TxModeReg, RxModeReg
_FIELD_ON = const(0x83)  # TxControlReg: InvTx2RFOn as after reset, both drivers on (9.3.2.5)
_FIELD_OFF = const(0x80)
_COLL_POS_INVALID = const(0x20)

# Timer (8.5): prescaler 169 gives steps of (2 * 169 + 1) / 13.56 MHz = 25 us, started by the end of a transmission.
_TICK_US = const(25)
_PRESCALER = const(169)
_T_AUTO = const(0x80)
_PRESCALER_LONG = const(1695)  # steps of 250 us, for waits beyond 65,536 of the short ones
QUICK_US = const(500)  # REQA, anticollision and SELECT are answered after 1236/fc = 91 us (ISO 14443-3)
PATIENT_US = const(5_000)  # what a card may take for data (NTAG21x data sheet, table "timings")
_RELEASE_US = const(3000)  # beyond timer and air time no exchange lasts; covers a busy scheduler
_SLICE_US = const(100)  # longest time the processor is held while a frame is on air
_GRAIN_US = const(20)

_STATUS_BYTES = const(6)  # of a combined read: a blank, then ComIrq, Error, FIFOLevel, Control, Coll
FIFO_SIZE = const(64)


class MFRC522:
    """The chip. `rst` and `irq` may be missing: a soft reset and polling take their place.

    After an exchange the answer is in `data[:n]`; the view is overwritten by the next one.
    """

    def __init__(self, spi: "Any", cs: "Any", rst: "Any" = None, irq: "Any" = None) -> None:
        self._spi = spi
        self._cs = cs
        self._rst = rst
        self._irq = irq
        self.version = 0
        self.crc_in_fifo = False  # the datasheet does not say whether a checked CRC stays in the FIFO: learnt in use
        self.irq_faults = 0
        self._pair = bytearray(2)
        self._answer = bytearray(2)
        self._out = bytearray(1 + FIFO_SIZE)
        self._out[0] = _FIFO_DATA
        self._ask = bytearray(_STATUS_BYTES + FIFO_SIZE)
        for i in range(len(self._ask)):
            self._ask[i] = _READ | _FIFO_DATA
        for i, register in enumerate((_COM_IRQ, _ERROR, _FIFO_LEVEL, _CONTROL, _COLL)):
            self._ask[i] = _READ | register
        self._in = bytearray(_STATUS_BYTES + FIFO_SIZE)
        self.data = memoryview(self._in)[_STATUS_BYTES:]
        self._ask_fifo = bytearray([_READ | _FIFO_DATA] * (1 + FIFO_SIZE))
        self._fifo_views = Views(self._ask_fifo)
        self._out_views = Views(self._out)
        self._ask_views = Views(self._ask)
        self._in_views = Views(self._in)
        self._auth_ask = bytes((_READ | _COM_IRQ, _READ | _ERROR, _READ | _STATUS2, 0))
        self._auth_in = bytearray(4)
        self._health_ask = bytes(
            [_READ | r for r in (_VERSION, _TX_CONTROL, _TX_ASK, _MODE, _T_MODE, _T_PRESCALER, _COM_IEN, _RF_CFG)] + [0]
        )
        self._health = bytearray(9)
        self._gain = 0x48  # RxGain 33 dB (9.3.3.6), the value after reset
        self._field = _FIELD_OFF
        self._crc = False
        self._timeout_us = 0
        self._t_mode = _T_AUTO
        self._reload_high = 0
        self._prescaler = _PRESCALER
        self._crypto = False
        self._dirty = True
        self._cs(1)

    # --- life -----------------------------------------------------------------------------------------------------

    async def init(self) -> int:
        """Reset and set up the chip, field off. Returns VersionReg; raises ChipAbsent. Takes a few milliseconds."""
        if self._rst is not None:
            self._rst(0)  # >= 100 ns (8.8.1)
            await asyncio.sleep_ms(1)
            self._rst(1)
            await asyncio.sleep_ms(1)
        self._write(_COMMAND, _SOFT_RESET)
        for _ in range(20):  # start-up is 38 us plus the crystal (8.8.2)
            await asyncio.sleep_ms(1)
            if not self._read(_COMMAND) & _POWER_DOWN:
                break
        self.version = self._read(_VERSION)
        if self.version in (0x00, 0xFF):
            raise ChipAbsent()
        self._field = _FIELD_OFF
        self._crc = self._crypto = False
        self._dirty = True
        self._t_mode, self._prescaler, self._reload_high = _T_AUTO, _PRESCALER, 0
        for register, value in (
            (_TX_CONTROL, _FIELD_OFF),
            (_TX_ASK, 0x40),  # 100 % ASK, whatever the conductance registers say (9.3.2.6)
            (_MODE, 0x3D),  # TxWaitRF, MFIN active high, CRC preset 6363h (9.3.2.2)
            (_TX_MODE, 0),
            (_RX_MODE, 0),
            (_T_MODE, _T_AUTO),
            (_T_PRESCALER, _PRESCALER),
            (_T_RELOAD_HIGH, 0),
            (_T_RELOAD_LOW, QUICK_US // _TICK_US - 1),
            (_COM_IEN, 0x80 | _END_OF_EXCHANGE),  # IRqInv: the line is low while an enabled flag is set (9.3.1.3)
            (_DIV_IEN, 0x80),  # IRQPushPull: no pull-up needed (9.3.1.4)
            (_COLL, 0),  # ValuesAfterColl off: bits after a collision read 0 (9.3.1.15)
            (_STATUS2, 0),
            (_RF_CFG, self._gain),
        ):
            self._write(register, value)
        self._timeout_us = QUICK_US
        return self.version

    def check(self) -> bool:
        """Whether the chip still holds what `init` wrote; one transaction. False means: `init` again.

        A brown-out or a spark resets the chip without a word, and it then hears no card. Raises ChipAbsent.
        """
        self._transfer(self._health_ask, self._health)
        seen = self._health
        if seen[1] in (0x00, 0xFF):
            raise ChipAbsent()
        return (
            seen[1] == self.version
            and seen[2] == self._field
            and seen[3] == 0x40
            and seen[4] == 0x3D
            and seen[5] == self._t_mode
            and seen[6] == self._prescaler
            and seen[7] == 0x80 | _END_OF_EXCHANGE
            and seen[8] & 0x70 == self._gain & 0x70
        )

    def set_gain(self, db: int) -> None:
        """Receiver gain in dB: 18, 23, 33, 38, 43 or 48."""
        self._gain = {18: 0x00, 23: 0x10, 33: 0x40, 38: 0x50, 43: 0x60, 48: 0x70}[db] | 0x08
        self._write(_RF_CFG, self._gain)

    # --- field ----------------------------------------------------------------------------------------------------

    def field_on(self) -> None:
        """Power the antenna. A card is ready 5 ms later (ISO 14443-3, 6.2.4)."""
        self._field = _FIELD_ON
        self._write(_TX_CONTROL, _FIELD_ON)

    def field_off(self) -> None:
        """Take the antenna's power: every card forgets its state. Also ends a Classic session."""
        self.stop_crypto()
        self._field = _FIELD_OFF
        self._write(_TX_CONTROL, _FIELD_OFF)
        self._set_crc(False)  # as the next request wants it
        self._set_timeout(QUICK_US)

    # --- frames ---------------------------------------------------------------------------------------------------

    async def exchange(
        self,
        send: "bytes | bytearray | memoryview",
        expect: int,
        crc: bool = False,
        last_bits: int = 0,
        timeout_us: int = QUICK_US,
        size: int = -1,
        exact: bool = True,
        align: int = 0,
    ) -> int:
        """Send a frame and receive one of `expect` bytes; returns how many came, they are in `data`.

        `crc`: the chip appends CRC_A and checks that of the answer; neither counts. `last_bits`: bits sent of the last
        byte (7 for REQA, 0 is all). `timeout_us`: how long the answer may be in coming, up to 5 s. `size` sends only
        the first bytes of `send`. Without `exact` an answer of any length is taken, and `expect` only tells how much
        of it comes with the first read; the rest costs one transaction more. `align`: the first received bit goes to
        this bit of `data[0]` (RxAlign), and an answer may then end within a byte. A four-bit ACK returns 0. Raises
        NoAnswer, Collision, CrcError, FrameError, Nak or ChipAbsent; always ends within timer, air time and 3 ms.
        """
        count = len(send) if size < 0 else size
        self._set_crc(crc)
        self._set_timeout(timeout_us)
        wanted = expect + 2 if crc and self.crc_in_fifo else expect
        if wanted > FIFO_SIZE or count > FIFO_SIZE:
            raise ValueError("FIFO holds 64 bytes")
        # The command first: it ends a reception that never came, during which the FIFO is closed (WrErr, 9.3.1.7).
        self._write(_COMMAND, _TRANSCEIVE)
        if self._dirty:
            self._write(_FIFO_LEVEL, _FLUSH)
            self._dirty = False
        self._write(_COM_IRQ, _IRQ_ALL)
        self._fill(send, count)
        self._write(_BIT_FRAMING, _START_SEND | align << 4 | last_bits)
        air = air_us(count + (2 if crc else 0), expect + (2 if crc else 0))
        ended = await self._ended(_END_OF_EXCHANGE, air, timeout_us)
        self._combined_read(wanted)
        return self._judge(ended, expect, wanted, crc, exact, align)

    def _judge(self, ended: bool, expect: int, wanted: int, crc: bool, exact: bool, align: int) -> int:
        """What the combined read means."""
        seen = self._in
        irq, error, level, last_bits = seen[1], seen[2], seen[3], seen[4] & 0x07
        if level > FIFO_SIZE:
            self._dirty = True
            raise ChipAbsent()
        if not irq & _IRQ_RX:
            self._dirty = True
            self._no_reception(ended, irq)
        if error or (exact and level > wanted):
            self._dirty = True
        if error & _ERR_COLLISION:
            position = 0 if seen[5] & _COLL_POS_INVALID else (seen[5] & 0x1F) or 32
            raise Collision(position)
        if last_bits == 4 and level <= 1:  # ACK or NAK has no CRC, so the chip may also report one as wrong
            code = seen[_STATUS_BYTES] & 0x0F if level else -1
            if code == 0x0A:
                return 0
            raise Nak(code)
        if error & _ERR_CRC:
            raise CrcError()
        if error & _ERR_FATAL:
            raise FrameError(error)
        if not exact:
            if level > wanted:
                self._read_rest(wanted, level)
            return level - 2 if crc and self.crc_in_fifo else level
        if crc and level == expect + 2:
            self.crc_in_fifo = True
            level = expect
        if level != expect or (last_bits and not align):
            self._dirty = True
            raise FrameError(level)
        return level

    def _no_reception(self, ended: bool, irq: int) -> None:
        """Raise what an exchange without a frame means."""
        if irq & _IRQ_TIMER:
            raise NoAnswer()
        if ended and self._irq is not None:
            # The line was low without a reason: it is not wired, or shorted. Do without it from now on.
            self._irq = None
            self.irq_faults += 1
            raise FrameError("interrupt line")
        if self._read(_VERSION) != self.version:
            raise ChipAbsent()
        raise FrameError(irq)

    # --- Classic --------------------------------------------------------------------------------------------------

    async def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> None:
        """MFAuthent (10.3.1.9) for a selected Classic card: `command` 60h for key A, 61h for key B.

        Afterwards every frame is enciphered until `stop_crypto`. Raises AuthRefused (the session is closed again, and
        the card has to be woken and selected anew) or ChipAbsent.
        """
        self._set_timeout(PATIENT_US)
        if self._dirty:
            self._write(_COMMAND, _IDLE)
            self._write(_FIFO_LEVEL, _FLUSH)
            self._dirty = False
        self._write(_COM_IRQ, _IRQ_ALL)
        out = self._out
        out[1] = command
        out[2] = block
        out[3:9] = key
        out[9:13] = uid[-4:]  # of a longer UID the last four (AN10927)
        self._stream(self._out_views.first(13))
        self._crypto = True
        accepted = False
        try:
            self._write(_COMMAND, _MF_AUTHENT)
            await self._ended(_END_OF_AUTHENT, 2001, 2 * PATIENT_US)
            self._transfer(self._auth_ask, self._auth_in)
            if self._auth_in[1] == 0xFF and self._auth_in[3] == 0xFF:
                raise ChipAbsent()
            accepted = bool(self._auth_in[3] & _CRYPTO1_ON) and not self._auth_in[2]
        finally:
            if not accepted:
                self._write(_COMMAND, _IDLE)
                self.stop_crypto()
                self._dirty = True
        if not accepted:
            raise AuthRefused()

    def stop_crypto(self) -> None:
        """End a Classic session. MFCrypto1On is only ever cleared by software (9.3.1.9). Costs nothing without one."""
        if self._crypto:
            self._crypto = False
            self._write(_STATUS2, 0)

    # --- bus ------------------------------------------------------------------------------------------------------

    async def _ended(self, flags: int, air: int, timer: int) -> bool:
        """Wait for one of `flags` by the line, or by polling where there is none; False when the bound has passed."""
        started = ticks_us()
        bound = air + timer + _RELEASE_US
        if air >= 1000:
            await asyncio.sleep_ms(air // 1000)
        while True:
            passed = ticks_diff(ticks_us(), started)
            if self._irq is None:
                if passed >= air and self._read(_COM_IRQ) & flags:
                    return True
            elif not self._irq():
                return True
            if passed > bound:
                return False
            if passed > air + PATIENT_US:
                await asyncio.sleep_ms(1)  # a card that takes its time: the processor is for others
                continue
            await asyncio.sleep_ms(0)
            # Others had their turn; the next moments are too short for the scheduler's milliseconds.
            sleep_us(min(air - passed, _SLICE_US) if passed < air else _GRAIN_US)

    def _set_crc(self, on: bool) -> None:
        if on != self._crc:
            self._crc = on
            self._write(_TX_MODE, _CRC_EN if on else 0)
            self._write(_RX_MODE, _CRC_EN if on else 0)

    def _set_timeout(self, us: int) -> None:
        if us == self._timeout_us:
            return
        steps = us // _TICK_US
        prescaler = _PRESCALER
        if steps > 0x10000:
            steps //= 10
            prescaler = _PRESCALER_LONG
        reload = max(steps, 1) - 1
        mode = _T_AUTO | prescaler >> 8
        if mode != self._t_mode:
            self._t_mode = mode
            self._prescaler = prescaler & 0xFF
            self._write(_T_MODE, mode)
            self._write(_T_PRESCALER, self._prescaler)
        if reload >> 8 != self._reload_high:
            self._reload_high = reload >> 8
            self._write(_T_RELOAD_HIGH, self._reload_high)
        self._write(_T_RELOAD_LOW, reload & 0xFF)
        self._timeout_us = us

    def _fill(self, send: "bytes | bytearray | memoryview", count: int) -> None:
        out = self._out
        for i in range(count):
            out[1 + i] = send[i]
        self._stream(self._out_views.first(1 + count))

    def _combined_read(self, count: int) -> None:
        end = _STATUS_BYTES - 1 + count
        ask = self._ask
        kept = ask[end]
        ask[end] = 0  # the last byte of a read stream (8.1.2.1, table 6); an address there would read once more
        self._transfer(self._ask_views.first(end + 1), self._in_views.first(end + 1))
        ask[end] = kept

    def _read_rest(self, have: int, level: int) -> None:
        """What the combined read left in the FIFO, behind what it brought."""
        seen = self._in
        at = _STATUS_BYTES - 1 + have  # where the blank first byte of the stream would fall
        kept = seen[at]
        ask = self._ask_fifo
        rest = level - have
        ask[rest] = 0
        self._transfer(self._fifo_views.first(rest + 1), self._in_views.whole[at : at + rest + 1])
        ask[rest] = _READ | _FIFO_DATA
        seen[at] = kept

    def _write(self, register: int, value: int) -> None:
        self._pair[0] = register
        self._pair[1] = value
        self._stream(self._pair)

    def _read(self, register: int) -> int:
        self._pair[0] = _READ | register
        self._pair[1] = 0
        self._transfer(self._pair, self._answer)
        return self._answer[1]

    def _stream(self, data: "bytearray | memoryview") -> None:
        self._cs(0)
        try:
            self._spi.write(data)
        finally:
            self._cs(1)

    def _transfer(self, ask: "bytes | bytearray | memoryview", into: "bytearray | memoryview") -> None:
        self._cs(0)
        try:
            self._spi.write_readinto(ask, into)
        finally:
            self._cs(1)


def air_us(sent: int, received: int) -> int:
    """Least time on air of an exchange at 106 kbit/s (ISO 14443-3), rounded down: frames and the delay between them."""
    return ((1 + 9 * sent) * 128 + 1204 + ((1 + 9 * received) * 128 if received else 0)) * 100 // 1356
