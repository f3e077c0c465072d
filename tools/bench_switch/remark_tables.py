"""The tables of what customers said, beside those of `schema`: books opened before go on as they are."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base


class RemarkRow(Base):
    """What a member said. `kind` is survey or reason; of a reason the question is 0.

    `word` is what the office answered, "" nothing yet; `told_utc` when a terminal first heard of it.
    """

    __tablename__ = "remarks"
    __table_args__ = (Index("remarks_by_member", "member_id"),)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(String(10))
    question: Mapped[int] = mapped_column(Integer)
    answer: Mapped[int] = mapped_column(Integer)
    day: Mapped[str] = mapped_column(String(10))
    word: Mapped[str] = mapped_column(String(60), default="")
    answered_utc: Mapped[int | None] = mapped_column(BigInteger)
    told_utc: Mapped[int | None] = mapped_column(BigInteger)


class NamelessRow(Base):
    """How often an answer was given without a name, by shop and day: no row here leads to a sale."""

    __tablename__ = "nameless_answers"
    merchant_id: Mapped[str] = mapped_column(String(15), primary_key=True)
    question: Mapped[int] = mapped_column(Integer, primary_key=True)
    answer: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    times: Mapped[int] = mapped_column(Integer)
