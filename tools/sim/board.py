"""The terminal's circuit board: which chip hangs on which pin and bus, and what each access costs in time.

Both processors talk to it on bus level: the terminal's machine overlay over its link, tests through the machine-like
objects of `tools.sim.buses`. It knows wiring and cost, no protocol. Times in microseconds, clock rates in hertz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.sim import buses
from tools.sim.cards.field import Field
from tools.sim.chips.buzzer import Buzzer
from tools.sim.chips.ds3231 import Ds3231
from tools.sim.chips.keypad import Keypad
from tools.sim.chips.leds import Leds
from tools.sim.chips.printer import Printer
from tools.sim.chips.rc522 import Rc522
from tools.sim.chips.ssd1306 import Ssd1306
from tools.sim.clock import SimClock

if TYPE_CHECKING:
    from tools.sim.chips.nor import Nor

IN, OUT, OPEN_DRAIN = 0, 1, 2
PULL_NONE, PULL_UP, PULL_DOWN = 0, 1, 2

# What one call costs on the processor side, on top of the bits on the wire.
SPI_CALL_US, PIN_CALL_US, I2C_CALL_US, UART_CALL_US = 15, 3, 15, 10
_RC522_MAX_HZ = 10_000_000  # MFRC522 section 8.1.2


@dataclass(frozen=True)
class Profile:
    """The wiring of one board; numbers are the processor's pin numbers."""

    name: str
    spi: int
    sck: int
    mosi: int
    miso: int
    rc522_cs: int
    rc522_rst: int
    rc522_irq: int
    i2c: int
    scl: int
    sda: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    buzzer: int
    led_green: int
    led_red: int
    uart: int
    tx: int
    rx: int


PROFILES = {
    "s3": Profile(
        name="s3", spi=1, sck=12, mosi=11, miso=13, rc522_cs=10, rc522_rst=9, rc522_irq=8, i2c=0, scl=5, sda=4,
        rows=(15, 16, 17, 18, 21), columns=(38, 39, 40, 41), buzzer=42, led_green=47, led_red=48, uart=1, tx=1, rx=2,
    ),
    "pico": Profile(
        name="pico", spi=0, sck=18, mosi=19, miso=16, rc522_cs=17, rc522_rst=20, rc522_irq=21, i2c=0, scl=5, sda=4,
        rows=(6, 7, 8, 9, 10), columns=(11, 12, 13, 14), buzzer=15, led_green=2, led_red=3, uart=0, tx=0, rx=1,
    ),
}  # fmt: skip

RTC_START = (2026, 11, 16, 8, 0, 0)


class _PinState:
    __slots__ = ("latch", "mode", "pull")

    def __init__(self) -> None:
        self.mode, self.pull, self.latch = IN, PULL_NONE, 0

    def drive(self) -> int | None:
        """The level this pin forces, None when it floats."""
        if self.mode == OUT:
            return self.latch
        return 0 if self.mode == OPEN_DRAIN and not self.latch else None

    def level(self) -> int:
        """What the pin is at when only the processor decides; a floating pin reads 0."""
        driven = self.drive()
        return driven if driven is not None else int(self.pull == PULL_UP)


