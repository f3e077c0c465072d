"""What a story expects of the switch's own records, beyond balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tools.bench_switch.batch_tables import FactRow
from tools.bench_switch.books import member_named
from tools.bench_switch.kept_tables import SaidRow
from tools.bench_switch.schema import ACCRUAL, REMARK, TransactionRow
from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.sim.scenario_stage import Stage

_DAY_S, _TEHRAN_S = 86_400, 12_600


def sale_at(stage: Stage, step: Step) -> None:
    """Day (DE 13) and hour, which follow the last digit of the year and the day of the year in DE 37."""
    wanted = step.one("TEXT")

    def found(session: Session) -> str:
        member_id = member_named(session, step.one("MEMBER")).id
        query = select(TransactionRow).where(TransactionRow.member_id == member_id, TransactionRow.verb == ACCRUAL)
        row = session.scalar(query.order_by(TransactionRow.id.desc()).limit(1))
        return f"{row.business_day} {row.rrn[4:6]}" if row is not None else "no sale"

    kept = stage.switch.ledger.transact(found)
    if kept != wanted:
        raise ScenarioError(step.where, f"expected the sale at {wanted}; the books say {kept}")


def nameless(stage: Stage, step: Step) -> None:
    """The rows of answers without a name."""

    def wrong(session: Session) -> str:
        rows = session.scalars(select(TransactionRow).where(TransactionRow.verb == REMARK, TransactionRow.uid == ""))
        told, count = "", 0
        for row in rows:
            count += 1
            fact = session.get(FactRow, row.id)
            midnight = (row.booked_utc + _TEHRAN_S) % _DAY_S == 0 and row.de7.endswith("000000")
            clean = row.member_id is None and fact is not None and not fact.clerk and midnight
            if not clean or session.get(SaidRow, row.id) is not None:
                told += f"transaction {row.id} "
        return told if count else "there is none"

    found = stage.switch.ledger.transact(wrong)
    if found:
        raise ScenarioError(step.where, f"expected records that lead to nobody; of these: {found}")
