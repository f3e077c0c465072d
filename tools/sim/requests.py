"""Carries out the processor's requests on the board, the flash and the network; each returns status, value, payload.

A negative status is an error number for OSError. Knows the meaning of the operations of tools.sim.link and nothing of
processes or time slicing.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.chips.nor import BLOCK, PAGE
from tools.sim.link import Op, Request

if TYPE_CHECKING:
    from tools.sim.processor import Processor

Answer = tuple[int, int, bytes]
_OK: Answer = (0, 0, b"")
_CAUSES = {"s3": {"PWRON": 1, "HARD": 2, "WDT": 3, "SOFT": 5}, "pico": {"PWRON": 1, "HARD": 3, "WDT": 3, "SOFT": 1}}


def _failed(number: int) -> Answer:
    return -number, 0, b""


class Requests:
    """One handler for each operation."""

    def __init__(self, terminal: Processor) -> None:
        self._terminal = terminal
        self._board = terminal.board
        self._network = terminal.network
        self._nor = terminal.nor
        self._handlers: dict[int, Callable[[Request], Answer]] = {
            int(op): getattr(self, f"_{op.name.lower()}") for op in Op if op is not Op.IDLE
        }

    def serve(self, request: Request) -> Answer:
        """Do it. An OSError of a model reaches the program; PowerCut ends it."""
        try:
            return self._handlers[request.op](request)
        except OSError as error:
            return _failed(error.errno or errno.EIO)

    # -- the processor ------------------------------------------------------------------------------------------------

    def _hello(self, request: Request) -> Answer:
        terminal = self._terminal
        terminal.hello()
        facts = {
            "profile": terminal.profile,
            "seed": terminal.seed,
            "starts": terminal.starts,
            "cause": _CAUSES[terminal.profile][terminal.reset_cause],
            "rtc_us": terminal.rtc_us + terminal.clock.now_us - terminal.uptime_us,
            "skip_main": terminal.skip_main,
            "heap_probe": terminal.heap_probe,
            "unique_id": struct.pack(">HI", 0x0200, terminal.seed).hex(),
            "partitions": terminal.layout.partitions,
            "mirror": terminal.files.fileno(),
            "flash_size": terminal.layout.flash_size,
        }
        text = json.dumps(facts).encode()
        if len(text) > request.reply:
            raise ValueError("more facts than the answer has room for")
        return 0, 0, text.ljust(request.reply)

    def _wdt_start(self, request: Request) -> Answer:
        self._terminal.start_watchdog(request.a)
        return _OK

    def _wdt_feed(self, request: Request) -> Answer:
        self._terminal.feed_watchdog()
        return _OK

    def _timer(self, request: Request) -> Answer:
        self._terminal.timer_runs = True
        return _OK

    def _reset(self, request: Request) -> Answer:
        self._terminal.restart_as("HARD")
        return _OK

    def _soft_reset(self, request: Request) -> Answer:
        self._terminal.restart_as("SOFT")
        return _OK

    def _rtc_set(self, request: Request) -> Answer:
        (since_start_us,) = struct.unpack("<q", request.data)
        self._terminal.rtc_us = since_start_us - (self._terminal.clock.now_us - self._terminal.uptime_us)
        return _OK

    def _kbd_intr(self, request: Request) -> Answer:
        self._terminal.serial.program_takes_ctrl_c(request.a != 3)
        return _OK

    def _program_ended(self, request: Request) -> Answer:
        self._terminal.program_ended(request.a, request.data.decode("utf-8", "replace"))
        return _OK

    def _heap(self, request: Request) -> Answer:
        self._terminal.heap_baseline, self._terminal.heap_total = request.a, request.b
        return _OK

    # -- pins and buses -----------------------------------------------------------------------------------------------

    def _pin_mode(self, request: Request) -> Answer:
        level = request.b >> 8
        self._board.pin_mode(request.a, request.b & 15, request.b >> 4 & 15, level - 1 if level else None)
        return _OK

    def _pin_write(self, request: Request) -> Answer:
        self._board.pin_write(request.a, request.b)
        return _OK

    def _pin_read(self, request: Request) -> Answer:
        return 0, self._board.pin_read(request.a), b""

    def _spi_init(self, request: Request) -> Answer:
        self._board.spi_init(request.a, request.b, request.data[0], request.data[1])
        return _OK

    def _spi_transfer(self, request: Request) -> Answer:
        return 0, 0, self._board.spi_transfer(request.a, request.data)

    def _i2c_init(self, request: Request) -> Answer:
        self._board.i2c_init(request.a, request.b)
        return _OK

    def _i2c_write(self, request: Request) -> Answer:
        return _OK if self._board.i2c_write(request.a, request.b, request.data) else _failed(errno.ENODEV)

    def _i2c_read(self, request: Request) -> Answer:
        data = self._board.i2c_read(request.a, request.b, request.reply)
        return _failed(errno.ENODEV) if data is None else (0, 0, data)

    def _pwm(self, request: Request) -> Answer:
        self._board.pwm(request.a, request.b, int.from_bytes(request.data, "little"))
        return _OK

    def _uart_init(self, request: Request) -> Answer:
        self._board.uart_init(request.a, request.b)
        return _OK

    def _uart_write(self, request: Request) -> Answer:
        self._board.uart_write(request.a, request.data)
        return _OK

    def _uart_read(self, request: Request) -> Answer:
        data = self._board.uart_read(request.a, request.b)
        return 0, len(data), data

    def _uart_any(self, request: Request) -> Answer:
        return 0, self._board.uart_any(request.a), b""

    # -- flash --------------------------------------------------------------------------------------------------------

    def _flash_read(self, request: Request) -> Answer:
        return 0, 0, self._nor.read(request.a, request.reply)

    def _flash_program(self, request: Request) -> Answer:
        if self._terminal.layout.page_only and (request.a % PAGE or len(request.data) % PAGE):
            return _failed(errno.EINVAL)
        self._nor.program(request.a, request.data)
        self._terminal.mirror(request.a, len(request.data))
        return _OK

    def _flash_erase(self, request: Request) -> Answer:
        if (request.a + 1) * BLOCK > self._nor.size:
            return _failed(errno.EINVAL)
        self._nor.erase(request.a)
        self._terminal.mirror(request.a * BLOCK, BLOCK)
        return _OK

    # -- network ------------------------------------------------------------------------------------------------------

    def _resolve(self, request: Request) -> Answer:
        return 0, self._network.resolve(request.data.decode()), b""

    def _connect(self, request: Request) -> Answer:
        return 0, self._network.connect(request.data.decode(), request.a), b""

    def _send(self, request: Request) -> Answer:
        return 0, self._network.send(request.a, request.data), b""

    def _receive(self, request: Request) -> Answer:
        data = self._network.receive(request.a, request.b)
        return (0, -1, b"") if data is None else (0, len(data), data)

    def _poll(self, request: Request) -> Answer:
        return 0, self._network.poll(request.a), b""

    def _close(self, request: Request) -> Answer:
        self._network.hang_up(request.a)
        return _OK

    def _wlan_active(self, request: Request) -> Answer:
        return 0, int(self._network.wlan_active(None if request.a < 0 else bool(request.a))), b""

    def _wlan_connect(self, request: Request) -> Answer:
        ssid, _, key = request.data.decode().partition("\0")
        self._network.wlan_connect(ssid, key)
        return _OK

    def _wlan_status(self, request: Request) -> Answer:
        return 0, self._network.wlan_status(), b""

    def _wlan_disconnect(self, request: Request) -> Answer:
        self._network.wlan_disconnect()
        return _OK
