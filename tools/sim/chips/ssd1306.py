"""SSD1306 OLED controller, 128x64, on I2C at 3Ch: command decoder, display RAM and what the eye sees.

Sections cited are of the SSD1306 datasheet rev 1.1. The RAM is 8 pages of 128 columns, bit 0 on top. After power-up it
holds noise, as the part does; `glass` is dark until the driver has switched charge pump and display on.
"""

from __future__ import annotations

import random

from tools.sim.clock import SimClock

WIDTH, PAGES = 128, 8
_HORIZONTAL, _VERTICAL, _PAGE = 0, 1, 2

# Table 9-1: bytes that follow a command.
_ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x26: 6, 0x27: 6, 0x29: 5, 0x2A: 5, 0x81: 1, 0x8D: 1, 0xA3: 2, 0xA8: 1}
_ARGUMENTS.update({0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1})


class Ssd1306:
    """The display module with its panel mounted as the common modules are: A1h and C8h show upright."""

    ADDRESS = 0x3C

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.connected = True
        self.unknown: list[int] = []
        self.data_bytes = 0
        self.last_write_us = 0
        self.power_on()

    def power_on(self) -> None:
        """Reset values of section 10.1; the RAM's content is undefined."""
        self.ram = bytearray(random.Random(1306).randbytes(WIDTH * PAGES))
        self.on = self.inverse = self.all_on = self.pump = self.remap = self.flipped = False
        self.contrast, self.start_line, self.offset, self.rows = 0x7F, 0, 0, 64
        self._mode = _PAGE
        self._column = self._page = 0
        self._columns, self._pages = (0, WIDTH - 1), (0, PAGES - 1)
        self._command: list[int] = []

    power_off = power_on

    def i2c_write(self, data: bytes) -> bool:
        """One I2C write after the address; control bytes of section 8.1.5.2. False is no acknowledge."""
        if not self.connected:
            return False
        at = 0
        while at < len(data):
            control = data[at]
            is_data = control & 0x40
            if control & 0x80:  # Co: one byte, then another control byte
                body = data[at + 1 : at + 2]
                at += 2
            else:
                body = data[at + 1 :]
                at = len(data)
            if is_data:
                self._data(body)
            else:
                for byte in body:
                    self._take(byte)
        return True

    def i2c_read(self, n: int) -> bytes | None:
        """The status byte: bit 6 is display off (section 8.1.5)."""
        return bytes([0x03 if self.on else 0x43] * n) if self.connected else None

    def glass(self) -> bytes:
        """The lit pixels as 8 pages of 128 bytes, as a person sees them."""
        if not (self.on and self.pump):
            return bytes(WIDTH * PAGES)
        if self.all_on:
            return b"\xff" * (WIDTH * PAGES)
        upright = self.remap and self.flipped and not self.start_line and not self.offset and self.rows == 64
        seen = bytes(self.ram) if upright else self._placed()
        return bytes(byte ^ 0xFF for byte in seen) if self.inverse else seen

    def _placed(self) -> bytes:
        out = bytearray(WIDTH * PAGES)
        for y in range(64):
            common = y if self.flipped else 63 - y
            if common >= self.rows:
                continue
            line = (common + self.start_line + self.offset) & 63
            for x in range(WIDTH):
                column = x if self.remap else WIDTH - 1 - x
                if self.ram[(line >> 3) * WIDTH + column] >> (line & 7) & 1:
                    out[(y >> 3) * WIDTH + x] |= 1 << (y & 7)
        return bytes(out)

    def _data(self, body: bytes) -> None:
        self.data_bytes += len(body)
        self.last_write_us = self._clock.now_us
        for byte in body:
            self.ram[self._page * WIDTH + self._column] = byte
            self._step()

    def _step(self) -> None:
        if self._mode == _PAGE:
            self._column = (self._column + 1) % WIDTH
            return
        first_column, last_column = self._columns
        first_page, last_page = self._pages
        if self._mode == _HORIZONTAL:
            if self._column != last_column:
                self._column = (self._column + 1) % WIDTH
                return
            self._column = first_column
            self._page = first_page if self._page == last_page else (self._page + 1) % PAGES
            return
        if self._page != last_page:
            self._page = (self._page + 1) % PAGES
            return
        self._page = first_page
        self._column = first_column if self._column == last_column else (self._column + 1) % WIDTH

    def _take(self, byte: int) -> None:
        self._command.append(byte)
        if len(self._command) > _ARGUMENTS.get(self._command[0], 0):
            command, *arguments = self._command
            self._command = []
            self._execute(command, arguments)

    def _execute(self, command: int, arguments: list[int]) -> None:
        simple = {0xA4: ("all_on", False), 0xA5: ("all_on", True), 0xA6: ("inverse", False), 0xA7: ("inverse", True)}
        simple.update({0xAE: ("on", False), 0xAF: ("on", True), 0xA0: ("remap", False), 0xA1: ("remap", True)})
        simple.update({0xC0: ("flipped", False), 0xC8: ("flipped", True)})
        if command in simple:
            setattr(self, *simple[command])
        elif command <= 0x0F:
            self._column = self._column & 0xF0 | command
        elif command <= 0x1F:
            self._column = (self._column & 0x0F | (command & 0x0F) << 4) & 0x7F
        elif command == 0x20:
            self._mode = arguments[0] & 3
        elif command == 0x21:
            self._columns = (arguments[0] & 0x7F, arguments[1] & 0x7F)
            self._column = self._columns[0]
        elif command == 0x22:
            self._pages = (arguments[0] & 7, arguments[1] & 7)
            self._page = self._pages[0]
        elif 0x40 <= command <= 0x7F:
            self.start_line = command & 0x3F
        elif command == 0x81:
            self.contrast = arguments[0]
        elif command == 0x8D:
            self.pump = bool(arguments[0] & 4)
        elif command == 0xA8:
            self.rows = (arguments[0] & 0x3F) + 1
        elif 0xB0 <= command <= 0xB7:
            self._page = command & 7
        elif command == 0xD3:
            self.offset = arguments[0] & 0x3F
        elif command not in (0xD5, 0xD9, 0xDA, 0xDB, 0xE3, 0x2E):  # timing, wiring and NOP: nothing to see
            self.unknown.append(command)
