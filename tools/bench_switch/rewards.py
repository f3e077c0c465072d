"""Rewards at the switch: what is bought with points by number, at the price of the switch's own catalogue.

Inside the caller's database transaction. Points whole, worth in rial.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from tools.bench_switch.booking import RC_APPROVED, RC_BAD_AMOUNT, RC_NO_FUNDS, Value
from tools.bench_switch.codec import tlv
from tools.bench_switch.offer_tables import RewardChoiceRow
from tools.bench_switch.offers import RC_NOT_OFFERED
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import TransactionRow


def chosen(value: Value) -> int | None:
    """The number of the reward a redemption is for, None: it pays money."""
    said = value.tags.get(tlv.REWARD)
    return int.from_bytes(said, "big") if said is not None else None


def price_of(programme: Programme, number: int) -> int | None:
    """Points of a reward, None when the catalogue has none of that number."""
    return next((row[1] for row in programme.rewards if row[0] == number), None)


def code_of(programme: Programme, number: int, points: int) -> str:
    """The code of a redemption of so many points (positive) for a reward, whatever the balance."""
    price = price_of(programme, number)
    if price is None:
        return RC_NOT_OFFERED
    return RC_APPROVED if points == price else RC_BAD_AMOUNT


def reached(programme: Programme, number: int, balance: int) -> str:
    """Whether this balance may spend at all: the threshold is reached, or the catalogue spares its rewards."""
    spared = programme.rewards_below and price_of(programme, number) is not None
    return RC_APPROVED if spared or balance >= programme.redeem_threshold else RC_NO_FUNDS


def note(session: Session, row: TransactionRow, number: int | None) -> None:
    """The redemption is booked: keep what it was for."""
    if number is not None:
        session.add(RewardChoiceRow(transaction_id=row.id, reward=number, points=-row.points))
