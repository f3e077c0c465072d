"""Books that were put back to an earlier day, for tests of what a terminal does about it: one transaction is gone."""

from __future__ import annotations

from sqlalchemy import delete, select

from tools.bench_switch.books import Books
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.schema import Base, TransactionRow


def forget(books: Books, terminal_id: str, *, seq: int | None = None, verb: str | None = None) -> int:
    """Take out the transaction of this SEQ, or the newest of this verb, with all it booked; its SEQ."""
    query = select(TransactionRow).where(TransactionRow.terminal_id == terminal_id).order_by(TransactionRow.id.desc())
    query = query.where(TransactionRow.seq == seq) if seq is not None else query.where(TransactionRow.verb == verb)
    with books._session() as session:
        row = session.scalar(query.limit(1))
        if row is None or row.seq is None:
            raise LedgerError("B95", f"terminal {terminal_id} has no such transaction")
        for table in reversed(Base.metadata.sorted_tables):  # whatever hangs on it goes first
            for key in table.foreign_keys:
                if key.column.table is TransactionRow.__table__ and table is not key.column.table:
                    session.execute(delete(table).where(key.parent == row.id))
        session.execute(delete(TransactionRow).where(TransactionRow.id == row.id))
        return row.seq
