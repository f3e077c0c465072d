"""Batches: a terminal's totals beside those of the books, and record by record when they differ (LT-87 section 15).

Everything runs inside the caller's database transaction and locks the terminal's row first. A batch is closed once, as
agreed or disputed, and a repeat is answered by what was closed. Knows no bytes. Money in rial, points signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tools.bench_switch import shift_visits
from tools.bench_switch.batch_tables import BatchRow, FactRow, RecordRow
from tools.bench_switch.booking import Booked, Value, lock_terminal
from tools.bench_switch.books import Books
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ENROL,
    ISSUE,
    REDEMPTION,
    REFUND,
    REVERSAL,
    USE,
    VOID,
    TransactionRow,
)
from tools.bench_switch.verbs import book

OPEN, AGREED, DISPUTED = "open", "agreed", "disputed"
SAME, BOOKED, MISSING, DIFFERS, UNKNOWN = "same", "booked", "missing", "differs", "unknown"
RIGHT = (SAME, BOOKED)

# Kinds of DE 63: all but the last two are compared, those are the terminal's word alone. A remark counts nowhere.
COMPARED = ("AC", "RE", "OA", "OR", "RV", "RF", "VD", "EN", "VI", "VU")
KINDS = (*COMPARED, "VO", "DL", *shift_visits.KINDS)
_KIND = {(ACCRUAL, False): "AC", (REDEMPTION, False): "RE", (ACCRUAL, True): "OA", (REDEMPTION, True): "OR"} | {
    (verb, offline): kind
    for verb, kind in {REFUND: "RF", VOID: "VD", ENROL: "EN", ISSUE: "VI", USE: "VU"}.items()
    for offline in (False, True)
}
ALL_CLERKS = "***"
ROW_SIZE = 41
ROWS_MOST = 24

RC_CHANGED = "10"
RC_NO_BATCH = "12"
RC_RENUMBERED = "94"
RC_DIFFERS = "95"
ADVICES = ("0220", "0221")
UNDONE = (APPROVED, "25")  # what a reversal may have been answered for good

Figures = tuple[int, int, int]  # count, money, points
Totals = dict[tuple[str, str], Figures]  # by kind and clerk


@dataclass(frozen=True)
class Claim:
    """An 0500: `uploaded` after every record was sent."""

    terminal_id: str
    number: int
    low: int
    high: int
    whole: bool
    chain: str
    generation: int
    totals: Totals
    text: str
    uploaded: bool


@dataclass(frozen=True)
class Verdict:
    """What an 0510 says: the code, and the batch it is about."""

    rc: str
    number: int
    low: int
    high: int
    remark: str = ""
    visits: str = ""  # the books' own count of them, as DE 60 ends; only to who counts visits, too


@dataclass(frozen=True)
class Counted:
    """One transaction of the books as it counts in a batch."""

    row: TransactionRow
    fact: FactRow | None
    kind: str
    clerk: str
    points: int

    def __str__(self) -> str:
        return f"{self.kind} {self.clerk} {self.row.amount} {self.points}"


def clerk_of(text: str) -> str:
    """A clerk as DE 63 spells one; what is no number of three digits is nobody there."""
    return f"{int(text):03d}" if text.isascii() and text.isdigit() and len(text) <= 3 else "000"


def _counted(session: Session, terminal_id: str, low: int, high: int) -> list[Counted]:
    """What the books count of a terminal's SEQs, oldest SEQ first."""
    query = (
        select(TransactionRow, FactRow)
        .outerjoin(FactRow, FactRow.transaction_id == TransactionRow.id)
        .where(TransactionRow.terminal_id == terminal_id, TransactionRow.seq.between(low, high))
        .order_by(TransactionRow.seq)
    )
    undone = set(
        session.scalars(
            select(TransactionRow.original_id).where(
                TransactionRow.terminal_id == terminal_id,
                TransactionRow.original_id.is_not(None),
                TransactionRow.verb == REVERSAL,  # what was voided counts as it did, and its void beside it
            )
        )
    )
    found = [_as_counted(row, fact, undone=row.id in undone) for row, fact in session.execute(query)]
    return [one for one in found if one is not None]


