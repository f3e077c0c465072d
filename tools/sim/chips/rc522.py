"""MFRC522 reader on SPI, modelled by register: what a driver writes and reads, and when it may read it.

Sections cited are of the MFRC522 data sheet rev 3.9. What the data sheet leaves open is a constructor switch:
`strips_crc` (RxCRCEn keeps the CRC out of the FIFO), `nibble_is_crc_error` (a 4-bit answer with RxCRCEn is a CRC
error), `collision_base` ("aligned": CollPos counts from bit 0 of the first FIFO byte, RxAlign included; "frame": from
the first received bit; "untold": CollPosNotValid is always set), `soft_reset_us` (how long after SoftReset writes are
lost: the oscillator need not start again, but nothing is said; the default is a driver's worst case). `dead` makes
every read that byte (00h or FFh: a broken bus); `faults` disturbs single transactions. Times in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.sim.cards.field import Field
from tools.sim.chips import rc522_regs as R
from tools.sim.chips.rc522_air import LISTENING, WAITING, Modem
from tools.sim.chips.rc522_faults import BusFaults
from tools.sim.chips.rc522_timer import TimerUnit
from tools.sim.chips.rc522_unit import Coprocessor
from tools.sim.clock import SimClock, Timer

_WAKE_US = 38  # 1024 clocks of 27.12 MHz, 8.6.2 and 8.8.2


class Rc522:
    """The chip with its antenna over `field`. `r` holds the plain registers."""

    def __init__(
        self,
        clock: SimClock,
        field: Field,
        *,
        version: int = 0x92,
        dead: int | None = None,
        strips_crc: bool = True,
        nibble_is_crc_error: bool = True,
        collision_base: str = "aligned",
        crystal_us: int = 500,
        soft_reset_us: int = _WAKE_US,
    ) -> None:
        if collision_base not in ("aligned", "frame", "untold"):
            raise ValueError("collision_base")
        self._clock, self._field = clock, field
        self.version, self.dead, self.crystal_us = version, dead, crystal_us
        self.strips_crc, self.nibble_is_crc_error = strips_crc, nibble_is_crc_error
        self.collision_base = collision_base
        # What the self-test leaves; what most clones leave is not known: zeros.
        self.self_test = R.SELF_TEST.get(version, bytes(R.FIFO_SIZE))
        self._soft_reset_us = soft_reset_us
        self.timer = TimerUnit(clock, self._timer_expired)
        self.modem = Modem(self, clock, field)
        self.unit = Coprocessor(self, clock)
        self.faults = BusFaults(self.brown_out)
        self.resets = self.timeouts = 0
        self._reset_pin = 1
        self._stream: str = ""
        self._address = 0
        self._waking: Timer | None = None
        self._readers: list[Callable[[], int] | None] = [None] * 64
        self._writers: list[Callable[[int], None] | None] = [None] * 64
        self._connect()
        self.power_on()

    def _connect(self) -> None:
        readers: dict[int, Callable[[], int]] = {
            0x00: lambda: 0,
            R.COMMAND: self._read_command,
            R.COM_IRQ: lambda: self.com_irq,
            R.DIV_IRQ: lambda: self.div_irq,
            R.ERROR: lambda: self.errors,
            R.STATUS1: self._read_status1,
            R.STATUS2: lambda: self.r[R.STATUS2] | (R.CRYPTO1_ON if self.crypto_on else 0) | self.modem.state,
            R.FIFO_DATA: self._read_fifo,
            R.FIFO_LEVEL: lambda: len(self.fifo),
            R.T_COUNTER_H: lambda: self.timer.value() >> 8,
            R.T_COUNTER_L: lambda: self.timer.value() & 0xFF,
            R.VERSION: lambda: self.version,
        }
        writers: dict[int, Callable[[int], None]] = {
            R.COMMAND: self._write_command,
            R.COM_IRQ: self._write_com_irq,
            R.DIV_IRQ: self._write_div_irq,
            R.STATUS2: self._write_status2,
            R.FIFO_DATA: self._write_fifo,
            R.FIFO_LEVEL: self._write_fifo_level,
            R.WATER_LEVEL: self._write_water_level,
            R.CONTROL: self._write_control,
            R.BIT_FRAMING: self._write_bit_framing,
            R.COLL: lambda value: self._keep(R.COLL, value, R.VALUES_AFTER_COLL),
            R.TX_CONTROL: self._write_tx_control,
        }
        for address in (0x00, R.ERROR, R.STATUS1, R.CRC_RESULT_H, R.CRC_RESULT_L, R.T_COUNTER_H, R.T_COUNTER_L):
            writers[address] = lambda value: None  # read only
        writers[R.VERSION] = lambda value: None
        for address, reader in readers.items():
            self._readers[address] = reader
        for address, writer in writers.items():
            self._writers[address] = writer

    # -- power and reset -----------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Supply comes up: the crystal starts, registers hold their reset values."""
        self.powered = True
        self.unit.power_on()
        self._reset(self.crystal_us + _WAKE_US)

    def power_off(self) -> None:
        """Supply gone: no field, no answers."""
        self._reset(0)
        self.powered = False

    def brown_out(self) -> None:
        """The supply dips for a moment: a reset nobody asked for."""
        self.power_off()
        self.power_on()

    def set_reset_pin(self, level: int) -> None:
        """NRSTPD: low is hard power-down, the rising edge a reset (8.6.1, 8.8)."""
        if level == self._reset_pin:
            return
        self._reset_pin = level
        if level:
            self._reset(self.crystal_us + _WAKE_US)
        else:
            self.modem.set_carrier(False)
            self.modem.cancel()
            self.timer.stop()

    def _reset(self, wake_us: int) -> None:
        self.resets += 1
        self.r = R.reset_values()
        self.fifo = bytearray()
        self.com_irq, self.div_irq, self.errors = 0x14, 0x00, 0x00
        self.command, self._rcv_off = R.IDLE, True
        self.crypto_on = False
        self.unit.tested = False
        self.unit.cancel()
        self.modem.cancel()
        self.modem.session = None
        self.timer.stop()
        self.timer.reset()
        self.modem.set_carrier(False)
        self._asleep = False
        self._wake_after(wake_us)

    def _wake_after(self, us: int) -> None:
        if self._waking is not None:
            self._waking.cancel()
        self._waking = self._clock.after(us, self._awake)

    def _awake(self) -> None:
        self._waking = None
        self._asleep = False
        self.modem.set_carrier(bool(self.r[R.TX_CONTROL] & 3))

    @property
    def field_on_us(self) -> int:
        """How long the field has been on in all."""
        return self.modem.field_on_us

    # -- SPI, 8.1.2 ----------------------------------------------------------------------------------------------------

    def select(self) -> None:
        """NSS falls: a new stream begins."""
        self._stream = ""
        self.faults.select()

    def deselect(self) -> None:
        """NSS rises."""
        self._stream = ""

    def transfer(self, tx: bytes) -> bytes:
        """Bytes within the current stream, through whatever disturbs the bus."""
        heard = self.faults.incoming(tx)
        return b"\xff" * len(tx) if heard is None else self.faults.outgoing(self._transfer(heard))

    def _transfer(self, tx: bytes) -> bytes:
        """A write repeats one address, a read takes a new address with each byte."""
        if self.dead is not None:
            return bytes([self.dead]) * len(tx)
        if not self.powered or not self._reset_pin:
            return bytes(len(tx))
        out = bytearray(len(tx))
        for i, byte in enumerate(tx):
            if self._stream == "w":
                self._write(self._address, byte)
                continue
            if self._stream == "r":
                out[i] = self._read(self._address)
            else:
                self._stream = "r" if byte & 0x80 else "w"
            self._address = byte >> 1 & 0x3F
        return bytes(out)

    def irq_pin(self) -> int | None:
        """Level the chip drives on IRQ, None when its open drain is off (8.4, 9.3.1.3 and .4)."""
        if not self.powered or not self._reset_pin or self.dead is not None:
            return None
        if self.faults.irq is not None:
            return self.faults.irq
        level = int(self._irq()) ^ self.r[R.COM_IEN] >> 7
        return level if level == 0 or self.r[R.DIV_IEN] & 0x80 else None

    def _read(self, address: int) -> int:
        reader = self._readers[address]
        return self.r[address] if reader is None else reader()

    def _write(self, address: int, value: int) -> None:
        if self._waking is not None and not self._asleep:
            return  # still starting up
        writer = self._writers[address]
        if writer is None:
            self.r[address] = value
        else:
            writer(value)

    def _keep(self, address: int, value: int, mask: int) -> None:
        self.r[address] = self.r[address] & ~mask | value & mask

    # -- commands, 10.3 ------------------------------------------------------------------------------------------------

    def _read_command(self) -> int:
        sleeping = self._asleep or self._waking is not None
        return self.command | (R.RCV_OFF if self._rcv_off else 0) | (R.POWER_DOWN if sleeping else 0)

    def _write_command(self, value: int) -> None:
        self._rcv_off = bool(value & R.RCV_OFF)
        if value & R.POWER_DOWN:
            if not self._asleep:  # 8.6.2: registers and FIFO are kept, the field goes
                self._asleep = True
                self._cancel()
                self.command = R.IDLE
                self.timer.stop()
                self.modem.set_carrier(False)
            return
        if self._asleep:
            if self._waking is None:
                self._wake_after(_WAKE_US)
            return
        command = value & 0x0F
        if command == R.NO_CHANGE:
            return
        self._cancel()
        self.errors &= R.TEMP_ERR
        self.command = command
        start = {
            R.IDLE: lambda: None,
            R.MEM: self.unit.mem,
            R.RANDOM_ID: self.unit.random_id,
            R.CALC_CRC: self.unit.calc_crc,
            R.TRANSMIT: self.modem.send_fifo,
            R.RECEIVE: self.modem.listen,
            R.TRANSCEIVE: self._transceive,
            R.MF_AUTHENT: self.modem.authenticate,
            R.SOFT_RESET: lambda: self._reset(self._soft_reset_us),
        }.get(command, self.finish)
        start()

    def _cancel(self) -> None:
        self.modem.cancel()
        self.unit.cancel()

    def finish(self) -> None:
        """The command ends by itself: back to Idle, IdleIRq. Only MFAuthent's success comes here with a session."""
        if self.command == R.MF_AUTHENT:
            self.crypto_on = True
        self.command = R.IDLE
        self.com_irq |= R.IDLE_IRQ

    def _transceive(self) -> None:
        self.modem.state = WAITING

    # -- what the modem reports ----------------------------------------------------------------------------------------

    def receiver_off(self) -> bool:
        """RcvOff, or a command that does not listen."""
        return self._rcv_off or self.command in (R.IDLE, R.TRANSMIT)

    def transmitted(self, quiet: bool) -> None:
        """The last bit is on air; the receiver starts up (9.3.1.7 clears its errors)."""
        self.errors &= ~(R.COLL_ERR | R.CRC_ERR | R.PARITY_ERR | R.PROTOCOL_ERR)
        self.r[R.COLL] = self.r[R.COLL] & R.VALUES_AFTER_COLL | R.COLL_POS_NOT_VALID
        if not quiet:
            self.com_irq |= R.TX_IRQ
        if self.r[R.T_MODE] & R.T_AUTO:
            self._start_timer()
        if self.command == R.TRANSMIT:
            self.finish()

    def fifth_bit(self) -> None:
        """Something is being received: TAuto's timer stops."""
        if self.r[R.T_MODE] & R.T_AUTO and not self.r[R.RX_MODE] & R.RX_MULTIPLE:
            self.timer.stop()

    def collided(self, bit: int, align: int) -> None:
        """First collision, at the `bit`-th received bit (from 1)."""
        position = bit + align if self.collision_base == "aligned" else bit
        if position <= 32 and self.collision_base != "untold":
            self.r[R.COLL] = self.r[R.COLL] & R.VALUES_AFTER_COLL | position & 0x1F

    def received(self, data: bytes, last_bits: int, errors: int) -> None:
        """A frame has ended."""
        room = R.FIFO_SIZE - len(self.fifo)
        if len(data) > room:
            errors |= R.BUFFER_OVFL
        self.fifo += data[:room]
        self.r[R.CONTROL] = 0x10 | last_bits
        self.alerts()
        if errors:
            self.fail(errors)
        self.com_irq |= R.RX_IRQ
        if not self.r[R.RX_MODE] & R.RX_MULTIPLE:
            self.modem.state = WAITING
        if self.command == R.RECEIVE:
            self.finish()

    def fail(self, errors: int) -> None:
        """Raise error bits."""
        self.errors |= errors
        self.com_irq |= R.ERR_IRQ

    # -- interrupts and status -----------------------------------------------------------------------------------------

    def _irq(self) -> bool:
        return bool(self.com_irq & self.r[R.COM_IEN] & 0x7F or self.div_irq & self.r[R.DIV_IEN] & 0x14)

    def _write_com_irq(self, value: int) -> None:
        self.com_irq = self.com_irq | value & 0x7F if value & R.SET1 else self.com_irq & ~value

    def _write_div_irq(self, value: int) -> None:
        self.div_irq = self.div_irq | value & 0x14 if value & R.SET1 else self.div_irq & ~value

    def _read_status1(self) -> int:
        level, water = len(self.fifo), self.r[R.WATER_LEVEL]
        status = 0x01 if level <= water else 0
        status |= 0x02 if R.FIFO_SIZE - level <= water else 0
        status |= 0x08 if self.timer.running else 0
        status |= 0x10 if self._irq() else 0
        status |= 0 if self.command == R.CALC_CRC and self.unit.busy else 0x20
        return status | (0 if self.r[R.CRC_RESULT_H] or self.r[R.CRC_RESULT_L] else 0x40)

    def _write_status2(self, value: int) -> None:
        self._keep(R.STATUS2, value, 0xC0)
        if not value & R.CRYPTO1_ON:  # 9.3.1.9: software clears it, only MFAuthent sets it
            self.crypto_on = False
            self.modem.session = None

    def alerts(self) -> None:
        """HiAlert and LoAlert follow the FIFO; their interrupt bits remember."""
        status = self._read_status1()
        self.com_irq |= (R.LO_ALERT_IRQ if status & 1 else 0) | (R.HI_ALERT_IRQ if status & 2 else 0)

    def _write_water_level(self, value: int) -> None:
        self.r[R.WATER_LEVEL] = value & 0x3F
        self.alerts()

    # -- FIFO, 8.3 -----------------------------------------------------------------------------------------------------

    def take_fifo(self) -> bytes:
        """All of it; sending and calculating empty the FIFO."""
        data = bytes(self.fifo)
        self.fifo.clear()
        self.alerts()
        return data

    def _read_fifo(self) -> int:
        if not self.fifo:
            return 0
        byte = self.fifo.pop(0)
        self.alerts()
        return byte

    def _write_fifo(self, value: int) -> None:
        if self.command == R.MF_AUTHENT or self.modem.state == LISTENING:
            self.fail(R.WR_ERR)
            return
        if len(self.fifo) >= R.FIFO_SIZE:
            self.fail(R.BUFFER_OVFL)
            return
        self.fifo.append(value)
        self.alerts()
        if self.command == R.CALC_CRC:
            self.unit.more()

    def _write_fifo_level(self, value: int) -> None:
        if value & R.FLUSH:
            self.fifo.clear()
            self.errors &= ~R.BUFFER_OVFL
            self.alerts()

    # -- bit framing, timer, antenna -----------------------------------------------------------------------------------

    def _write_bit_framing(self, value: int) -> None:
        self.r[R.BIT_FRAMING] = value
        if value & R.START_SEND and self.command == R.TRANSCEIVE:
            self.modem.send_fifo()

    def _write_control(self, value: int) -> None:
        if value & 0x80:
            self.timer.stop()
        if value & 0x40:
            self._start_timer()

    def _start_timer(self) -> None:
        mode = self.r[R.T_MODE]
        prescaler = (mode & 0x0F) << 8 | self.r[R.T_PRESCALER]
        even = 2 if self.r[R.DEMOD] & R.PRESCALER_EVEN and self.version == 0x92 else 1
        reload = self.r[R.T_RELOAD_H] << 8 | self.r[R.T_RELOAD_L]
        self.timer.start(2 * prescaler + even, reload, bool(mode & R.T_AUTO_RESTART))

    def _timer_expired(self) -> None:
        self.timeouts += 1
        self.com_irq |= R.TIMER_IRQ

    def _write_tx_control(self, value: int) -> None:
        came_on = value & 3 and not self.r[R.TX_CONTROL] & 3
        self.r[R.TX_CONTROL] = value
        if came_on:
            self.faults.field_came_on()
        if not self._asleep:
            self.modem.set_carrier(bool(value & 3))
