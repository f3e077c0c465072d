"""Offers at the switch: who is offered what, and whether a sale may take one (docs/lt87.md, Offers and vouchers).

Written from the page and not from the terminal's code. Works inside the caller's database transaction, which has locked
the member. What is to be paid is rounded down. Money in rial, points whole, days are Tehran's.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import RC_APPROVED, Standing, Value, standing_of
from tools.bench_switch.codec import tlv
from tools.bench_switch.offer_tables import OfferRow, OfferUseRow, VoucherRow
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import MemberRow, TransactionRow

PERCENT, MONEY, COURTESY, BONUS, WIN_BACK = 1, 2, 3, 4, 5
TAKES_MONEY = (PERCENT, MONEY, WIN_BACK)
# The best first: who comes back, then what is worth most to most.
_ORDER = {WIN_BACK: 0, PERCENT: 1, MONEY: 2, BONUS: 3, COURTESY: 4}
AUDIENCES = ("", "lapsed", "silent", "bronze", "silver", "gold")  # silent: no purchase for half a year
TOLD_MOST = 3
TEXT_BYTES = 53

RC_FORMAT = "30"
RC_NOT_OFFERED = "56"
RC_PRICE = "64"
RC_USED = "79"
RC_OVER = "80"

_TEHRAN = datetime.timezone(datetime.timedelta(hours=3, minutes=30))
HIGHEST_NUMBER = 0xFFFF


@dataclass(frozen=True)
class Claim:
    """What a sale takes besides its points: an offer or a voucher, its full price, and what may not be done twice.

    `bonus` is per cent of the points the amount earns.
    """

    rc: str = RC_APPROVED
    price: int = 0
    offer: OfferRow | None = None
    voucher: VoucherRow | None = None
    slot: int = 0
    bonus: int = 0
    why: str = ""


NOTHING = Claim()


def today(now_utc: int) -> datetime.date:
    """The switch's day."""
    return datetime.datetime.fromtimestamp(now_utc, _TEHRAN).date()