def _as_counted(row: TransactionRow, fact: FactRow | None, *, undone: bool) -> Counted | None:
    """How a transaction counts, None when it does not: it was refused or undone."""
    clerk = clerk_of(fact.clerk) if fact is not None else "000"
    if row.verb == REVERSAL:
        if row.rc not in UNDONE:
            return None
        # Books older than the facts: what the message named is the fourth word of its content.
        return Counted(row, fact, "RV", clerk, fact.points if fact is not None else int(row.content.split()[3]))
    offline = fact.offline if fact is not None else row.mti in ADVICES
    kind = _KIND.get((row.verb, offline))
    if row.rc != APPROVED or undone or kind is None:
        return None
    # The advice of somebody who was a member already booked nothing, and its terminal counts what it promised.
    promised = row.verb == ENROL and offline and fact is not None
    return Counted(row, fact, kind, clerk, fact.points if promised and fact is not None else row.points)


def totals_of(counted: Iterable[Counted]) -> Totals:
    """What they add up to."""
    totals: Totals = {}
    for one in counted:
        count, money, points = totals.get((one.kind, one.clerk), (0, 0, 0))
        totals[one.kind, one.clerk] = (count + 1, money + one.row.amount, points + one.points)
    return totals


def together(totals: Totals) -> Totals:
    """One row for each kind, whoever the clerk."""
    folded: Totals = {}
    for (kind, _), figures in totals.items():
        before = folded.get((kind, ALL_CLERKS), (0, 0, 0))
        folded[kind, ALL_CLERKS] = tuple(a + b for a, b in zip(before, figures, strict=True))  # type: ignore[assignment]
    return folded


def compared(totals: Totals) -> Totals:
    """The rows both sides must agree on; a row of nothing is none."""
    return {key: figures for key, figures in totals.items() if key[0] in COMPARED and figures != (0, 0, 0)}


def equal(said: Totals, ours: Totals) -> bool:
    """Whether terminal and books agree; a terminal with too many clerks for one message names none."""
    if any(clerk == ALL_CLERKS for kind, clerk in (*said, *ours) if kind in COMPARED):
        said, ours = together(said), together(ours)
    return compared(said) == compared(ours)


def spelt(totals: Totals) -> str:
    """As DE 63 spells them."""
    rows = totals if len(totals) <= ROWS_MOST else together(totals)
    ordered = sorted(rows, key=lambda key: (KINDS.index(key[0]), key[1]))
    return "".join(
        f"{kind}{clerk}{count:06d}{money:016d}{'D' if points < 0 else 'C'}{abs(points):013d}"
        for kind, clerk in ordered
        for count, money, points in (rows[kind, clerk],)
    )


def parsed(text: str) -> Totals:
    """Totals as DE 63 spells them. Raises ValueError."""
    totals: Totals = {}
    if len(text) % ROW_SIZE:
        raise ValueError("not whole rows")
    for at in range(0, len(text), ROW_SIZE):
        row = text[at : at + ROW_SIZE]
        key = row[:2], row[2:5]
        digits = row[5:27] + row[28:]
        clerk_fits = key[1] == ALL_CLERKS or (key[1].isascii() and key[1].isdigit())
        if key[0] not in KINDS or not clerk_fits or key in totals or row[27] not in "CD":
            raise ValueError(f"row {at // ROW_SIZE + 1}")
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"digits of row {at // ROW_SIZE + 1}")
        totals[key] = int(row[5:11]), int(row[11:27]), int(row[28:]) * (-1 if row[27] == "D" else 1)
    return totals


