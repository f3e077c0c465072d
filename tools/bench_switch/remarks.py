"""What customers say at the counter: an answer to the shop's question, or why they had stayed away (LT-87 section 20).

A remark moves nothing. One without a name is counted by shop and day, and nowhere does its answer stand beside the
message that brought it. Inside one database transaction that the caller opens.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tools.bench_switch.booking import RC_APPROVED, RC_INVALID, RC_UNKNOWN_CARD, Booked, Value, record
from tools.bench_switch.books import Books, member_named
from tools.bench_switch.codec import tlv
from tools.bench_switch.disputes import dispute, disputes
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.keyed import row_of
from tools.bench_switch.programme import Programme
from tools.bench_switch.remark_tables import NamelessRow, RemarkRow
from tools.bench_switch.schema import APPROVED, REMARK, MemberRow, TransactionRow
from tools.bench_switch.taking_back_tables import DisputeRow

SURVEY, REASON = "survey", "reason"
# REASON (tag 51) of a member who had stayed away.
REASONS = {1: "staff", 2: "price", 3: "choice", 4: "a friend's tip", 5: "a service they lack"}
ANSWERS = range(1, 6)
WORD_MAX = 60  # bytes of an answer: what tag 28 holds behind its date
_TEHRAN_OFFSET_S = 12_600
_DAY_S = 86_400


def remark(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """A remark that is seen for the first time."""
    if disputes(value):
        return dispute(session, value, programme, now_utc)
    said = _said(value)
    if said is None:
        record(session, value, RC_INVALID, 0, now_utc)
        return Booked(RC_INVALID, remarks=["a remark that says nothing"])
    if not value.uid:
        return _nameless(session, value, said, now_utc)
    card = row_of(session, value.uid)
    if card is None:
        record(session, value, RC_UNKNOWN_CARD, 0, now_utc)
        return Booked(RC_UNKNOWN_CARD)
    row = record(session, value, RC_APPROVED, 0, now_utc)
    row.member_id, row.approval = card.member_id, f"{row.id % 1_000_000:06d}"
    kind, question, answer = said
    session.add(
        RemarkRow(
            transaction_id=row.id,
            member_id=card.member_id,
            kind=kind,
            question=question,
            answer=answer,
            day=value.business_day.isoformat(),
            word="",
            answered_utc=None,
            told_utc=None,
        )
    )
    session.flush()
    return Booked(RC_APPROVED, 0, row.approval)


def _said(value: Value) -> tuple[str, int, int] | None:
    """Kind, question and answer, None when it makes no sense."""
    survey, reason = value.tags.get(tlv.SURVEY), value.tags.get(tlv.REASON)
    if survey is not None and reason is None and len(survey) == 3:
        question, answer, nameless = survey
        fits = answer in ANSWERS and nameless == (not value.uid) and question
        return (SURVEY, question, answer) if fits else None
    if reason is not None and survey is None and value.uid and reason[0] in REASONS:
        return REASON, 0, reason[0]
    return None


def _nameless(session: Session, value: Value, said: tuple[str, int, int], now_utc: int) -> Booked:
    """Counted by day. The message's own row has no clerk, no hour, and not the answer."""
    row = record(session, replace(value, clerk="", de7=value.de7[:4] + "000000"), RC_APPROVED, 0, _day_start(now_utc))
    row.approval = f"{row.id % 1_000_000:06d}"
    key = (value.merchant_id, said[1], said[2], value.business_day.isoformat())
    counted = session.get(NamelessRow, key, with_for_update=True)
    if counted is None:
        merchant_id, question, answer, day = key
        session.add(NamelessRow(merchant_id=merchant_id, question=question, answer=answer, day=day, times=1))
    else:
        counted.times += 1
    session.flush()
    return Booked(RC_APPROVED, 0, row.approval)


def _day_start(now_utc: int) -> int:
    """When the day began in Tehran."""
    return now_utc - (now_utc + _TEHRAN_OFFSET_S) % _DAY_S


