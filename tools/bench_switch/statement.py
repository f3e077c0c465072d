"""The mini statement (0100, processing code 389100): the last entries of a member, or one by its reference.

BLOB (tag 7F) is entries one after the other, newest first, of 21 bytes each; of the one that ORIGINAL asks for, 24
bytes follow (LT-87 section 17). Money in rial, points signed whole points.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import RC_NOT_FOUND
from tools.bench_switch.codec import tlv
from tools.bench_switch.disputes import is_disputed
from tools.bench_switch.referrals import REFERRAL
from tools.bench_switch.schema import (
    ACCRUAL,
    ADJUSTMENT,
    APPROVED,
    ENROL,
    ISSUE,
    MOVE,
    OPENING,
    REDEMPTION,
    REFUND,
    USE,
    VOID,
    CardRow,
    TerminalRow,
    TransactionRow,
)
from tools.bench_switch.taking_back import VOIDABLE, left_of, named

if TYPE_CHECKING:
    from tools.bench_switch.inquiry import Known

ENTRIES = 5
# The first byte of an entry; 0 stands for what the office did, or the programme by itself.
_VERB = {
    ACCRUAL: 1, REDEMPTION: 2, REFUND: 4, VOID: 5, ISSUE: 6, USE: 7, ENROL: 8, OPENING: 0, ADJUSTMENT: 0, MOVE: 0,
    REFERRAL: 0,
}  # fmt: skip
# The bits of the second.
TAKEN_BACK, IN_PART, DISPUTED, OFFLINE = 1, 2, 4, 8


def tell(session: Session, terminal_id: str, tags: Mapping[int, bytes], card: CardRow, known: Known) -> None:
    """Add the statement, or the one entry that was asked for, to what is known; its code is 25 when there is none."""
    reference = tags.get(tlv.ORIGINAL)
    if reference is None:
        known.tags[tlv.BLOB] = b"".join(entry(session, row) for row in _last(session, card.member_id)) or b"\0"
        return
    merchant_id = session.get_one(TerminalRow, terminal_id).merchant_id
    row = named(session, card, terminal_id, merchant_id, reference.decode("ascii", "replace"))
    if row is None:
        known.rc = RC_NOT_FOUND
        return
    left = left_of(session, row)
    known.tags[tlv.BLOB] = (
        entry(session, row)
        + row.amount.to_bytes(6, "big")
        + left.amount.to_bytes(6, "big")
        + tlv.i32(left.points)
        + (row.terminal_id or "").ljust(8).encode("ascii", "replace")
    )


def entry(session: Session, row: TransactionRow) -> bytes:
    """One transaction as it stands now."""
    flags = OFFLINE if row.mti in ("0220", "0221", "0120", "0121") else 0
    if row.verb in VOIDABLE:
        left = left_of(session, row)
        if left.void or (left.amount, left.points) == (0, 0) != (row.amount, row.points):
            flags |= TAKEN_BACK
        elif (left.amount, left.points) != (row.amount, row.points):
            flags |= IN_PART
    if is_disputed(session, row):
        flags |= DISPUTED
    day = tlv.bcd_date(datetime.date.fromisoformat(row.business_day) if row.business_day else None)
    reference = (row.rrn or "").ljust(12).encode("ascii", "replace")
    return bytes((_VERB[row.verb], flags)) + day + tlv.i32(row.points) + reference


def _last(session: Session, member_id: int) -> list[TransactionRow]:
    """The newest that were booked; neither a reversal nor what it undid is of any interest to the member."""
    undoing = TransactionRow.__table__.alias()
    query = (
        select(TransactionRow)
        .where(
            TransactionRow.member_id == member_id,
            TransactionRow.rc == APPROVED,
            TransactionRow.verb.in_(tuple(_VERB)),
            ~select(undoing.c.id).where(undoing.c.original_id == TransactionRow.id, undoing.c.verb != VOID).exists(),
        )
        .order_by(TransactionRow.id.desc())
    )
    return list(session.scalars(query.limit(ENTRIES)))