def close(session: Session, claim: Claim, now_utc: int) -> Verdict:
    """Compare and close, or ask for the records; what was closed before is answered as it was then, but not as agreed
    to figures nobody agreed to: of its own range the claim must be what it was closed with."""
    lock_terminal(session, claim.terminal_id, 0)
    batch = _batch(session, claim.terminal_id, claim.number)
    if batch is not None and batch.state != OPEN and batch.low == claim.low and batch.high <= claim.high:
        rc, what = APPROVED if batch.state == AGREED else RC_DIFFERS, f"batch {batch.number} is {batch.state} already"
        if rc == APPROVED and batch.high == claim.high and not equal(claim.totals, parsed(batch.said)):
            rc, what = RC_CHANGED, f"batch {batch.number} was agreed with other totals"
        return Verdict(rc, batch.number, batch.low, batch.high, what)
    last = session.scalar(
        select(BatchRow)
        .where(BatchRow.terminal_id == claim.terminal_id, BatchRow.state != OPEN)
        .order_by(BatchRow.number.desc())
        .limit(1)
    )
    if last is not None and (claim.number <= last.number or claim.low != last.high + 1):
        between = select(TransactionRow.id).where(
            TransactionRow.terminal_id == claim.terminal_id,
            TransactionRow.seq > last.high,
            TransactionRow.seq < claim.low,
        )
        if claim.number <= last.number or claim.low <= last.high or session.scalar(between.limit(1)) is not None:
            remark = (
                f"batch {claim.number} from SEQ {claim.low} does not follow {last.number}, which ends at {last.high}"
            )
            return Verdict(RC_RENUMBERED, last.number + 1, last.high + 1, claim.high, remark)

    counted = _counted(session, claim.terminal_id, claim.low, claim.high)
    highest = session.scalar(
        select(func.max(TransactionRow.seq)).where(TransactionRow.terminal_id == claim.terminal_id)
    )
    beyond = highest if highest is not None and highest > claim.high else 0
    agreed = claim.whole and not beyond and equal(claim.totals, totals_of(counted))
    if batch is None:
        batch = BatchRow(terminal_id=claim.terminal_id, number=claim.number)
        session.add(batch)
    batch.low, batch.high, batch.whole, batch.beyond = claim.low, claim.high, claim.whole, beyond
    batch.chain, batch.generation, batch.said = claim.chain, claim.generation, claim.text
    batch.booked, batch.told_utc = spelt(totals_of(counted)), now_utc
    batch.state = AGREED if agreed else DISPUTED if claim.uploaded else OPEN
    session.flush()
    if batch.state != OPEN:
        _mark(session, batch, counted)
    if batch.state == DISPUTED:
        _note_unknown(session, batch, counted)
    state = "differs" if batch.state == OPEN else batch.state
    what = f"batch {batch.number}, SEQ {batch.low} to {batch.high}: {state}"
    return Verdict(APPROVED if agreed else RC_DIFFERS, batch.number, batch.low, batch.high, what)


def _batch(session: Session, terminal_id: str, number: int) -> BatchRow | None:
    return session.scalar(select(BatchRow).where(BatchRow.terminal_id == terminal_id, BatchRow.number == number))


def _mark(session: Session, batch: BatchRow, counted: Iterable[Counted]) -> None:
    """What was counted belongs to this batch for good, whatever becomes of it later."""
    for one in counted:
        if one.fact is not None:
            one.fact.batch_id = batch.id
            continue
        offline = one.row.mti in ADVICES
        fact = FactRow(transaction_id=one.row.id, clerk="", offline=offline, points=one.points, batch_id=batch.id)
        session.add(fact)
    session.flush()


def _note_unknown(session: Session, batch: BatchRow, counted: Iterable[Counted]) -> None:
    """What stands here and the terminal did not name."""
    named = set(session.scalars(select(RecordRow.seq).where(RecordRow.batch_id == batch.id)))
    for one in counted:
        if one.row.seq not in named:
            session.add(RecordRow(batch_id=batch.id, seq=one.row.seq, finding=UNKNOWN, said="", here=str(one)))
    session.flush()


def take(
    session: Session, number: int, kind: str, value: Value, programme: Programme, now_utc: int
) -> tuple[str, Booked | None]:
    """One uploaded record: (its code, what was booked from it). An accrual that is missing is booked as promised; what
    spends or undoes points waits for a person."""
    lock_terminal(session, value.terminal_id, value.seq)
    batch = _batch(session, value.terminal_id, number)
    if batch is None:
        return RC_NO_BATCH, None
    said = f"{kind} {clerk_of(value.clerk)} {value.amount} {value.points}"
    record = session.get(RecordRow, (batch.id, value.seq))
    if batch.state != OPEN or (record is not None and record.said == said and record.finding == BOOKED):
        return (APPROVED if record is not None and record.finding in RIGHT else RC_DIFFERS), None
    row = session.scalar(
        select(TransactionRow).where(TransactionRow.terminal_id == value.terminal_id, TransactionRow.seq == value.seq)
    )
    booked, finding, here = None, MISSING, ""
    if row is None and kind in ("AC", "OA"):
        booked = book(session, replace(value, advice=True), programme, now_utc)
        finding = BOOKED if booked.rc == APPROVED else MISSING
        here = "" if booked.rc == APPROVED else f"refused with {booked.rc}"
    elif row is not None:
        counted = [one for one in _counted(session, value.terminal_id, value.seq, value.seq) if row.uid == value.uid]
        here = str(counted[0]) if counted else f"{row.verb} {row.amount} {row.points} rc {row.rc}"
        finding = SAME if here == said else DIFFERS
    session.merge(RecordRow(batch_id=batch.id, seq=value.seq, finding=finding, said=said, here=here))
    session.flush()
    return (APPROVED if finding in RIGHT else RC_DIFFERS), booked


