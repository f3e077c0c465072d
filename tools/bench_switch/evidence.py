"""What the rows prove beyond sums: that what was decided fits what came, and that a member is who had the card.

The second half of `audit`, which asks these questions of all transactions at once. Points are signed whole points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import allowances
from tools.bench_switch.batch_tables import FactRow
from tools.bench_switch.booking import ONLINE_REQUESTS
from tools.bench_switch.keyed import hidden
from tools.bench_switch.programme import ALLOWANCE_PERCENT
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ENROL,
    ISSUE,
    MEMBER,
    MOVE,
    REDEMPTION,
    REFUND,
    REMARK,
    REVERSAL,
    USE,
    VOID,
    AllowanceRow,
    ClearRow,
    MarkRow,
    MemberRow,
    OwnerRow,
    TransactionRow,
)
from tools.bench_switch.taking_back_tables import TakenBackRow

Sides = list[tuple[str, int, int]]  # account, member or 0, points
Rows = dict[int, TransactionRow]

_REQUEST = "0200"
_WITH_APPROVAL = (ACCRUAL, REDEMPTION, REFUND, VOID, REMARK, ENROL, ISSUE, USE)


def contents(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """A row says what its message said, and has an approval code when it is approved.

    The points of a sale online and of an enrolment are the switch's own, of all else those that were promised.
    """
    problems = []
    named = {fact.transaction_id: fact.points for fact in session.scalars(select(FactRow))}
    for row in rows:
        if row.terminal_id is None:
            continue
        approved = row.rc == APPROVED and row.verb in _WITH_APPROVAL
        points = _promised(row)
        fits = points is not None and named.get(row.id, points) == points
        if approved and row.verb != ENROL and (row.verb, row.mti) != (ACCRUAL, _REQUEST):
            fits = fits and points == row.points
        if not fits:
            said = hidden(row.content.split(" @")[0])
            problems.append(f"transaction {row.id} is not what its message said: {said!r}")
        if row.approval != (f"{row.id % 1_000_000:06d}" if approved else ""):
            problems.append(f"transaction {row.id} answered {row.rc} with the approval code {row.approval!r}")
    return problems


def _promised(row: TransactionRow) -> int | None:
    """The points its message named, None when the message was another than the row says."""
    said = row.content.split(" ")  # of somebody who stays unknown the UID is empty
    if len(said) < 5 or said[:3] != [row.verb, row.uid, str(row.amount)]:
        return None
    try:
        return int(said[3])
    except ValueError:
        return None


def reversals(session: Session, rows: Rows) -> list[str]:
    """What a reversal was answered 00 for stands no more, and what was marked as reversed was never booked."""
    problems = []
    undone = {row.original_id for row in rows.values()}
    requests: dict[tuple[str | None, str, str], list[TransactionRow]] = defaultdict(list)
    for row in rows.values():
        if row.mti in ONLINE_REQUESTS:
            requests[row.terminal_id, str(row.stan), row.de7].append(row)
    for row in rows.values():
        if row.verb != REVERSAL or row.rc != APPROVED:
            continue
        came = [one for one in requests[row.terminal_id, *_original(row)] if one.id < row.id]
        if not came:
            problems.append(f"transaction {row.id} undid what never came")
        elif row.original_id not in (None, came[-1].id):
            problems.append(f"transaction {row.id} undid {row.original_id}, its message named {came[-1].id}")
        elif came[-1].rc == APPROVED and came[-1].id not in undone:
            problems.append(f"transaction {row.id} was to undo {came[-1].id}, which stands")
    for mark in session.scalars(select(MarkRow)):
        for row in requests[mark.terminal_id, str(mark.stan), mark.de7]:
            if row.rc == APPROVED:
                problems.append(f"transaction {row.id} is booked after its reversal")
    return problems


def _original(row: TransactionRow) -> tuple[str, str]:
    """STAN and DE 7 of what a reversal names."""
    said = [*row.content.split(" "), "", ""]
    return said[4], said[5]


def cleared(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """What the office gave up is booked nowhere."""
    given_up = {(row.terminal_id, row.seq) for row in session.scalars(select(ClearRow))}
    return [
        f"transaction {row.id} is booked, and SEQ {row.seq} of {row.terminal_id} is cleared"
        for row in rows
        if row.rc == APPROVED and (row.terminal_id, row.seq) in given_up
    ]


def moves(session: Session, rows: Rows, sides: dict[int, Sides]) -> list[str]:
    """With the only card of a nameless member came all points it had, and nothing else."""
    nameless = set(session.scalars(select(MemberRow.id).where(MemberRow.provisional)))
    balances: dict[int, int] = defaultdict(int)
    problems = []
    for row in rows.values():
        if row.verb == MOVE:
            former = next((member for _, member, _ in sides[row.id] if member != row.member_id), 0)
            points = balances[former]
            right = sorted([(MEMBER, former, -points), (MEMBER, row.member_id or 0, points)])
            if former not in nameless or not points or sorted(sides[row.id]) != right:
                problems.append(f"transaction {row.id} does not move what a nameless member had")
        for account, member, points in sides[row.id]:
            if account == MEMBER:
                balances[member] += points
    return problems


def owners(session: Session, rows: Rows) -> list[str]:
    """Each transaction is of the member who had the card then, as far as that is known.

    What was reserved is paid by the member it was reserved of, what is undone goes back to whom it was booked.
    """
    history: dict[str, list[OwnerRow]] = defaultdict(list)
    for owner in session.scalars(select(OwnerRow).order_by(OwnerRow.id)):
        history[owner.uid].append(owner)
    reserved = {(row.terminal_id, row.used_seq) for row in session.scalars(select(AllowanceRow)) if row.used_seq}
    voided = {link.transaction_id: link.original_id for link in session.scalars(select(TakenBackRow))}
    problems = []
    for row in rows.values():
        if row.member_id is None or not row.uid or (row.terminal_id, row.seq) in reserved:
            continue
        had = [owner.member_id for owner in history[row.uid] if owner.after_id < row.id]
        original = rows.get(row.original_id or (voided.get(row.id, 0) if row.verb == VOID else 0))
        expected = original.member_id if original is not None else had[-1] if had else row.member_id
        if row.member_id != expected:
            problems.append(f"transaction {row.id} is member {row.member_id}'s, the card was {expected}'s")
    return problems


def reserves(session: Session, rows: Rows, sides: dict[int, Sides]) -> list[str]:
    """Nothing was reserved that no owner of the card ever had, nor more than a programme may reserve of it."""
    balances: dict[int, int] = defaultdict(int)
    peaks: dict[int, int] = defaultdict(int)
    had: dict[str, set[int]] = defaultdict(set)
    for row in rows.values():
        for account, member, points in sides[row.id]:
            if account == MEMBER:
                balances[member] += points
                peaks[member] = max(peaks[member], balances[member])
        if row.member_id is not None:
            had[row.uid].add(row.member_id)
    problems = []
    together: dict[int, tuple[int, set[int]]] = {}
    for hold in session.scalars(select(AllowanceRow).where(AllowanceRow.state != allowances.RISK)):
        whose = had[hold.uid] | {hold.member_id}
        most = sum(peaks[member] for member in whose)
        if hold.covered > most or hold.points * 100 > most * ALLOWANCE_PERCENT:
            problems.append(f"allowance {hold.id} of {hold.terminal_id}: {hold.points} points of at most {most}")
        if hold.state == allowances.OPEN:
            points, members = together.get(hold.member_id, (0, set()))
            together[hold.member_id] = points + hold.points, members | whose
    for member_id, (points, members) in together.items():
        if points * 100 > sum(peaks[member] for member in members) * ALLOWANCE_PERCENT:
            problems.append(f"member {member_id}: {points} points are reserved, more than may be")
    return problems
