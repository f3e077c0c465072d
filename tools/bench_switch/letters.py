"""What becomes at the switch of a transaction it refused for good: cleared at the terminal, or opened for another try.

A cleared one is never booked: its terminal is told to give it up (docs/lt87.md section 9) until it says that it did.
One that is opened anew leaves its refusal behind as a row without SEQ, and the next repeat is processed as if it were
the first. Only advices become dead letters: a reversal is settled by every code the books give it, and what was
declined online is over. Each call is inside the caller's database transaction, the terminal's row locked first, as in
`booking`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.schema import APPROVED, ClearRow, ReopenRow, TerminalRow, TransactionRow

CLEAR = 1  # tag 54
HIGHEST_SEQ = 0x7FFFFFFF
ADVICES = ("0220", "0221")


@dataclass(frozen=True)
class Letter:
    """A refused advice of a terminal, as the books know it; `state` is refused, ordered or cleared."""

    terminal_id: str
    seq: int
    verb: str
    uid: str
    amount: int
    rc: str
    state: str


def _locked(session: Session, terminal_id: str, seq: int) -> TerminalRow:
    """Serialise with this terminal's messages. Raises LedgerError."""
    if not 1 <= seq <= HIGHEST_SEQ:
        raise LedgerError("B80", f"SEQ {seq} is no number of a transaction")
    session.execute(
        update(TerminalRow).where(TerminalRow.terminal_id == terminal_id).values(blocked=TerminalRow.blocked)
    )
    terminal = session.get(TerminalRow, terminal_id, populate_existing=True)
    if terminal is None:
        raise LedgerError("B30", f"no terminal {terminal_id!r}")
    return terminal


def _of(session: Session, terminal_id: str, seq: int) -> TransactionRow | None:
    return session.scalar(
        select(TransactionRow).where(TransactionRow.terminal_id == terminal_id, TransactionRow.seq == seq)
    )


def _why_no_letter(row: TransactionRow) -> str:
    """Why a SEQ that stands in the books is no dead letter, "" when it is one."""
    if row.rc == APPROVED:
        return "is booked"
    return "" if row.mti in ADVICES else f"was answered {row.rc}: that settles a {row.mti}"


def clear(session: Session, terminal_id: str, seq: int, now_utc: int, *, anyway: bool = False) -> None:
    """Have the terminal give it up. Raises LedgerError for what is no dead letter, above all for what is booked: then
    the terminal learns that by a retry. `anyway`: its refusal was not kept here, and it is on the terminal's list."""
    terminal = _locked(session, terminal_id, seq)
    if seq > terminal.high_seq:
        raise LedgerError("B80", f"SEQ {seq} of {terminal_id} is still to come: the highest was {terminal.high_seq}")
    row = _of(session, terminal_id, seq)
    why_not = "was not refused here" if row is None else _why_no_letter(row)
    if why_not and not (row is None and anyway):
        raise LedgerError("B81", f"SEQ {seq} of {terminal_id} {why_not}")
    if session.get(ClearRow, (terminal_id, seq)) is None:
        session.add(ClearRow(terminal_id=terminal_id, seq=seq, ordered_utc=now_utc))


def unclear(session: Session, terminal_id: str, seq: int) -> None:
    """Take the order back. Raises LedgerError when there is none, or the terminal has carried it out."""
    _locked(session, terminal_id, seq)
    order = session.get(ClearRow, (terminal_id, seq), populate_existing=True)
    if order is None or order.done_utc is not None:
        what = "is not to be given up" if order is None else "is given up already, says its terminal"
        raise LedgerError("B81", f"SEQ {seq} of {terminal_id} {what}")
    session.execute(delete(ClearRow).where(ClearRow.terminal_id == terminal_id, ClearRow.seq == seq))


def is_cleared(session: Session, terminal_id: str, seq: int) -> bool:
    """Whether the office gave it up: nothing is booked under this SEQ any more."""
    return session.get(ClearRow, (terminal_id, seq)) is not None


def reopen(session: Session, terminal_id: str, seq: int, now_utc: int) -> str:
    """Set a refusal aside, so that the next try counts; the code it had. Raises LedgerError."""
    _locked(session, terminal_id, seq)
    row = _of(session, terminal_id, seq)
    why_not = "never came or was not kept" if row is None else _why_no_letter(row)
    if row is None or why_not or is_cleared(session, terminal_id, seq):
        raise LedgerError("B81", f"SEQ {seq} of {terminal_id} {why_not or 'is cleared'}")
    row.seq = None
    session.add(ReopenRow(transaction_id=row.id, terminal_id=terminal_id, seq=seq, reopened_utc=now_utc))
    return row.rc


def order(session: Session, terminal_id: str, done: int | None, now_utc: int) -> int | None:
    """The SEQ its terminal is to give up next, None when there is none; `done` is one it says it gave up."""
    if done is not None:
        session.execute(
            update(ClearRow)
            .where(ClearRow.terminal_id == terminal_id, ClearRow.seq == done, ClearRow.done_utc.is_(None))
            .values(done_utc=now_utc)
        )
    waiting = (
        select(ClearRow.seq)
        .where(ClearRow.terminal_id == terminal_id, ClearRow.done_utc.is_(None))
        .order_by(ClearRow.seq)
        .limit(1)
    )
    return session.scalar(waiting)


def listed(session: Session, terminal_id: str | None = None) -> list[Letter]:
    """What was refused of advices, and what was cleared, by terminal and SEQ."""
    cleared = {(row.terminal_id, row.seq): row for row in session.scalars(select(ClearRow))}
    refused = select(TransactionRow).where(
        TransactionRow.seq.is_not(None), TransactionRow.rc != APPROVED, TransactionRow.mti.in_(ADVICES)
    )
    found = {(row.terminal_id or "", row.seq or 0): row for row in session.scalars(refused)}
    letters = []
    for key in sorted(found.keys() | cleared.keys()):
        if terminal_id not in (None, key[0]):
            continue
        row, ordered = found.get(key), cleared.get(key)
        state = "refused" if ordered is None else "ordered" if ordered.done_utc is None else "cleared"
        what = (row.verb, row.uid, row.amount, row.rc) if row is not None else ("", "", 0, "")
        letters.append(Letter(*key, *what, state))
    return letters
