"""What crosses the air: reader frames, card answers and CRC_A (ISO/IEC 14443-3, section 6).

Bits are kept as one integer, first bit on air lowest. Durations are cycles of the 13.56 MHz carrier; 128 of them are
one bit (etu) at 106 kbit/s; a `rate` is 0 for that and one more for each doubling. A parity bit follows each byte and
costs time; its value is not modelled, its error is.
"""

from __future__ import annotations

ETU = 128
# Reader's last pause to the card's first bit, as one grid: 32 cycles of pause and 1172 of frame delay.
ANSWER_DELAY = 32 + 1172
# The least time from a card's last bit to the reader's next frame.
READER_GUARD = 1172


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_TABLE = _crc_table()


def crc_a(data: bytes, preset: int = 0x6363) -> int:
    """CRC_A as a number; on air the low byte goes first."""
    crc = preset
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def with_crc(data: bytes) -> bytes:
    """The data with its CRC_A behind."""
    return data + crc_a(data).to_bytes(2, "little")


def us_of(cycles: int) -> int:
    """Whole microseconds that cover these cycles (13.56 of them are one)."""
    return -(-cycles * 25 // 339)


def cycles_of(us: int) -> int:
    """Cycles of a duration, rounded up to the card's grid of 128."""
    return -(-us * 339 // (25 * ETU)) * ETU


class Frame:
    """One frame of the reader. `session` is the Crypto1 stream it is enciphered with, `proof` what MFAuthent shows,
    `at_us` the moment its last bit was sent, None for a frame outside time."""

    __slots__ = ("at_us", "data", "nbits", "proof", "rate", "session")

    def __init__(
        self, data: bytes, nbits: int | None = None, session: object = None, proof: tuple[bytes, bytes] | None = None
    ) -> None:
        self.data = data
        self.nbits = len(data) * 8 if nbits is None else nbits
        self.session = session
        self.proof = proof
        self.at_us: int | None = None
        self.rate = 0

    @property
    def cycles(self) -> int:
        """Air time: start of frame, bits, one parity bit for each whole byte."""
        return (1 + self.nbits + self.nbits // 8) * (ETU >> self.rate)


class Answer:
    """One card's answer."""

    __slots__ = ("bits", "delay", "nbits", "parities", "rate", "session")

    def __init__(self, bits: int, nbits: int, parities: int, session: object = None, delay: int = 0) -> None:
        self.bits, self.nbits, self.parities = bits, nbits, parities
        self.session = session
        self.delay = delay
        self.rate = 0

    @classmethod
    def of(cls, data: bytes, session: object = None, delay_us: int = 0) -> Answer:
        """Whole bytes as they are."""
        delay = cycles_of(delay_us) if delay_us else 0
        return cls(int.from_bytes(data, "little"), len(data) * 8, len(data), session, delay)

    @classmethod
    def nibble(cls, value: int, session: object = None, delay_us: int = 0) -> Answer:
        """A 4-bit ACK or NAK: no parity, no CRC."""
        return cls(value, 4, 0, session, cycles_of(delay_us) if delay_us else 0)


class Heard:
    """What arrives at the reader: answers of all cards laid over each other. `spoilt`: bits are not as sent."""

    __slots__ = (
        "bits",
        "cards",
        "collision",
        "cut_us",
        "delay",
        "nbits",
        "parities",
        "parity_error",
        "rate",
        "session",
        "spoilt",
    )

    def __init__(self, answers: list[Answer], cards: list[object]) -> None:
        first = answers[0]
        self.bits, self.nbits, self.parities = first.bits, first.nbits, first.parities
        self.delay, self.session, self.rate = first.delay, first.session, first.rate
        self.collision: int | None = None
        self.parity_error = self.spoilt = False
        self.cut_us: int | None = None
        self.cards = cards
        for other in answers[1:]:
            self._superpose(other)

    def _superpose(self, other: Answer) -> None:
        """Where two cards send different bits both halves of the bit are modulated: that is the collision.

        Beyond the end of the shorter answer only one card sends, so nothing collides there.
        """
        if other.delay != self.delay or other.rate != self.rate:  # not on the same grid: no bit survives
            self.parity_error = True
            self.delay = min(self.delay, other.delay)
        shared = min(self.nbits, other.nbits)
        differ = (self.bits ^ other.bits) & ((1 << shared) - 1)
        if differ:
            at = (differ & -differ).bit_length() - 1
            self.collision = at if self.collision is None else min(self.collision, at)
        self.bits |= other.bits
        self.nbits = max(self.nbits, other.nbits)
        self.parities = max(self.parities, other.parities)

    @property
    def etu(self) -> int:
        """Cycles of one bit."""
        return ETU >> self.rate

    @property
    def cycles(self) -> int:
        """Air time of the answer itself."""
        return (1 + self.nbits + self.parities) * self.etu

    def cut_at(self, nbits: int) -> None:
        """Only the first bits arrived."""
        self.nbits = max(0, min(self.nbits, nbits))
        self.bits &= (1 << self.nbits) - 1
        if self.collision is not None and self.collision >= self.nbits:
            self.collision = None
