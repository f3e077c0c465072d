"""What must stand in the books after a fleet's day, and whether it does: once, exactly, and nothing else.

Compares what the terminals know with the stored rows. Points as signed whole points.
"""

from __future__ import annotations

from collections import defaultdict

from tools.bench_switch.ledger import Ledger
from tools.bench_switch.schema import APPROVED, MEMBER, TransactionRow
from tools.fleet.terminal import Record, Terminal

SHOWN = 20


def verify(ledger: Ledger, terminals: list[Terminal]) -> list[str]:
    """What is wrong, in words; empty when every approved transaction was posted once and nothing else was."""
    problems = [f"{terminal.terminal_id}: {problem}" for terminal in terminals for problem in terminal.problems]
    problems += ledger.check()
    total = sum(ledger.accounts().values())
    if total:
        problems.append(f"the accounts sum to {total}")
    posted: dict[int, int] = defaultdict(int)
    for posting in ledger.postings():
        if posting.account == MEMBER:
            posted[posting.transaction_id] += posting.points
    rows: dict[str, list[TransactionRow]] = defaultdict(list)
    for row in ledger.transactions():
        if row.terminal_id is not None:
            rows[row.terminal_id].append(row)
    for terminal in terminals:
        problems += _of_terminal(terminal, rows[terminal.terminal_id], posted)
    return problems


def _of_terminal(terminal: Terminal, rows: list[TransactionRow], posted: dict[int, int]) -> list[str]:
    """One terminal's records beside its rows."""
    problems: list[str] = []
    by_seq: dict[int, TransactionRow] = {}
    undone: dict[int, TransactionRow] = {}
    for row in rows:
        if row.seq in by_seq:
            problems.append(f"{terminal.terminal_id}: SEQ {row.seq} stands twice")
        by_seq[row.seq or 0] = row
        if row.original_id is not None:
            undone[row.original_id] = row
    known = {record.transaction.seq: record for record in terminal.records}
    for seq in by_seq.keys() - known.keys():
        problems.append(f"{terminal.terminal_id}: SEQ {seq} was never made by the terminal")
    for seq, record in known.items():
        wrong = _of_record(record, by_seq.get(seq), undone, posted)
        if wrong:
            problems.append(f"{terminal.terminal_id}: SEQ {seq} {wrong}")
    return problems


def _of_record(
    record: Record, row: TransactionRow | None, undone: dict[int, TransactionRow], posted: dict[int, int]
) -> str:
    """Why a record does not stand in the books as it must, or ""."""
    if record.undoes is not None:
        return "" if record.state == "booked" else "is a reversal that was never settled"
    stands = posted[row.id] if row is not None else 0
    undoing = undone.get(row.id) if row is not None else None
    if undoing is not None:
        stands += posted[undoing.id]
    if record.state == "booked":
        if row is None or row.rc != APPROVED:
            return "was approved and does not stand in the books"
        return "" if stands == record.points else f"stands with {stands} points, not {record.points}"
    if record.state == "open":
        return "has no outcome"
    return f"was {record.state} and stands with {stands} points" if stands else ""
