"""The tables of what is taken back and what is in dispute, beside those of `schema`: older books go on as they are."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base


class TakenBackRow(Base):
    """Which transaction a void undid, or a refund gave back in part or whole; it stands unless it was reversed itself.

    Its money and points are the transaction's own.
    """

    __tablename__ = "taken_back"
    __table_args__ = (Index("taken_back_of", "original_id"),)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    original_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"))


class LaterReversalRow(Base):
    """A reversal (`transaction_id`) that found its original voided and nothing to undo: when the void is reversed too,
    it is this that undoes the original."""

    __tablename__ = "later_reversals"
    original_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True, autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"))


class DisputeRow(Base):
    """Somebody says that a transaction is not right. `transaction_id` is the remark that said so; `seq` and `reference`
    name what it is about as the remark did (0 and "": it did not), `original_id` is that, None when it never came.

    `closed_utc` None: nobody has dealt with it; `word` is what the office found.
    """

    __tablename__ = "disputes"
    __table_args__ = (Index("disputes_of", "original_id"),)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    seq: Mapped[int] = mapped_column(BigInteger)
    reference: Mapped[str] = mapped_column(String(12))
    original_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    reason: Mapped[int] = mapped_column(Integer)
    opened_utc: Mapped[int] = mapped_column(BigInteger)
    closed_utc: Mapped[int | None] = mapped_column(BigInteger)
    word: Mapped[str] = mapped_column(String(120))
