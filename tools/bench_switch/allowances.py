"""Points reserved for one card at one terminal, to be spent there without a line: LT-87 section 12.

A hold is no booking: the points stay the member's, but nobody else can spend them. Available is what the postings sum
up to, less the open holds. Everything that makes a hold larger, or books by one, runs inside the caller's database
transaction after the member's row was locked. What a terminal may believe of a hold never shrinks: a hold is raised,
never lowered, and it is given back only when its terminal says that it cannot use it any more, or by a person.

Knows no messages. Points are whole points, times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from tools.bench_switch import grants
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import APPROVED, REDEMPTION, AllowanceRow, TransactionRow, WayRow

OPEN, USED, RELEASED, EXPIRED, CANCELLED = "open", "used", "released", "expired", "cancelled"
RISK = "risk"  # an advice that was booked without a hold, because the programme takes that risk

# The terminal uses none so shortly before its end; the switch waits as long after it, so that clocks may differ.
MARGIN_S = 900
HOUR_S = 3600
ADVICES = ("0220", "0221")


@dataclass(frozen=True)
class Told:
    """What an answer says of the hold of its terminal and card (tag 30)."""

    number: int
    points: int
    valid_until_utc: int


def _open(terminal_id: str, uid: str) -> tuple[object, ...]:
    return AllowanceRow.terminal_id == terminal_id, AllowanceRow.uid == uid, AllowanceRow.state == OPEN


def held(session: Session, member_id: int, except_at: tuple[str, str] | None = None) -> int:
    """Points of a member in open holds; `except_at` leaves out those of one terminal and card."""
    query = select(func.coalesce(func.sum(AllowanceRow.points), 0)).where(
        AllowanceRow.member_id == member_id, AllowanceRow.state == OPEN
    )
    if except_at is not None:
        terminal_id, uid = except_at
        query = query.where(~((AllowanceRow.terminal_id == terminal_id) & (AllowanceRow.uid == uid)))
    return int(session.execute(query).scalar_one())


def tell(
    session: Session,
    at: tuple[str, str],
    auth: int,
    member_id: int,
    way: WayRow | None,
    base: int,
    programme: Programme,
    now_utc: int,
) -> Told | None:
    """The hold of a terminal and card (`at`) after it asked for one: raised, new, or as it is; None: there is none.

    `base` is the balance it is a share of. The terminal asks only while it has no use of one unsettled, so what is open
    was not spent: it is told again, whether the terminal names it or lost it.
    """
    terminal_id, uid = at
    row = session.scalar(select(AllowanceRow).where(*_open(terminal_id, uid)))  # type: ignore[arg-type]
    if row is not None and row.member_id != member_id:
        return Told(row.id, row.points, row.valid_until_utc)  # the card went to another member; its promise stays
    if may_hold(way, auth, programme):
        others = held(session, member_id, at)
        points = _share(base, others, programme)
        until = now_utc + programme.allowance_hours * HOUR_S
        if row is not None and points:
            if points > row.points:
                row.points, row.covered = points, base - others
            row.valid_until_utc = max(row.valid_until_utc, until)
        elif points:
            row = AllowanceRow(
                terminal_id=terminal_id,
                uid=uid,
                member_id=member_id,
                points=points,
                covered=base - others,
                granted_utc=now_utc,
                valid_until_utc=until,
                state=OPEN,
            )
            session.add(row)
        session.flush()
    return None if row is None else Told(row.id, row.points, row.valid_until_utc)


def may_hold(way: WayRow | None, auth: int, programme: Programme) -> bool:
    """Whether this tap gives a right to spend offline: what the terminal itself can be sure of, never a UID alone."""
    if not programme.allowances or auth == grants.AUTH_UID or grants.needs_grant(way):
        return False
    return auth == grants.AUTH_AES or not grants.needs_aes(way)


def _share(base: int, others: int, programme: Programme) -> int:
    """How many points one hold may have: whole steps, at least what may be spent at all, else 0."""
    room = min(base * programme.allowance_percent // 100 - others, programme.allowance_cap)
    points = room // programme.redeem_step * programme.redeem_step
    return points if points >= programme.redeem_threshold else 0


def owner_of(session: Session, at: tuple[str, str], number: int) -> int | None:
    """Whose points the hold of this number are, open or not; None when it is not this terminal's and card's."""
    terminal_id, uid = at
    return session.scalar(
        select(AllowanceRow.member_id).where(
            AllowanceRow.id == number, AllowanceRow.terminal_id == terminal_id, AllowanceRow.uid == uid
        )
    )


def why_not(session: Session, at: tuple[str, str], number: int, points: int, member_id: int) -> str:
    """Why this hold does not pay for `points`, or ""; its member was locked."""
    row = session.get(AllowanceRow, number, populate_existing=True)
    if row is None or (row.terminal_id, row.uid) != at or row.member_id != member_id:
        return f"allowance {number} is not this terminal's and card's"
    if row.state != OPEN:
        return f"allowance {number} is {row.state}"
    return "" if points <= row.points else f"allowance {number} holds {row.points} points"


def use(session: Session, number: int, seq: int) -> bool:
    """Close it by the transaction that spent it; what was not used is free again. False when somebody closed it."""
    return _close(session, (AllowanceRow.id == number,), USED, seq) == 1


def note_risk(session: Session, at: tuple[str, str], member_id: int, points: int, seq: int, now_utc: int) -> None:
    """Keep that an offline redemption was booked without a hold."""
    terminal_id, uid = at
    session.add(
        AllowanceRow(
            terminal_id=terminal_id,
            uid=uid,
            member_id=member_id,
            points=points,
            covered=0,
            granted_utc=now_utc,
            valid_until_utc=now_utc,
            state=RISK,
            used_seq=seq,
        )
    )


def release(session: Session, at: tuple[str, str], number: int) -> bool:
    """The terminal holds it no more and has not spent it."""
    terminal_id, uid = at
    return _close(session, (AllowanceRow.id == number, *_open(terminal_id, uid)), RELEASED) == 1


def release_ended(session: Session, terminal_id: str, ended_utc: int, now_utc: int) -> int:
    """The terminal says: of those that ended by `ended_utc` I use none any more and have none unsettled; how many.

    Its own clock says so at the moment it sent that, so it stays true however late the message comes.
    """
    until = min(ended_utc, now_utc - MARGIN_S)
    ended = (AllowanceRow.terminal_id == terminal_id, AllowanceRow.valid_until_utc <= until)
    return _close(session, ended, EXPIRED)


def cancel(session: Session, number: int) -> bool:
    """A person at the office gives it back: its terminal is lost."""
    return _close(session, (AllowanceRow.id == number,), CANCELLED) == 1


def follow(session: Session, former_id: int, member_id: int) -> None:
    """A nameless member's points came along with its card, so what is reserved of them does too."""
    session.execute(
        update(AllowanceRow)
        .where(AllowanceRow.member_id == former_id, AllowanceRow.state == OPEN)
        .values(member_id=member_id)
    )


