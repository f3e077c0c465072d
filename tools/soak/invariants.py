"""What must hold after a run, each promise a function that yields a sentence for every breach.

Compares what people saw (`Evidence`) with the ledger's rows. `INVARIANTS` are all of them; `counted` adds to the
summary what is allowed and worth knowing. Points are signed whole points.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from tools.bench_switch.ledger import Ledger
from tools.bench_switch.schema import ACCRUAL, APPROVED, REDEMPTION, REVERSAL, TransactionRow
from tools.soak.evidence import Evidence, Shown
from tools.soak.terminal import VITAL
from tools.soak.weather import UNDECIDED

LONGEST_WAIT_US = 6_700_000  # the time-out of an answer, and what flash and screen may take beside it
REDEEM_WAIT_US = 24_000_000  # asked twice, the line made anew before each: only where offline is worth a try
SETTLING_US = 5_200_000  # before a void: what is on its way to the switch may get there
CARD_BLOCKED = ("41", "43")
_SHIFT = "END OF SHIFT"
_FRESH_US = 65_000_000  # "confirmed" is said of a figure less than a minute old


class End:
    """A run that has ended: the ledger's rows, read once."""

    def __init__(self, evidence: Evidence, ledger: Ledger, opening: dict[str, int], drained: bool) -> None:
        self.evidence = evidence
        self.drained = drained
        self.opening = opening
        self.audit = ledger.check()
        self.balances = ledger.balances()
        self.accounts = ledger.accounts()
        self.rows = ledger.transactions()
        self.members = {row.id: row.name for row in ledger.members()}
        taken_back = [row for row in self.rows if row.original_id is not None and row.rc == APPROVED]
        self.undone = {row.original_id for row in taken_back if row.verb == REVERSAL}  # a void counts beside its sale
        self.taken_back = {row.original_id for row in taken_back}
        self.value: dict[tuple[str, str], list[TransactionRow]] = defaultdict(list)
        for row in self.rows:
            if row.terminal_id is not None and row.verb in (ACCRUAL, REDEMPTION):
                self.value[row.terminal_id, row.rrn].append(row)
        self.promised: dict[tuple[str, str], Shown] = {}
        for shown in evidence.shown:
            self.promised[shown.terminal, shown.rrn] = shown

    def stands(self, row: TransactionRow) -> bool:
        """Whether it is booked and not undone."""
        return row.rc == APPROVED and row.id not in self.undone


def points_are_conserved(end: End) -> Iterator[str]:
    """The ledger is right by itself, and a member has what was there at first plus what stands."""
    yield from end.audit
    if sum(end.accounts.values()):
        yield f"the accounts sum to {sum(end.accounts.values())}"
    sums: Counter[str] = Counter(end.opening)
    for row in end.rows:
        if row.terminal_id is not None and end.stands(row) and row.verb != REVERSAL and row.member_id is not None:
            sums[end.members[row.member_id]] += row.points
    for name, points in end.opening.items():
        if end.balances[name] != sums[name]:
            yield f"{name} has {end.balances[name]} points, {points} at first and what stands make {sums[name]}"


def approved_is_posted_once(end: End) -> Iterator[str]:
    """What a person saw approved stands in the ledger once, with the points shown, or is a dead letter."""
    for (terminal, rrn), shown in end.promised.items():
        rows = [row for row in end.value[terminal, rrn] if end.stands(row)]
        letter = end.evidence.dead.get((terminal, rrn))
        what = f"{terminal} ref {rrn}, shown {shown.word} {shown.points:+}"
        if len(rows) > 1:
            yield f"{what}: posted {len(rows)} times"
        elif rows and rows[0].points != shown.points:
            yield f"{what}: booked {rows[0].points:+}"
        elif rows and (terminal, rrn) in end.evidence.voided:
            yield f"{what}: posted, and voided before it was sent"
        elif rows and letter is not None:
            yield f"{what}: posted, and a dead letter ({letter[1]})"
        elif not rows and letter is None and (terminal, rrn) not in {*end.evidence.excused, *end.evidence.voided}:
            yield f"{what}: not posted and no dead letter"
        elif letter is not None and shown.word == "EARNED":
            yield f"{what}: the switch had approved it, and it is a dead letter"


def posted_was_shown(end: End) -> Iterator[str]:
    """What stands was shown to a person, unless the power failed in that very story (each cut excuses one)."""
    cuts = Counter((lost.terminal, lost.uid) for lost in end.evidence.lost)
    for (terminal, rrn), rows in end.value.items():
        for row in rows:
            if not end.stands(row) or (terminal, rrn) in end.promised or (terminal, rrn) in end.evidence.excused:
                continue
            if cuts[terminal, row.uid]:
                cuts[terminal, row.uid] -= 1
                end.evidence.counts["posted, power failed before it was shown"] += 1
                continue
            yield f"{terminal} SEQ {row.seq} ref {rrn} {row.verb} {row.points:+}: posted, and nobody was shown it"


