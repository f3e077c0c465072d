"""Void and refund: what the switch takes back of a transaction it has booked (LT-87 section 17).

A void undoes one transaction of the same terminal whose batch is open, whole and once. A refund gives money back later,
at any terminal of the merchant, in parts if need be: of a sale it claws points back, of a redemption it gives them
back. A reversal is neither: it undoes what nobody knows the outcome of. Inside one database transaction that the caller
opens; everything is decided after the member's row is locked. Money in rial, points signed whole points.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tools.bench_switch import claims, outbox, referrals
from tools.bench_switch.batch_tables import FactRow
from tools.bench_switch.booking import (
    CARD_STATES,
    RC_APPROVED,
    RC_BAD_AMOUNT,
    RC_CLOSED,
    RC_INVALID,
    RC_NOT_FOUND,
    RC_TAKEN_BACK,
    RC_UNKNOWN_CARD,
    REDO,
    UNDO,
    Booked,
    Value,
    lock_member,
    opposite,
    post,
    record,
    standing_of,
    undo,
    undone_by,
)
from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ISSUE,
    ISSUED,
    REDEEMED,
    REDEMPTION,
    REFUND,
    USE,
    VOID,
    CardRow,
    MemberRow,
    OutboxRow,
    OwnerRow,
    TransactionRow,
)
from tools.bench_switch.taking_back_tables import LaterReversalRow, TakenBackRow

RC_OVER = "61"
VOIDABLE = (ACCRUAL, REDEMPTION, ISSUE, USE)
BEARERS = (ISSUE, USE)  # may be nobody's
REFUNDABLE = {ACCRUAL: ISSUED, REDEMPTION: REDEEMED}  # and where the points of each came from or went
_ALL_REFERENCES = 10**6  # of the last six digits of a reference


@dataclass(frozen=True)
class Left:
    """What of a transaction was not taken back yet: money, and points with the sign they were booked with."""

    amount: int
    points: int
    void: bool = False


def left_of(session: Session, original: TransactionRow) -> Left:
    """Nothing when it was voided or reversed."""
    if undone_by(session, original.id) is not None:
        return Left(0, 0, void=True)
    refunds = session.scalars(
        select(TransactionRow)
        .join(TakenBackRow, TakenBackRow.transaction_id == TransactionRow.id)
        .where(TakenBackRow.original_id == original.id, TransactionRow.verb == REFUND)
    ).all()
    standing = [one for one in refunds if undone_by(session, one.id) is None]
    return Left(
        original.amount - sum(one.amount for one in standing), original.points + sum(one.points for one in standing)
    )


def points_for(original: TransactionRow, left: Left, amount: int) -> int:
    """Points that go with so much money of a refund, signed as they are booked: in proportion, rounded down; the refund
    of all that is left takes all points that are left."""
    if amount == left.amount:
        return -left.points
    share = abs(original.points) * amount // original.amount
    return -share if original.points > 0 else share


def void(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """A void that is seen for the first time."""
    reference = value.tags.get(tlv.ORIGINAL, b"").decode("ascii", "replace")
    if value.advice:
        return _refused(session, value, RC_INVALID, now_utc, f"{reference} as an advice")
    original = _own(session, value, reference)
    if original is None or (original.member_id is None and original.verb not in BEARERS):
        return _refused(session, value, RC_NOT_FOUND, now_utc, f"no transaction {reference} of this terminal")
    # A voucher's bearer is no member; then the terminal's own lock is enough, for only it can void this.
    member = lock_member(session, original.member_id) if original.member_id is not None else None
    left, fact = left_of(session, original), session.get(FactRow, original.id)
    why, rc = "", RC_APPROVED
    if left.void or left.amount != original.amount or left.points != original.points:
        why, rc = "is taken back already", RC_TAKEN_BACK
    elif original.verb not in VOIDABLE:
        why, rc = "is no transaction that can be voided", RC_INVALID
    elif fact is not None and fact.batch_id is not None:
        why, rc = "is of a batch that is closed", RC_CLOSED
    elif (value.uid, value.amount, value.points) != (original.uid, original.amount, -original.points):
        why, rc = "is of another card, amount or points", RC_BAD_AMOUNT
    elif claims.spent(session, original):
        why, rc = "gave a voucher that was used", RC_TAKEN_BACK
    if why:
        whose = member if value.uid == original.uid else None
        return _refused(session, value, rc, now_utc, f"{reference} {why}", whose, programme)
    row = record(session, value, APPROVED, -original.points, now_utc)
    row.member_id, row.approval = original.member_id, f"{row.id % 1_000_000:06d}"
    session.add(TakenBackRow(transaction_id=row.id, original_id=original.id))
    remarks = undo(session, original, row)
    standing = standing_of(session, member, programme, value.at) if member is not None else None
    return Booked(RC_APPROVED, row.points, row.approval, standing, remarks, sms=outbox.NONE)


def refund(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """A refund that is seen for the first time."""
    reference = value.tags.get(tlv.ORIGINAL, b"").decode("ascii", "replace")
    if value.advice:
        return _refused(session, value, RC_INVALID, now_utc, f"{reference} as an advice")
    card = session.get(CardRow, value.uid)
    if card is None:
        return _refused(session, value, RC_UNKNOWN_CARD, now_utc, "no card")
    member = lock_member(session, card.member_id)
    session.refresh(card)
    original = named(session, card, value.terminal_id, value.merchant_id, reference)
    why, rc = "", CARD_STATES[card.state]
    if rc != RC_APPROVED or card.member_id != member.id:
        why, rc = "the card is blocked, or was given to another", rc if rc != RC_APPROVED else RC_UNKNOWN_CARD
    elif original is None or original.verb not in REFUNDABLE:
        why, rc = "is no sale or redemption of this member", RC_NOT_FOUND
    else:
        left = left_of(session, original)
        nothing = left.void or not (left.amount or left.points)
        if nothing:
            why, rc = "is taken back already", RC_TAKEN_BACK
        elif value.amount > left.amount:
            why, rc = f"has {left.amount} rial left", RC_OVER
        elif (not value.amount and original.amount) or value.points != points_for(original, left, value.amount):
            why, rc = f"gives other points than {value.points} for {value.amount}", RC_BAD_AMOUNT
    if why or original is None:
        return _refused(session, value, rc, now_utc, f"{reference} {why}", member, programme)
    row = record(session, value, APPROVED, value.points, now_utc)
    row.member_id, row.approval = member.id, f"{row.id % 1_000_000:06d}"
    session.add(TakenBackRow(transaction_id=row.id, original_id=original.id))
    post(session, row, member.id, value.points, REFUNDABLE[original.verb])
    session.flush()
    if not left_of(session, original).amount:
        referrals.take_back(session, original, row)
    return Booked(RC_APPROVED, row.points, row.approval, standing_of(session, member, programme, value.at))


def named(session: Session, card: CardRow, terminal_id: str, merchant_id: str, reference: str) -> TransactionRow | None:
    """The approved transaction of this card's member with this reference, at any terminal of the merchant.

    Terminals make references by themselves and two may be the same: then the asking terminal's own counts, else the
    newest.
    """
    former = select(OwnerRow.member_id).where(OwnerRow.uid == card.uid)
    query = select(TransactionRow).where(
        TransactionRow.rrn == reference,
        TransactionRow.merchant_id == merchant_id,
        TransactionRow.rc == APPROVED,
        TransactionRow.verb.in_(VOIDABLE),
        or_(
            TransactionRow.member_id == card.member_id,
            (TransactionRow.uid == card.uid) & TransactionRow.member_id.in_(former),
        ),
    )
    found = list(session.scalars(query.order_by(TransactionRow.id)))
    own = [row for row in found if row.terminal_id == terminal_id]
    return (own or found or [None])[-1]


def _own(session: Session, value: Value, reference: str) -> TransactionRow | None:
    """The approved transaction of this terminal with this reference, by its STAN, which is indexed."""
    if len(reference) != 12 or not (reference.isascii() and reference.isdigit()):
        return None
    query = select(TransactionRow).where(
        TransactionRow.terminal_id == value.terminal_id,
        TransactionRow.stan == int(reference) % _ALL_REFERENCES,
        TransactionRow.rrn == reference,
        TransactionRow.rc == APPROVED,
        TransactionRow.verb.in_((*VOIDABLE, REFUND, VOID)),
    )
    return session.scalar(query.order_by(TransactionRow.id.desc()).limit(1))


def _refused(
    session: Session,
    value: Value,
    rc: str,
    now_utc: int,
    why: str,
    member: MemberRow | None = None,
    programme: Programme | None = None,
) -> Booked:
    row = record(session, value, rc, 0, now_utc)
    standing = None
    if member is not None and programme is not None:
        row.member_id = member.id
        session.flush()
        standing = standing_of(session, member, programme, value.at)
    return Booked(rc, standing=standing, remarks=[f"{value.verb} of {why}"])


def _void_undone(session: Session, undone: TransactionRow) -> str | None:
    """A void whose outcome its terminal does not know was reversed: what it undid stands again, unless a reversal of
    that was acknowledged meanwhile, which then undoes it in the void's place."""
    if undone.verb != VOID or undone.original_id is None:
        return None
    original = session.get_one(TransactionRow, undone.original_id)
    undone.original_id = None
    later = session.get(LaterReversalRow, original.id)
    if later is not None:
        reversal = session.get_one(TransactionRow, later.transaction_id)
        reversal.original_id, reversal.member_id, reversal.points = original.id, original.member_id, -original.points
        opposite(session, original, reversal)
        session.flush()
        return None
    for message in session.scalars(select(OutboxRow).where(OutboxRow.transaction_id == original.id)):
        message.state = outbox.QUEUED
    said = [again(session, original) for again in REDO]
    session.flush()
    return "; ".join(one for one in said if one)


