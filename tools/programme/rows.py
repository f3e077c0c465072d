"""Every row of the requirements that gives the terminal something to do, show or send (all but those of the back office).

A row is a document's number and a letter. `offline`: it can be seen without a line too; else `why` says what it needs.
"""

# ruff: noqa: E501 (a row is one line)

from __future__ import annotations

from dataclasses import dataclass

T, S, BOTH = "terminal", "switch", "both"
_DOCUMENTS = {
    "000": "Four secrets of loyal customers, and the loyalty ladder",
    "001": "Devices, switches and customers who stay away",
    "002": "Retention",
    "003": "The club's stages",
    "004": "Customer relations",
}


@dataclass(frozen=True)
class Row:
    """One requirement; `side` is who decides."""

    document: str
    letter: str
    says: str
    side: str
    offline: bool = True
    why: str = ""

    @property
    def name(self) -> str:
        """As file names begin."""
        return self.document + self.letter


def title(document: str) -> str:
    """What a document is about."""
    return _DOCUMENTS[document]


DOCUMENTS = tuple(_DOCUMENTS)
_BOOKS = "the switch's books know it, no one else"
_VOUCHER = "a voucher is the switch's to issue and to use up"

ROWS = (
    Row("000", "a", "A member who comes back is greeted by name, with the number of the visit.", S),
    Row("000", "b", "After the outcome one question for the customer, answered with one key, at most every N-th visit, never in the way.", BOTH),
    Row("000", "c", "A sale can be a gift; the courtesy that goes with it is shown, a gift card comes from the switch.", BOTH),
    Row("000", "d", "Channel and language a member chose once are honoured and not asked again.", S, False, _BOOKS),
    Row("000", "e", "A figure is confirmed or says that it is an estimate and how old its data are; one screen per outcome.", T),
    Row("000", "f", "A note of earlier talks is shown to staff, with the day of the last visit, and is not on paper.", S, False, _BOOKS),
    Row("000", "g", "A remark that was acted upon is told at the member's next tap.", BOTH, False, _BOOKS),
    Row("000", "h", "A broken promise is made good: a voucher for the next visit within the clerk's limit, or money back.", BOTH, False, _VOUCHER),
    Row("000", "i", "Up to three entitlements are shown after the tap and applied with a key.", S, False, _BOOKS),
    Row("000", "j", "Who brought a new member is named at enrolment; the credit waits for the first purchase.", BOTH, False, _BOOKS),
    Row("000", "k", "The rung of the ladder is shown, and moves with real events.", S),
    Row("001", "a", "A bank terminal: its ids, STAN and RRN, reversals, batches, settlement, change of keys.", BOTH, False, "it is about the line"),
    Row("001", "b", "One tap is one read: told with light and sound, and a card left lying is not read again.", T),
    Row("001", "c", "The visit's own points are shown, and how much is missing to what comes next.", S, False, _BOOKS),
    Row("001", "d", "Clean data: a mobile number in any spelling is taken or refused at the key, consent is asked.", S, False, "a wrong number is refused at the key, the same way with and without a line"),
    Row("001", "e", "New, returning and reactivated customers are counted per shift, beside the switch's own count.", BOTH),
    Row("001", "f", "A loyal member who stayed away too long gets a welcome back and one offer; known here without a line too.", BOTH),
    Row("001", "g", "A member who had stayed away may tell why, with one key.", BOTH),
    Row("001", "h", "The best customers have a mark and a sound of their own.", S),
    Row("002", "b", "Segment and gift are shown, amounts are exact.", S, False, _BOOKS),
    Row("002", "c", "A line suggests what goes with it, for the cashier.", S, False, _BOOKS),
    Row("002", "d", "A new customer is enrolled in half a minute of a cashier's time.", BOTH),
    Row("002", "e", "Records are complete and timely: true local time on late ones, and the age of the queue is seen.", S),
    Row("002", "f", "A member away for six months is marked, and may be asked why.", S),
    Row("003", "a", "Membership: a card is bound to a mobile number with a welcome credit; a bound card is refused; offline it is provisional.", BOTH),
    Row("003", "b", "Points by amount, number of visits, tenure and special activities, with caps; estimated here, booked there.", BOTH),
    Row("003", "c", "Every number of the scheme is signed data with a version, none is in the program.", T, False, "rules come over the line; what is in force stays in force"),
    Row("003", "d", "Points are spent from the threshold on, in steps, as many as the customer chooses, for rewards by number.", BOTH),
    Row("003", "e", "Bronze, silver, gold: the tier and the way to the next are shown, a step up has a screen and a sound of its own.", S),
    Row("003", "f", "A text message is said to be sent when the switch said so, and only then.", S),
    Row("003", "g", "Benefits, priority in service among them, are shown to the cashier.", S, False, _BOOKS),
    Row("003", "h", "Answers reach the office and can be read there.", S),
    Row("004", "a", "Related sales and recommendations: a suggestion at the till, and the credit for who brought a customer.", S, False, _BOOKS),
    Row("004", "b", "A member gets a code to pass on; it counts once per new member.", BOTH, False, _BOOKS),
    Row("004", "c", "Clerks sign on with a PIN, are counted each for himself, and learn in a training mode that reaches no switch.", T),
    Row("004", "d", "Freedom within limits: beyond them a supervisor's PIN is wanted and goes with the record.", T),
    Row("004", "e", "The question turns to the customer, and can be answered without a name.", BOTH),
    Row("004", "f", "Price in points and in money is shown before the last key; what is waited for is said.", T),
    Row("004", "g", "A reference for every outcome; an error has a code and a next step; the customer chooses the amount and may cancel to the last key.", T),
    Row("004", "h", "Proof: the last receipt again, an entry by its reference, the last five entries, a dispute.", T),
)  # fmt: skip
