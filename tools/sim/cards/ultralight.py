"""MIFARE Ultralight EV1 (MF0ULx1 rev 3.3): a type 2 tag with three counters that only go up.

`ultralight-ev1` is the MF0UL11 of 48 bytes, `ultralight-ev1-128` the MF0UL21.
"""

from __future__ import annotations

from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.iso14443a import ACK
from tools.sim.cards.type2 import NAK_ARGUMENT, NAK_LIMIT, WRITE_US, Layout, Type2

_READ_CNT, _INCR_CNT, _CHECK_TEARING, _VCSL = 0x39, 0xA5, 0x3E, 0x4B
_VALID, _TORN = 0xBD, 0x00
_COUNTERS, _COUNTER_END = 3, 0xFFFFFF
_CONFIG = bytes.fromhex("000000ff00050000ffffffff00000000")

LAYOUTS = {
    "ultralight-ev1": Layout(20, 0x10, bytes.fromhex("0004030101000B03"), config_content=_CONFIG),
    "ultralight-ev1-128": Layout(41, 0x25, bytes.fromhex("0004030101000E03"), 2, config_content=_CONFIG),
}


class UltralightEv1(Type2):
    """Counters need no password (section 8.7)."""

    def __init__(self, uid: bytes, kind: str = "ultralight-ev1", *, pages: dict[int, bytes] | None = None) -> None:
        self.counters = [0] * _COUNTERS
        self.valid_flags = [_VALID] * _COUNTERS
        super().__init__(uid, kind, LAYOUTS[kind], pages=pages)

    def more(self, code: int, arguments: bytes) -> Answer | None:
        """READ_CNT, INCR_CNT, CHECK_TEARING_EVENT, VCSL."""
        if code == _VCSL and len(arguments) == 20:
            return Answer.of(with_crc(self.page(self._config + 1)[1:2]))
        if not arguments or arguments[0] >= _COUNTERS:
            return self.nak(NAK_ARGUMENT)
        number = arguments[0]
        if code == _READ_CNT and len(arguments) == 1:
            return Answer.of(with_crc(self.counters[number].to_bytes(3, "little")))
        if code == _CHECK_TEARING and len(arguments) == 1:
            return Answer.of(with_crc(bytes([self.valid_flags[number]])))
        if code == _INCR_CNT and len(arguments) == 5:
            return self._increment(number, int.from_bytes(arguments[1:4], "little"))
        return self.nak(NAK_ARGUMENT)

    def _increment(self, number: int, step: int) -> Answer | None:
        """Torn, the counter keeps its value and the flag tells."""
        if self.counters[number] + step > _COUNTER_END:
            return self.nak(NAK_LIMIT)
        if self.torn:
            self.valid_flags[number] = _TORN
        else:
            self.counters[number] += step
            self.valid_flags[number] = _VALID
        return Answer.nibble(ACK, delay_us=WRITE_US)
