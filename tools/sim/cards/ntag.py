"""NTAG213/215/216 (data sheet rev 3.2): a type 2 tag with one counter of its readings."""

from __future__ import annotations

from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.type2 import NAK_ARGUMENT, Layout, Type2

_READ_CNT = 0x39
_COUNTER_ON, _COUNTER_PROTECTED = 0x10, 0x08


def _layout(pages: int, config: int, storage: int, size: int, lock_step: int) -> Layout:
    version = bytes([0x00, 0x04, 0x04, 0x02, 0x01, 0x00, storage, 0x03])
    return Layout(pages, config, version, lock_step, bytes([0xE1, 0x10, size, 0]) + bytes.fromhex("0103a00c340300fe"))


LAYOUTS = {
    "ntag213": _layout(45, 0x29, 0x0F, 0x12, 2),
    "ntag215": _layout(135, 0x83, 0x11, 0x3E, 16),
    "ntag216": _layout(231, 0xE3, 0x13, 0x6D, 16),
}


class Ntag(Type2):
    """The counter counts the first READ or FAST_READ of each stay in the field, where NFC_CNT_EN is set (8.7)."""

    def __init__(self, uid: bytes, kind: str = "ntag213", *, pages: dict[int, bytes] | None = None) -> None:
        self.counter = 0
        self._counted = False
        super().__init__(uid, kind, LAYOUTS[kind], pages=pages)

    def power_up(self, now_us: int) -> None:
        """Another stay."""
        self._counted = False
        super().power_up(now_us)

    def was_read(self) -> None:
        """Count it once."""
        if self.access & _COUNTER_ON and not self._counted:
            self._counted = True
            self.counter = min(self.counter + 1, 0xFFFFFF)

    def more(self, code: int, arguments: bytes) -> Answer | None:
        """READ_CNT; with NFC_CNT_PWD_PROT set it takes the password (10.6)."""
        free = self.authenticated or not self.access & _COUNTER_PROTECTED
        if code != _READ_CNT or arguments != b"\x02" or not self.access & _COUNTER_ON or not free:
            return self.nak(NAK_ARGUMENT)
        return Answer.of(with_crc(self.counter.to_bytes(3, "little")))
