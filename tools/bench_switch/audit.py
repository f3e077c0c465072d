"""Is the ledger right? Questions asked of the stored rows alone, not of the code that wrote them."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import (
    allowances,
    audit_kept,
    claims,
    enrolment,
    evidence,
    outbox,
    referrals,
    remarks,
    taking_back,
)
from tools.bench_switch.booking import visits_of
from tools.bench_switch.evidence import Rows, Sides
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.referrals import REFERRAL
from tools.bench_switch.schema import (
    ACCRUAL,
    ADJUSTMENT,
    APPROVED,
    ENROL,
    ISSUED,
    MEMBER,
    OPENING,
    REDEEMED,
    REDEMPTION,
    REFUND,
    REVERSAL,
    VOID,
    GrantRow,
    MemberRow,
    PostingRow,
    ReasonRow,
    TerminalRow,
    TransactionRow,
)
from tools.bench_switch.taking_back_tables import TakenBackRow

# Where the points of a member come from and go to.
_OTHER_SIDE = {
    ACCRUAL: ISSUED,
    OPENING: ISSUED,
    ADJUSTMENT: ISSUED,
    ENROL: ISSUED,
    REFERRAL: ISSUED,
    REDEMPTION: REDEEMED,
}


def audit(session: Session) -> list[str]:
    """What is wrong, in words; empty when nothing is."""
    sides: dict[int, Sides] = defaultdict(list)
    for posting in session.scalars(select(PostingRow)):
        sides[posting.transaction_id].append((posting.account, posting.member_id or 0, posting.points))
    rows = {row.id: row for row in session.scalars(select(TransactionRow).order_by(TransactionRow.id))}
    return [
        *_postings(rows, sides),
        *_numbers(session, rows.values()),
        *_grants(session, rows.values()),
        *allowances.audit(session, rows.values()),
        *outbox.audit(session, rows),
        *enrolment.audit(session, rows),
        *referrals.audit(session, rows),
        *taking_back.audit(session, rows),
        *remarks.audit(session, rows.values()),
        *claims.audit(session, rows),
        *audit_kept.audit(session, rows),
        *_answers(rows, sides),
        *_reversals(rows, sides),
        *evidence.contents(session, rows.values()),
        *evidence.reversals(session, rows),
        *evidence.cleared(session, rows.values()),
        *evidence.moves(session, rows, sides),
        *evidence.owners(session, rows),
        *evidence.reserves(session, rows, sides),
        *_reasons(session, rows),
        *_standings(session, rows),
    ]


def _postings(rows: Rows, sides: dict[int, Sides]) -> list[str]:
    """Two sides or none, the right accounts, nothing without a transaction."""
    problems = []
    for number, postings in sides.items():
        total = sum(points for _, _, points in postings)
        if total:
            problems.append(f"transaction {number}: its postings sum to {total}")
        row = rows.get(number)
        if row is None:
            problems.append(f"transaction {number} has postings but is not there")
        elif row.verb in _OTHER_SIDE:
            right = sorted([(MEMBER, row.member_id or 0, row.points), (_OTHER_SIDE[row.verb], 0, -row.points)])
            # Other points on the right accounts are told of by the sum and by the answer.
            if [one[:2] for one in sorted(postings)] != [one[:2] for one in right]:
                problems.append(f"transaction {number} is booked on accounts that are not its own")
    return problems


def _numbers(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """Each SEQ once, and none above what its terminal is said to have used."""
    used = Counter((row.terminal_id, row.seq) for row in rows if row.terminal_id is not None and row.seq is not None)
    problems = [f"{terminal_id}: SEQ {seq} is booked twice" for (terminal_id, seq), times in used.items() if times > 1]
    highest: dict[str, int] = defaultdict(int)
    for terminal_id, seq in used:
        highest[terminal_id or ""] = max(highest[terminal_id or ""], seq or 0)
    for terminal in session.scalars(select(TerminalRow).order_by(TerminalRow.terminal_id)):
        came = highest[terminal.terminal_id]
        if terminal.high_seq < came:
            problems.append(f"{terminal.terminal_id}: its highest SEQ is {terminal.high_seq}, and {came} came")
    return problems


def _grants(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """A redemption behind every used grant."""
    spent = {(row.terminal_id, row.seq, row.uid) for row in rows if row.verb == REDEMPTION and row.rc == APPROVED}
    return [
        f"{grant.terminal_id}: SEQ {grant.used_seq} used a grant and is no redemption of its card"
        for grant in session.scalars(select(GrantRow).where(GrantRow.used_seq.is_not(None)))
        if (grant.terminal_id, grant.used_seq, grant.uid) not in spent
    ]


def _answers(rows: Rows, sides: dict[int, Sides]) -> list[str]:
    """What was answered is what was booked, and a refusal booked nothing."""
    problems = []
    for row in rows.values():
        booked = sum(points for account, _, points in sides[row.id] if account == MEMBER)
        if row.rc != APPROVED and sides[row.id]:
            problems.append(f"transaction {row.id} was refused with {row.rc} and has postings")
        elif booked != row.points:
            problems.append(f"transaction {row.id} answered {row.points} points and booked {booked}")
    return problems


def _reversals(rows: Rows, sides: dict[int, Sides]) -> list[str]:
    """Each undid its original, exactly and alone."""
    problems = []
    undone: dict[int, int] = {}
    for row in rows.values():
        if row.original_id is None:
            continue
        if row.original_id in undone:
            problems.append(f"transaction {row.original_id} is reversed by {undone[row.original_id]} and {row.id}")
        undone[row.original_id] = row.id
        opposite = sorted((account, member, -points) for account, member, points in sides[row.original_id])
        if row.verb not in (REVERSAL, VOID) or sorted(sides[row.id]) != opposite:
            problems.append(f"transaction {row.id} does not exactly undo {row.original_id}")
    return problems


def _reasons(session: Session, rows: Rows) -> list[str]:
    """The office said why it gave or took points."""
    given = set(session.scalars(select(ReasonRow.transaction_id)))
    adjusted = {row.id for row in rows.values() if row.verb == ADJUSTMENT}
    problems = [f"transaction {number} of the office has no reason" for number in sorted(adjusted - given)]
    return problems + [f"transaction {number} has a reason and needs none" for number in sorted(given - adjusted)]


def _standings(session: Session, rows: Rows) -> list[str]:
    """Tier, visits and purchases can be derived, and what members are told of them is what the rows say."""
    problems = []
    undone = {row.original_id for row in rows.values()}
    refunded: dict[int, int] = defaultdict(int)
    for link in session.scalars(select(TakenBackRow)):
        row = rows.get(link.transaction_id)
        if row is not None and row.verb == REFUND and row.id not in undone:
            refunded[link.original_id] += row.amount
    days: dict[int, set[tuple[str, str]]] = defaultdict(set)
    money: dict[int, int] = defaultdict(int)
    for row in rows.values():
        if row.verb != ACCRUAL or row.rc != APPROVED or row.id in undone or row.member_id is None:
            continue
        if row.amount and row.amount <= refunded[row.id]:
            continue
        try:
            datetime.date.fromisoformat(row.business_day)
        except ValueError:
            problems.append(f"transaction {row.id} is a visit without a day")
        days[row.member_id].add((row.merchant_id, row.business_day))
        money[row.member_id] += row.amount - refunded[row.id]
    for member_id, visits in days.items():
        counted = (len(visits), max(day for _, day in visits), money[member_id])
        if visits_of(session, member_id) != counted:
            problems.append(f"member {member_id}: visits and purchases are told wrongly")
    for member in session.scalars(select(MemberRow).order_by(MemberRow.id)):
        if member.tier_floor not in range(len(TIER_NAMES)) or member.visits_before < 0:
            problems.append(f"member {member.id}: brought a tier or visits that cannot be")
    return problems
