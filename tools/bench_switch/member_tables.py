"""What is known of a member besides name and number, codes that were sent, referrals and cards that were replaced.

Tables beside those of `schema`, so that books opened before there were enrolments go on as they are. Days are ISO text,
a birthday is Jalali mmdd, times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base

_Id = BigInteger().with_variant(Integer(), "sqlite")


class FactsRow(Base):
    """What a member said at the enrolment or since. A member of older books has no row.

    `enrolled` is the day of enrolment, "" unknown; `channel` 0 not said, 1 SMS, 2 paper; `birthday` "" not said;
    `transaction_id` the enrolment, None of one the office entered.
    """

    __tablename__ = "member_facts"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    enrolled: Mapped[str] = mapped_column(String(10), default="")
    channel: Mapped[int] = mapped_column(Integer, default=0)
    language: Mapped[str] = mapped_column(String(2), default="fa")
    consent: Mapped[bool] = mapped_column(default=True)
    birthday: Mapped[str] = mapped_column(String(4), default="")
    referrer_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))


class CodeRow(Base):
    """Digits sent to a member's mobile for one purpose; `state` is open, used, burnt (wrong too often) or undone."""

    __tablename__ = "member_codes"
    __table_args__ = (Index("codes_by_member", "member_id"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    purpose: Mapped[int] = mapped_column(Integer)
    digits: Mapped[str] = mapped_column(String(8))
    expires_utc: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(String(10), default="open")


class ReferralRow(Base):
    """Who brought a new member, once each; credited with the member's first purchase.

    `purchase_id` is that purchase and `credit_id` the booking for the referrer; both None while it is pending.
    """

    __tablename__ = "referrals"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    referrer_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))


class CardWordRow(Base):
    """What the office said of a card, and after which transaction: it outlives what an enrolment did before."""

    __tablename__ = "card_words"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    uid: Mapped[str] = mapped_column(String(20), index=True)
    state: Mapped[str] = mapped_column(String(10))
    after_id: Mapped[int] = mapped_column(BigInteger)


class BoundRow(Base):
    """What an enrolment did to a card: bound it to its member (`was` ""), or put it out of use (`was` its state)."""

    __tablename__ = "enrolled_cards"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    uid: Mapped[str] = mapped_column(String(20), primary_key=True)
    was: Mapped[str] = mapped_column(String(10), default="")
