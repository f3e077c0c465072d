"""ISO/IEC 14443-3 type A: the card's states from power-up to ACTIVE and HALT, anticollision in three cascade levels.

Families derive from `Card` and answer commands once selected. Following the standard's state diagram, a frame that does
not belong in READY or ACTIVE sends the card back to IDLE, or to HALT when it was woken from there.
"""

from __future__ import annotations

from tools.sim.cards.frames import Answer, Frame, crc_a, cycles_of, with_crc

REQA, WUPA = 0x26, 0x52
_SELECT = (0x93, 0x95, 0x97)
_CASCADE_TAG = 0x88
_CASCADE_BIT = 0x04
OFF, IDLE, READY, ACTIVE, HALT = "off", "idle", "ready", "active", "halt"
ACK = 0x0A


class Card:
    """A card of type A with a UID of 4, 7 or 10 bytes. `slow_us` delays every answer in ACTIVE."""

    kind = "bare"
    atqa_low = 0x04
    sak = 0x08

    def __init__(self, uid: bytes) -> None:
        if len(uid) not in (4, 7, 10):
            raise ValueError("a UID has 4, 7 or 10 bytes")
        self.start_up_us = 5_000
        self.slow_us = 0
        self.powered_us: int | None = None
        self.torn = False
        self.state = OFF
        self.session: object = None
        self._woken = False
        self._level = 0
        self.take_uid(uid)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.uid.hex()} {self.state}>"

    @property
    def atqa(self) -> bytes:
        """ATQA as sent, low byte first; bits 7..6 tell the UID's size."""
        return bytes([self.atqa_low & 0x3F | (len(self.uid) - 4) // 3 << 6, 0x00])

    def take_uid(self, uid: bytes) -> None:
        """Show this UID from now on."""
        self.uid = bytes(uid)
        self._levels = tuple(self._cascade())

    def power_up(self, now_us: int) -> None:
        """The field reached the card."""
        self.powered_us = now_us
        self.state, self._woken, self.session = IDLE, False, None
        self.forget()

    def power_down(self) -> None:
        """The field is gone."""
        self.powered_us = None
        self.state, self.session = OFF, None
        self.forget()

    def receive(self, frame: Frame) -> Answer | None:
        """Hear one frame; None is silence."""
        if frame.session is not self.session:  # one side enciphers, the other does not: noise to the card
            return self.lapse()
        if frame.nbits == 7:
            return self._request(frame.data[0] & 0x7F)
        if self.state == READY:
            return self._anticollision(frame)
        if self.state != ACTIVE:
            return None
        answer = self.active(frame)
        if answer is not None and self.slow_us:
            answer.delay += cycles_of(self.slow_us)
        return answer

    def active(self, frame: Frame) -> Answer | None:
        """A frame in ACTIVE: check the CRC, obey HLTA, pass anything else to the family."""
        data = frame.data
        if frame.nbits & 7 or len(data) < 3 or crc_a(data) != 0:
            return self.bad_frame()
        if data[:2] == b"\x50\x00":
            self.state, self.session = HALT, None
            self.forget()
            return None
        return self.command(data[:-2])

    def command(self, data: bytes) -> Answer | None:
        """A command with a right CRC. Families override."""
        return self.lapse()

    def bad_frame(self) -> Answer | None:
        """A frame in ACTIVE with a wrong CRC or length. Families override."""
        return self.lapse()

    def forget(self) -> None:
        """Leave ACTIVE: drop what was allowed or begun. Families override."""

    def lapse(self) -> None:
        """Fall back to IDLE, or to HALT when woken from there; stay when not selected."""
        if self.state in (READY, ACTIVE):
            self.state = HALT if self._woken else IDLE
            self.session = None
            self.forget()

    def nak(self, code: int) -> Answer:
        """A 4-bit refusal; it drops the card out of ACTIVE."""
        answer = Answer.nibble(code)
        self.lapse()
        return answer

    def program(self, memory: bytearray, at: int, data: bytes) -> None:
        """Write to the card's memory; torn by a removal only the first half gets in."""
        data = data[: len(data) // 2] if self.torn else data
        memory[at : at + len(data)] = data

    def _request(self, command: int) -> Answer | None:
        if self.state == IDLE and command in (REQA, WUPA) or self.state == HALT and command == WUPA:
            self._woken = self.state == HALT
            self.state, self._level = READY, 0
            return Answer.of(self.atqa)
        self.lapse()
        return None

    def _cascade(self) -> list[bytes]:
        levels, rest = [], self.uid
        while len(rest) > 4:
            levels.append(bytes([_CASCADE_TAG]) + rest[:3])
            rest = rest[3:]
        levels.append(rest)
        return [part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]]) for part in levels]

    def _anticollision(self, frame: Frame) -> Answer | None:
        data, nbits = frame.data, frame.nbits
        mine = self._levels[self._level]
        if nbits < 16 or data[0] != _SELECT[self._level]:
            return self.lapse()
        if data[1] == 0x70:
            if nbits != 72 or crc_a(data) != 0 or data[2:7] != mine:
                return self.lapse()
            if self._level + 1 < len(self._levels):
                self._level += 1
                return Answer.of(with_crc(bytes([_CASCADE_BIT])))
            self.state = ACTIVE
            return Answer.of(with_crc(bytes([self.sak])))
        known = (data[1] >> 4) * 8 + (data[1] & 7) - 16
        if known != nbits - 16 or known >= 40:
            return self.lapse()
        number = int.from_bytes(mine, "little")
        if (number ^ int.from_bytes(data[2:], "little")) & ((1 << known) - 1):
            return self.lapse()
        left = 40 - known
        return Answer(number >> known, left, (left + 7) // 8)
