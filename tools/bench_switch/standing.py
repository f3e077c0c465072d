"""What the switch tells of a member's standing: tier and its end, rung of the ladder, segments, and lines for a tap.

Asked with every message about a member, so all of it is a few rows by primary key; who is a best customer is counted
once in a while for all (`best_from`). Inside one database transaction that the caller opens. Money in rial, points
whole, days Tehran's.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from tools.bench_switch import booking, facts, kept, remarks
from tools.bench_switch.booking import RC_APPROVED, Booked, Standing, Value
from tools.bench_switch.codec import tlv
from tools.bench_switch.member_tables import FactsRow, ReferralRow
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, APPROVED, REFUND, REVERSAL, VOID, MemberRow, TransactionRow
from tools.bench_switch.standing_tables import BenefitRow, LineRow, TierRow, WinbackRow

# Rungs of the ladder (tag 13).
NO_CARD, ENROLLED, FIRST, REPEAT, LOYAL, ADVOCATE = range(6)
# Segments (tag 14).
BEST, LAPSED, SIX_MONTHS = 1, 2, 4
NOTE, SUGGEST, SAY, EXPIRING = "note", "suggest", "say", "expiring"

TAKING_BACK = (REFUND, REVERSAL, VOID)
TIER_DAYS = 365  # a tier is held so long, then decided anew by the purchases of as many days
BEST_PART = 5  # a best customer is among the fifth that bought most
_COUNTED_S = 600  # so old the count of best customers may be
_best: WeakKeyDictionary[Engine, tuple[int, int]] = WeakKeyDictionary()

_TEHRAN = datetime.timezone(datetime.timedelta(hours=3, minutes=30))


def day_of(now_utc: int) -> datetime.date:
    """The day in Tehran."""
    return datetime.datetime.fromtimestamp(now_utc, _TEHRAN).date()


# --- who it is --------------------------------------------------------------------------------------------------------


def rung(session: Session, standing: Standing, programme: Programme, *, lapsed: bool) -> int:
    """The rung, by what happened: a referral that was credited, purchases on several days, one, or none yet."""
    query = select(ReferralRow.member_id).where(
        ReferralRow.referrer_id == standing.member_id, ReferralRow.credit_id.is_not(None)
    )
    if standing.visits and session.scalar(query.limit(1)) is not None:
        return ADVOCATE
    if standing.visits >= programme.loyal_visits and not lapsed:
        return LOYAL
    return min(ENROLLED + standing.visits, REPEAT)


def best_from(session: Session, now_utc: int) -> int | None:
    """Purchases from which on a member is among the fifth that bought most, None while there are too few buyers.

    Counted anew every ten minutes at most; what was refunded counts as bought here.
    """
    bind = session.get_bind()
    engine = bind.engine if isinstance(bind, Connection) else bind
    counted = _best.get(engine)
    if counted is None or not 0 <= now_utc - counted[0] < _COUNTED_S:
        counted = _best[engine] = (now_utc, _limit(session))
    return counted[1] or None


def _limit(session: Session) -> int:
    bought = TransactionRow.__table__
    undoing = bought.alias()
    sums = (
        select(func.sum(bought.c.amount).label("amount"))
        .where(
            bought.c.member_id.is_not(None),
            bought.c.verb == ACCRUAL,
            bought.c.rc == APPROVED,
            ~select(undoing.c.id).where(undoing.c.original_id == bought.c.id).exists(),
        )
        .group_by(bought.c.member_id)
        .subquery()
    )
    buyers = int(session.scalar(select(func.count()).select_from(sums)) or 0)
    if buyers < BEST_PART:
        return 0
    query = select(sums.c.amount).order_by(sums.c.amount.desc()).offset(buyers // BEST_PART - 1).limit(1)
    return int(session.scalar(query) or 0)


def segment(session: Session, standing: Standing, programme: Programme, now_utc: int) -> int:
    """Bits of tag 14."""
    limit = best_from(session, now_utc)
    bits = BEST if limit is not None and standing.purchases >= limit else 0
    if standing.last_visit is None:
        return bits
    away_days = (day_of(now_utc) - standing.last_visit).days
    if 0 < programme.lapse_visits <= standing.visits and away_days > programme.lapse_days:
        bits |= LAPSED
    return bits | (SIX_MONTHS if away_days > programme.six_months_days else 0)


# --- the tier ---------------------------------------------------------------------------------------------------------


def by_tenure(years: int, programme: Programme) -> int:
    """The tier for full years of membership."""
    return sum(1 for limit in programme.tier_from_years if 0 < limit <= years)


def settle(
    session: Session,
    standing: Standing,
    row: TierRow | None,
    years: int,
    programme: Programme,
    today: datetime.date,
    cause: Callable[[], int | None],
) -> TierRow | None:
    """Write down a tier that was reached (with the purchase `cause` names) or that has ended; what is held then, None
    when nothing changed. `row` is what is held, `years` of membership are full. The member is locked.

    A tier ends a year after it was reached; then the purchases of the last year and the tenure decide.
    """
    member = session.get_one(MemberRow, standing.member_id)
    floor = max(member.tier_floor, by_tenure(years, programme))
    held = row.tier if row is not None else 0
    until = (today + datetime.timedelta(days=TIER_DAYS)).isoformat()
    if row is not None and today.isoformat() > row.until:
        since = (today - datetime.timedelta(days=TIER_DAYS)).isoformat()
        counted = booking.visits_of(session, member.id, since)[2]
        row.tier, row.until, row.since, row.cause_id = programme.tier(counted, floor), until, since, None
        row.before = row.tier
        session.flush()
        kept.keep(session, row)
        return row
    reached = max(standing.tier, floor)
    if reached <= held:
        return None
    if row is None:
        row = TierRow(member_id=member.id, tier=reached, until=until, since="", cause_id=cause(), before=0)
        session.add(row)
    else:
        row.before, row.tier, row.until, row.cause_id = row.tier, reached, until, cause()
    session.flush()
    kept.keep(session, row)
    return row


def recount(
    session: Session, standing: Standing, row: TierRow, years: int, programme: Programme, today: datetime.date
) -> bool:
    """Something was taken back, or what was stands again: the tier held is what the purchases that stand now reach,
    until the same day. Whether it is another. The member is locked."""
    member = session.get_one(MemberRow, standing.member_id)
    reached = programme.tier(standing.toward_tier, max(member.tier_floor, by_tenure(years, programme)))
    if today.isoformat() > row.until or reached == row.tier:
        return False
    row.before, row.tier, row.cause_id = reached, reached, None
    session.flush()
    kept.keep(session, row)
    return True


# --- what an answer says ----------------------------------------------------------------------------------------------


def of_value(session: Session, value: Value, booked: Booked, programme: Programme, now_utc: int) -> Booked:
    """A booked value message with what its answer tells of the member's standing."""
    if booked.standing is None:
        return booked
    member_id, today = booked.standing.member_id, day_of(now_utc)
    held, years = session.get(TierRow, member_id), _years(session, member_id, today)
    if value.verb == ACCRUAL and booked.rc == RC_APPROVED:
        if tlv.WINBACK in value.tags:
            row = _row_of(session, value)
            answered = WinbackRow(transaction_id=row.id, away_days=_away_days(session, row))
            session.add(answered)
            kept.keep(session, answered)
        full = years or 0
        changed = settle(session, booked.standing, held, full, programme, today, lambda: _row_of(session, value).id)
        if changed is not None:
            held, booked.standing = changed, _anew(session, booked.standing, programme, value.at)
    back = value.verb in TAKING_BACK and booked.rc == RC_APPROVED
    if back and held is not None and recount(session, booked.standing, held, years or 0, programme, today):
        booked.standing = _anew(session, booked.standing, programme, value.at)
    booked.tags = {**_standing(session, booked.standing, held, years, programme, now_utc), **booked.tags}
    if booked.standing.tier:
        booked.tags |= _benefits(session, booked.standing.tier)
    return booked


