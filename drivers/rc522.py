"""MFRC522 contactless reader on SPI: frames to and from a card, and Classic authentication.

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

from drivers.crc_a import crc_a
from drivers.rc522_bus import READ
from drivers.rc522_chip import PATIENT_US, QUICK_US, Chip
from drivers.rc522_errors import (
    AuthRefused,
    Collision,
    CrcError,
    FrameError,
    Nak,
    NoAnswer,
    ParityError,
    ProtocolError,
)
from drivers.views import Views

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Registers (9.2), already shifted into the address byte of a write.
_COMMAND = const(0x01 << 1)
_COM_IRQ = const(0x04 << 1)
_ERROR = const(0x06 << 1)
_STATUS2 = const(0x08 << 1)
_FIFO_DATA = const(0x09 << 1)
_FIFO_LEVEL = const(0x0A << 1)
_CONTROL = const(0x0C << 1)
_BIT_FRAMING = const(0x0D << 1)
_COLL = const(0x0E << 1)

# Commands (10.3).
_IDLE = const(0x00)
_TRANSCEIVE = const(0x0C)
_MF_AUTHENT = const(0x0E)

# ComIrqReg (9.3.1.5).
_IRQ_ALL = const(0x7F)
_IRQ_RX = const(0x20)
_IRQ_ERROR = const(0x02)
_IRQ_TIMER = const(0x01)
_END_OF_EXCHANGE = const(0x31)  # Rx, Idle, Timer
_END_OF_AUTHENT = const(0x13)  # Idle, Err, Timer: success falls back to Idle, failure never ends (10.3.1.9)

# ErrorReg (9.3.1.7).
_ERR_WRITE = const(0x80)
_ERR_HOT = const(0x40)  # the antenna drivers are off then
_ERR_OVERFLOW = const(0x10)
_ERR_COLLISION = const(0x08)
_ERR_CRC = const(0x04)
_ERR_PARITY = const(0x02)
_ERR_PROTOCOL = const(0x01)

_START_SEND = const(0x80)
_FLUSH = const(0x80)
_CRYPTO1_ON = const(0x08)  # Status2Reg
_COLL_POS_INVALID = const(0x20)
_ACK = const(0x0A)

_RELEASE_US = const(3000)  # beyond timer and air time no exchange lasts; covers a busy scheduler
_SLICE_US = const(100)  # longest time the processor is held while a frame is on air
_NEAR_US = const(6000)  # an answer that begins within half a millisecond has ended by then, however long
_GRAIN_US = const(20)
_POLL_US = const(80)  # between two looks without a line: each is a bus transaction
_AUTHENT_AIR_US = const(2001)  # both exchanges of MFAuthent

_STATUS_BYTES = const(6)  # of a combined read: a blank, then ComIrq, Error, FIFOLevel, Control, Coll
FIFO_SIZE = const(64)


class MFRC522(Chip):
    """The reader. After an exchange the answer is in `data[:n]`; the view is overwritten by the next one."""

    def __init__(self, spi: "Any", cs: "Any", rst: "Any" = None, irq: "Any" = None) -> None:
        super().__init__(spi, cs, rst, irq)
        self.crc_in_fifo = False  # the datasheet does not say whether a checked CRC stays in the FIFO: learnt in use
        self._out = bytearray(1 + FIFO_SIZE)
        self._out[0] = _FIFO_DATA
        self._ask = bytearray(_STATUS_BYTES + FIFO_SIZE)
        for i in range(len(self._ask)):
            self._ask[i] = READ | _FIFO_DATA
        for i, register in enumerate((_COM_IRQ, _ERROR, _FIFO_LEVEL, _CONTROL, _COLL)):
            self._ask[i] = READ | register
        self._in = bytearray(_STATUS_BYTES + FIFO_SIZE)
        self.data = memoryview(self._in)[_STATUS_BYTES:]
        self._out_views = Views(self._out)
        self._ask_views = Views(self._ask)
        self._in_views = Views(self._in)
        self._auth_ask = bytes((READ | _COM_IRQ, READ | _ERROR, READ | _STATUS2, 0))
        self._auth_in = bytearray(4)

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
        this bit of `data[0]` (RxAlign). A four-bit ACK returns 0; where more than a byte without CRC is expected, four
        bits are a broken frame.

        Raises NoAnswer, Collision, Nak, FrameError or one below it, or ChipAbsent; ends within timer, air time and
        3 ms (for waits beyond 0.2 s also one part in 64 of the timer, for clocks that differ).
        """
        count = len(send) if size < 0 else size
        self._set_crc(crc)
        self._set_timeout(timeout_us)
        trailer = 2 if crc else 0
        wanted = expect + 2 if crc and self.crc_in_fifo else expect or 1  # an ACK where nothing else is expected
        if wanted > FIFO_SIZE or count > FIFO_SIZE:
            raise ValueError("FIFO holds 64 bytes")
        # The command first: it ends a reception that never came, during which the FIFO is closed (WrErr, 9.3.1.7).
        self.write(_COMMAND, _TRANSCEIVE)
        if self._dirty:
            self.write(_FIFO_LEVEL, _FLUSH)
        self._dirty = True  # until the answer is read: who waits may be cancelled
        self.write(_COM_IRQ, _IRQ_ALL)
        out = self._out
        for i in range(count):
            out[1 + i] = send[i]
        self.stream(self._out_views.first(1 + count))
        self.write(_BIT_FRAMING, _START_SEND | align << 4 | last_bits)
        least = air_us(count + trailer, expect + trailer if exact else 1, self._send_rate, self._receive_rate)
        most = least if exact else air_us(count + trailer, FIFO_SIZE, self._send_rate, self._receive_rate)
        ended = await self._ended(_END_OF_EXCHANGE, least, most + timeout_us + (timeout_us >> 6))
        self._combined_read(wanted)
        return self._judge(ended, expect, wanted, crc, exact, align)

    def _judge(self, ended: bool, expect: int, wanted: int, crc: bool, exact: bool, align: int) -> int:
        """What the combined read means."""
        seen = self._in
        irq, error, level, last_bits = seen[1], seen[2], seen[3], seen[4] & 0x07
        if level > FIFO_SIZE or not irq & (_IRQ_RX | _IRQ_TIMER):
            self.stalls += not ended
            self._doubt()
            raise FrameError("chip")
        if not ended:
            self._judge_line()  # there are flags the line did not tell of
        self._dirty = bool(error) or not irq & _IRQ_RX or (exact and level > wanted)
        if error & (_ERR_HOT | _ERR_WRITE):
            self._doubtful = True
            raise FrameError("hot" if error & _ERR_HOT else "FIFO closed")
        if not irq & _IRQ_RX:
            raise NoAnswer()
        if error & _ERR_COLLISION:
            raise Collision(0 if seen[5] & _COLL_POS_INVALID else (seen[5] & 0x1F) or 32)
        if last_bits == 4 and level <= 1 and (crc or expect < 2) and not error & _ERR_PROTOCOL:
            # ACK or NAK has no CRC, so the chip may also report one as wrong.
            code = seen[_STATUS_BYTES] & 0x0F if level else -1
            if code == _ACK:
                return 0
            raise Nak(code)
        if error:
            raise _error_of(error)
        if not exact:
            if level > wanted:
                self._read_rest(wanted, level)
            if crc and self.crc_in_fifo:
                level -= 2
            if level < 0:
                raise FrameError("length")
            return level
        if crc and level == expect + 2 and (self.crc_in_fifo or self._ends_in_crc(level, wanted)):
            self.crc_in_fifo = True
            level = expect
        elif crc and level == expect:
            self.crc_in_fifo = False
        if level != expect or (last_bits and not align):
            self._dirty = True
            raise FrameError("length")
        return level

    def _ends_in_crc(self, level: int, have: int) -> bool:
        """Whether the two bytes more than expected are the answer's CRC, which this chip then leaves in the FIFO."""
        if level > have:
            self._read_rest(have, level)
        self._dirty = False
        return not crc_a(self.data, level)

    # --- Classic --------------------------------------------------------------------------------------------------

    async def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> None:
        """MFAuthent (10.3.1.9) for a selected Classic card: `command` 60h for key A, 61h for key B.

        Afterwards every frame is enciphered until `stop_crypto`. Raises AuthRefused (the session is closed again, and
        the card has to be woken and selected anew), FrameError or ChipAbsent.
        """
        self._set_timeout(PATIENT_US)
        if self._dirty:
            self.write(_COMMAND, _IDLE)
            self.write(_FIFO_LEVEL, _FLUSH)
            self._dirty = False
        self.write(_COM_IRQ, _IRQ_ALL)
        out = self._out
        out[1] = command
        out[2] = block
        out[3:9] = key
        out[9:13] = uid[-4:]  # of a longer UID the last four (AN10927)
        self.stream(self._out_views.first(13))
        self._begin_crypto()
        accepted = False
        seen = self._auth_in
        try:
            self.write(_COMMAND, _MF_AUTHENT)
            ended = await self._ended(_END_OF_AUTHENT, _AUTHENT_AIR_US, _AUTHENT_AIR_US + 2 * PATIENT_US)
            self.transfer(self._auth_ask, seen)
            accepted = seen[1] != 0xFF and bool(seen[3] & _CRYPTO1_ON) and not seen[2]
        finally:
            if not accepted:
                self.write(_COMMAND, _IDLE)
                self.stop_crypto()
                self._dirty = True
        if not accepted:
            if seen[1] == 0xFF or not seen[1] & (_IRQ_TIMER | _IRQ_ERROR):
                self.stalls += not ended
                self._doubt()
                raise FrameError("chip")
            raise AuthRefused()
        if not ended:
            self._judge_line()

    # --- waiting --------------------------------------------------------------------------------------------------

    async def _ended(self, flags: int, air: int, most: int) -> bool:
        """Wait for one of `flags` by the line, or by polling where there is none; False when the bound has passed."""
        started = ticks_us()
        bound = most + _RELEASE_US
        grain = _POLL_US if self._irq is None else _GRAIN_US
        if air >= 1000:
            await asyncio.sleep_ms(air // 1000)
        while True:
            passed = ticks_diff(ticks_us(), started)
            if self._irq is None:
                if passed >= air and self.read(_COM_IRQ) & flags:
                    return True
            elif not self._irq():
                return True
            if passed > bound:
                return False
            if passed > air + _NEAR_US:
                await asyncio.sleep_ms(1)  # a card that takes its time: the processor is for others
                continue
            await asyncio.sleep_ms(0)
            # Others had their turn; the next moments are too short for the scheduler's milliseconds.
            sleep_us(min(air - passed, _SLICE_US) if passed < air else grain)

    # --- FIFO -----------------------------------------------------------------------------------------------------

    def _combined_read(self, count: int) -> None:
        end = _STATUS_BYTES - 1 + count
        ask = self._ask
        kept = ask[end]
        ask[end] = 0  # the last byte of a read stream (8.1.2.1, table 6); an address there would read once more
        self.transfer(self._ask_views.first(end + 1), self._in_views.first(end + 1))
        ask[end] = kept

    def _read_rest(self, have: int, level: int) -> None:
        """What the combined read left in the FIFO goes behind what it brought."""
        seen, ask = self._in, self._ask
        at = _STATUS_BYTES - 1 + have  # where the blank first byte of the stream falls
        end = _STATUS_BYTES - 1 + level
        kept, asked = seen[at], ask[end]
        ask[end] = 0
        self.transfer(self._ask_views.whole[at : end + 1], self._in_views.whole[at : end + 1])
        seen[at], ask[end] = kept, asked


def _error_of(error: int) -> FrameError:
    """The most telling of the error bits: a frame that is cut or misread has a wrong CRC, too."""
    if error & _ERR_OVERFLOW:
        return FrameError("longer than the FIFO")
    if error & _ERR_PROTOCOL:
        return ProtocolError()
    if error & _ERR_PARITY:
        return ParityError()
    if error & _ERR_CRC:
        return CrcError()
    return FrameError(error)


def air_us(sent: int, received: int, send_rate: int = 0, receive_rate: int = 0) -> int:
    """Least time on air of an exchange (ISO/IEC 14443-3), rounded down: frames and the delay between them.

    A rate is 0 for 106 kbit/s and one more for each doubling.
    """
    cycles = ((1 + 9 * sent) * 128 >> send_rate) + 1204
    if received:
        cycles += (1 + 9 * received) * 128 >> receive_rate
    return cycles * 100 // 1356
