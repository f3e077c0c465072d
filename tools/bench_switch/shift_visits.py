"""The switch's own count of a shift's customers: new, returning, won back (LT-87 section 15).

Counted anew from the books, beside what the terminal counted: it is for comparison, and disputes nothing. A visit is a
member's first purchase on a business day of Tehran that stands, wherever it was made.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import undone_by
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, APPROVED, MemberRow, TransactionRow

KINDS = ("NW", "RT", "RA")
Visits = tuple[int, int, int]


def visits_of(session: Session, seqs: Iterable[TransactionRow], programme: Programme) -> Visits:
    """Of these transactions, how many were the first ever of a member, one more, one of a member who had lapsed."""
    counts = [0, 0, 0]
    seen: set[tuple[int, str]] = set()
    for row in seqs:
        if row.verb != ACCRUAL or row.member_id is None or (row.member_id, row.business_day) in seen:
            continue
        if undone_by(session, row.id) is not None:
            continue
        seen.add((row.member_id, row.business_day))
        days, first = _days_before(session, row)
        if not first:
            continue
        member = session.get_one(MemberRow, row.member_id)
        visits = member.visits_before + len(days)
        away = (_day(row.business_day) - _day(max(days))).days if days else 0
        lapsed = 0 < programme.lapse_visits <= visits and away > programme.lapse_days
        counts[2 if lapsed else 1 if visits else 0] += 1
    return counts[0], counts[1], counts[2]


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _days_before(session: Session, row: TransactionRow) -> tuple[list[str], bool]:
    """Days before with a purchase of this member that stands, and whether it is the first of its own day."""
    bought = TransactionRow.__table__
    undone = select(bought.c.original_id).where(bought.c.original_id.is_not(None))  # by a reversal or a void
    stands = (
        bought.c.member_id == row.member_id,
        bought.c.verb == ACCRUAL,
        bought.c.rc == APPROVED,
        bought.c.id.not_in(undone),
    )
    days = select(bought.c.business_day).where(*stands, bought.c.business_day < row.business_day).distinct()
    same = select(func.min(bought.c.id)).where(*stands, bought.c.business_day == row.business_day)
    return list(session.scalars(days)), session.scalar(same) == row.id


def spelt(visits: Visits) -> str:
    """As DE 60 of an 0510 ends: six digits each."""
    return "".join(f"{min(count, 999_999):06d}" for count in visits)