def at_tap(
    session: Session, standing: Standing, programme: Programme, at: tuple[str, str], now_utc: int
) -> tuple[Standing, dict[int, bytes | list[bytes]]]:
    """What the answer to an inquiry tells besides: standing, benefits, and the lines for this tap."""
    today = day_of(now_utc)
    held, years = session.get(TierRow, standing.member_id), _years(session, standing.member_id, today)
    if held is not None and today.isoformat() > held.until:
        booking.lock_member(session, standing.member_id)
        session.refresh(held)
        if settle(session, standing, held, years or 0, programme, today, lambda: None) is not None:
            standing = _anew(session, standing, programme, at)
    tags = _standing(session, standing, held, years, programme, now_utc)
    if standing.tier:
        tags |= _benefits(session, standing.tier)
    lines = {row.kind: row for row in session.scalars(select(LineRow).where(LineRow.member_id == standing.member_id))}
    if NOTE in lines:
        tags[tlv.NOTE] = tlv.text(lines[NOTE].text, 60)
    if SAY in lines:
        tags[tlv.TEXT] = tlv.text(lines[SAY].text, 60)
    if SUGGEST in lines:
        tags[tlv.SUGGEST] = tlv.text(lines[SUGGEST].text, 60)
    ending = lines.get(EXPIRING)
    if ending is not None and ending.points and ending.day >= day_of(now_utc).isoformat():
        points = min(ending.points, max(standing.balance, 0))
        tags[tlv.EXPIRING] = tlv.u(points, 4) + tlv.bcd_date(datetime.date.fromisoformat(ending.day))
    ack = remarks.ack_for(session, standing.member_id, now_utc)
    return standing, tags if ack is None else {**tags, tlv.ACK: ack}


