"""Digits sent to a member's mobile, which say once that the member agrees: to spend without a card, to a new card.

Six digits, five minutes, three tries; what was sent for one purpose is good for no other. Who asks for another code
gets no new tries with it, and a day of Tehran has so many codes and so many tries: who guesses all day stays far from
the million there are. Inside the caller's database
transaction, after the member was locked: a code is used together with what it allowed, or not at all. Digits are told
to nobody but the outbox. Times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tools.bench_switch import outbox
from tools.bench_switch.facts import facts_of
from tools.bench_switch.member_tables import CodeRow
from tools.bench_switch.schema import APPROVED, ContactRow

# What a code is for; an inquiry asks for one by the same number (tag REASON).
REPLACE, SPEND = 1, 2
PURPOSES = (REPLACE, SPEND)

DIGITS = 6
LIFE_S = 300
TRIES = 3
DAY_CODES = 5
DAY_TRIES = 10  # wrong ones, of all codes of a member's day
AGAIN_S = 60  # asked for again sooner, the same one stays in force and nothing is sent

OPEN, USED, BURNT, UNDONE = "open", "used", "burnt", "undone"

RC_WRONG = "55"
RC_TRIES = "38"

_DAY_S = 86_400
_TEHRAN_OFFSET_S = 12_600


def _newest(session: Session, member_id: int, purpose: int) -> CodeRow | None:
    rows = select(CodeRow).where(CodeRow.member_id == member_id, CodeRow.purpose == purpose)
    return session.scalar(rows.order_by(CodeRow.id.desc()).limit(1))


def _day(session: Session, member_id: int, now_utc: int) -> tuple[int, int]:
    """(codes that were sent, wrong tries) of this member today, for whatever purpose."""
    midnight = now_utc - (now_utc + _TEHRAN_OFFSET_S) % _DAY_S
    sums = select(func.count(), func.coalesce(func.sum(CodeRow.tries), 0)).where(
        CodeRow.member_id == member_id, CodeRow.expires_utc >= midnight + LIFE_S
    )
    sent, tries = session.execute(sums).one()
    return sent, int(tries)


def send(session: Session, member_id: int, purpose: int, now_utc: int) -> tuple[str, int]:
    """Have a code written to the member: (response code, what becomes of the message).

    After three wrong tries there is none before the former has run out, and after too many in a day none that day.
    """
    contact = session.get(ContactRow, member_id)
    if contact is None:
        return APPROVED, outbox.NO_NUMBER
    if not facts_of(session, member_id).consent:
        return APPROVED, outbox.NONE
    former = _newest(session, member_id, purpose)
    if former is not None and now_utc < former.expires_utc:
        if former.state == BURNT:
            return RC_TRIES, outbox.NONE
        if former.state == OPEN and now_utc < former.expires_utc - LIFE_S + AGAIN_S:
            return APPROVED, outbox.WRITTEN
    sent, tries = _day(session, member_id, now_utc)
    if sent >= DAY_CODES or tries >= DAY_TRIES:
        return RC_TRIES, outbox.NONE
    tried = 0
    if former is not None and former.state == OPEN and now_utc < former.expires_utc:
        # Its tries are the new one's, so that a day's sum has them once.
        former.state, tried, former.tries = UNDONE, former.tries, 0
    digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    row = CodeRow(member_id=member_id, purpose=purpose, digits=digits, expires_utc=now_utc + LIFE_S, tries=tried)
    session.add(row)
    session.flush()
    outbox.write_code(session, f"code {row.id}", contact, digits, now_utc)
    return APPROVED, outbox.WRITTEN


def check(session: Session, member_id: int, purpose: int, said: bytes, now_utc: int) -> tuple[str, CodeRow | None]:
    """What these digits are worth: (response code, the code to `use` when it is 00). A wrong one counts as a try."""
    row = _newest(session, member_id, purpose)
    if row is None or row.state not in (OPEN, BURNT) or now_utc >= row.expires_utc:
        return RC_WRONG, None
    if row.state == BURNT or _day(session, member_id, now_utc)[1] >= DAY_TRIES:
        return RC_TRIES, None
    if not secrets.compare_digest(row.digits.encode(), said):
        row.tries += 1
        session.flush()
        if row.tries >= TRIES:
            row.state = BURNT
        spent = row.state == BURNT or _day(session, member_id, now_utc)[1] >= DAY_TRIES
        return RC_TRIES if spent else RC_WRONG, None
    return APPROVED, row


def use(row: CodeRow) -> None:
    """It has done its work."""
    row.state = USED


def newest_digits(session: Session, member_id: int) -> str:
    """What stands in the member's newest message with a code, "" when there is none: for who plays the member."""
    rows = select(CodeRow.digits).where(CodeRow.member_id == member_id).order_by(CodeRow.id.desc())
    return session.scalar(rows.limit(1)) or ""
