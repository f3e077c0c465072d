"""What the card office says of a card: its kind, how far it is personalised, what would be written.

`CardOffice` is the base of the kinds; each writes in an order that leaves a card pulled at any frame either finishable
by laying it down again or without trust at every terminal. Knows no terminal and no file. Member numbers are whole, 0
means none or unknown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from tools.device.errors import VerifyFailed
from tools.device.reader import CardRelay, Found
from tools.issuer.keyfile import check_value
from tools.issuer.keys import PAYLOAD_SIZE, IssuerKeys

CLASSIC = "classic"
NTAGS = ("ntag213", "ntag215", "ntag216")
NTAG424 = "ntag424"
DESFIRES = ("desfire-ev2", "desfire-ev3")
FAMILIES = (CLASSIC, *NTAGS, NTAG424, *DESFIRES)

_HEAD = b"V\x01"


class Stage(Enum):
    """How far a card is."""

    BLANK = "blank"
    USED = "carries other data"
    STARTED = "begun, not finished"
    DONE = "personalised"


@dataclass(frozen=True)
class CardState:
    """`member_no` is told only by a payload whose MAC is right."""

    kind: str
    uid: bytes
    stage: Stage
    member_no: int = 0


@dataclass(frozen=True)
class Step:
    """One line of the plan. `key` names a key by number and check value, never by its bytes."""

    what: str
    where: str
    key: str = ""


class CardOffice(ABC):
    """One found card and the keys of its office. Call `inspect` before anything else."""

    way = "legacy"  # how the switch will know the card: legacy, sun or relay
    derived_as: int  # kind byte of its keys and payload

    def __init__(self, relay: CardRelay, found: Found, kind: str, keys: IssuerKeys) -> None:
        self.relay = relay
        self.kind = kind
        self.uid = found.uid
        self.keys = keys

    @abstractmethod
    async def inspect(self) -> CardState:
        """What the card is, without writing and without trying keys one after the other on it."""

    def check_writable(self) -> None:  # noqa: B027 (most kinds have nothing against it)
        """Raise what stands against writing an inspected card at all."""

    @abstractmethod
    def steps(self, state: CardState) -> list[Step]:
        """What `write` would do now, in its order."""

    @abstractmethod
    async def write(self, state: CardState, member_no: int) -> None:
        """Make the card this member's."""

    @abstractmethod
    async def verify(self, member_no: int) -> None:
        """Read the card as a terminal and the office will. Raises VerifyFailed."""

    def payload(self, member_no: int) -> bytes:
        """What names the member on this card."""
        return self.keys.payload(self.derived_as, self.uid, member_no)

    def member_of(self, payload: bytes) -> int:
        """The member of a genuine payload of this card, else 0."""
        member_no = int.from_bytes(payload[2:6], "big")
        return member_no if payload[:PAYLOAD_SIZE] == self.payload(member_no) else 0

    def state(self, stage: Stage, payload: bytes = b"") -> CardState:
        """With the member its payload names."""
        return CardState(self.kind, self.uid, stage, self.member_of(payload) if payload else 0)

    @staticmethod
    def looks_ours(payload: bytes) -> bool:
        """Whether it begins as a payload of the programme."""
        return payload[: len(_HEAD)] == _HEAD

    def legacy_key(self) -> bytes:
        """The 16 bytes a Classic card or a Type 2 tag takes its keys from."""
        return self.keys.legacy_key(self.derived_as, self.uid)

    def legacy_check_value(self) -> str:
        """Their check value, as the plan shows it."""
        return check_value(self.legacy_key())


def same(found: bytes, wanted: bytes, what: str) -> None:
    """Raise VerifyFailed when what was read back is not what was written."""
    if found != wanted:
        raise VerifyFailed(what)