def ack_for(session: Session, member_id: int, now_utc: int) -> bytes | None:
    """ACK (tag 28) for this member's tap: the answer of the office first told on this day, which a line may have
    lost, else the oldest that was never told; None when there is none. Marks it as told."""
    told_lately = (RemarkRow.told_utc.is_(None)) | (RemarkRow.told_utc >= _day_start(now_utc))
    row = session.scalar(
        select(RemarkRow)
        .where(RemarkRow.member_id == member_id, RemarkRow.word != "", told_lately)
        .order_by(RemarkRow.told_utc.is_(None), RemarkRow.transaction_id)
        .limit(1)
    )
    if row is None:
        return None
    if row.told_utc is None:
        row.told_utc = now_utc
        session.flush()
    return tlv.bcd_date(datetime.date.fromisoformat(row.day)) + tlv.text(row.word, WORD_MAX)


@dataclass(frozen=True)
class Remark:
    """One row of the office's list; `said` in words."""

    number: int
    member: str
    day: str
    kind: str
    question: int
    said: str
    word: str


class Remarks(Books):
    """What the office asks."""

    def remarks(self, member: str | int | None = None, *, answered: bool = False) -> list[Remark]:
        """What members said, oldest first; only what waits for an answer unless `answered`."""
        with self._session() as session:
            wanted: list[ColumnElement[bool]] = [] if answered else [RemarkRow.word == ""]
            if member is not None:
                wanted.append(RemarkRow.member_id == member_named(session, member).id)
            query = select(RemarkRow, MemberRow).join(MemberRow, MemberRow.id == RemarkRow.member_id).where(*wanted)
            return [
                Remark(row.transaction_id, who.name or "?", row.day, row.kind, row.question, _words(row), row.word)
                for row, who in session.execute(query.order_by(RemarkRow.transaction_id))
            ]

    def answer_remark(self, number: int, word: str, now_utc: int) -> None:
        """Say what became of a remark; the member hears it at the next tap. Raises LedgerError."""

        def work(session: Session) -> None:
            row = session.get(RemarkRow, number) if 0 < number < 2**63 else None
            if row is None:
                raise LedgerError("B97", f"no remark {number}")
            if row.word:
                raise LedgerError("B97", f"remark {number} was answered: {row.word!r}")
            if not word.strip() or len(word.strip().encode()) > WORD_MAX:
                raise LedgerError("B97", f"an answer has 1 to {WORD_MAX} bytes")
            row.word, row.answered_utc = word.strip(), now_utc

        self._retried(work)

    def survey_results(self) -> list[tuple[int, int, int, int]]:
        """(question, answer, how often with a name, how often without), by question and answer."""
        named: Counter[tuple[int, int]] = Counter()
        nameless: Counter[tuple[int, int]] = Counter()
        with self._session() as session:
            for row in session.scalars(select(RemarkRow).where(RemarkRow.kind == SURVEY)):
                named[row.question, row.answer] += 1
            for counted in session.scalars(select(NamelessRow)):
                nameless[counted.question, counted.answer] += counted.times
        return [(*key, named[key], nameless[key]) for key in sorted({*named, *nameless})]

    def stayed_away(self) -> dict[str, int]:
        """How often members who had stayed away gave each reason."""
        with self._session() as session:
            said = Counter(session.scalars(select(RemarkRow.answer).where(RemarkRow.kind == REASON)))
        return {words: said[number] for number, words in REASONS.items()}


def _words(row: RemarkRow) -> str:
    return REASONS.get(row.answer, str(row.answer)) if row.kind == REASON else str(row.answer)


def audit(session: Session, rows: Iterable[TransactionRow]) -> list[str]:
    """Behind each remark that was taken stand its words, and nothing behind any other."""
    taken = {row.id: row for row in rows if row.verb == REMARK and row.rc == APPROVED}
    disputed = set(session.scalars(select(DisputeRow.transaction_id)))
    said = set(session.scalars(select(RemarkRow.transaction_id)))
    problems = [f"remark {number} has no message" for number in sorted(said - set(taken))]
    named = {number for number, row in taken.items() if row.uid} - disputed
    problems += [f"transaction {number} is a remark of which nothing is kept" for number in sorted(named - said)]
    nameless = sum(not row.uid for row in taken.values()) - len(
        [n for n in disputed if n in taken and not taken[n].uid]
    )
    counted = sum(session.scalars(select(NamelessRow.times)))
    if counted != nameless:
        problems.append(f"{nameless} answers without a name came, and {counted} are counted")
    return problems
