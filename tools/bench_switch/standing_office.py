"""What the office does about a member's standing: lines for the counter, benefits of a tier, a history from before.

Each step is one database transaction. Points whole, money in rial, days ISO.
"""

from __future__ import annotations

import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tools.bench_switch import allowances, standing
from tools.bench_switch.booking import balance_of, lock_member, post
from tools.bench_switch.books import Books, member_named
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.office import office_row
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.schema import ACCRUAL, ADJUSTMENT, APPROVED, ISSUED, CardRow, ReasonRow, TransactionRow
from tools.bench_switch.standing_tables import BenefitRow, LineRow, WinbackRow

LINES = {standing.NOTE: 2, standing.SUGGEST: 3, standing.SAY: 3}  # kind -> lines of 20 characters
LINE_BYTES = 60
_LINE = 20
_HISTORY_MOST = 1000
_EVERY_DAYS = 7


class StandingOffice(Books):
    """Lines, benefits, history."""

    def set_line(self, member: str | int, kind: str, text: str) -> None:
        """What a terminal is told at this member's tap from now on; "" for nothing any more. Raises LedgerError."""
        text = " ".join(text.split())
        most = LINES[kind] * _LINE + LINES[kind] - 1
        if len(text) > most or len(text.encode()) > LINE_BYTES or not (text.isprintable() or not text):
            raise LedgerError("B99", f"a {kind} has {LINES[kind]} lines of {_LINE} characters, {LINE_BYTES} bytes")

        def work(session: Session) -> None:
            member_id = member_named(session, member).id
            session.execute(delete(LineRow).where(LineRow.member_id == member_id, LineRow.kind == kind))
            if text:
                session.add(LineRow(member_id=member_id, kind=kind, text=text, points=0, day=""))

        self._retried(work)

    def announce_expiry(self, member: str | int, points: int, day: datetime.date) -> None:
        """These points expire after this day, and terminals say so; 0 points for none. Raises LedgerError."""
        if not 0 <= points < 2**31:
            raise LedgerError("B99", "points that expire are 0 or more")

        def work(session: Session) -> None:
            member_id = member_named(session, member).id
            row = LineRow(member_id=member_id, kind=standing.EXPIRING, text="", points=points, day=day.isoformat())
            session.merge(row)

        self._retried(work)

    def expire(self, now_utc: int) -> list[tuple[int, int]]:
        """Take what was announced for a day that is over, each as an adjustment: (member id, points). What is reserved
        at a terminal stays."""

        def work(session: Session) -> list[tuple[int, int]]:
            query = select(LineRow).where(
                LineRow.kind == standing.EXPIRING, LineRow.day < standing.day_of(now_utc).isoformat()
            )
            taken = []
            for line in list(session.scalars(query)):
                row = lock_member(session, line.member_id)
                points = min(line.points, balance_of(session, row.id) - allowances.held(session, row.id))
                session.delete(line)
                if points > 0:
                    booked = office_row(session, ADJUSTMENT, row.id, -points)
                    booked.booked_utc = now_utc
                    post(session, booked, row.id, -points, ISSUED)
                    session.add(ReasonRow(transaction_id=booked.id, text="expired"))
                    taken.append((row.id, points))
            return taken

        return self._retried(work)

    def set_benefits(self, tier: int, codes: bytes) -> None:
        """What members of a tier are entitled to: up to 8 codes of tag 23. Raises LedgerError."""
        if tier not in range(1, len(TIER_NAMES)) or len(codes) > 8 or 0 in codes:
            raise LedgerError("B99", f"benefits are up to 8 codes from 1 on, of {', '.join(TIER_NAMES[1:])}")

        def work(session: Session) -> None:
            session.merge(BenefitRow(tier=tier, codes=codes.hex()))

        self._retried(work)

    def add_history(
        self, member: str | int, visits: int, last: datetime.date, amount: int, merchant_id: str, now_utc: int
    ) -> None:
        """Take over visits from before, a week apart, each of `amount`: purchases without points."""
        if not (1 <= visits <= _HISTORY_MOST and 0 < amount < 10**12):
            raise LedgerError("B99", f"a history has 1 to {_HISTORY_MOST} visits, each of some money")

        def work(session: Session) -> None:
            row = member_named(session, member)
            card = session.scalar(select(CardRow.uid).where(CardRow.member_id == row.id).order_by(CardRow.uid).limit(1))
            for number in range(visits):
                day = last - datetime.timedelta(days=_EVERY_DAYS * (visits - 1 - number))
                session.add(_purchase(row.id, card or "", amount, merchant_id, day, now_utc))

        self._retried(work)

    def winbacks(self) -> list[tuple[int, int]]:
        """(transaction, days away) of purchases that answered a win-back and stand, oldest first."""
        undoing = TransactionRow.__table__.alias()
        query = (
            select(WinbackRow.transaction_id, WinbackRow.away_days)
            .where(~select(undoing.c.id).where(undoing.c.original_id == WinbackRow.transaction_id).exists())
            .order_by(WinbackRow.transaction_id)
        )
        with self._session() as session:
            return [(row, days) for row, days in session.execute(query)]


def _purchase(
    member_id: int, uid: str, amount: int, merchant_id: str, day: datetime.date, now_utc: int
) -> TransactionRow:
    return TransactionRow(
        terminal_id=None,
        seq=None,
        mti="",
        verb=ACCRUAL,
        stan=0,
        de7="",
        rrn="",
        merchant_id=merchant_id,
        member_id=member_id,
        uid=uid,
        auth=0,
        amount=amount,
        points=0,
        rc=APPROVED,
        approval="",
        business_day=day.isoformat(),
        booked_utc=now_utc,
        content="",
    )
