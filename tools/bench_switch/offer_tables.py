"""The tables of offers and vouchers, beside those of `schema`: books opened before there were any go on as they are.

What may be used once is once by a constraint: `slot` is the same number for every use that may not stand beside
another, and the transaction's own negative number for one that was given back.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.schema import Base

_Id = BigInteger().with_variant(Integer(), "sqlite")


class OfferRow(Base):
    """What the office offers: to one member, to an `audience` of `offers.AUDIENCES`, or to all ("").

    `kind` 1 per cent off, 2 money off, 3 a courtesy, 4 bonus points, 5 per cent off for who comes back; `last_day` is
    ISO text, "" without end. `minimum` is a price, `count` how many things of `category` a sale must have.
    """

    __tablename__ = "offers"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    audience: Mapped[str] = mapped_column(String(10), default="")
    kind: Mapped[int] = mapped_column(Integer)
    value: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(String(60))
    last_day: Mapped[str] = mapped_column(String(10), default="")
    once: Mapped[bool] = mapped_column(default=True)
    minimum: Mapped[int] = mapped_column(BigInteger, default=0)
    category: Mapped[int] = mapped_column(Integer, default=0)
    count: Mapped[int] = mapped_column(Integer, default=0)
    closed: Mapped[bool] = mapped_column(default=False)
    made_utc: Mapped[int] = mapped_column(BigInteger)


class OfferUseRow(Base):
    """A sale that took an offer: `price` without it, `paid` with it; `given_back` with the sale."""

    __tablename__ = "offer_uses"
    __table_args__ = (
        UniqueConstraint("offer_id", "member_id", "slot", name="one_use_per_offer"),
        Index("offer_uses_by_member", "member_id"),
    )
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    slot: Mapped[int] = mapped_column(BigInteger)
    # The slot while it stands, to be taken again when what gave it back is itself undone.
    stands_at: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[int] = mapped_column(BigInteger)
    paid: Mapped[int] = mapped_column(BigInteger)
    given_back: Mapped[bool] = mapped_column(default=False)


class VoucherRow(Base):
    """A voucher by its number of ten digits, the last a check digit. `reason` 1 to 4 made good for something (late,
    quality, wrong, staff), 5 sold, 6 won, 0 given by the office.

    Without a member its bearer uses it; `terminal_id` binds it to one terminal. `keeps_rest`: it was paid for, so what
    one sale does not take stays. `transaction_id` issued it; `withdrawn` with that, or by the office.
    """

    __tablename__ = "vouchers"
    __table_args__ = (Index("vouchers_by_transaction", "transaction_id"), Index("vouchers_by_member", "member_id"))
    number: Mapped[str] = mapped_column(String(10), primary_key=True)
    kind: Mapped[int] = mapped_column(Integer)
    value: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(String(60), default="")
    last_day: Mapped[str] = mapped_column(String(10))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    terminal_id: Mapped[str | None] = mapped_column(ForeignKey("terminals.terminal_id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    reason: Mapped[int] = mapped_column(Integer, default=0)
    clerk: Mapped[str] = mapped_column(String(8), default="")
    keeps_rest: Mapped[bool] = mapped_column(default=False)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    made_utc: Mapped[int] = mapped_column(BigInteger)
    touched: Mapped[int] = mapped_column(BigInteger, default=0)  # only to be updated, which locks the row


class VoucherUseRow(Base):
    """A sale a voucher was used in: `taken` is what it paid of `price`."""

    __tablename__ = "voucher_uses"
    __table_args__ = (UniqueConstraint("number", "slot", name="one_use_per_voucher"),)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("vouchers.number"))
    slot: Mapped[int] = mapped_column(BigInteger)
    stands_at: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[int] = mapped_column(BigInteger)
    taken: Mapped[int] = mapped_column(BigInteger)
    given_back: Mapped[bool] = mapped_column(default=False)


class RewardChoiceRow(Base):
    """A redemption that bought reward `reward` of the catalogue, at `points`."""

    __tablename__ = "reward_choices"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    reward: Mapped[int] = mapped_column(Integer)
    points: Mapped[int] = mapped_column(BigInteger)


class SuggestionRow(Base):
    """What goes with a basket of this category; 0 is said to every basket without one of its own."""

    __tablename__ = "suggestions"
    category: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(String(60))
