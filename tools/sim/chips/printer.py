"""An ESC/POS line printer on a UART: text lines as printed, cuts, real-time status, paper and plug.

It understands what a receipt needs of ESC/POS and lists in `unknown` what it does not. It has its own supply and so
survives the terminal's power cuts. The status bytes are those of Epson's DLE EOT page.
"""

from __future__ import annotations

from tools.sim.clock import SimClock

_DLE, _EOT, _ESC, _GS, _FS, _LF, _CR, _HT, _FF = 0x10, 0x04, 0x1B, 0x1D, 0x1C, 0x0A, 0x0D, 0x09, 0x0C
_BUFFER_BYTES = 4096

# Bytes after the two-byte command; those not listed and not handled below are unknown.
_ESC_ARGUMENTS = {0x40: 0, 0x21: 1, 0x45: 1, 0x47: 1, 0x2D: 1, 0x4D: 1, 0x61: 1, 0x74: 1, 0x52: 1, 0x64: 1, 0x4A: 1}
_ESC_ARGUMENTS.update({0x32: 0, 0x33: 1, 0x20: 1, 0x7B: 1, 0x56: 1, 0x70: 3, 0x24: 2, 0x69: 0, 0x6D: 0, 0x39: 1})
_GS_ARGUMENTS = {0x21: 1, 0x42: 1, 0x62: 1, 0x4C: 2, 0x57: 2, 0x68: 1, 0x77: 1, 0x48: 1, 0x61: 1, 0x72: 1}


class Printer:
    """`lines` is everything printed so far, `receipts` the same split at the cuts."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.paper = True
        self.plugged = True
        self.lines: list[str] = []
        self.receipts: list[list[str]] = []
        self.images = 0
        self.cuts = 0
        self.lost = 0
        self.unknown: list[bytes] = []
        self._since_cut: list[str] = []
        self._line = bytearray()
        self._held = bytearray()
        self._dle = 0

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
            self._dle = 1 if byte == _DLE else 0
            if byte == _DLE:
                continue
            if len(self._held) < _BUFFER_BYTES:
                self._held.append(byte)
            else:
                self.lost += 1
        if self.paper:
            answer += self._work()
        return bytes(answer)

    def load_paper(self) -> None:
        """A new roll: what was held back is printed."""
        self.paper = True
        self._work()

    def text(self) -> str:
        """All printed lines as one text."""
        return "\n".join(self.lines)

    def _status(self, which: int) -> int:
        out = not self.paper
        return 0x12 | {1: 0x08 if out else 0, 2: 0x20 if out else 0, 4: 0x60 if out else 0}.get(which, 0)

    def _work(self) -> bytes:
        answer = bytearray()
        while self._held:
            used = self._one(answer)
            if not used:
                break
            del self._held[:used]
        return bytes(answer)

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
        elif first == _CR:
            pass  # ESC/POS printers ignore CR unless set otherwise
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
            if len(held) < 8:
                return 0
            size = 8 + (held[4] | held[5] << 8) * (held[6] | held[7] << 8)
            if len(held) < size:
                return 0
            self.images += 1
            return size
        table = {_ESC: _ESC_ARGUMENTS, _GS: _GS_ARGUMENTS, _FS: {0x2E: 0, 0x26: 0, 0x43: 1}}[family]
        if code not in table:
            self.unknown.append(bytes(held[:2]))
            return 2
        if len(held) < 2 + table[code]:
            return 0
        argument = held[2] if table[code] else 0
        if family == _ESC and code == 0x40:
            self._line.clear()
        elif family == _ESC and code == 0x64:
            for _ in range(argument):
                self._feed()
        elif family == _ESC and code in (0x69, 0x6D):
            self._cut()
        elif family == _GS and code == 0x72:  # GS r: paper sensor
            answer.append(0x0C if not self.paper else 0)
        return 2 + table[code]

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
        self._since_cut.append(text)

    def _cut(self) -> None:
        if self._line:
            self._feed()
        self.cuts += 1
        self.receipts.append(self._since_cut)
        self._since_cut = []
