"""Who brought whom: a member's referral code, and the credit for a new member, once, with the first purchase.

A code is eight digits, the last a check digit (Luhn), made of the member's row by arithmetic, so it needs no table and
never changes. Inside the caller's database transaction. Points are whole.
"""

from __future__ import annotations

import base64
import binascii

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import booking, keyed
from tools.bench_switch.booking import post
from tools.bench_switch.member_tables import ReferralRow
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, APPROVED, ISSUED, CardRow, MemberRow, TransactionRow

REFERRAL = "referral"  # verb of the booking that thanks a referrer
CARD = "@"  # before the UID of a referrer's card, in base64 for file names without filling

_CODES = 10**7
_FACTOR, _OFFSET = 7_654_321, 2_468_013  # neighbours in the books get codes far apart


def luhn(digits: str) -> int:
    """The check digit behind these."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled // 10 + doubled % 10
    return -total % 10


def code_of(member_id: int) -> str:
    """The referral code of a member's row."""
    digits = f"{(member_id * _FACTOR + _OFFSET) % _CODES:07d}"
    return digits + str(luhn(digits))


def member_of(code: str) -> int | None:
    """The row a code is of, None for what is no code."""
    if len(code) != 8 or not code.isascii() or not code.isdigit() or luhn(code[:7]) != int(code[7]):
        return None
    return (int(code[:7]) - _OFFSET) * pow(_FACTOR, -1, _CODES) % _CODES


def find(session: Session, said: str) -> int | None:
    """The member a terminal names as referrer: by code, by mobile number or by card; None when nobody is."""
    if said.startswith(CARD):
        try:
            uid = base64.urlsafe_b64decode(said[1:] + "=" * (-len(said[1:]) % 4)).hex().upper()
        except (binascii.Error, ValueError):
            return None
        card = session.get(CardRow, uid)
        member_id = card.member_id if card is not None else None
    elif len(said) == 10 and said.isascii() and said.isdigit():
        card = keyed.row_of(session, keyed.uid_of(said))
        member_id = card.member_id if card is not None else None
    else:
        member_id = member_of(said)
    row = session.get(MemberRow, member_id) if member_id is not None else None
    return row.id if row is not None and not row.provisional else None


def note(session: Session, member_id: int, referrer_id: int) -> None:
    """A new member was brought by somebody: the credit waits for the first purchase."""
    session.add(ReferralRow(member_id=member_id, referrer_id=referrer_id))


def credit(session: Session, purchase: TransactionRow, programme: Programme) -> None:
    """The purchase was approved: when it is the first of somebody who was brought, book the referrer's thanks."""
    row = session.get(ReferralRow, purchase.member_id) if purchase.member_id is not None else None
    if row is None or row.credit_id is not None or not programme.referral_points:
        return
    if row.referrer_id == row.member_id:
        return  # older books have such rows
    credited = _book(session, purchase, row.referrer_id, programme.referral_points)
    row.purchase_id, row.credit_id = purchase.id, credited.id


def _book(session: Session, purchase: TransactionRow, referrer_id: int, points: int) -> TransactionRow:
    row = TransactionRow(
        mti="",
        verb=REFERRAL,
        stan=0,
        de7="",
        rrn="",
        merchant_id=purchase.merchant_id,
        member_id=referrer_id,
        uid="",
        auth=0,
        amount=0,
        points=points,
        rc=APPROVED,
        approval="",
        business_day=purchase.business_day,
        booked_utc=purchase.booked_utc,
        content="",
    )
    session.add(row)
    session.flush()
    post(session, row, referrer_id, points, ISSUED)
    return row


def _undo(session: Session, original: TransactionRow) -> None:
    """The first purchase was undone: so is the thanks for it."""
    take_back(session, original, original)


def take_back(session: Session, purchase: TransactionRow, by: TransactionRow) -> None:
    """Nothing is left of the first purchase: its thanks go back on the day of `by`, to wait again for a purchase."""
    row = session.scalar(select(ReferralRow).where(ReferralRow.purchase_id == purchase.id))
    if row is None or row.credit_id is None:
        return
    points = session.get_one(TransactionRow, row.credit_id).points
    _book(session, by, row.referrer_id, -points)
    row.purchase_id = row.credit_id = None


booking.UNDO.append(_undo)


def audit(session: Session, rows: dict[int, TransactionRow]) -> list[str]:
    """One credit for each member who was brought and has bought, and no other."""
    problems = []
    thanked: dict[int, int] = {}
    undone = {row.original_id for row in rows.values()}
    for row in rows.values():
        if row.verb == REFERRAL and row.member_id is not None:
            thanked[row.member_id] = thanked.get(row.member_id, 0) + row.points
    for one in session.scalars(select(ReferralRow)):
        if one.credit_id is None:
            continue
        if one.referrer_id == one.member_id:
            problems.append(f"member {one.member_id}: credited for bringing himself")
        purchase, credited = rows.get(one.purchase_id or 0), rows.get(one.credit_id)
        bought = purchase is not None and (purchase.verb, purchase.rc) == (ACCRUAL, APPROVED)
        if purchase is None or not bought or purchase.member_id != one.member_id:
            problems.append(f"member {one.member_id}: brought, and credited without a purchase")
        elif purchase.id in undone:
            problems.append(f"member {one.member_id}: brought, and credited for a purchase that was undone")
        if credited is None or credited.verb != REFERRAL or credited.member_id != one.referrer_id:
            problems.append(f"member {one.member_id}: the credit went to another than who brought them")
            continue
        thanked[one.referrer_id] = thanked.get(one.referrer_id, 0) - credited.points
    problems += [f"member {member}: {points} points for nobody brought" for member, points in thanked.items() if points]
    return problems
