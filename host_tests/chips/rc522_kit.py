"""Raw register access to the modelled MFRC522, as written in the data sheet; no driver in between."""

from __future__ import annotations

from tools.sim.board import SimBoard
from tools.sim.cards.frames import with_crc
from tools.sim.chips import rc522_regs as R
from tools.sim.clock import SimClock


class Raw:
    """A powered board with the field on for long enough, the timer at about half a millisecond."""

    def __init__(self, field_on: bool = True, **switches: object) -> None:
        self.clock = SimClock()
        self.board = SimBoard("s3", self.clock, rc522=switches)
        self.chip, self.field = self.board.rc522, self.board.field
        self._spi = self.board.spi()
        self._spi.init(baudrate=8_000_000)
        self._cs = self.board.pin(self.board.profile.rc522_cs)
        self._cs.init(self._cs.OUT, value=1)
        self.clock.advance(2_000)
        if field_on:
            self.write(R.TX_ASK, 0x40)
            self.write(R.T_MODE, 0x80)
            self.write(R.T_PRESCALER, 169)
            self.write(R.T_RELOAD_L, 20)
            self.write(R.TX_CONTROL, 0x83)
            self.write(R.COMMAND, R.IDLE)  # the receiver on

    def write(self, register: int, *values: int) -> None:
        self._cs(0)
        self._spi.write(bytes([register << 1, *values]))
        self._cs(1)

    def read(self, *registers: int) -> bytes:
        tx = bytes([0x80 | register << 1 for register in registers] + [0])
        rx = bytearray(len(tx))
        self._cs(0)
        self._spi.write_readinto(tx, rx)
        self._cs(1)
        return bytes(rx[1:])

    def one(self, register: int) -> int:
        return self.read(register)[0]

    def lay(self, *cards: object) -> None:
        for card in cards:
            self.field.lay(card)  # type: ignore[arg-type]
        self.clock.advance(5_000)

    def begin(self, data: bytes, last_bits: int = 0, align: int = 0) -> int:
        """Start one exchange; returns the simulated time of StartSend."""
        self.write(R.COMMAND, R.IDLE)
        self.write(R.COM_IRQ, 0x7F)
        self.write(R.FIFO_LEVEL, R.FLUSH)
        self.write(R.FIFO_DATA, *data)
        self.write(R.COMMAND, R.TRANSCEIVE)
        self._cs(0)
        self._spi.write(bytes([R.BIT_FRAMING << 1, R.START_SEND | align << 4 | last_bits]))
        began_us = self.clock.now_us
        self._cs(1)
        return began_us

    def fifo(self) -> bytes:
        return self.read(*[R.FIFO_DATA] * self.one(R.FIFO_LEVEL))

    def exchange(self, data: bytes, last_bits: int = 0, align: int = 0, wait_us: int = 12_000) -> bytes | None:
        """The answer's bytes, None when no frame came in."""
        self.begin(data, last_bits, align)
        self.clock.advance(wait_us)
        return self.fifo() if self.one(R.COM_IRQ) & R.RX_IRQ else None

    def reqa(self) -> bytes | None:
        return self.exchange(b"\x26", 7)

    def wupa(self) -> bytes | None:
        return self.exchange(b"\x52", 7)

    def command(self, data: bytes) -> bytes | None:
        """Send with CRC_A made here."""
        return self.exchange(with_crc(data))

    def select(self, uid: bytes, wake: bool = False) -> bytes | None:
        """REQA or WUPA and all cascade levels; returns the last SAK frame."""
        if (self.wupa() if wake else self.reqa()) is None:
            return None
        sak, level = None, 0x93
        while uid:
            part, uid = (uid, b"") if len(uid) == 4 else (b"\x88" + uid[:3], uid[3:])
            sak = self.command(bytes([level, 0x70]) + part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]]))
            level += 2
        return sak

    def authenticate(self, code: int, block: int, key: bytes, uid: bytes, wait_us: int = 5_000) -> None:
        self.write(R.COMMAND, R.IDLE)
        self.write(R.COM_IRQ, 0x7F)
        self.write(R.FIFO_LEVEL, R.FLUSH)
        self.write(R.FIFO_DATA, code, block, *key, *uid[-4:])
        self.write(R.COMMAND, R.MF_AUTHENT)
        self.clock.advance(wait_us)
