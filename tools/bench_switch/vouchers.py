"""Vouchers at the switch: issued, looked at, used once, given back, drawn as a prize (docs/lt87.md).

A number is ten digits, the last a check digit (Luhn), drawn by chance so that nobody guesses the next. Everything runs
inside the caller's database transaction; who uses a voucher locks its row. Money in rial, days are Tehran's.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from dataclasses import replace

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tools.bench_switch import kept
from tools.bench_switch.booking import (
    CARD_STATES,
    RC_APPROVED,
    RC_BAD_AMOUNT,
    RC_INVALID,
    RC_UNKNOWN_CARD,
    Booked,
    Standing,
    Value,
    lock_member,
    record,
    standing_of,
)
from tools.bench_switch.codec import tlv
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.offer_tables import VoucherRow, VoucherUseRow
from tools.bench_switch.offers import (
    MONEY,
    NOTHING,
    PERCENT,
    RC_FORMAT,
    RC_NOT_OFFERED,
    RC_OVER,
    RC_PRICE,
    RC_USED,
    Claim,
    payable,
    wire,
)
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, CardRow, TransactionRow

DIGITS = 10
BY_OFFICE, SOLD, PRIZE = 0, 5, 6
REASONS = (1, 2, 3, 4)  # late, quality, wrong, staff
GIFT_FLAG = 1
RC_OVER_LIMIT = "61"
_TRIES = 20
draw = secrets.randbelow  # what numbers come from; a story that keeps pictures draws its own


def check_digit(digits: str) -> str:
    """The Luhn digit: every second digit from the right doubled, the sum made a multiple of ten."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return str(-sum(sum(divmod(one, 10)) for one in doubled) % 10)


def fresh_number(session: Session) -> str:
    """One nobody has."""
    for _ in range(_TRIES):
        digits = str(10 ** (DIGITS - 2) + draw(9 * 10 ** (DIGITS - 2)))
        number = digits + check_digit(digits)
        if session.get(VoucherRow, number) is None:
            return number
    raise LedgerError("B98", "no voucher number is free")


def left(session: Session, row: VoucherRow) -> int:
    """What one is still worth: per cent, or the money not taken yet."""
    if row.kind != MONEY:
        return row.value
    taken = select(func.coalesce(func.sum(VoucherUseRow.taken), 0)).where(
        VoucherUseRow.number == row.number, VoucherUseRow.given_back.is_(False)
    )
    return row.value - int(session.scalar(taken) or 0)


def worth(session: Session, row: VoucherRow) -> bytes:
    """Tag 20 of an answer about a voucher: number 0, and what it is worth now."""
    return wire(0, row.kind, left(session, row), row.last_day, row.text, (0, 0, 0))


def why_not(session: Session, row: VoucherRow | None, terminal_id: str, member_id: int | None, day: str) -> str:
    """The code of a voucher that cannot be used here and now, "" when it can."""
    if row is None or row.withdrawn or row.member_id not in (None, member_id):
        return RC_NOT_OFFERED
    if row.terminal_id not in (None, terminal_id):
        return RC_NOT_OFFERED
    used = select(VoucherUseRow.transaction_id).where(
        VoucherUseRow.number == row.number, VoucherUseRow.given_back.is_(False)
    )
    if (not row.keeps_rest and session.scalar(used.limit(1)) is not None) or left(session, row) <= 0:
        return RC_USED
    return RC_OVER if day > row.last_day else ""


def look(session: Session, number: str, terminal_id: str, day: datetime.date) -> tuple[str, bytes | None]:
    """(code, tag 20) of a voucher somebody asks about; whose it is does not come up before it is used."""
    row = session.get(VoucherRow, number)
    rc = why_not(session, row, terminal_id, row.member_id if row is not None else None, day.isoformat())
    known = row is not None and rc != RC_NOT_OFFERED
    return rc or RC_APPROVED, worth(session, row) if known and row is not None else None


def claimed(session: Session, value: Value, member_id: int | None) -> Claim:
    """What a sale takes of the voucher it names; locks it."""
    number = value.tags.get(tlv.VOUCHER)
    if number is None:
        return NOTHING
    said = value.tags.get(tlv.OFFER, b"")
    if len(said) not in (7, 8) or said[:2] != b"\0\0":
        return Claim(RC_FORMAT, why="VOUCHER without the price")
    text, price = number.decode("ascii", "replace"), int.from_bytes(said[2:7], "big")
    session.execute(update(VoucherRow).where(VoucherRow.number == text).values(touched=VoucherRow.touched + 1))
    row = session.get(VoucherRow, text)
    rc = why_not(session, row, value.terminal_id, member_id, value.business_day.isoformat())
    claim = Claim(rc or RC_APPROVED, price, voucher=row, why=f"voucher ******{text[-4:]}" if rc else "")
    if rc or row is None:
        return claim
    if payable(row.kind, left(session, row), price, value.unit) != value.amount:
        return replace(claim, rc=RC_PRICE, why=f"voucher: {value.amount} of {price}")
    return claim


def book_use(session: Session, claim: Claim, row: TransactionRow) -> None:
    """The sale that took it is booked: so much of it is used."""
    if claim.voucher is None:
        return
    once = not claim.voucher.keeps_rest
    slot = 0 if once else row.id
    taken_before = select(VoucherUseRow.transaction_id).where(
        VoucherUseRow.number == claim.voucher.number, VoucherUseRow.slot == slot
    )
    if session.scalar(taken_before) is not None:
        slot = row.id  # somebody was promised it without our word
    use = VoucherUseRow(transaction_id=row.id, number=claim.voucher.number, slot=slot, stands_at=slot)
    use.price, use.taken = claim.price, claim.price - row.amount
    session.add(use)
    session.flush()


