"""A writable imitation of a MIFARE Classic 1K, of the kind called gen1a: 40h in seven bits, then 43h, and it obeys all.

Behind that door every block is read and written without a key, block 0 and with it the UID too. Otherwise it behaves as
the card whose contents it holds.
"""

from __future__ import annotations

from tools.sim.cards.classic import Classic1k
from tools.sim.cards.frames import Answer, Frame, with_crc
from tools.sim.cards.iso14443a import ACK, ACTIVE, HALT, IDLE

_KNOCK, _OPEN = 0x40, 0x43
_READ, _WRITE = 0x30, 0xA0
_NAK = 0x04
_WRITE_US = 2_500


class MagicClassic(Classic1k):
    """`knocks` counts how often the door was tried."""

    kind = "classic-magic"

    def __init__(self, uid: bytes, *, blocks: dict[int, bytes] | None = None) -> None:
        self.knocks = 0
        self._knocked = False
        self._door = False
        self._storing: int | None = None
        super().__init__(uid, blocks=blocks)

    def imitate(self, original: Classic1k) -> MagicClassic:
        """Take over UID, contents and keys; returns itself."""
        self.memory[:] = original.memory
        self.take_uid(original.uid)
        return self

    def forget(self) -> None:
        """The door shuts."""
        super().forget()
        self._knocked = self._door = False
        self._storing = None

    def power_up(self, now_us: int) -> None:
        """What block 0 says is the UID from now on."""
        if len(self.uid) == 4:
            self.take_uid(bytes(self.memory[:4]))
        super().power_up(now_us)

    def receive(self, frame: Frame) -> Answer | None:
        """The two knocks are heard by a card that is not selected."""
        knocked, self._knocked = self._knocked, False
        if frame.session is None and self.session is None and self.state in (IDLE, HALT):
            if frame.nbits == 7 and frame.data[0] & 0x7F == _KNOCK:
                self.knocks += 1
                self._knocked = True
                return Answer.nibble(ACK)
            if knocked and frame.nbits == 8 and frame.data[0] == _OPEN:
                self.state, self._door = ACTIVE, True
                return Answer.nibble(ACK)
        return super().receive(frame)

    def command(self, data: bytes) -> Answer | None:
        """Behind the door everything goes."""
        if not self._door:
            return super().command(data)
        if self._storing is not None:
            block, self._storing = self._storing, None
            if len(data) != 16:
                return self.nak(_NAK)
            self.program(self.memory, block * 16, data)
            return Answer.nibble(ACK, delay_us=_WRITE_US)
        if len(data) == 2 and data[1] < self.block_count and data[0] in (_READ, _WRITE):
            if data[0] == _READ:
                return Answer.of(with_crc(self.block(data[1])))
            self._storing = data[1]
            return Answer.nibble(ACK)
        return self.nak(_NAK)
