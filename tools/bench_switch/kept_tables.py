"""What the check of the books compares the programme's rows with: what messages said, and what was decided when.

Tables beside those of `schema`: books opened before go on as they are, and nothing is claimed of what is older.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base

_Id = BigInteger().with_variant(Integer(), "sqlite")


class SaidRow(Base):
    """What a value message said besides money and points: tag, length and value of each, in hex. The digest of it is
    the last word of the transaction's `content`. An answer without a name is in neither."""

    __tablename__ = "message_details"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    said: Mapped[str] = mapped_column(String(512))


class DecisionRow(Base):
    """One line of what was decided: `what` names the kind of row, `subject` the row, `word` what of it never changes
    by itself; "" when it was taken away rightly. The last line of a subject counts, none is ever changed."""

    __tablename__ = "decision_lines"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    what: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(20))
    word: Mapped[str] = mapped_column(String(64))
