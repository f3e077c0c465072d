"""What the rules must know of a purchase, out of the books, and what the answer says of the points. See `earning`.

Works inside the caller's database transaction, before the purchase itself is recorded. Points whole, money in rial.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import Value, standing_of, visits_of
from tools.bench_switch.codec import tlv
from tools.bench_switch.earning import Occasion
from tools.bench_switch.facts import facts_of
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, APPROVED, MemberRow, TransactionRow


def occasion_of(session: Session, value: Value, member: MemberRow, programme: Programme, bonus: int = 0) -> Occasion:
    """The occasion of a purchase of this member; only what the programme asks for is looked up.

    `bonus` is percent of an applied offer.
    """
    visit, years = None, 0
    if (programme.visit_every or programme.tenure_points) and not _found(session, value, member, func.count()):
        visit = member.visits_before + visits_of(session, member.id)[0] + 1
        years = facts_of(session, member.id).full_years(value.business_day)
    category = value.tags.get(tlv.BASKET, b"\0")
    return Occasion(
        tier=standing_of(session, member, programme).tier if programme.tiers_differ else 0,
        day=value.business_day,
        visit=visit,
        full_years=years,
        earned_that_day=_earned(session, value, member) if programme.cap_day else 0,
        category=category[0],
        bonus=bonus,
        currency=value.currency if value.unit == 1 else 0,  # else the amount is what it counts for already
    )


def earned_tags(parts: dict[int, int]) -> dict[int, bytes | list[bytes]]:
    """Tag 17 of an answer, once for each part."""
    return {tlv.EARNED: [tlv.u(reason, 1) + tlv.i32(points) for reason, points in parts.items()]} if parts else {}


def _earned(session: Session, value: Value, member: MemberRow) -> int:
    """Points of the member on the purchase's day, at every merchant."""
    return _found(session, value, member, func.coalesce(func.sum(TransactionRow.points), 0), every_merchant=True)


def _found(
    session: Session, value: Value, member: MemberRow, what: ColumnElement[int], every_merchant: bool = False
) -> int:
    """Of the member's purchases of the day that were not undone, with whatever card or number."""
    row = TransactionRow.__table__
    undoing = row.alias()
    query = select(what).where(
        row.c.member_id == member.id,
        row.c.business_day == value.business_day.isoformat(),
        row.c.verb == ACCRUAL,
        row.c.rc == APPROVED,
        ~select(undoing.c.id).where(undoing.c.original_id == row.c.id).exists(),
    )
    if not every_merchant:
        query = query.where(row.c.merchant_id == value.merchant_id)
    return int(session.scalar(query) or 0)