def issue(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """0200 with processing code 950091: a voucher for the next visit, made good for something or sold."""
    reason, sold = value.tags.get(tlv.REASON, b"\0")[0], bool(value.tags.get(tlv.FLAGS, b"\0")[0] & GIFT_FLAG)
    supervised = tlv.supervised(value.tags)
    rc, member_id, standing = _holder(session, value, programme)
    if rc == RC_APPROVED and (value.advice or sold == (reason in REASONS)):
        rc = RC_INVALID  # never offline; either sold or for a reason
    if rc == RC_APPROVED and (value.amount <= 0 or value.points):
        rc = RC_BAD_AMOUNT
    # Who allowed it stands in the message, not the role: the terminal holds each to its own.
    most = max(programme.recovery_limits[1:]) if supervised else programme.recovery_limits[0]
    if rc == RC_APPROVED and not sold and value.amount > most:
        rc = RC_OVER_LIMIT
    if rc == RC_APPROVED and sold and value.amount > programme.gift_limits[supervised]:
        rc = RC_OVER_LIMIT
    row = record(session, value, rc, 0, now_utc)
    row.member_id = member_id
    if rc != RC_APPROVED:
        return Booked(rc, standing=standing)
    row.approval = f"{row.id % 1_000_000:06d}"
    voucher = VoucherRow(
        number=fresh_number(session),
        kind=MONEY,
        value=value.amount,
        last_day=_last_day(value.business_day, programme.voucher_days),
        member_id=member_id,
        transaction_id=row.id,
        reason=SOLD if sold else reason,
        clerk=value.clerk,
        keeps_rest=sold,
        made_utc=now_utc,
    )
    session.add(voucher)
    session.flush()
    kept.keep(session, voucher)
    return Booked(rc, 0, row.approval, standing, tags=_tags(session, voucher))


def use(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """0200 with processing code 959100: a voucher pays in a sale without a card; with one it rides in the sale."""
    rc, member_id, standing = _holder(session, value, programme)
    claim = claimed(session, value, member_id)
    if rc == RC_APPROVED:
        rc = RC_BAD_AMOUNT if value.points else RC_FORMAT if claim is NOTHING else claim.rc
    if rc == RC_APPROVED and value.advice and (claim.voucher is None or claim.voucher.terminal_id is None):
        rc = RC_INVALID  # offline only one that is bound to its terminal
    row = record(session, value, rc, 0, now_utc)
    row.member_id = member_id
    remarks = [claim.why] if claim.why else []
    if rc != RC_APPROVED:
        return Booked(rc, standing=standing, remarks=remarks)
    row.approval = f"{row.id % 1_000_000:06d}"
    book_use(session, claim, row)
    return Booked(rc, 0, row.approval, standing, remarks)


def prize(session: Session, row: TransactionRow, programme: Programme, now_utc: int) -> dict[int, bytes | list[bytes]]:
    """What an answer tells of the lucky draw: one of `prize_one_in` purchases wins, by seed and transaction.

    The same books and the same seed draw the same: a prize can be accounted for.
    """
    if not programme.prize_one_in or row.verb != ACCRUAL or not row.amount:
        return {}
    drawn = hashlib.sha256(f"{programme.prize_seed}/{row.id}".encode()).digest()
    if int.from_bytes(drawn[:8], "big") % programme.prize_one_in:
        return {}
    day = datetime.date.fromisoformat(row.business_day)
    voucher = VoucherRow(
        number=fresh_number(session),
        kind=PERCENT,
        value=programme.prize_percent,
        text="lucky prize",
        last_day=_last_day(day, programme.voucher_days),
        member_id=row.member_id,
        transaction_id=row.id,
        reason=PRIZE,
        made_utc=now_utc,
    )
    session.add(voucher)
    session.flush()
    kept.keep(session, voucher)
    return {**_tags(session, voucher), tlv.TEXT: tlv.text(f"You won {programme.prize_percent}% off", 60)}


def again(session: Session, row: TransactionRow) -> dict[int, bytes | list[bytes]]:
    """What the answer to a repeat tells of the voucher the first answer told of."""
    voucher = session.scalar(select(VoucherRow).where(VoucherRow.transaction_id == row.id))
    return _tags(session, voucher) if voucher is not None else {}


def _tags(session: Session, voucher: VoucherRow) -> dict[int, bytes | list[bytes]]:
    return {tlv.VOUCHER: voucher.number.encode(), tlv.OFFER: [worth(session, voucher)]}


def _last_day(day: datetime.date, days: int) -> str:
    return (day + datetime.timedelta(days=days)).isoformat()


def _holder(session: Session, value: Value, programme: Programme) -> tuple[str, int | None, Standing | None]:
    """(code, member, standing) of whose card was laid on; nobody's when there was none."""
    if not value.uid:
        return RC_APPROVED, None, None
    card = session.get(CardRow, value.uid)
    if card is None:
        return RC_UNKNOWN_CARD, None, None
    member = lock_member(session, card.member_id)
    return CARD_STATES[card.state], member.id, standing_of(session, member, programme, value.at)
