"""Disputes: a member says that a transaction is not right, and the office deals with it (LT-87 section 17).

A dispute moves nothing and is never refused: what somebody said at the counter is kept, also of what never
came. Inside one database transaction that the caller opens.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import RC_APPROVED, Booked, Value, record
from tools.bench_switch.books import Books
from tools.bench_switch.codec import tlv
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import CardRow, TransactionRow
from tools.bench_switch.taking_back import named
from tools.bench_switch.taking_back_tables import DisputeRow

# REASON (tag 51) of a dispute.
REASONS = {1: "wrong amount", 2: "points missing", 3: "was not me", 4: "other"}
_WORD_MAX = 120


def disputes(value: Value) -> bool:
    """Whether a remark is a dispute."""
    return tlv.DISPUTE in value.tags or tlv.ORIGINAL in value.tags


def dispute(session: Session, value: Value, _programme: Programme, now_utc: int) -> Booked:
    """A remark that disputes a transaction: by the SEQ it had at this terminal, else by its reference."""
    seq = int.from_bytes(value.tags.get(tlv.DISPUTE, b""), "big")
    reference = value.tags.get(tlv.ORIGINAL, b"").decode("ascii", "replace")
    card = session.get(CardRow, value.uid)
    original = None
    if seq:
        original = session.scalar(
            select(TransactionRow).where(TransactionRow.terminal_id == value.terminal_id, TransactionRow.seq == seq)
        )
    elif card is not None:
        original = named(session, card, value.terminal_id, value.merchant_id, reference)
    row = record(session, value, RC_APPROVED, 0, now_utc)
    row.member_id = original.member_id if original is not None else card.member_id if card is not None else None
    row.approval = f"{row.id % 1_000_000:06d}"
    session.add(
        DisputeRow(
            transaction_id=row.id,
            terminal_id=value.terminal_id,
            seq=seq,
            reference=original.rrn if original is not None else reference,
            original_id=original.id if original is not None else None,
            reason=int.from_bytes(value.tags.get(tlv.REASON, b""), "big"),
            opened_utc=now_utc,
            closed_utc=None,
            word="",
        )
    )
    session.flush()
    return Booked(RC_APPROVED, 0, row.approval, remarks=[f"SEQ {value.seq} disputes {reference or seq}"])


def is_disputed(session: Session, row: TransactionRow) -> bool:
    """Whether somebody disputes it and the office has not dealt with that."""
    open_one = select(DisputeRow.transaction_id).where(
        DisputeRow.original_id == row.id, DisputeRow.closed_utc.is_(None)
    )
    return session.scalar(open_one.limit(1)) is not None


@dataclass(frozen=True)
class Dispute:
    """One row of the office's list; `verb`, `amount` and `points` of what is disputed, "" and 0 when it never came."""

    number: int
    terminal_id: str
    reference: str
    verb: str
    amount: int
    points: int
    reason: str
    opened_utc: int
    closed_utc: int | None
    word: str


class Disputes(Books):
    """What the office asks."""

    def disputes(self, *, closed: bool = False) -> list[Dispute]:
        """Open ones, oldest first; with `closed` all."""
        query = (
            select(DisputeRow, TransactionRow)
            .outerjoin(TransactionRow, TransactionRow.id == DisputeRow.original_id)
            .order_by(DisputeRow.transaction_id)
        )
        if not closed:
            query = query.where(DisputeRow.closed_utc.is_(None))
        with self._session() as session:
            return [
                Dispute(
                    said.transaction_id,
                    said.terminal_id,
                    said.reference,
                    row.verb if row is not None else "",
                    row.amount if row is not None else 0,
                    row.points if row is not None else 0,
                    REASONS.get(said.reason, str(said.reason)),
                    said.opened_utc,
                    said.closed_utc,
                    said.word,
                )
                for said, row in session.execute(query)
            ]

    def close_dispute(self, number: int, word: str, now_utc: int) -> None:
        """The office has dealt with it; `word` says how. Raises LedgerError."""

        def work(session: Session) -> None:
            row = session.get(DisputeRow, number) if 0 < number < 2**63 else None
            if row is None or row.closed_utc is not None:
                raise LedgerError("B96", f"no open dispute {number}")
            if not word.strip() or len(word) > _WORD_MAX:
                raise LedgerError("B96", f"say in 1 to {_WORD_MAX} letters what became of it")
            row.closed_utc, row.word = now_utc, word.strip()

        self._retried(work)