def _standing(
    session: Session, standing: Standing, held: TierRow | None, years: int | None, programme: Programme, now_utc: int
) -> dict[int, bytes | list[bytes]]:
    bits = segment(session, standing, programme, now_utc)
    until = datetime.date.fromisoformat(held.until) if held is not None and held.tier == standing.tier else None
    tags: dict[int, bytes | list[bytes]] = {
        tlv.TIER: tlv.u(standing.tier, 1) + (tlv.bcd_date(until) if standing.tier else tlv.NO_DATE),
        tlv.RUNG: tlv.u(rung(session, standing, programme, lapsed=bits & LAPSED > 0), 1),
        tlv.SEGMENT: tlv.u(bits, 1),
    }
    return tags if years is None else {**tags, tlv.YEARS: tlv.u(min(years, 255), 1)}


def _years(session: Session, member_id: int, today: datetime.date) -> int | None:
    """Full years of membership, None when nobody knows since when."""
    row = session.get(FactsRow, member_id)
    if row is None or not row.enrolled:
        return None
    return facts.Facts(datetime.date.fromisoformat(row.enrolled)).full_years(today)


def _row_of(session: Session, value: Value) -> TransactionRow:
    """The booking of a message."""
    found = select(TransactionRow).where(
        TransactionRow.terminal_id == value.terminal_id, TransactionRow.seq == value.seq
    )
    return session.scalars(found).one()


def _benefits(session: Session, tier: int) -> dict[int, bytes | list[bytes]]:
    row = session.get(BenefitRow, tier)
    return {tlv.BENEFIT: bytes.fromhex(row.codes)} if row is not None and row.codes else {}


def _anew(session: Session, standing: Standing, programme: Programme, at: tuple[str, str]) -> Standing:
    return booking.standing_of(session, session.get_one(MemberRow, standing.member_id), programme, at)


def _away_days(session: Session, row: TransactionRow) -> int:
    """Days between a purchase and the visit before it; a purchase that was undone was none."""
    undoing = TransactionRow.__table__.alias()
    before = session.scalar(
        select(func.max(TransactionRow.business_day)).where(
            TransactionRow.member_id == row.member_id,
            TransactionRow.verb == ACCRUAL,
            TransactionRow.rc == APPROVED,
            TransactionRow.id < row.id,
            ~select(undoing.c.id).where(undoing.c.original_id == TransactionRow.id).exists(),
        )
    )
    parse = datetime.date.fromisoformat
    return (parse(row.business_day) - parse(before)).days if before else 0
