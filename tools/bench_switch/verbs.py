"""What becomes of a value message, by its verb: the one way into the books. Knows no bytes and no sockets.

The caller opens the database transaction and commits it, see `booking`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import facts, letters, standing, vouchers
from tools.bench_switch.booking import (
    ONLINE_REQUESTS,
    RC_DUPLICATE,
    RC_INVALID,
    RC_LATE,
    Booked,
    Value,
    lock_terminal,
    marked,
    repeat,
    reverse,
)
from tools.bench_switch.enrolment import enrol
from tools.bench_switch.exchange import exchange
from tools.bench_switch.programme import Programme
from tools.bench_switch.remarks import remark
from tools.bench_switch.schema import ENROL, ISSUE, REFUND, REMARK, REVERSAL, USE, VOID, MemberRow, TransactionRow
from tools.bench_switch.taking_back import refund, void
from tools.bench_switch.vouchers import issue, use

# A verb that is neither accrual nor redemption, and what books it when it is seen for the first time.
OTHERS: dict[str, Callable[[Session, Value, Programme, int], Booked]] = {
    ENROL: enrol,
    ISSUE: issue,
    REFUND: refund,
    REMARK: remark,
    USE: use,
    VOID: void,
}


def book(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """Process a value message once; a repeat gets the outcome of the first time. The answer tells how the member
    stands then."""
    booked = standing.of_value(session, value, _booked(session, value, programme, now_utc), programme, now_utc)
    if booked.standing is not None and booked.standing.member_no is not None:
        booked.tags |= facts.told(session, session.get_one(MemberRow, booked.standing.member_id))
    return booked


def repeated(session: Session, first: TransactionRow, value: Value, programme: Programme) -> Booked:
    """What the first answer said, of the voucher it told of, too."""
    told = repeat(session, first, value, programme)
    told.tags |= vouchers.again(session, first) if told.rc == RC_DUPLICATE else {}
    return told


def _booked(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    lock_terminal(session, value.terminal_id, value.seq)
    first = session.scalar(
        select(TransactionRow).where(TransactionRow.terminal_id == value.terminal_id, TransactionRow.seq == value.seq)
    )
    if first is not None:
        return repeated(session, first, value, programme)
    if letters.is_cleared(session, value.terminal_id, value.seq):
        return Booked(RC_INVALID, remarks=[f"SEQ {value.seq} was cleared by the office"])
    if value.verb == REVERSAL:
        return reverse(session, value, programme, now_utc)
    if value.mti in ONLINE_REQUESTS and marked(session, value.terminal_id, value.stan, value.de7):
        return Booked(RC_LATE, remarks=["came after its reversal"])
    handle = OTHERS.get(value.verb)
    return (handle or exchange)(session, value, programme, now_utc)