def payable(kind: int, value: int, price: int, unit: int = 1) -> int:
    """What is paid of a price, rounded down to a whole `unit` of the currency it is paid in."""
    if kind == MONEY:
        return max(0, price - value // unit * unit)
    if kind in (PERCENT, WIN_BACK):
        return price // unit * (100 - value) // 100 * unit
    return price


def wire(number: int, kind: int, value: int, last_day: str, text: str, conditions: tuple[int, int, int]) -> bytes:
    """Tag 20 as the switch says it; `conditions` are minimum, category and count."""
    day = tlv.bcd_date(datetime.date.fromisoformat(last_day) if last_day else None)
    minimum, category, count = conditions
    head = tlv.u(number, 2) + tlv.u(kind, 1) + tlv.u(value, 4) + day
    return head + tlv.u(minimum, 5) + tlv.u(category, 1) + tlv.u(count, 1) + tlv.text(text, TEXT_BYTES)


def told(
    session: Session, member: MemberRow, standing: Standing, programme: Programme, day: datetime.date
) -> list[bytes]:
    """Values of tag 20 for this member now: three at most, the best first; a courtesy is told in any case."""
    rows = select(OfferRow).where(
        OfferRow.closed.is_(False), or_(OfferRow.member_id.is_(None), OfferRow.member_id == member.id)
    )
    open_ones = [
        row
        for row in session.scalars(rows)
        if row.id <= HIGHEST_NUMBER and not _why_not(session, row, member, standing, programme, day)
    ]
    open_ones.sort(key=lambda row: (_ORDER[row.kind], -row.value, row.id))
    best = open_ones[:TOLD_MOST]
    courtesy = next((row for row in open_ones if row.kind == COURTESY), None)
    if courtesy is not None and courtesy not in best:
        best[-1] = courtesy
    return [
        wire(row.id, row.kind, row.value, row.last_day, row.text, (row.minimum, row.category, row.count))
        for row in best
    ]


def claimed(session: Session, value: Value, member: MemberRow, programme: Programme) -> Claim:
    """What a sale takes of the offers; a vouchers's number is not looked at."""
    said = value.tags.get(tlv.OFFER)
    if said is None:
        return NOTHING
    if len(said) not in (2, 7, 8):
        return Claim(RC_FORMAT, why=f"OFFER with {len(said)} bytes")
    number, price, count = int.from_bytes(said[:2], "big"), value.amount, 0
    if len(said) > 2:
        price = int.from_bytes(said[2:7], "big")
        count = said[7] if len(said) == 8 else 0
    row = session.get(OfferRow, number)
    if row is None or row.member_id not in (None, member.id):
        return Claim(RC_NOT_OFFERED, price, why=f"offer {number} is not for this member")
    standing = standing_of(session, member, programme)
    slot = _slot(row, standing)
    rc = _why_not(session, row, member, standing, programme, value.business_day)
    claim = Claim(rc, price, row, slot=slot, bonus=row.value if row.kind == BONUS else 0, why=f"offer {number}")
    if rc == RC_APPROVED or not rc:
        basket = value.tags.get(tlv.BASKET, b"\0")[0]
        fits = price >= row.minimum and (not row.count or (basket == row.category and count >= row.count))
        if not fits or payable(row.kind, row.value, price, value.unit) != value.amount:
            return replace(
                claim, rc=RC_PRICE, why=f"offer {number}: {value.amount} of {price}, basket {basket} {count}"
            )
        return replace(claim, rc=RC_APPROVED, why="")
    return claim


def book(session: Session, claim: Claim, row: TransactionRow, member_id: int) -> None:
    """The sale that took it is booked: it is used."""
    if claim.offer is None:
        return
    stands_at = claim.slot if claim.offer.once else row.id
    if session.scalar(_standing_use(claim.offer.id, member_id, stands_at)) is not None:
        stands_at = row.id  # somebody was promised it without our word
    use = OfferUseRow(transaction_id=row.id, offer_id=claim.offer.id, member_id=member_id, slot=stands_at)
    use.stands_at, use.price, use.paid = stands_at, claim.price, row.amount
    session.add(use)
    session.flush()


def _standing_use(offer_id: int, member_id: int, slot: int):  # noqa: ANN202 (a query, whose type is SQLAlchemy's own)
    return select(OfferUseRow.transaction_id).where(
        OfferUseRow.offer_id == offer_id, OfferUseRow.member_id == member_id, OfferUseRow.slot == slot
    )


def _slot(row: OfferRow, standing: Standing) -> int:
    """Under which a use that may be made once stands: a win-back once for each lapse, all else once for ever."""
    if row.kind != WIN_BACK or standing.last_visit is None:
        return 0
    return standing.last_visit.toordinal()


def _why_not(
    session: Session,
    row: OfferRow,
    member: MemberRow,
    standing: Standing,
    programme: Programme,
    day: datetime.date,
) -> str:
    """The code of an offer this member may not take on this day, "" when it is open."""
    if row.closed or row.member_id not in (None, member.id):
        return RC_NOT_OFFERED
    if row.last_day and day.isoformat() > row.last_day:
        return RC_OVER
    if row.once and session.scalar(_standing_use(row.id, member.id, _slot(row, standing))) is not None:
        return RC_USED
    if not _belongs(row, standing, programme, day):
        return RC_NOT_OFFERED
    return ""


def _belongs(row: OfferRow, standing: Standing, programme: Programme, day: datetime.date) -> bool:
    """Whether the member is of those it is for; a win-back is for who lapsed, whoever else it names."""
    away_days = (day - standing.last_visit).days if standing.last_visit is not None else 0
    lapsed = standing.visits >= programme.lapse_visits and away_days > programme.lapse_days
    if row.kind == WIN_BACK and not lapsed:
        return False
    if row.audience == "lapsed":
        return lapsed
    if row.audience == "silent":
        return away_days > programme.six_months_days
    if row.audience in AUDIENCES[3:]:
        return standing.tier == AUDIENCES.index(row.audience) - 2
    return True