class SimBoard:
    """Chips wired to one processor. `nor` is carried along so that power and flash share one board."""

    def __init__(
        self,
        profile: str | Profile,
        clock: SimClock,
        nor: Nor | None = None,
        *,
        rtc_utc: tuple[int, int, int, int, int, int] | None = RTC_START,
        rc522: dict[str, object] | None = None,
    ) -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.clock = clock
        self.nor = nor
        self.field = Field(clock)
        self.rc522 = Rc522(clock, self.field, **(rc522 or {}))  # type: ignore[arg-type]
        self.oled = Ssd1306(clock)
        self.keypad = Keypad(clock)
        self.buzzer = Buzzer(clock)
        self.leds = Leds(clock)
        self.rtc = Ds3231(clock, rtc_utc)
        self.printer = Printer(clock)
        self.printer.on_answer = self._printer_says
        self.powered = True
        self.reset_counters()
        self._i2c_devices: dict[int, Ssd1306 | Ds3231] = {Ssd1306.ADDRESS: self.oled, Ds3231.ADDRESS: self.rtc}
        self._watchers = {
            self.profile.rc522_cs: self._cs_moved,
            self.profile.rc522_rst: self._rst_moved,
            self.profile.led_green: self._leds_moved,
            self.profile.led_red: self._leds_moved,
        }
        self._column_at = {pin: column for column, pin in enumerate(self.profile.columns)}
        self.cpu_reset()

    def reset_counters(self) -> None:
        """Start counting bus traffic anew."""
        self.spi_calls = self.spi_bytes = self.cs_assertions = self.pin_calls = self.i2c_bytes = self.uart_bytes = 0

    # -- power ---------------------------------------------------------------------------------------------------------

    def cpu_reset(self) -> None:
        """What a reset of the processor does to the board: pins float, buses are unset, chips keep their state."""
        self._pins: dict[int, _PinState] = {}
        self._spi_hz, self._spi_mode0 = 1_000_000, True
        self._i2c_hz = 400_000
        self._baud = 115_200
        self._uart_in: list[tuple[int, int]] = []
        self._uart_free_us = 0
        self._cs_low = False
        self.rc522.deselect()
        self.rc522.set_reset_pin(1)
        self._leds_moved()
        self.buzzer.pwm(0, 0)

    def power_off(self) -> None:
        """Pull the plug: RC522, OLED, lamps and pins lose their state; DS3231, NOR and the printer do not."""
        if self.powered:
            self.powered = False
            self.rc522.power_off()
            self.oled.power_off()
            self.cpu_reset()
            self.buzzer.power_off()
            self.leds.power_off()

    def power_on(self) -> None:
        """Plug in again."""
        if not self.powered:
            self.powered = True
            self.rc522.power_on()
            self.oled.power_on()
            self.cpu_reset()

    # -- SPI -----------------------------------------------------------------------------------------------------------

    def spi_init(self, bus: int, baudrate: int, polarity: int = 0, phase: int = 0) -> None:
        """Set clock rate and mode of the SPI controller."""
        self._spi_hz = baudrate
        self._spi_mode0 = not polarity and not phase

    def spi_transfer(self, bus: int, tx: bytes) -> bytes:
        """Exchange bytes with the chip whose select is low; an empty bus answers FFh."""
        n = len(tx)
        self.spi_calls += 1
        self.spi_bytes += n
        self.clock.advance(SPI_CALL_US - (-n * 8_000_000 // self._spi_hz))
        if bus != self.profile.spi or not self._cs_low or not self.powered:
            return b"\xff" * n
        if self._spi_hz > _RC522_MAX_HZ or not self._spi_mode0:
            return b"\xff" * n  # the chip samples at the wrong edge or too late: nothing useful either way
        return self.rc522.transfer(tx)

    # -- I2C -----------------------------------------------------------------------------------------------------------

    def i2c_init(self, bus: int, freq: int) -> None:
        """Set the I2C clock rate."""
        self._i2c_hz = freq

    def i2c_write(self, bus: int, addr: int, data: bytes) -> bool:
        """Write to a device; False when nobody acknowledges."""
        device = self._i2c(bus, addr, len(data))
        return device is not None and device.i2c_write(data)

    def i2c_read(self, bus: int, addr: int, n: int) -> bytes | None:
        """Read from a device; None when nobody acknowledges."""
        device = self._i2c(bus, addr, n)
        return None if device is None else device.i2c_read(n)

    def _i2c(self, bus: int, addr: int, n: int) -> Ssd1306 | Ds3231 | None:
        device = self._i2c_devices.get(addr) if bus == self.profile.i2c and self.powered else None
        bits = 9 * (n + 1 if device is not None and device.connected else 1) + 2  # address, data, start and stop
        self.clock.advance(I2C_CALL_US - (-bits * 1_000_000 // self._i2c_hz))
        if device is not None:
            self.i2c_bytes += n + 1
        return device

    # -- pins ----------------------------------------------------------------------------------------------------------

    def pin_mode(self, pin: int, mode: int, pull: int = PULL_NONE, value: int | None = None) -> None:
        """IN, OUT or OPEN_DRAIN, and a pull; `value` sets the latch first, so that no false edge is seen."""
        self._pin_call()
        state = self._pins.setdefault(pin, _PinState())
        if value is not None:
            state.latch = 1 if value else 0
        state.mode, state.pull = mode, pull
        self._moved(pin)

    def pin_write(self, pin: int, v: int) -> None:
        """Set a pin's output latch."""
        self._pin_call()
        state = self._pins.get(pin)
        if state is None:
            state = self._pins[pin] = _PinState()
        state.latch = 1 if v else 0
        self._moved(pin)

    def pin_read(self, pin: int) -> int:
        """The level on a pin."""
        self._pin_call()
        state = self._pins.get(pin) or _PinState()
        if pin == self.profile.rc522_irq:
            forced = self.rc522.irq_pin() if self.powered else None
            return state.level() if forced is None else forced
        column = self._column_at.get(pin)
        if column is not None and state.level() and self.keypad.column_low(column, self._rows_low()):
            return 0
        return state.level()

    def pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None:
        """PWM on a pin; 0 Hz or a duty of 0 stops it."""
        self._pin_call()
        if pin == self.profile.buzzer and self.powered:
            self.buzzer.pwm(freq_hz, duty_u16)

    def _pin_call(self) -> None:
        self.pin_calls += 1
        self.clock.advance(PIN_CALL_US)

    def _moved(self, pin: int) -> None:
        watcher = self._watchers.get(pin)
        if watcher is not None and self.powered:
            watcher()

    def _forced(self, pin: int) -> int | None:
        state = self._pins.get(pin)
        return None if state is None else state.drive()

    def _cs_moved(self) -> None:
        low = self._forced(self.profile.rc522_cs) == 0  # the module pulls its select up
        if low == self._cs_low:
            return
        self._cs_low = low
        if low:
            self.cs_assertions += 1
            self.rc522.select()
        else:
            self.rc522.deselect()

    def _rst_moved(self) -> None:
        level = self._forced(self.profile.rc522_rst)
        self.rc522.set_reset_pin(1 if level is None else level)  # the module pulls reset up

    def _leds_moved(self) -> None:
        for name, pin in (("green", self.profile.led_green), ("red", self.profile.led_red)):
            self.leds.set(name, self._forced(pin) == 1)

    def _rows_low(self) -> list[bool]:
        return [self._forced(pin) == 0 for pin in self.profile.rows]

    # -- UART ----------------------------------------------------------------------------------------------------------

    def uart_init(self, bus: int, baudrate: int) -> None:
        """Set the UART's rate."""
        self._baud = baudrate

    def uart_write(self, bus: int, data: bytes) -> None:
        """Queue bytes for sending and return; they reach the printer at the line's speed."""
        self.clock.advance(UART_CALL_US)
        if bus != self.profile.uart or not data or not self.powered:
            return
        self.uart_bytes += len(data)
        start_us = max(self.clock.now_us, self._uart_free_us)
        self._uart_free_us = start_us + len(data) * 10_000_000 // self._baud
        self.clock.at(self._uart_free_us, lambda: self._printer_receives(data))

    def _printer_receives(self, data: bytes) -> None:
        if self._baud != self.printer.baud:
            self.printer.lost += len(data)  # framing errors
            return
        self._printer_says(self.printer.receive(data))

    def _printer_says(self, data: bytes) -> None:
        for i, byte in enumerate(data):
            self._uart_in.append((self.clock.now_us + (i + 1) * 10_000_000 // self._baud, byte))

    def uart_any(self, bus: int) -> int:
        """How many received bytes wait."""
        self.clock.advance(UART_CALL_US)
        return sum(1 for when_us, _ in self._uart_in if when_us <= self.clock.now_us)

    def uart_read(self, bus: int, n: int) -> bytes:
        """Up to `n` received bytes, perhaps none."""
        have = min(n, self.uart_any(bus))
        out = bytes(byte for _, byte in self._uart_in[:have])
        del self._uart_in[:have]
        return out

    # -- machine-like objects for tests on CPython ---------------------------------------------------------------------

    def spi(self, bus: int | None = None) -> buses.SpiBus:
        """Like machine.SPI."""
        return buses.SpiBus(self, self.profile.spi if bus is None else bus)

    def i2c(self, bus: int | None = None) -> buses.I2cBus:
        """Like machine.I2C."""
        return buses.I2cBus(self, self.profile.i2c if bus is None else bus)

    def pin(self, number: int) -> buses.PinLine:
        """Like machine.Pin."""
        return buses.PinLine(self, number)

    def pwm_out(self, number: int) -> buses.PwmOut:
        """Like machine.PWM."""
        return buses.PwmOut(self, number)

    def uart(self, bus: int | None = None) -> buses.UartPort:
        """Like machine.UART."""
        return buses.UartPort(self, self.profile.uart if bus is None else bus)
