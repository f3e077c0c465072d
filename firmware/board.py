"""The boards Vafa runs on: pins, buses, flash regions and what else is under the case. The only importer of `machine`.

`this_board()` finds out where it runs by which port module exists. Everything is built on request, nothing at import.
"""

import os

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.core.ports import BlockDevice

# RP2040 counts at most 8388 ms.
_WATCHDOG_MS = const(8000)
_LOOK_MS = const(1000)
_SPI_HZ = const(10_000_000)  # MFRC522 8.1.2: at most 10 Mbit/s
_I2C_HZ = const(400_000)
_UART_BYTES = const(512)  # more than the driver writes at once
_BUZZER_HZ = const(2000)
_MAINTENANCE_FLAG = const("/maintenance")  # boot.py takes it away again

_KEY_LABEL = const(b"vafa-board-key-1")  # with the chip's number: hides keys from a glance, not from a thief

# Pico W: raw regions behind the file system within MicroPython's 848 KB storage area.
_PICO_VAULT_START = const(440 * 1024)
_PICO_VAULT_SIZE = const(24 * 1024)
_PICO_TXLOG_START = const(464 * 1024)
_PICO_TXLOG_SIZE = const(128 * 1024)
_PICO_MEMBERS_START = const(592 * 1024)
_PICO_MEMBERS_SIZE = const(256 * 1024)


class PinMap:
    """Pin numbers of one hardware revision."""

    def __init__(
        self,
        spi: "tuple[int, int, int, int]",
        reader: "tuple[int, int, int]",
        i2c: "tuple[int, int, int]",
        rows: "tuple[int, ...]",
        columns: "tuple[int, ...]",
        buzzer: int,
        lamps: "tuple[int, int]",
        uart: "tuple[int, int, int]",
    ) -> None:
        self.spi = spi  # bus, sck, mosi, miso
        self.reader = reader  # cs, rst, irq
        self.i2c = i2c  # bus, scl, sda
        self.rows = rows
        self.columns = columns
        self.buzzer = buzzer
        self.lamps = lamps  # green, red
        self.uart = uart  # bus, tx, rx


def _s3_pins() -> PinMap:
    return PinMap(
        (1, 12, 11, 13), (10, 9, 8), (0, 5, 4), (15, 16, 17, 18, 21), (38, 39, 40, 41), 42, (47, 48), (1, 1, 2)
    )


def _pico_pins() -> PinMap:
    return PinMap((0, 18, 19, 16), (17, 20, 21), (0, 5, 4), (6, 7, 8, 9, 10), (11, 12, 13, 14), 15, (2, 3), (0, 0, 1))