def _close(session: Session, which: tuple[object, ...], state: str, seq: int | None = None) -> int:
    closed = session.execute(
        update(AllowanceRow)
        .where(AllowanceRow.state == OPEN, *which)  # type: ignore[arg-type]
        .values(state=state, used_seq=seq)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[tuple[()]]", closed).rowcount


def audit(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """What is wrong with the holds, beside all transactions there are."""
    problems: list[str] = []
    spent = {(row.terminal_id, row.seq, row.uid): row for row in rows if row.verb == REDEMPTION and row.rc == APPROVED}
    unpaid = {key for key, row in spent.items() if row.mti in ADVICES}
    for hold in session.scalars(select(AllowanceRow)):
        name = f"allowance {hold.id} of {hold.terminal_id}"
        if hold.state != RISK and not 0 < hold.points <= hold.covered:
            problems.append(f"{name}: {hold.points} points were reserved of {hold.covered}")
        if (hold.used_seq is None) == (hold.state in (USED, RISK)):
            problems.append(f"{name}: it is {hold.state} and SEQ {hold.used_seq} used it")
        if hold.used_seq is None:
            continue
        key = (hold.terminal_id, hold.used_seq, hold.uid)
        spending = spent.get(key)
        if spending is None or spending.mti not in ADVICES:
            problems.append(f"{name}: SEQ {hold.used_seq} used it and is no offline redemption of its card")
        elif -spending.points > hold.points or spending.member_id != hold.member_id:
            problems.append(
                f"{name}: SEQ {hold.used_seq} spent {-spending.points} points of {hold.points}, or another's"
            )
        unpaid.discard(key)
    problems += [
        f"{terminal}: SEQ {seq} was redeemed offline without an allowance" for terminal, seq, _ in sorted(unpaid)
    ]
    return problems
