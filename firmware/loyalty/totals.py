"""What a batch adds up to, by verb and clerk: count, money, points, and which records it is about. Pure; integers only.

Knows no store, no message and no paper. Money in minor units, points signed; a clerk is a number, 0 nobody. A batch
over a redenomination has money of two currencies: it adds up in the old one, exactly.
"""

from firmware.core.types import (
    APPROVED,
    DEAD,
    ENROL,
    ISSUE,
    OFFLINE,
    OPEN,
    REDEMPTION,
    REFUND,
    REMARK,
    REVERSAL,
    SETTLED,
    USE,
    VOID,
    VOIDED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import JournalEntry

ACCRUALS = "AC"
REDEMPTIONS = "RE"
OFFLINE_ACCRUALS = "OA"
OFFLINE_REDEMPTIONS = "OR"
REVERSALS = "RV"
REFUNDS = "RF"
VOIDS_SENT = "VD"  # what they undid counts as it did, and they beside it
ENROLMENTS = "EN"
VOUCHERS_ISSUED = "VI"
VOUCHERS_USED = "VU"
VOIDS = "VO"  # taken back before it was sent: the switch never heard of it
DEAD_LETTERS = "DL"  # the switch refused it for good
# In the order of report and message. The switch has an account of its own of all but the last two.
KINDS = (
    ACCRUALS,
    REDEMPTIONS,
    OFFLINE_ACCRUALS,
    OFFLINE_REDEMPTIONS,
    REVERSALS,
    REFUNDS,
    VOIDS_SENT,
    ENROLMENTS,
    VOUCHERS_ISSUED,
    VOUCHERS_USED,
    VOIDS,
    DEAD_LETTERS,
)
COMPARED = KINDS[:10]
# Visits of the programme, counted beside: the first ever, one more, one of a member who had lapsed.
VISITS = ("NW", "RT", "RA")
# By verb, approved online or here.
_OTHERS = {REFUND: REFUNDS, VOID: VOIDS_SENT, ENROL: ENROLMENTS, ISSUE: VOUCHERS_ISSUED, USE: VOUCHERS_USED}


def kind_of(entry: "JournalEntry") -> str:
    """Where a transaction counts, "" nowhere: it was refused, undone, or has no outcome yet.

    What was reversed counts as its reversal alone: whether it had been booked the terminal never knew.
    """
    t, state = entry.transaction, entry.state
    if t.verb == REMARK:
        return ""  # it moves nothing
    if state == DEAD:
        return DEAD_LETTERS
    if state == VOIDED:
        return VOIDS
    if t.verb == REVERSAL:
        return REVERSALS
    if state not in (APPROVED, SETTLED):
        return ""
    if t.verb in _OTHERS:
        return _OTHERS[t.verb]
    if t.mode == OFFLINE:
        return OFFLINE_REDEMPTIONS if t.verb == REDEMPTION else OFFLINE_ACCRUALS
    return REDEMPTIONS if t.verb == REDEMPTION else ACCRUALS


def points_of(entry: "JournalEntry") -> int:
    """The switch's figure where it gave one, else what was approved here."""
    return entry.result.points if entry.result is not None else entry.transaction.points


class Totals:
    """`add` every transaction of a batch. `low` and `high` are the SEQs it is about, whether they count or not; the
    smallest unit of new money is `worth` of the old."""

    def __init__(self, worth: int = 1) -> None:
        self._worth = worth
        self._old_money = self._any_money = False
        self.low = 0
        self.high = 0
        self.waiting = 0  # the switch has still to hear of them, or to answer
        self._rows: "dict[tuple[str, int], tuple[int, int, int]]" = {}
        self._visits: "dict[tuple[int, int], int]" = {}

    def add(self, entry: "JournalEntry") -> None:
        """One transaction more."""
        t = entry.transaction
        self.low = min(self.low, t.seq) if self.high else t.seq
        self.high = max(self.high, t.seq)
        self.waiting += entry.state == OPEN or (entry.state == APPROVED and entry.result is None)
        kind = kind_of(entry)
        if kind:
            count, money, points = self._rows.get((kind, t.clerk), (0, 0, 0))
            amount = t.amount * self._worth if t.new_money else t.amount  # in old money till all is known
            self._rows[kind, t.clerk] = count + 1, money + amount, points + points_of(entry)
            self._any_money = self._any_money or t.amount > 0
            self._old_money = self._old_money or (t.amount > 0 and not t.new_money)
        if t.visit and kind in (ACCRUALS, OFFLINE_ACCRUALS, VOIDS_SENT):
            # A void carries the visit of what it undid, which came before it: that was none.
            visits = -1 if kind == VOIDS_SENT else 1
            self._visits[t.visit, t.clerk] = self._visits.get((t.visit, t.clerk), 0) + visits

    @property
    def new_money(self) -> bool:
        """Whether the sums are in the currency after a redenomination: all that was added up is."""
        return self._any_money and not self._old_money

    def _sum(self, money: int) -> int:
        return money // self._worth if self.new_money else money

    def visits(self, clerk: "int | None" = None) -> "list[int]":
        """How many of each of VISITS, of one clerk or of all."""
        found = [0] * len(VISITS)
        for kind, by in self._visits:
            if clerk in (None, by):
                found[kind - 1] += self._visits[kind, by]
        return [max(count, 0) for count in found]  # somebody may have voided another clerk's

    def of(self, kind: str, clerk: "int | None" = None) -> "tuple[int, int, int]":
        """(count, money, points) of a kind, of one clerk or of all."""
        count = money = points = 0
        for row_kind, row_clerk in self._rows:
            if row_kind == kind and clerk in (None, row_clerk):
                row = self._rows[row_kind, row_clerk]
                count, money, points = count + row[0], money + row[1], points + row[2]
        return count, self._sum(money), points

    def clerks(self) -> "list[int]":
        """Who stands behind any row."""
        return sorted({clerk for _, clerk in self._rows})

    def rows(self) -> "list[tuple[str, int, int, int, int]]":
        """(kind, clerk, count, money, points), by the order of KINDS, then by clerk."""
        found = []
        for kind in KINDS:
            for clerk in self.clerks():
                if (kind, clerk) in self._rows:
                    found.append((kind, clerk) + self.of(kind, clerk))
        return found

    def compared(self) -> int:
        """How many records the switch must have too."""
        return sum([self.of(kind)[0] for kind in COMPARED])
