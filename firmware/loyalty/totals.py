"""What a batch adds up to, by verb and clerk: count, money, points, and which records it is about. Pure; integers only.

Knows no store, no message and no paper. Money in minor units, points signed; a clerk is a number, 0 nobody.
"""

from firmware.core.types import APPROVED, DEAD, OFFLINE, OPEN, REDEMPTION, REVERSAL, SETTLED, VOIDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import JournalEntry

ACCRUALS = "AC"
REDEMPTIONS = "RE"
OFFLINE_ACCRUALS = "OA"
OFFLINE_REDEMPTIONS = "OR"
REVERSALS = "RV"
VOIDS = "VO"  # taken back before it was sent: the switch never heard of it
DEAD_LETTERS = "DL"  # the switch refused it for good
# In the order of report and message. The switch has an account of its own of the first five.
KINDS = (ACCRUALS, REDEMPTIONS, OFFLINE_ACCRUALS, OFFLINE_REDEMPTIONS, REVERSALS, VOIDS, DEAD_LETTERS)
COMPARED = KINDS[:5]


def kind_of(entry: "JournalEntry") -> str:
    """Where a transaction counts, "" nowhere: it was refused, undone, or has no outcome yet.

    What was reversed counts as its reversal alone: whether it had been booked the terminal never knew.
    """
    t, state = entry.transaction, entry.state
    if state == DEAD:
        return DEAD_LETTERS
    if state == VOIDED:
        return VOIDS
    if t.verb == REVERSAL:
        return REVERSALS
    if state not in (APPROVED, SETTLED):
        return ""
    if t.mode == OFFLINE:
        return OFFLINE_REDEMPTIONS if t.verb == REDEMPTION else OFFLINE_ACCRUALS
    return REDEMPTIONS if t.verb == REDEMPTION else ACCRUALS


def points_of(entry: "JournalEntry") -> int:
    """The switch's figure where it gave one, else what was approved here."""
    return entry.result.points if entry.result is not None else entry.transaction.points


class Totals:
    """`add` every transaction of a batch. `low` and `high` are the SEQs it is about, whether they count or not."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0
        self.waiting = 0  # the switch has still to hear of them, or to answer
        self._rows: "dict[tuple[str, int], tuple[int, int, int]]" = {}

    def add(self, entry: "JournalEntry") -> None:
        """One transaction more."""
        t = entry.transaction
        self.low = min(self.low, t.seq) if self.high else t.seq
        self.high = max(self.high, t.seq)
        self.waiting += entry.state == OPEN or (entry.state == APPROVED and entry.result is None)
        kind = kind_of(entry)
        if kind:
            count, money, points = self._rows.get((kind, t.clerk), (0, 0, 0))
            self._rows[kind, t.clerk] = count + 1, money + t.amount, points + points_of(entry)

    def of(self, kind: str, clerk: "int | None" = None) -> "tuple[int, int, int]":
        """(count, money, points) of a kind, of one clerk or of all."""
        count = money = points = 0
        for row_kind, row_clerk in self._rows:
            if row_kind == kind and clerk in (None, row_clerk):
                row = self._rows[row_kind, row_clerk]
                count, money, points = count + row[0], money + row[1], points + row[2]
        return count, money, points

    def clerks(self) -> "list[int]":
        """Who stands behind any row."""
        return sorted({clerk for _, clerk in self._rows})

    def rows(self) -> "list[tuple[str, int, int, int, int]]":
        """(kind, clerk, count, money, points), by the order of KINDS, then by clerk."""
        found = []
        for kind in KINDS:
            for clerk in self.clerks():
                if (kind, clerk) in self._rows:
                    found.append((kind, clerk) + self._rows[kind, clerk])
        return found

    def compared(self) -> int:
        """How many records the switch must have too."""
        return sum([self.of(kind)[0] for kind in COMPARED])
