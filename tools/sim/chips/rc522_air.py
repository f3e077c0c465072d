"""The MFRC522's modem: sends frames, hears the field's answer, and runs MFAuthent, all at their times on air.

Received bytes reach the FIFO when the frame has ended, not one by one. Times in microseconds; cycles are of 13.56 MHz.
Sections cited are of the data sheet rev 3.9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.cards.frames import ANSWER_DELAY, READER_GUARD, Frame, Heard, crc_a, us_of, with_crc
from tools.sim.chips import rc522_regs as R

if TYPE_CHECKING:
    from tools.sim.cards.field import Field
    from tools.sim.chips.rc522 import Rc522
    from tools.sim.clock import SimClock, Timer

IDLE, WAITING, SENDING, LISTENING = 0, 1, 3, 4  # Status2Reg.ModemState, 9.3.1.9


class Modem:
    """Transmitter and receiver of one chip."""

    def __init__(self, chip: Rc522, clock: SimClock, field: Field) -> None:
        self._chip, self._clock, self._field = chip, clock, field
        self.state = IDLE
        self.session: object = None
        self._events: list[Timer] = []
        self._authenticating: tuple[bytes, bytes] | None = None
        self._on_us = 0
        self.sent_frames = self.received_frames = self.sent_us = self.received_us = 0

    def set_carrier(self, on: bool) -> None:
        """Switch the field, and count how long it is on."""
        if on != self._field.on:
            self._on_us += self._clock.now_us * (-1 if on else 1)
            self._field.set_carrier(on)

    @property
    def field_on_us(self) -> int:
        """How long the field has been on in all."""
        return self._on_us + (self._clock.now_us if self._field.on else 0)

    def _understood(self) -> bool:
        """Whether a card could make out the frame: field on, 100 % ASK, no test mode (8.6.3, 16.1.1), and at a higher
        bit rate a CRC, which may only be left out at 106 kbit/s (9.3.2.3)."""
        chip = self._chip
        mode = chip.r[R.TX_MODE]
        fit = chip.r[R.TX_ASK] & R.FORCE_100_ASK and (not mode & 0x70 or mode & R.CRC_EN)
        return bool(fit) and self._field.on and not chip.unit.tested

    def cancel(self) -> None:
        """Whatever was on air is of no interest any more."""
        for event in self._events:
            event.cancel()
        self._events = []
        self._authenticating = None
        self.state = IDLE
        self._field.landed()

    def send_fifo(self) -> None:
        """StartSend: the FIFO's content goes on air (9.3.1.14, 10.3.1.8)."""
        chip = self._chip
        data = chip.take_fifo()
        self.cancel()
        if not data:
            self.state = WAITING
            return
        last_bits = chip.r[R.BIT_FRAMING] & 7
        nbits = len(data) * 8 - (8 - last_bits if last_bits else 0)
        if chip.r[R.TX_MODE] & R.CRC_EN and not last_bits:
            data = with_crc(data)
            nbits += 16
        self._send(Frame(data, nbits, self.session), self._receive)

    def listen(self) -> None:
        """Receive command: nothing is sent, so nothing answers."""
        self.cancel()
        self.state = LISTENING

    def authenticate(self) -> None:
        """MFAuthent, 10.3.1.9: command, block, key and four UID bytes from the FIFO, then both exchanges alone."""
        chip = self._chip
        data = chip.take_fifo()
        self.cancel()
        if len(data) != 12:
            chip.fail(R.PROTOCOL_ERR)
            return
        self._authenticating = (data[2:8], data[8:12])
        self._send(Frame(with_crc(data[:2]), None, self.session), self._nonce)

    def _at(self, when_us: int, callback: Callable[[], None]) -> None:
        self._events.append(self._clock.at(when_us, callback))

    def _send(self, frame: Frame, landed: Callable[[Heard], None]) -> None:
        began_us = self._clock.now_us
        frame.rate = self._chip.r[R.TX_MODE] >> 4 & 7
        took_us = us_of(frame.cycles)
        self.state = SENDING
        self.sent_frames += 1
        self.sent_us += took_us
        self._events = []
        self._at(began_us + took_us, lambda: self._sent(frame, began_us, landed))

    def _sent(self, frame: Frame, began_us: int, landed: Callable[[Heard], None]) -> None:
        chip = self._chip
        self.state = LISTENING
        chip.transmitted(quiet=self._authenticating is not None)
        heard = self._field.transmit(frame) if self._understood() else None
        if heard is None or chip.receiver_off() or heard.rate != chip.r[R.RX_MODE] >> 4 & 7:
            return
        start = frame.cycles + ANSWER_DELAY + heard.delay
        self.received_us += us_of(heard.cycles)
        # TAuto stops after the fifth received bit (9.3.3.10): start bit and four data bits.
        if heard.nbits >= 4:
            self._at(began_us + us_of(start + 5 * heard.etu), chip.fifth_bit)
        self._at(began_us + us_of(start + heard.cycles), lambda: self._landed(heard, began_us + us_of(start), landed))

    def _landed(self, heard: Heard, start_us: int, landed: Callable[[Heard], None]) -> None:
        self._field.landed()
        if heard.cut_us is not None:  # the card left while it answered
            etus = max(0, (heard.cut_us - start_us) * 339 // 25 // heard.etu - 1)
            heard.cut_at(etus * 8 // 9)
            if not heard.nbits:
                return
        self.received_frames += 1
        landed(heard)

    # -- Transceive ----------------------------------------------------------------------------------------------------

    def _receive(self, heard: Heard) -> None:
        chip = self._chip
        mode = chip.r[R.RX_MODE]
        if heard.nbits < 4:
            if mode & R.RX_NO_ERR:  # 9.3.2.4: ignored, the receiver stays active
                return
            chip.fail(R.PROTOCOL_ERR)
        bits, errors = heard.bits, 0
        align = chip.r[R.BIT_FRAMING] >> 4 & 7
        if heard.session is not self.session:  # one side enciphers: noise after the start bit
            bits ^= int.from_bytes(b"\xa5\x3c\x96\x5a\xc3" * 14, "little") & ((1 << heard.nbits) - 1)
            errors |= R.PARITY_ERR
        if heard.collision is not None:
            errors |= R.COLL_ERR
            chip.collided(heard.collision + 1, align)
            if not chip.r[R.COLL] & R.VALUES_AFTER_COLL:
                bits &= (1 << heard.collision) - 1
        if heard.parity_error and not chip.r[R.MF_RX] & 0x10:
            errors |= R.PARITY_ERR
        nbits = heard.nbits + align
        data = (bits << align).to_bytes((nbits + 7) // 8, "little")
        last_bits = nbits & 7
        if mode & R.CRC_EN:
            if last_bits:
                errors |= R.CRC_ERR if chip.nibble_is_crc_error or nbits > 8 else 0
            elif len(data) < 2 or crc_a(data) != 0:
                errors |= R.CRC_ERR
            if chip.strips_crc and not last_bits:
                data = data[:-2]
        if mode & R.RX_MULTIPLE:
            data += bytes([errors])
        chip.received(data, last_bits, errors)

    # -- MFAuthent -----------------------------------------------------------------------------------------------------

    def _nonce(self, heard: Heard) -> None:
        chip = self._chip
        if heard.nbits != 32 or heard.collision is not None or heard.parity_error:
            chip.fail(R.PROTOCOL_ERR)  # 9.3.1.7; the command goes on waiting
            return
        if heard.spoilt and self._authenticating is not None:  # what is made of another nonce proves nothing
            self._authenticating = (bytes(6), self._authenticating[1])
        self._at(self._clock.now_us + us_of(READER_GUARD), self._prove)

    def _prove(self) -> None:
        self._send(Frame(b"\x11\x22\x33\x44\x55\x66\x77\x88", None, self.session, self._authenticating), self._proven)

    def _proven(self, heard: Heard) -> None:
        chip = self._chip
        if heard.nbits != 32 or heard.spoilt:
            chip.fail(R.PROTOCOL_ERR)
            return
        self.cancel()
        self.session = heard.session
        chip.finish()
