"""A receipt printer that speaks ESC/POS on a UART: text lines, cut, and whether it can print now.

Knows no receipt. Code page 437 is set, characters beyond ASCII are printed as `?`. Commands are those of Epson's
ESC/POS reference. Never waits longer than 60 ms, and only in `ready`.
"""

from time import sleep_ms, ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ASK_PAPER = b"\x10\x04\x04"  # DLE EOT 4: paper roll sensor, answered at once even with a full buffer
_START = b"\x1b@\x1bt\x00"  # ESC @ reset, ESC t 0 code page 437
_CUT = b"\x1dV\x42\x00"  # GS V 66: feed to the cutter and cut
_FIXED_MASK = const(0x93)  # of a status byte, bits 0, 1, 4 and 7 are fixed
_FIXED_BITS = const(0x12)
_PAPER_END = const(0x60)
_ANSWER_MS = const(60)
_HELD_MAX = const(4096)


class EscPos:
    """`uart` offers `write`, `read` and `any`. Bytes its buffer does not take are held and sent with the next call."""

    def __init__(self, uart: "Any") -> None:
        self._uart = uart
        self._held = bytearray()
        self._started = False

    def ready(self) -> bool:
        """Whether a printer with paper answers. Waits for its answer, at most 60 ms."""
        self._send(b"")
        if self._held:
            return False
        uart = self._uart
        while uart.any():
            uart.read(uart.any())  # answers to questions nobody waited for
        uart.write(_ASK_PAPER)
        asked = ticks_ms()
        while not uart.any():
            if ticks_diff(ticks_ms(), asked) > _ANSWER_MS:
                self._started = False  # it may have been unplugged and lost its settings
                return False
            sleep_ms(1)
        answer = uart.read(1)
        status = answer[0] if answer else 0xFF
        return status & _FIXED_MASK == _FIXED_BITS and not status & _PAPER_END

    def line(self, text: str) -> None:
        """Print one line."""
        self._begin()
        self._send(bytes([ord(c) if 32 <= ord(c) < 127 else 63 for c in text]) + b"\n")

    def cut(self) -> None:
        """Feed to the cutter and cut; the next line starts a new receipt."""
        self._begin()
        self._send(_CUT)
        self._started = False

    def _begin(self) -> None:
        if not self._started:
            self._started = True
            self._send(_START)

    def _send(self, data: bytes) -> None:
        if len(self._held) + len(data) > _HELD_MAX:
            raise OSError("printer does not take data")
        self._held.extend(data)
        if not self._held:
            return
        taken = self._uart.write(self._held) or 0
        self._held = self._held[taken:]
