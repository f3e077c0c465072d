"""Is the ledger right? Questions asked of the stored rows alone, not of the code that wrote them."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tools.bench_switch import allowances
from tools.bench_switch.schema import APPROVED, MEMBER, REDEMPTION, REVERSAL, GrantRow, PostingRow, TransactionRow

Sides = list[tuple[str, int, int]]


def audit(session: Session) -> list[str]:
    """What is wrong, in words; empty when nothing is."""
    problems: list[str] = []
    sides: dict[int, Sides] = defaultdict(list)
    for posting in session.scalars(select(PostingRow)):
        sides[posting.transaction_id].append((posting.account, posting.member_id or 0, posting.points))
    rows = {row.id: row for row in session.scalars(select(TransactionRow))}

    for transaction_id, postings in sides.items():
        total = sum(points for _, _, points in postings)
        if total:
            problems.append(f"transaction {transaction_id}: its postings sum to {total}")
        if transaction_id not in rows:
            problems.append(f"transaction {transaction_id} has postings but is not there")

    twice = (
        select(TransactionRow.terminal_id, TransactionRow.seq)
        .where(TransactionRow.terminal_id.is_not(None), TransactionRow.seq.is_not(None))
        .group_by(TransactionRow.terminal_id, TransactionRow.seq)
        .having(func.count() > 1)
    )
    problems += [f"{terminal_id}: SEQ {seq} is booked twice" for terminal_id, seq in session.execute(twice)]

    spent = {
        (row.terminal_id, row.seq, row.uid) for row in rows.values() if row.verb == REDEMPTION and row.rc == APPROVED
    }
    problems += [
        f"{grant.terminal_id}: SEQ {grant.used_seq} used a grant and is no redemption of its card"
        for grant in session.scalars(select(GrantRow).where(GrantRow.used_seq.is_not(None)))
        if (grant.terminal_id, grant.used_seq, grant.uid) not in spent
    ]

    problems += allowances.audit(session, rows.values())

    undone: dict[int, int] = {}
    for row in rows.values():
        booked = sum(points for account, _, points in sides[row.id] if account == MEMBER)
        if row.rc != APPROVED and sides[row.id]:
            problems.append(f"transaction {row.id} was refused with {row.rc} and has postings")
        elif booked != row.points:
            problems.append(f"transaction {row.id} answered {row.points} points and booked {booked}")
        if row.original_id is None:
            continue
        if row.original_id in undone:
            problems.append(f"transaction {row.original_id} is reversed by {undone[row.original_id]} and {row.id}")
        undone[row.original_id] = row.id
        opposite = sorted((account, member, -points) for account, member, points in sides[row.original_id])
        if row.verb != REVERSAL or sorted(sides[row.id]) != opposite:
            problems.append(f"transaction {row.id} does not exactly undo {row.original_id}")
    return problems
