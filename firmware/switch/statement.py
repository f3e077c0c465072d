"""The mini statement and one transaction by its reference: 0100 with processing code 389100 (docs/lt87.md section 17).

Loaded for a visit. Money in minor units, points signed, a day in UTC seconds of its first second in Tehran.
"""

from micropython import const

from firmware.core.errors import BadAnswer, Refused
from firmware.core.refusals import host_refusal
from firmware.core.types import ONLINE, REMARK, Transaction
from firmware.switch import tlv
from firmware.switch.profile import (
    CODE_STATEMENT,
    SECURITY,
    SESSION_BIT,
    TAG_BLOB,
    TAG_ORIGINAL,
    TAG_POINTS,
    UNKNOWN,
    approved,
    verdict,
)
from firmware.switch.session import SwitchUnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.clock import Clock
    from firmware.core.types import CardData, Reply
    from firmware.switch.messages import Messages, Outgoing
    from firmware.switch.session import Session

# Bits of an entry.
TAKEN_BACK = const(1)
IN_PART = const(2)
DISPUTED = const(4)
OFFLINE = const(8)

_TIMEOUT_MS = const(6000)
_ENTRY = const(21)
_ENTRIES = const(5)
_WHOLE = const(45)  # an entry with what is left of it


class Entry:
    """One line of a statement: `verb` as in firmware.core.types, 0 the office's; `marks` of the bits above."""

    def __init__(self, verb: int, marks: int, day_utc: int, points: int, reference: str) -> None:
        self.verb = verb
        self.marks = marks
        self.day_utc = day_utc
        self.points = points
        self.reference = reference


class Found:
    """One transaction as it stands at the switch: of `amount` and the entry's points what is `left_amount` and
    `left_points`, and the terminal it was made at."""

    def __init__(self, entry: Entry, amount: int, left_amount: int, left_points: int, terminal_id: str) -> None:
        self.entry = entry
        self.amount = amount
        self.left_amount = left_amount
        self.left_points = left_points
        self.terminal_id = terminal_id

    def points_for(self, amount: int) -> int:
        """Points that go with the refund of so much money, signed: in proportion, rounded down; of all that is left,
        all points that are left."""
        if amount == self.left_amount:
            return -self.left_points
        share = abs(self.entry.points) * amount // self.amount
        return -share if self.entry.points > 0 else share


class Statements:
    """Asks the switch. `session_number` gives 31 fresh random bits a call."""

    def __init__(
        self, session: "Session", messages: "Messages", clock: "Clock", session_number: "Callable[[], int]"
    ) -> None:
        self._session = session
        self._messages = messages
        self._clock = clock
        self._session_number = session_number

    async def last(self, card: "CardData", member_no: int) -> "tuple[list[Entry], Reply]":
        """The newest entries of a card's member, at most five. Raises LinkError, Refused."""
        reply = await self._asked(card, member_no, "")
        blob = reply.tags.get(TAG_BLOB, b"")
        if blob == b"\0":
            return [], reply
        if not blob or len(blob) % _ENTRY or len(blob) > _ENTRY * _ENTRIES:
            raise BadAnswer("a statement of {} bytes".format(len(blob)))
        return [_entry(blob[at : at + _ENTRY]) for at in range(0, len(blob), _ENTRY)], reply

    async def one(
        self, card: "CardData", member_no: int, reference: str, new_money: bool = False
    ) -> "tuple[Found, Reply]":
        """The transaction of this card's member with this reference, its amounts in old or `new_money`. Raises
        LinkError, Refused."""
        reply = await self._asked(card, member_no, reference, new_money)
        blob = reply.tags.get(TAG_BLOB, b"")
        if len(blob) != _WHOLE:
            raise BadAnswer("an entry of {} bytes".format(len(blob)))
        amounts = tlv.unsigned(blob[21:27]), tlv.unsigned(blob[27:33])
        return Found(_entry(blob), amounts[0], amounts[1], tlv.signed32(blob[33:37]), _text(blob[37:])), reply

    async def _asked(self, card: "CardData", member_no: int, reference: str, new_money: bool = False) -> "Reply":
        answer = await self._session.ask(self._outgoing(card, reference, new_money), _TIMEOUT_MS)
        if verdict(answer.rc) in (UNKNOWN, SECURITY):
            raise SwitchUnable(answer.rc)
        if not approved(answer.rc):
            raise Refused(host_refusal(answer.rc), "statement")
        return self._messages.reply(answer, card.uid, member_no)

    def _outgoing(self, card: "CardData", reference: str, new_money: bool) -> "Outgoing":
        """What a card's message carries, without money and points."""
        now, seq = self._clock.now_utc(), self._session_number() | SESSION_BIT
        details = tlv.pack([(TAG_ORIGINAL, reference.encode())]) if reference else b""
        asks = Transaction(
            seq,
            REMARK,
            ONLINE,
            card.uid,
            card.auth,
            0,
            0,
            now,
            self._clock.quality,
            card_counter=card.counter,
            details=details,
            new_money=new_money,
        )
        fields, tags = self._messages.value_parts(asks, asks, "00")
        fields[3] = CODE_STATEMENT
        del fields[4]
        return self._messages.finish("0100", fields, seq, now, [one for one in tags if one[0] != TAG_POINTS])


def _entry(row: bytes) -> Entry:
    return Entry(row[0], row[1], tlv.date_utc(row[2:5]), tlv.signed32(row[5:9]), _text(row[9:_ENTRY]))


def _text(value: bytes) -> str:
    return tlv.text(value).strip()
