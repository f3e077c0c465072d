"""Error families of the terminal. Every error carries a `code` that screen, log and docs/troubleshooting.md share.

A code is one letter for the room and two digits; it is never given to another error. The text for a person is in the
catalogues of `firmware.text`, keyed by code: one line what happened, one line what to do next. The text given to the
constructor is for the log and names no secret, key, PIN or member number.
"""


class VafaError(Exception):
    """Base of all errors the terminal raises on purpose."""

    code = "X00"


# --- cards and reader -------------------------------------------------------------------------------------------------


class CardError(VafaError):
    """The tap did not give a usable card. `count` is how many cards lie there, where that is the matter, else 0."""

    count = 0


class CardTimeout(CardError):
    """No card was laid on the reader within the time given."""

    code = "C01"


class TwoCards(CardError):
    """More than one card is in the field; nobody counts beyond four."""

    code = "C02"

    def __init__(self, count: int = 2) -> None:
        super().__init__("{} cards".format(count))
        self.count = count


class CardLeft(CardError):
    """The card was pulled away while it was being read."""

    code = "C03"


class CardUnreadable(CardError):
    """A card answers, but not so that it can be used."""

    code = "C04"


class CardUnsupported(CardError):
    """A card of a family the terminal does not read."""

    code = "C05"


class ReaderDead(CardError):
    """The reader chip does not answer on its bus."""

    code = "R01"


# --- store ------------------------------------------------------------------------------------------------------------


class StoreError(VafaError):
    """The flash store cannot do what was asked; nothing was half done."""

    code = "S05"


class StoreFull(StoreError):
    """The journal takes no more value until the switch has acknowledged some."""

    code = "S03"


class StoreNotReady(StoreError):
    """A fresh store takes no value before the first sign-on."""

    code = "S06"


class StoreForeign(StoreError):
    """The partition holds something that is not this terminal's store; it was left untouched."""

    code = "S07"


class StoreOutdated(StoreForeign):
    """The store has the format of earlier firmware, which this one does not read; it was left untouched."""

    code = "S09"


class StoreNewer(StoreForeign):
    """The store was written by later firmware, in a format this one cannot read; it was left untouched."""

    code = "S11"


class FlashUnreadable(StoreError):
    """The flash did not give what it holds; nothing was written because of that."""

    code = "S12"


class StoreSealed(StoreError):
    """The store was sealed with other keys than this terminal has; it was left untouched."""

    code = "S08"


# --- switch link ------------------------------------------------------------------------------------------------------


class LinkError(VafaError):
    """The exchange with the switch has no usable answer."""


class LinkDown(LinkError):
    """No session: nothing was sent, so nothing can have been booked."""

    code = "L01"


class NoAnswer(LinkError):
    """Sent, and no answer within the time: the outcome is unknown."""

    code = "L08"


class BadAnswer(LinkError):
    """Sent, and the answer is garbage, late, or not authentic: the outcome is unknown."""

    code = "L09"


class CertificateRefused(LinkError):
    """The switch's certificate does not fit the pinned CA or the name."""

    code = "K02"


class CertificateName(CertificateRefused):
    """The switch's certificate is for another name."""

    code = "K22"


class CertificateExpired(CertificateRefused):
    """The switch's certificate is not valid any more, by this terminal's clock."""

    code = "K23"


class CertificateEarly(CertificateRefused):
    """The switch's certificate is not valid yet, by this terminal's clock."""

    code = "K24"


class SignOnRefused(LinkError):
    """The switch does not take this terminal."""

    code = "L07"


class BadMessage(VafaError):
    """Bytes that are not a message of the profile."""

    code = "L10"


# --- cashier ----------------------------------------------------------------------------------------------------------


class Cancelled(VafaError):
    """The person at the keys gave up; nothing was booked."""

    code = "P01"


class TimedOut(VafaError):
    """Nobody answered a question in time; nothing was booked."""

    code = "P02"


class Refused(VafaError):
    """The rules or the switch say no. `code` of the instance tells which."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text or code)
        self.code = code


# --- programs at the serial port --------------------------------------------------------------------------------------


class RpcError(VafaError):
    """What a method answers instead of a result: `number` as in docs/console.md, `code` the terminal's own code where
    the screen has one, `retry_ms` when asking again later may help."""

    def __init__(self, number: int, text: str = "", code: str = "", retry_ms: int = 0) -> None:
        super().__init__(text or str(number))
        self.number = number
        self.code = code or str(number)
        self.retry_ms = retry_ms


# --- settings ---------------------------------------------------------------------------------------------------------


class SettingsError(VafaError):
    """A setting is missing or out of range; the terminal is not provisioned."""

    code = "K01"