def no_number_twice(end: End) -> Iterator[str]:
    """A SEQ names one transaction, over cuts, restarts and new boards."""
    first: dict[tuple[str, int], str] = {}
    for sent in end.evidence.sent:
        known = first.setdefault((sent.terminal, sent.seq), sent.content)
        if known != sent.content:
            yield f"{sent.terminal} SEQ {sent.seq} was {known!r} and then {sent.content!r}"
    requests = Counter((sent.terminal, sent.seq) for sent in end.evidence.sent if sent.mti == "0200")
    doubled = end.evidence.counts["fault: twice"]
    again = sum(count - 1 for count in requests.values())
    if again > doubled:
        yield f"0200 came {again} times more than once, the line doubled only {doubled} messages"


def queues_are_empty(end: End) -> Iterator[str]:
    """Nothing waits, no intent is without an answer, and a dead letter has the reason the switch gave."""
    for terminal, waiting in end.evidence.pending.items():
        if waiting:
            yield f"{terminal}: SEQ {[seq for seq, _ in waiting]} still wait"
    for terminal, unanswered in end.evidence.open.items():
        if unanswered:
            yield f"{terminal}: SEQ {unanswered} have neither answer nor reversal"
    for (terminal, rrn), (seq, code) in end.evidence.dead.items():
        said = end.evidence.codes.get((terminal, seq), [])
        if code in UNDECIDED or code == APPROVED or code not in said:
            yield f"{terminal} ref {rrn} SEQ {seq}: a dead letter with {code!r}, the switch had said {said}"
        elif (terminal, seq, code) in end.evidence.scripted:
            continue
        elif code not in CARD_BLOCKED or any(row.verb == REDEMPTION for row in end.value[terminal, rrn]):
            # Nothing is redeemed offline here but by an allowance, which pays whatever becomes of the card.
            yield f"{terminal} ref {rrn} SEQ {seq}: the books refuse with {code!r} what was approved by their rules"
    if not end.drained:
        yield "not drained in time"


def figures_are_true(end: End) -> Iterator[str]:
    """A balance on a screen is the switch's, told a moment ago, or marked as an estimate."""
    told: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    reserved = end.evidence.counts["allowances told"] > 0
    for answer in end.evidence.told:
        told[answer.terminal, answer.uid].append((answer.at_us, answer.balance))
    for figure in end.evidence.figures:
        what = f"{figure.terminal} at {figure.at_us / 1e6:.1f}: {figure.points} points of {figure.uid}, {figure.mark!r}"
        known = told[figure.terminal, figure.uid]
        before = [(at, points) for at, points in known if at <= figure.at_us]
        if figure.mark.startswith("estimated"):
            if not before:
                yield f"{what}: an estimate on nothing"
            continue
        if figure.about or not figure.mark.startswith(("confirmed", "as of")):
            yield f"{what}: neither confirmed nor marked as an estimate"
            continue
        if figure.chosen_from:  # at most what is there: less of it where something was spent offline, or is reserved
            if figure.points > max((points for _, points in before), default=-1) and not reserved:
                yield f"{what} to choose from: the switch had told {before[-3:]}"
            continue
        since_us = figure.at_us - _FRESH_US if figure.mark == "confirmed" else 0
        if not any(at >= since_us and points == figure.points for at, points in before):
            yield f"{what}: the switch had told {before[-3:]}"


def nobody_is_overdrawn(end: End) -> Iterator[str]:
    """Points below zero only where points that were spent meanwhile had to be undone."""
    for name, points in end.balances.items():
        if points >= 0:
            continue
        sales = [row for row in end.rows if row.verb == ACCRUAL and row.member_id is not None]
        undone = [row for row in sales if row.id in end.taken_back]
        if any(end.members[row.member_id or 0] == name for row in undone):
            end.evidence.counts["member below zero after an undone sale"] += 1
        else:
            yield f"{name} has {points} points and no accrual was undone"


def waits_are_bounded(end: End) -> Iterator[str]:
    """No person waits longer than the time-out, and no task is silent for as long as the supervisor allows."""
    for story, waited_us in end.evidence.longest_wait_us.items():
        if story.startswith(_SHIFT):  # CANCEL ends it at any time
            continue
        longest_us = REDEEM_WAIT_US if story.startswith("REDEEM") else LONGEST_WAIT_US
        if waited_us > longest_us + (SETTLING_US if story.startswith("VOID") else 0):
            yield f"{story}: a person waited {waited_us / 1e6:.1f} s for the switch"
    for (terminal, task), gap_us in end.evidence.beats.items():
        if task in VITAL and gap_us > VITAL[task] * 1000:
            yield f"{terminal}: task {task} was silent for {gap_us / 1e6:.1f} s"


INVARIANTS: tuple[Callable[[End], Iterator[str]], ...] = (
    points_are_conserved,
    approved_is_posted_once,
    posted_was_shown,
    no_number_twice,
    queues_are_empty,
    figures_are_true,
    nobody_is_overdrawn,
    waits_are_bounded,
)
