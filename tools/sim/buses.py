"""machine-like bus and pin objects for driver tests on CPython, each a thin face of one board.

Names and behaviour follow MicroPython's `machine` as far as drivers use it; anything else is an AttributeError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.sim.board import SimBoard

_ENODEV = 19


class SpiBus:
    """machine.SPI."""

    MSB, LSB = 0, 1

    def __init__(self, board: SimBoard, bus: int) -> None:
        self._board, self._bus = board, bus

    def init(self, baudrate: int = 1_000_000, polarity: int = 0, phase: int = 0, **_pins: object) -> None:
        """Set rate and mode."""
        self._board.spi_init(self._bus, baudrate, polarity, phase)

    def write(self, buf: bytes | bytearray | memoryview) -> None:
        """Send, ignoring what comes in."""
        self._board.spi_transfer(self._bus, bytes(buf))

    def read(self, nbytes: int, write: int = 0) -> bytes:
        """Receive while sending one value."""
        return self._board.spi_transfer(self._bus, bytes([write]) * nbytes)

    def readinto(self, buf: bytearray | memoryview, write: int = 0) -> None:
        """Receive into a buffer."""
        buf[:] = self._board.spi_transfer(self._bus, bytes([write]) * len(buf))

    def write_readinto(self, tx: bytes | bytearray | memoryview, rx: bytearray | memoryview) -> None:
        """Exchange two buffers of one length."""
        if len(tx) != len(rx):
            raise ValueError("buffers must be the same length")
        rx[:] = self._board.spi_transfer(self._bus, bytes(tx))


class I2cBus:
    """machine.I2C; no acknowledge is OSError(ENODEV)."""

    def __init__(self, board: SimBoard, bus: int) -> None:
        self._board, self._bus = board, bus

    def init(self, freq: int = 400_000, **_pins: object) -> None:
        """Set the rate."""
        self._board.i2c_init(self._bus, freq)

    def scan(self) -> list[int]:
        """Addresses that acknowledge."""
        return [addr for addr in range(0x08, 0x78) if self._board.i2c_write(self._bus, addr, b"")]

    def writeto(self, addr: int, buf: bytes | bytearray | memoryview, stop: bool = True) -> int:
        """Write; returns the number of acknowledged bytes."""
        if not self._board.i2c_write(self._bus, addr, bytes(buf)):
            raise OSError(_ENODEV)
        return len(buf)

    def writevto(self, addr: int, vector: Sequence[bytes | bytearray | memoryview], stop: bool = True) -> int:
        """Write several buffers as one."""
        return self.writeto(addr, b"".join(bytes(part) for part in vector), stop)

    def readfrom(self, addr: int, nbytes: int, stop: bool = True) -> bytes:
        """Read."""
        data = self._board.i2c_read(self._bus, addr, nbytes)
        if data is None:
            raise OSError(_ENODEV)
        return data

    def readfrom_into(self, addr: int, buf: bytearray | memoryview, stop: bool = True) -> None:
        """Read into a buffer."""
        buf[:] = self.readfrom(addr, len(buf))

    def writeto_mem(self, addr: int, memaddr: int, buf: bytes | bytearray | memoryview, *, addrsize: int = 8) -> None:
        """Write from a register on."""
        self.writeto(addr, bytes([memaddr]) + bytes(buf))

    def readfrom_mem(self, addr: int, memaddr: int, nbytes: int, *, addrsize: int = 8) -> bytes:
        """Read from a register on."""
        self.writeto(addr, bytes([memaddr]))
        return self.readfrom(addr, nbytes)

    def readfrom_mem_into(self, addr: int, memaddr: int, buf: bytearray | memoryview, *, addrsize: int = 8) -> None:
        """Read from a register on, into a buffer."""
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf))


class PinLine:
    """machine.Pin."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(self, board: SimBoard, number: int) -> None:
        self._board, self.number = board, number

    def init(self, mode: int = -1, pull: int | None = None, *, value: int | None = None) -> None:
        """Set mode, pull and level."""
        if mode != -1:
            self._board.pin_mode(self.number, mode, pull or 0, value)
        elif value is not None:
            self._board.pin_write(self.number, value)

    def value(self, x: int | None = None) -> int | None:
        """Read or set the level."""
        if x is None:
            return self._board.pin_read(self.number)
        self._board.pin_write(self.number, 1 if x else 0)
        return None

    __call__ = value

    def on(self) -> None:
        """Level 1."""
        self.value(1)

    def off(self) -> None:
        """Level 0."""
        self.value(0)

    high, low = on, off


class PwmOut:
    """machine.PWM."""

    def __init__(self, board: SimBoard, number: int) -> None:
        self._board, self._number = board, number
        self._hz, self._duty = 0, 0

    def init(self, *, freq: int | None = None, duty_u16: int | None = None) -> None:
        """Set rate and duty together."""
        self._hz = self._hz if freq is None else freq
        self._duty = self._duty if duty_u16 is None else duty_u16
        self._board.pwm(self._number, self._hz, self._duty)

    def freq(self, hz: int | None = None) -> int | None:
        """Read or set the rate."""
        if hz is None:
            return self._hz
        if hz <= 0:
            raise ValueError("freq too small")
        self.init(freq=hz)
        return None

    def duty_u16(self, duty: int | None = None) -> int | None:
        """Read or set the duty, 0..65535."""
        if duty is None:
            return self._duty
        self.init(duty_u16=duty)
        return None

    def deinit(self) -> None:
        """Stop."""
        self._hz = self._duty = 0
        self._board.pwm(self._number, 0, 0)


class UartPort:
    """machine.UART."""

    def __init__(self, board: SimBoard, bus: int) -> None:
        self._board, self._bus = board, bus

    def init(self, baudrate: int = 115_200, **_settings: object) -> None:
        """Set the rate."""
        self._board.uart_init(self._bus, baudrate)

    def write(self, buf: bytes | bytearray | memoryview) -> int:
        """Queue for sending."""
        self._board.uart_write(self._bus, bytes(buf))
        return len(buf)

    def any(self) -> int:
        """Bytes that wait."""
        return self._board.uart_any(self._bus)

    def read(self, nbytes: int = 256) -> bytes | None:
        """Received bytes, None when there are none."""
        return self._board.uart_read(self._bus, nbytes) or None