def audit_batches(session: Session) -> list[str]:
    """What is wrong with the closed batches, in words."""
    problems: list[str] = []
    ends: dict[str, int] = {}
    query = select(BatchRow).where(BatchRow.state != OPEN).order_by(BatchRow.terminal_id, BatchRow.number)
    for batch in session.scalars(query):
        name = f"{batch.terminal_id}: batch {batch.number}"
        if batch.low <= ends.get(batch.terminal_id, 0):
            problems.append(f"{name} begins at SEQ {batch.low}, before the end of another")
        ends[batch.terminal_id] = max(batch.high, ends.get(batch.terminal_id, 0))
        members = select(TransactionRow, FactRow).join(FactRow, FactRow.transaction_id == TransactionRow.id)
        found = session.execute(members.where(FactRow.batch_id == batch.id)).all()
        counted = [one for row, fact in found if (one := _as_counted(row, fact, undone=False)) is not None]
        strangers = [row.seq for row, _ in found if row.terminal_id != batch.terminal_id]
        strangers += [row.seq for row, _ in found if not batch.low <= (row.seq or 0) <= batch.high]
        if strangers:
            problems.append(f"{name} counts SEQ {strangers[0]}, which is not of it")
        if len(counted) != len(found) or spelt(totals_of(counted)) != batch.booked:
            problems.append(f"{name}: its transactions do not make its totals")
        if batch.state == AGREED and not equal(parsed(batch.said), parsed(batch.booked)):
            problems.append(f"{name} is agreed, and its totals differ")
    return problems


class Batches(Books):
    """What the message desk and people ask."""

    def close_batch(self, claim: Claim, now_utc: int) -> Verdict:
        """An 0500, see `close`."""

        def told(session: Session) -> Verdict:
            verdict = close(session, claim, now_utc)
            if not any(kind in shift_visits.KINDS for kind, _ in claim.totals):
                return verdict
            rows = [one.row for one in _counted(session, claim.terminal_id, verdict.low, verdict.high)]
            counts = shift_visits.visits_of(session, rows, self.programme)
            return replace(verdict, visits=shift_visits.spelt(counts))

        return self._retried(told)

    def take_record(self, number: int, kind: str, value: Value, now_utc: int) -> tuple[str, Booked | None]:
        """An 0320, see `take`."""
        return self._retried(lambda session: take(session, number, kind, value, self.programme, now_utc))

    def batches(self, terminal_id: str | None = None) -> list[BatchRow]:
        """Batches by terminal and number."""
        query = select(BatchRow).order_by(BatchRow.terminal_id, BatchRow.number)
        if terminal_id is not None:
            query = query.where(BatchRow.terminal_id == terminal_id)
        with self._session() as session:
            return list(session.scalars(query))

    def batch(self, terminal_id: str, number: int) -> BatchRow:
        with self._session() as session:
            batch = _batch(session, terminal_id, number)
        if batch is None:
            raise LedgerError("B95", f"terminal {terminal_id} has no batch {number}")
        return batch

    def batch_records(self, batch: BatchRow) -> list[RecordRow]:
        """What came of the upload, by SEQ; nothing when there was none."""
        with self._session() as session:
            return list(
                session.scalars(select(RecordRow).where(RecordRow.batch_id == batch.id).order_by(RecordRow.seq))
            )

    def late_records(self, batch: BatchRow) -> list[int]:
        """SEQs of this batch that were booked after it was closed: dead letters somebody put right."""
        with self._session() as session:
            counted = _counted(session, batch.terminal_id, batch.low, batch.high)
        return [one.row.seq or 0 for one in counted if one.fact is None or one.fact.batch_id is None]
