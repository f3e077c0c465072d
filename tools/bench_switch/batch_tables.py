"""The tables of batches, beside those of `schema`: books opened before there were batches go on as they are."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base

_Id = BigInteger().with_variant(Integer(), "sqlite")


class BatchRow(Base):
    """What a terminal said of its shift, and what stands here. `state` is open, agreed or disputed.

    `low` and `high` are the SEQs it is about; `said` and `booked` the totals as DE 63 spells them, of the terminal and
    of these books. `chain` and `generation` name the newest record of the terminal's journal at that time; `whole`: the
    journal still had all of the batch; `beyond`: the highest SEQ known here that the journal did not have, or 0.
    """

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("terminal_id", "number", name="one_batch_per_number"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    number: Mapped[int] = mapped_column(Integer)
    low: Mapped[int] = mapped_column(BigInteger)
    high: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    whole: Mapped[bool] = mapped_column()
    beyond: Mapped[int] = mapped_column(BigInteger, default=0)
    chain: Mapped[str] = mapped_column(String(16))
    generation: Mapped[int] = mapped_column(BigInteger)
    said: Mapped[str] = mapped_column(Text)
    booked: Mapped[str] = mapped_column(Text)
    told_utc: Mapped[int] = mapped_column(BigInteger)


class FactRow(Base):
    """What batches ask of a value message beyond its transaction: the clerk, whether the terminal had approved it
    offline, the points it named; and the batch it was counted in when that was closed."""

    __tablename__ = "transaction_facts"
    __table_args__ = (Index("facts_by_batch", "batch_id"),)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    clerk: Mapped[str] = mapped_column(String(8))
    offline: Mapped[bool] = mapped_column()
    points: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batches.id"))


class SupervisorRow(Base):
    """Who allowed a value message, beside the clerk who made it."""

    __tablename__ = "transaction_supervisors"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    supervisor: Mapped[str] = mapped_column(String(8))


class RecordRow(Base):
    """One record of a batch whose totals differed. `finding` is same, booked (it was missing here and was booked from
    the upload), missing (here), differs, or unknown (here it is, the terminal did not name it)."""

    __tablename__ = "batch_records"
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    finding: Mapped[str] = mapped_column(String(10))
    said: Mapped[str] = mapped_column(String(60))
    here: Mapped[str] = mapped_column(String(60))
