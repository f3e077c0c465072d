"""Faults on the way between processor and MFRC522: one SPI transaction disturbed, or an interrupt line that lies.

`chip.faults.at(n, kind, bit)` disturbs the n-th transaction from now (1 is the next): `zeros`, `ones` the processor
reads only 00h or FFh, while the chip hears what is sent; `flip-in` one bit of what the chip hears is wrong, counted
from the address byte's bit 0; `flip-out` one bit of what the processor reads; `lost` the chip is not selected at all;
`reset` the supply dips just before. `chip.faults.irq` holds the interrupt line at a level, None frees it; `loose = n`
is a wire that flips a bit of every n-th answer, `sags` a supply that does not stand the field being switched on.
"""

from __future__ import annotations

from collections.abc import Callable

KINDS = ("zeros", "ones", "flip-in", "flip-out", "lost", "reset")


class BusFaults:
    """What happens to which transaction. `seen` counts transactions, `struck` those disturbed."""

    def __init__(self, brown_out: Callable[[], None]) -> None:
        self._brown_out = brown_out
        self._planned: dict[int, tuple[str, int]] = {}
        self._kind, self._bit, self._position = "", 0, 0
        self.irq: int | None = None
        self.loose = 0
        self.sags = False
        self.seen = self.struck = 0

    def at(self, n: int, kind: str, bit: int = 0) -> None:
        """Disturb the n-th transaction from now."""
        if n < 1 or kind not in KINDS:
            raise ValueError("which transaction, and how")
        self._planned[self.seen + n] = (kind, bit)

    def clear(self) -> None:
        """Forget what was planned and free the interrupt line."""
        self._planned.clear()
        self.irq = None
        self.loose, self.sags = 0, False

    def select(self) -> None:
        """A transaction begins."""
        self.seen += 1
        self._position = 0
        loose = self.loose and not self.seen % self.loose
        self._kind, self._bit = self._planned.pop(self.seen, ("flip-out", 8) if loose else ("", 0))
        if self._kind:
            self.struck += 1
        if self._kind == "reset":
            self._brown_out()

    def field_came_on(self) -> None:
        """It takes ten times the current."""
        if self.sags:
            self._brown_out()

    def incoming(self, tx: bytes) -> bytes | None:
        """What the chip hears of these bytes, None when it hears nothing."""
        if self._kind == "lost":
            return None
        return self._flipped(tx) if self._kind == "flip-in" else tx

    def outgoing(self, rx: bytes) -> bytes:
        """What the processor reads of these bytes."""
        if self._kind in ("zeros", "ones"):
            return bytes([0x00 if self._kind == "zeros" else 0xFF]) * len(rx)
        out = self._flipped(rx) if self._kind == "flip-out" else rx
        self._position += len(rx) * 8
        return out

    def _flipped(self, data: bytes) -> bytes:
        at = self._bit - self._position
        if not 0 <= at < len(data) * 8:
            return data
        out = bytearray(data)
        out[at >> 3] ^= 1 << (at & 7)
        return bytes(out)