UNDO.append(_void_undone)


def audit(session: Session, rows: dict[int, TransactionRow]) -> list[str]:
    """What is wrong with what was taken back, beside all transactions there are."""
    problems: list[str] = []
    undone = {row.original_id for row in rows.values()}
    refunds: dict[int, list[TransactionRow]] = defaultdict(list)
    links = {link.transaction_id: link.original_id for link in session.scalars(select(TakenBackRow))}
    for row in rows.values():
        booked = row.verb in (VOID, REFUND) and row.rc == APPROVED
        original = rows.get(links.get(row.id, 0))
        if booked != (original is not None):
            problems.append(f"transaction {row.id} takes back what is not there")
        if not booked or original is None:
            continue
        if original.rc != APPROVED or original.id >= row.id or original.verb not in VOIDABLE:
            problems.append(f"transaction {row.id} takes back {original.id}, which cannot be")
        if row.verb == VOID:
            standing = None if row.id in undone else original.id
            if row.original_id != standing or row.terminal_id != original.terminal_id:
                problems.append(f"transaction {row.id} does not void {original.id}")
        elif row.id not in undone:
            refunds[original.id].append(row)
    for number, given in refunds.items():
        original = rows[number]
        amount, points = sum(one.amount for one in given), sum(one.points for one in given)
        # Whoever reversed a sale did not know of it; a void would have been refused.
        voided = any(row.verb == VOID and row.original_id == number for row in rows.values())
        too_much = amount > original.amount or abs(points) > abs(original.points) or points * original.points > 0
        if voided or too_much or (amount == original.amount and points != -original.points):
            problems.append(f"transaction {number}: {amount} rial and {points} points of it are given back")
    return problems