class Board:
    """What a board offers. `page_only`: its flash is programmed in whole pages of 256 bytes. `little_memory`: there is
    no room for an index of all members."""

    def __init__(self, name: str, pins: PinMap, page_only: bool, little_memory: bool) -> None:
        self.name = name
        self.page_only = page_only
        self.little_memory = little_memory
        self._pins = pins
        self._i2c: "Any" = None
        self._timer: "Any" = None

    # --- chips --------------------------------------------------------------------------------------------------------

    def display(self) -> "Any":
        """The SSD1306. One that does not answer is set up by the first drawing that it takes."""
        from drivers.ssd1306 import SSD1306

        return SSD1306(self._shared_i2c())

    def rtc(self) -> "Any":
        """The DS3231."""
        from drivers.ds3231 import DS3231

        return DS3231(self._shared_i2c())

    def reader_chip(self) -> "Any":
        """The RC522; the reader task initialises it."""
        from machine import SPI, Pin

        from drivers.rc522 import MFRC522

        bus, sck, mosi, miso = self._pins.spi
        cs, rst, irq = self._pins.reader
        spi = SPI(bus, baudrate=_SPI_HZ, polarity=0, phase=0, sck=Pin(sck), mosi=Pin(mosi), miso=Pin(miso))
        return MFRC522(spi, Pin(cs, Pin.OUT, value=1), Pin(rst, Pin.OUT, value=1), Pin(irq, Pin.IN, Pin.PULL_UP))

    def keypad(self) -> "Any":
        """The 20-key membrane."""
        from machine import Pin

        from drivers.keypad import Keypad

        return Keypad(
            [Pin(number, Pin.OPEN_DRAIN, value=1) for number in self._pins.rows],
            [Pin(number, Pin.IN, Pin.PULL_UP) for number in self._pins.columns],
        )

    def sounder(self) -> "Any":
        """The buzzer, silent."""
        from machine import PWM, Pin

        from drivers.buzzer import Buzzer

        return Buzzer(PWM(Pin(self._pins.buzzer), freq=_BUZZER_HZ, duty_u16=0))

    def lamps(self) -> "Any":
        """Green and red, dark."""
        from machine import Pin

        from drivers.leds import Leds

        green, red = self._pins.lamps
        return Leds(Pin(green, Pin.OUT, value=0), Pin(red, Pin.OUT, value=0))

    def printer(self, baud: int) -> "Any":
        """The receipt printer."""
        from machine import UART, Pin

        from drivers.escpos import EscPos

        bus, tx, rx = self._pins.uart
        uart = UART(bus, baudrate=baud, tx=Pin(tx), rx=Pin(rx), timeout=0, txbuf=_UART_BYTES, rxbuf=_UART_BYTES)
        return EscPos(uart, baud)

    # --- flash --------------------------------------------------------------------------------------------------------

    def transaction_flash(self) -> "BlockDevice":
        """The journal's region."""
        return self._flash("txlog", _PICO_TXLOG_START, _PICO_TXLOG_SIZE)

    def member_flash(self) -> "BlockDevice":
        """The member cache's region."""
        return self._flash("members", _PICO_MEMBERS_START, _PICO_MEMBERS_SIZE)

    def vault_flash(self) -> "BlockDevice":
        """The region of keys, small values and counters: six sectors."""
        return self._flash("vault", _PICO_VAULT_START, _PICO_VAULT_SIZE)

    def serial_number(self) -> str:
        """The chip's number in hex, as labels and `python -m tools.device list` show it."""
        from machine import unique_id

        return unique_id().hex()

    def own_key(self) -> bytes:
        """16 bytes that only this board has. Neither board's stock build can keep them secret."""
        from hashlib import sha256

        from machine import unique_id

        return sha256(_KEY_LABEL + unique_id()).digest()[:16]

    def _flash(self, label: str, start: int, size: int) -> "Any":
        if self.name == "pico":
            import rp2

            return rp2.Flash(start=start, len=size)
        import esp32

        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
        if not found:
            from firmware.core.errors import StoreForeign

            raise StoreForeign("no partition " + label)
        return found[0]

    # --- the processor ------------------------------------------------------------------------------------------------

    def watchdog(self) -> "Any":
        """Started by this call and never stopped again."""
        from machine import WDT

        return WDT(timeout=_WATCHDOG_MS)

    def lookout(self, look: "Callable[[Any], None]") -> None:
        """Call `look` about once a second, also between two steps of a task that keeps the processor to itself."""
        from machine import Timer

        self._timer = Timer(-1 if self.name == "pico" else 0)  # virtual there, a number of the chip's here
        self._timer.init(mode=Timer.PERIODIC, period=_LOOK_MS, callback=look)

    def reset_cause(self) -> int:
        """What the chip says of its last reset: 1 power-on, 3 watchdog, else another. See service.boot_record."""
        from machine import reset_cause

        return reset_cause()

    def heap_blocks(self) -> "list[tuple[int, int, int, int]]":
        """(size, free, largest free, least free ever) of each region of the system's heap, beside the interpreter's;
        empty on a board that does not tell."""
        try:
            import esp32
        except ImportError:
            return []
        return esp32.idf_heap_info(esp32.HEAP_DATA)

    def set_time(self, utc: int) -> None:
        """Tell the processor's own clock, by which TLS checks certificates: after power-on it stands at 2000."""
        from machine import RTC

        from firmware.core.calendar import from_utc

        year, month, day, hour, minute, second = from_utc(utc)
        RTC().datetime((year, month, day, 0, hour, minute, second, 0))

    def reset(self) -> None:
        """As after power-on, except that the battery clock and the flash keep what they hold."""
        from machine import reset

        reset()

    def restart_to_prompt(self) -> None:
        """Reset into the Python prompt, once; OSError when the flag for it cannot be written."""
        with open(_MAINTENANCE_FLAG, "w"):
            pass
        self.reset()

    def random_number(self, bits: int) -> int:
        """Unpredictable bits of the board's generator."""
        return int.from_bytes(os.urandom((bits + 7) // 8), "big") & ((1 << bits) - 1)

    def serial(self) -> "tuple[Any, Any, Any]":
        """(incoming byte stream, outgoing text stream, function that says whether a byte can be read)."""
        import select
        import sys

        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        return sys.stdin.buffer, sys.stdout, lambda: bool(poller.poll(0))

    def _shared_i2c(self) -> "Any":
        if self._i2c is None:
            from machine import I2C, Pin

            bus, scl, sda = self._pins.i2c
            self._i2c = I2C(bus, scl=Pin(scl), sda=Pin(sda), freq=_I2C_HZ)
        return self._i2c


def this_board() -> Board:
    """The board this runs on."""
    try:
        import esp32  # noqa: F401 (its being there is the answer)
    except ImportError:
        return Board("pico", _pico_pins(), True, True)
    return Board("s3", _s3_pins(), False, False)
