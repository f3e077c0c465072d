"""What can go wrong between an MFRC522 and a card, as one family of exceptions.

Knows no product; nothing here names a key.
"""


class RC522Error(Exception):
    """Base of everything this driver raises."""


class ChipAbsent(RC522Error):
    """Nothing that looks like an MFRC522 answers on the bus."""


class NoAnswer(RC522Error):
    """No card answered before the chip's timer ran out."""


class Collision(RC522Error):
    """Two cards answered differently; `position` is the first differing data bit from 1, or 0 when it is not known."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class FrameError(RC522Error):
    """An answer that is no good frame, of a wrong length, or an exchange the chip did not carry out."""


class CrcError(FrameError):
    """An answer whose CRC_A is wrong."""


class ParityError(FrameError):
    """An answer with a wrong parity bit."""


class ProtocolError(FrameError):
    """An answer with a broken start, or of fewer than four bits."""


class Nak(RC522Error):
    """The card refused with a four-bit code; the code is -1 when the chip did not keep it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class AuthRefused(RC522Error):
    """Classic authentication had no success: a wrong key, or the card has left."""


class IsoDepError(RC522Error):
    """The card broke the block protocol of ISO/IEC 14443-4, or went on for too long; `reason` tells what."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
