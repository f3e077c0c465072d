"""What the switch keeps of a member's standing besides the ledger: tiers that end, and what terminals are to be told.

Tables beside those of `schema`, so that books opened before go on as they are. Days are ISO text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base


class TierRow(Base):
    """The tier a member holds and its last day; `since` is the day from which purchases count for it, "" the first.

    `cause_id` is the purchase with which it was reached, `before` the tier until then; None when it was counted anew.
    """

    __tablename__ = "member_tiers"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    tier: Mapped[int] = mapped_column(Integer)
    until: Mapped[str] = mapped_column(String(10))
    since: Mapped[str] = mapped_column(String(10), default="")
    cause_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    before: Mapped[int] = mapped_column(Integer, default=0)


class LineRow(Base):
    """One line a terminal is told with a tap: `kind` is note, suggest, say, or expiring (then `points` and `day`)."""

    __tablename__ = "member_lines"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    text: Mapped[str] = mapped_column(String(60), default="")
    points: Mapped[int] = mapped_column(BigInteger, default=0)
    day: Mapped[str] = mapped_column(String(10), default="")


class BenefitRow(Base):
    """What the members of a tier are entitled to: codes of tag 23 in hex."""

    __tablename__ = "tier_benefits"
    tier: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    codes: Mapped[str] = mapped_column(String(16))


class WinbackRow(Base):
    """A purchase whose terminal said that it answers a win-back (tag 15), and how many days after the last visit."""

    __tablename__ = "winbacks"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    away_days: Mapped[int] = mapped_column(Integer)
