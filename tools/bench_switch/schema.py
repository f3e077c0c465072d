"""The tables of the ledger, in SQL that SQLite and PostgreSQL both understand.

No balance is stored anywhere: a balance is the sum of a member's postings. What must be unique is unique by a
constraint of the database, not by good behaviour of the code: (terminal, SEQ), one reversal per original, one mark per
message reference, one member per card, one grant per redemption, one open allowance per terminal and card.

Points are whole points, times are seconds since 1970-01-01 UTC, dates are ISO text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Accounts of the double entry. A member's own account is MEMBER with the member's id beside it.
MEMBER = "member"
ISSUED = "issued"
REDEEMED = "redeemed"
ACCOUNTS = (MEMBER, ISSUED, REDEEMED)

# Verbs of a transaction.
OPENING = "opening"
ACCRUAL = "accrual"
REDEMPTION = "redemption"
REFUND = "refund"
VOID = "void"
ISSUE = "issue"
USE = "use"
ENROL = "enrol"
REMARK = "remark"
REVERSAL = "reversal"
MOVE = "move"  # a nameless member's points come along with its card
ADJUSTMENT = "adjust"  # the office gives or takes points, and says why

APPROVED = "00"

# SQLite only numbers rows by itself when the key is spelt INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """All tables of the switch."""


class MemberRow(Base):
    """A member; a provisional one was opened by an unknown card and has no number and no name.

    `touched` is only there to be updated: the update locks the row for the rest of the transaction."""

    __tablename__ = "members"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    member_no: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    name: Mapped[str] = mapped_column(String(60))
    provisional: Mapped[bool] = mapped_column(default=False)
    tier_floor: Mapped[int] = mapped_column(Integer, default=0)
    visits_before: Mapped[int] = mapped_column(Integer, default=0)
    touched: Mapped[int] = mapped_column(BigInteger, default=0)


class CardRow(Base):
    """A card by its UID in upper-case hex; `state` is active, lost or stolen."""

    __tablename__ = "cards"
    uid: Mapped[str] = mapped_column(String(20), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    state: Mapped[str] = mapped_column(String(10), default="active")


class OwnerRow(Base):
    """Whose a card was from a transaction on (those after `after_id`). Nothing is known of the time before its first
    row: cards of books that are older, and those of nameless members, have one only when they are given to another."""

    __tablename__ = "card_owners"
    __table_args__ = (Index("owners_by_card", "uid"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    uid: Mapped[str] = mapped_column(ForeignKey("cards.uid"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    after_id: Mapped[int] = mapped_column(BigInteger)


class WayRow(Base):
    """How a card is known beyond its UID; a card without a row is a legacy card of which no counter was seen.

    `way` is legacy, group, sun or relay; `counter` the highest the switch believes (-1 none) and `terminal_id` where it
    was shown. A table of its own, so that books opened before there were proofs go on as they are.
    """

    __tablename__ = "card_ways"
    uid: Mapped[str] = mapped_column(ForeignKey("cards.uid"), primary_key=True)
    way: Mapped[str] = mapped_column(String(10))
    counter: Mapped[int] = mapped_column(BigInteger, default=-1)
    terminal_id: Mapped[str | None] = mapped_column(ForeignKey("terminals.terminal_id"))


class ShownRow(Base):
    """When the highest counter of a card was first shown; `told`: a terminal has read the card's counter under a key.

    Apart from `card_ways` for the same reason: books opened before the time was kept go on.
    """

    __tablename__ = "counters_shown"
    uid: Mapped[str] = mapped_column(ForeignKey("cards.uid"), primary_key=True)
    since_utc: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[bool] = mapped_column(default=False)


class GrantRow(Base):
    """One redemption allowed: this card was proven at this terminal, until `expires_utc`; `used_seq` spent it.

    `digest` names the SUN data that proved it, "" of a relayed card.
    """

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("terminal_id", "used_seq", name="one_grant_per_seq"),
        Index("grants_by_card", "uid", "terminal_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    uid: Mapped[str] = mapped_column(ForeignKey("cards.uid"))
    counter: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    expires_utc: Mapped[int] = mapped_column(BigInteger)
    used_seq: Mapped[int | None] = mapped_column(BigInteger)


class TerminalRow(Base):
    """A terminal with its two MAC keys as hex: `mac_out` for what it sends, `mac_in` for what it gets."""

    __tablename__ = "terminals"
    terminal_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    merchant_id: Mapped[str] = mapped_column(String(15))
    kid: Mapped[int] = mapped_column(Integer)
    mac_out: Mapped[str] = mapped_column(String(32))
    mac_in: Mapped[str] = mapped_column(String(32))
    high_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    blocked: Mapped[bool] = mapped_column(default=False)


class TransactionRow(Base):
    """One value message, accepted or refused, with the answer it got: what a repeat is answered from.

    Bookings of the office have no terminal. `original_id` of a reversal names what it undid; the unique constraint on
    it makes a second undoing impossible. `content` is what two messages with the same SEQ are compared by.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("terminal_id", "seq", name="one_per_seq"),
        UniqueConstraint("original_id", name="one_reversal_per_original"),
        Index("by_message", "terminal_id", "stan", "de7"),
        Index("by_member", "member_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    terminal_id: Mapped[str | None] = mapped_column(ForeignKey("terminals.terminal_id"))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    mti: Mapped[str] = mapped_column(String(4))
    verb: Mapped[str] = mapped_column(String(10))
    stan: Mapped[int] = mapped_column(Integer)
    de7: Mapped[str] = mapped_column(String(10))
    rrn: Mapped[str] = mapped_column(String(12))
    merchant_id: Mapped[str] = mapped_column(String(15))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    uid: Mapped[str] = mapped_column(String(20))
    auth: Mapped[int] = mapped_column(Integer)
    amount: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    rc: Mapped[str] = mapped_column(String(2))
    approval: Mapped[str] = mapped_column(String(6))
    business_day: Mapped[str] = mapped_column(String(10))
    booked_utc: Mapped[int] = mapped_column(BigInteger)
    original_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    content: Mapped[str] = mapped_column(String(120))


class MarkRow(Base):
    """A reversal came for a message never seen: should that message still arrive, it is refused."""

    __tablename__ = "reversal_marks"
    __table_args__ = (UniqueConstraint("terminal_id", "stan", "de7", name="one_mark_per_message"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    stan: Mapped[int] = mapped_column(Integer)
    de7: Mapped[str] = mapped_column(String(10))


class PostingRow(Base):
    """One side of a booking; the postings of a transaction sum to zero."""

    __tablename__ = "postings"
    __table_args__ = (
        CheckConstraint("account in ('member', 'issued', 'redeemed')", name="known_account"),
        CheckConstraint("(account = 'member') = (member_id is not null)", name="member_account_has_member"),
        Index("postings_by_member", "member_id"),
        Index("postings_by_transaction", "transaction_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"))
    account: Mapped[str] = mapped_column(String(10))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    points: Mapped[int] = mapped_column(BigInteger)


class ClearRow(Base):
    """A refused transaction the office has dealt with: its terminal gives it up, and has said so at `done_utc`."""

    __tablename__ = "letters_cleared"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ordered_utc: Mapped[int] = mapped_column(BigInteger)
    done_utc: Mapped[int | None] = mapped_column(BigInteger)


class ReopenRow(Base):
    """A refusal that was set aside: its transaction has no SEQ any more, which is decided anew when it comes again."""

    __tablename__ = "letters_reopened"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    seq: Mapped[int] = mapped_column(BigInteger)
    reopened_utc: Mapped[int] = mapped_column(BigInteger)


class KeyChangeRow(Base):
    """A pair of MAC keys that is announced and not in force yet; `newkey` is tag 63 as it travels, in hex."""

    __tablename__ = "key_changes"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    kid: Mapped[int] = mapped_column(Integer)
    mac_out: Mapped[str] = mapped_column(String(32))
    mac_in: Mapped[str] = mapped_column(String(32))
    newkey: Mapped[str] = mapped_column(String(82))
    made_utc: Mapped[int] = mapped_column(BigInteger)


class OrderRow(Base):
    """What a terminal is ordered to do to itself (tag 54, 2 or 3), and how many of its transactions were not settled
    when it heard of it (-1 not counted yet)."""

    __tablename__ = "terminal_orders"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    admin: Mapped[int] = mapped_column(Integer)
    unsettled: Mapped[int | None] = mapped_column(Integer)


class MinimumBuildRow(Base):
    """The oldest firmware build a terminal is to run (tags 54 = 4 and 65), told in each 0810."""

    __tablename__ = "minimum_builds"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    build: Mapped[int] = mapped_column(BigInteger)


class ChallengeRow(Base):
    """The open challenge of a relayed card, whose second step may come to another worker than its first."""

    __tablename__ = "challenges"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    uid: Mapped[str] = mapped_column(String(20), primary_key=True)
    rnd_a: Mapped[str] = mapped_column(String(32))
    expires_utc: Mapped[int] = mapped_column(BigInteger)


class AllowanceRow(Base):
    """Points of a member kept for one card at one terminal, which may spend them there without a line, once.

    `state` is open, used, released, expired or cancelled; risk is an offline redemption the programme booked without.
    `covered` is what was free when it was granted or last raised. No posting: the points stay the member's until used.
    """

    __tablename__ = "allowances"
    __table_args__ = (
        UniqueConstraint("terminal_id", "used_seq", name="one_allowance_per_seq"),
        Index(
            "one_open_allowance",
            "terminal_id",
            "uid",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("allowances_by_member", "member_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"))
    uid: Mapped[str] = mapped_column(ForeignKey("cards.uid"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    covered: Mapped[int] = mapped_column(BigInteger)
    granted_utc: Mapped[int] = mapped_column(BigInteger)
    valid_until_utc: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    used_seq: Mapped[int | None] = mapped_column(BigInteger)


class FaultRow(Base):
    """A fault scripted from another process, see `faults.Fault`."""

    __tablename__ = "faults"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    turns: Mapped[int] = mapped_column(Integer)
    mti: Mapped[str | None] = mapped_column(String(4))
    detail: Mapped[str] = mapped_column(Text)


class ContactRow(Base):
    """Where a member wants to hear from the programme; a member without a row gave no number.

    `mobile` is ten digits without the leading 0, as tag 40; `language` fa or en.
    """

    __tablename__ = "member_contacts"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    mobile: Mapped[str] = mapped_column(String(10))
    language: Mapped[str] = mapped_column(String(2), default="fa")


class OutboxRow(Base):
    """A text message that was written and waits for somebody who sends; one for each `cause`, whatever is repeated.

    `state` is queued, or withdrawn when what it tells was undone before it went.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("cause", name="one_message_per_cause"),
        Index("outbox_by_transaction", "transaction_id"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    cause: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    mobile: Mapped[str] = mapped_column(String(10))
    language: Mapped[str] = mapped_column(String(2))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default="queued")
    written_utc: Mapped[int] = mapped_column(BigInteger)


class ReasonRow(Base):
    """Why the office gave or took points."""

    __tablename__ = "reasons"
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), primary_key=True)
    text: Mapped[str] = mapped_column(String(120))
