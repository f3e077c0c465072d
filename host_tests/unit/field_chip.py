"""The reader chip left out: the driver's interface straight on the modelled field, for tests that need many frames.

Frames, cards, faults and simulated time are the field's; registers, FIFO and SPI are not there. A method of the driver
that is not used here is missing, so a new use shows.
"""

from __future__ import annotations

import asyncio

from drivers.rc522_errors import AuthRefused, Collision, CrcError, FrameError, Nak, NoAnswer
from tools.sim.cards.field import Field
from tools.sim.cards.frames import ANSWER_DELAY, Frame, Heard, crc_a, us_of, with_crc
from tools.sim.clock import SimClock

_ACK = 0x0A
_AUTH_US = 5_000


class FieldChip:
    """`MFRC522` as the card procedures see it."""

    crc_in_fifo = False
    version = 0x92

    def __init__(self, field: Field, clock: SimClock) -> None:
        self._field = field
        self._clock = clock
        self._session: object = None
        self.data = memoryview(bytearray(64))

    async def init(self) -> int:
        self.field_off()
        return self.version

    def check(self) -> bool:
        return True

    def field_on(self) -> None:
        self._field.set_carrier(True)

    def field_off(self) -> None:
        self._session = None
        self._field.set_carrier(False)

    def stop_crypto(self) -> None:
        self._session = None

    def set_rate(self, send: int = 0, receive: int = 0) -> None:
        assert (send, receive) == (0, 0)

    async def exchange(
        self,
        send: bytes | bytearray | memoryview,
        expect: int,
        crc: bool = False,
        last_bits: int = 0,
        timeout_us: int = 500,
        size: int = -1,
        exact: bool = True,
        align: int = 0,
    ) -> int:
        out = bytes(send if size < 0 else send[:size])
        nbits = len(out) * 8 - (8 - last_bits if last_bits else 0)
        frame = Frame(with_crc(out), nbits + 16, self._session) if crc else Frame(out, nbits, self._session)
        heard = await self._heard(frame, timeout_us)
        if heard.collision is not None:
            raise Collision(heard.collision + 1 + align)
        if heard.session is not self._session or heard.parity_error:
            raise FrameError("parity")
        if heard.nbits == 4:
            if heard.bits == _ACK:
                return 0
            raise Nak(heard.bits)
        nbits = heard.nbits + align
        got = (heard.bits << align).to_bytes((nbits + 7) // 8, "little")
        if crc:
            if nbits & 7 or len(got) < 2 or crc_a(got):
                raise CrcError()
            got = got[:-2]
        if exact and (len(got) != expect or nbits & 7 and not align):
            raise FrameError(len(got))
        self.data[: len(got)] = got
        return len(got)

    async def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> None:
        try:
            nonce = await self._heard(Frame(with_crc(bytes([command, block])), None, self._session), _AUTH_US)
            if nonce.nbits != 32 or nonce.session is not self._session:
                raise FrameError("nonce")
            proof = (bytes(key), bytes(uid[-4:]))
            self._session = (await self._heard(Frame(bytes(8), None, self._session, proof), _AUTH_US)).session
        except (NoAnswer, FrameError):
            self._session = None
            raise AuthRefused() from None
        if self._session is None:
            raise AuthRefused()

    async def _heard(self, frame: Frame, timeout_us: int) -> Heard:
        """Send, and wait as long as it takes on air."""
        await asyncio.sleep(us_of(frame.cycles) / 1e6)
        heard = self._field.transmit(frame) if self._field.on else None
        if heard is None or us_of(heard.delay) > timeout_us:
            self._field.landed()
            await asyncio.sleep(timeout_us / 1e6)
            raise NoAnswer()
        await asyncio.sleep(us_of(ANSWER_DELAY + heard.delay + heard.cycles) / 1e6)
        self._field.landed()
        if heard.cut_us is not None:
            raise FrameError("cut")
        return heard
