"""An ESC/POS receipt printer on a UART: text, pictures, QR codes, cuts, status, paper, cover, plug and pace.

It understands what a receipt needs of ESC/POS and lists in `unknown` what it does not. It has its own supply and so
survives the terminal's power cuts. The status bytes are those of Epson's DLE EOT page; DLE EOT is obeyed at once, also
in the middle of a picture, of which it then takes bytes away. Microseconds, dots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tools.sim.chips.paper import Code, Picture, Strip, Text, png
from tools.sim.clock import SimClock

_DLE, _EOT, _ESC, _GS, _FS, _LF, _CR, _HT, _NUL = 0x10, 0x04, 0x1B, 0x1D, 0x1C, 0x0A, 0x0D, 0x09, 0x00
_XON, _XOFF = 0x11, 0x13
_BUFFER_BYTES = 4096
DOTS = {58: 384, 80: 576}
HAPPENINGS = ("unplug", "plug", "paper-out", "paper-in", "cover-open", "cover-shut", "slow", "quick")
_SLOW_US = 8_000  # 15 mm a second
NORMAL, SILENT, GARBAGE, NO_MARKS = "normal", "silent", "garbage", "no marks"

# Bytes after the two-byte command; those not listed and not handled below are unknown.
_ESC_ARGUMENTS = {0x40: 0, 0x21: 1, 0x45: 1, 0x47: 1, 0x2D: 1, 0x4D: 1, 0x61: 1, 0x74: 1, 0x52: 1, 0x64: 1, 0x4A: 1}
_ESC_ARGUMENTS.update({0x32: 0, 0x33: 1, 0x20: 1, 0x7B: 1, 0x56: 1, 0x70: 3, 0x24: 2, 0x69: 0, 0x6D: 0, 0x39: 1})
_GS_ARGUMENTS = {0x21: 1, 0x42: 1, 0x62: 1, 0x4C: 2, 0x57: 2, 0x68: 1, 0x77: 1, 0x48: 1, 0x61: 1, 0x72: 1}


class Printer:
    """`lines` is every text printed so far, `receipts` the same split at the cuts, `strips` with pictures and codes.

    `answers`: how it talks back (NORMAL, SILENT, GARBAGE, NO_MARKS: knows no GS r). `pace_us`: how long a row of dots
    takes; 0: no time. `handshake`: it sends XOFF and XON. `knows_qr`: else what GS ( k carries is printed as signs.
    """

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.paper = True
        self.plugged = True
        self.cover_open = False
        self.answers = NORMAL
        self.pace_us = 0
        self.handshake = False
        self.knows_qr = True
        self.paper_mm = 58
        self.baud = 115_200
        self.on_answer: Callable[[bytes], None] | None = None  # what it says later than it was asked
        self.lines: list[str] = []
        self.receipts: list[list[str]] = []
        self.strips: list[Strip] = []
        self.images = 0
        self.cuts = 0
        self.lost = 0
        self.unknown: list[bytes] = []
        self._strip = Strip()
        self._dle = 0
        self._free_us = 0
        self._woken = False
        self._xoff = False
        self.switch_on()

    def switch_on(self) -> None:
        """Its own power came back: what it held and how it was set is gone, paper that hangs out is not."""
        self._line = bytearray()
        self._held = bytearray()
        self._reset()

    def _reset(self) -> None:
        """ESC @."""
        self._line.clear()
        self._place, self._bold, self._wide, self._tall = 0, False, 1, 1
        self._qr_module, self._qr_level, self._qr_text = 3, 48, ""

    def receive(self, data: bytes) -> bytes:
        """Bytes from the terminal; returns the answer on the way back, mostly nothing."""
        if not self.plugged:
            return b""
        answer = bytearray()
        for byte in data:
            # DLE EOT n is obeyed at once, also out of paper and with a full buffer.
            if self._dle == 2:
                self._dle = 0
                answer.append(self._status(byte))
                continue
            if self._dle == 1 and byte == _EOT:
                self._dle = 2
                continue
            if self._dle == 1:
                self._hold(_DLE)
            self._dle = 1 if byte == _DLE else 0
            if byte != _DLE:
                self._hold(byte)
        if self.handshake and not self._xoff and len(self._held) > _BUFFER_BYTES * 3 // 4:
            self._xoff = True
            answer.append(_XOFF)
        answer += self._work()
        return self._said(answer)

    def load_paper(self) -> None:
        """A new roll: what was held back is printed."""
        self.paper = True
        self._wake()

    def fit(self, settings: Mapping[str, object]) -> None:
        """The width of its paper and its speed are what the terminal is told they are."""
        self.paper_mm = int(str(settings.get("paper_mm", 58)))
        self.baud = int(str(settings.get("printer_baud", 115_200)))

    def happen(self, what: str) -> None:
        """One of HAPPENINGS."""
        if what in ("plug", "unplug"):
            self.plugged = what == "plug"
        elif what == "paper-in":
            self.load_paper()
        elif what == "paper-out":
            self.paper = False
        elif what == "cover-shut":
            self.close_cover()
        elif what == "cover-open":
            self.cover_open = True
        else:
            self.pace_us = _SLOW_US if what == "slow" else 0

    def close_cover(self) -> None:
        """Shut again: it goes on."""
        self.cover_open = False
        self._wake()

    def text(self) -> str:
        """All printed lines as one text."""
        return "\n".join(self.lines)

    def receipt_png(self, index: int) -> bytes:
        """One receipt as it looks, 58 or 80 mm wide; -1 is the newest."""
        return png(self.strips[index], DOTS[self.paper_mm])

    @property
    def hanging(self) -> Strip:
        """What was printed since the last cut."""
        return self._strip

    # --- talking back -------------------------------------------------------------------------------------------------

    def _said(self, answer: bytearray) -> bytes:
        if self.answers == SILENT:
            return b""
        return b"\xa5" * len(answer) if self.answers == GARBAGE else bytes(answer)

    def _status(self, which: int) -> int:
        out, open_ = not self.paper, self.cover_open
        offline_cause = (0x20 if out else 0) | (0x04 if open_ else 0)
        return 0x12 | {1: 0x08 if out or open_ else 0, 2: offline_cause, 4: 0x60 if out else 0}.get(which, 0)

    def _hold(self, byte: int) -> None:
        if len(self._held) < _BUFFER_BYTES:
            self._held.append(byte)
        else:
            self.lost += 1

    # --- printing -----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._woken = False
        said = self._said(self._work()) if self.plugged else b""
        if said and self.on_answer is not None:
            self.on_answer(said)

    def _work(self) -> bytearray:
        answer = bytearray()
        while self._held and self.paper and not self.cover_open:
            if self._free_us > self._clock.now_us:
                if not self._woken:
                    self._woken = True
                    self._clock.at(self._free_us, self._wake)
                break
            used = self._one(answer)
            if not used:
                break
            del self._held[:used]
        if self._xoff and len(self._held) < _BUFFER_BYTES // 4:
            self._xoff = False
            answer.append(_XON)
        return answer

    def _takes(self, rows: int) -> None:
        self._free_us = self._clock.now_us + rows * self.pace_us

    def _one(self, answer: bytearray) -> int:
        """Consume one character or command; 0 when its bytes have not all arrived."""
        held = self._held
        first = held[0]
        if first in (_ESC, _GS, _FS):
            return self._command(answer)
        if first == _LF:
            self._feed()
        elif first == _HT:
            self._line += b" " * (8 - len(self._line) % 8)
        elif first in (_CR, _NUL):
            pass  # ESC/POS printers ignore CR unless set otherwise, and NUL
        elif first >= 0x20:
            self._line.append(first)
        else:
            self.unknown.append(bytes([first]))
        return 1

    def _command(self, answer: bytearray) -> int:
        held = self._held
        if len(held) < 2:
            return 0
        family, code = held[0], held[1]
        if family == _GS and code == 0x56:  # GS V: cut
            return self._cut_command()
        if family == _GS and code == 0x76:  # GS v 0: raster image
            return self._raster()
        if family == _GS and code == 0x28:  # GS (: two-dimensional codes among others
            return self._extended()
        table = {_ESC: _ESC_ARGUMENTS, _GS: _GS_ARGUMENTS, _FS: {0x2E: 0, 0x26: 0, 0x43: 1}}[family]
        if code not in table or (code == 0x72 and self.answers == NO_MARKS):
            self.unknown.append(bytes(held[:2]))
            return 2
        if len(held) < 2 + table[code]:
            return 0
        self._simple(family, code, held[2] if table[code] else 0, answer)
        return 2 + table[code]

    def _simple(self, family: int, code: int, argument: int, answer: bytearray) -> None:
        """A command of fixed length."""
        if (family, code) == (_ESC, 0x40):
            self._reset()
        elif (family, code) == (_ESC, 0x61):
            self._place = argument & 3
        elif (family, code) == (_ESC, 0x45):
            self._bold = bool(argument & 1)
        elif (family, code) == (_GS, 0x21):
            self._wide, self._tall = (argument >> 4) + 1, (argument & 7) + 1
        elif (family, code) == (_ESC, 0x64):
            for _ in range(argument):
                self._feed()
        elif family == _ESC and code in (0x69, 0x6D):
            self._cut()
        elif (family, code) == (_GS, 0x72):  # GS r: paper sensor
            answer.append(0)

    def _raster(self) -> int:
        held = self._held
        if len(held) < 8:
            return 0
        width, rows = held[4] | held[5] << 8, held[6] | held[7] << 8
        size = 8 + width * rows
        if len(held) < size:
            return 0
        self.images += 1
        if self._line:
            self._feed()
        self._strip.add(Picture(width, bytes(held[8:size]), self._place))
        self._takes(rows)
        return size

    def _extended(self) -> int:
        held = self._held
        if not self.knows_qr:
            self.unknown.append(bytes(held[:2]))
            return 2
        if len(held) < 5:
            return 0
        size = 5 + (held[3] | held[4] << 8)
        if len(held) < size:
            return 0
        what, content = bytes(held[2:3]), bytes(held[5:size])
        if what != b"k" or content[:1] != b"1":
            self.unknown.append(bytes(held[:size]))
        elif content[1:2] == b"C":
            self._qr_module = content[2]
        elif content[1:2] == b"E":
            self._qr_level = content[2]
        elif content[1:2] == b"P":
            self._qr_text = content[3:].decode("latin-1")
        elif content[1:2] == b"Q":
            self._strip.add(Code(self._qr_text, self._qr_module, self._qr_level, self._place))
            self._takes(40 * self._qr_module)
        elif content[1:] != b"A2\x00":  # function 165: model 2
            self.unknown.append(bytes(held[:size]))
        return size

    def _cut_command(self) -> int:
        if len(self._held) < 3:
            return 0
        used = 4 if self._held[2] in (65, 66) else 3
        if len(self._held) < used:
            return 0
        self._cut()
        return used

    def _feed(self) -> None:
        text = self._line.decode("cp437")
        self._line.clear()
        self.lines.append(text)
        self._strip.add(Text(text, self._place, self._bold, self._wide, self._tall))
        self._takes(30)

    def _cut(self) -> None:
        if self._line:
            self._feed()
        self.cuts += 1
        self.receipts.append(self._strip.lines)
        self.strips.append(self._strip)
        self._strip = Strip()
