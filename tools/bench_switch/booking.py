"""How one value message changes the books: the rules of LT-87 section 8, inside one database transaction.

The caller opens the database transaction and commits it. Everything here first updates the terminal's row and then
the member's: the update is a lock on PostgreSQL and takes SQLite's one write lock, so two messages of one terminal, or
two spends of one member, happen one after the other whatever the threads do. Knows no bytes and no sockets. Money in
rial, points signed whole points.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from tools.bench_switch import allowances, kept, outbox
from tools.bench_switch.batch_tables import FactRow, SupervisorRow
from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ENROL,
    MEMBER,
    REFUND,
    VOID,
    CardRow,
    MarkRow,
    MemberRow,
    PostingRow,
    TerminalRow,
    TransactionRow,
)
from tools.bench_switch.standing_tables import TierRow
from tools.bench_switch.taking_back_tables import LaterReversalRow, TakenBackRow

# The response codes the books themselves give (DE39).
RC_APPROVED = APPROVED
RC_INVALID = "12"
RC_BAD_AMOUNT = "13"
RC_UNKNOWN_CARD = "14"
RC_TAKEN_BACK = "21"
RC_NOT_FOUND = "25"
RC_LOST = "41"
RC_STOLEN = "43"
RC_NO_FUNDS = "51"
RC_NOT_FOR_CARD = "57"
RC_COPY = "59"
RC_LATE = "68"
RC_CLOSED = "76"
RC_DUPLICATE = "94"
CARD_STATES = {"active": RC_APPROVED, "lost": RC_LOST, "stolen": RC_STOLEN}

ONLINE_REQUESTS = ("0200", "0100")

# What is undone with a transaction besides its postings and its message, and done again when what undid it is itself
# undone: functions of (session, transaction), inside the same database transaction. What one returns is a remark for
# a person. A module adds its own on import.
Undoing = Callable[[Session, TransactionRow], "str | None"]
UNDO: list[Undoing] = []
REDO: list[Undoing] = []


@dataclass(frozen=True)
class Value:
    """A value message as the books see it. `advice`: a person has already seen it approved.

    `allowance` is the one an advice spent, or an accrual's terminal names when it asks for one (0: it has none); None:
    the message says nothing of any. `release` is one the terminal gives back with an online redemption, 0 none.
    """

    terminal_id: str
    seq: int
    mti: str
    verb: str
    advice: bool
    stan: int
    de7: str
    rrn: str
    merchant_id: str
    uid: str
    auth: int
    amount: int
    points: int
    business_day: datetime.date
    original_stan: int = 0
    original_de7: str = ""
    counter: int = 0
    allowance: int | None = None
    release: int = 0
    clerk: str = ""
    offline: bool = False  # the terminal had approved it
    tags: Mapping[int, bytes] = field(default_factory=dict)  # what DE48 said; of a tag that repeats, the first
    de48: bytes = b""
    details: str = ""  # digest of what it says besides money and points
    currency: int = 364  # ISO 4217 number of the amount as it was said
    unit: int = 1  # of the books' money, which the amount is in, a smallest unit of that currency
    local_day: str = ""  # as the message spells it, mmdd

    @property
    def at(self) -> tuple[str, str]:
        """Whose an allowance is."""
        return self.terminal_id, self.uid

    @property
    def content(self) -> str:
        """What has to be the same in a repeat."""
        money = f"{self.currency}*{self.unit}" if self.unit > 1 else f"{self.currency}"
        return f"{self.former_content} @{money}/{self.local_day}/{self.clerk}"

    def is_said_by(self, content: str) -> bool:
        """Whether a row with this content is of the same message. One of older books has nothing behind an @."""
        return content == (self.content if "@" in content else self.former_content)

    @property
    def former_content(self) -> str:
        """What older books keep of it: nothing of currency, day and clerk."""
        plain = f"{self.verb} {self.uid} {self.amount} {self.points} {self.original_stan} {self.original_de7}".strip()
        return f"{plain} {self.details}".strip()


@dataclass(frozen=True)
class Standing:
    """What the switch tells of a member."""

    member_no: int | None
    name: str
    balance: int
    tier: int
    visits: int
    last_visit: datetime.date | None
    purchases: int
    elsewhere: int = 0  # points of the balance that are reserved, but not for this card at this terminal
    member_id: int = 0
    toward_tier: int = 0  # of the purchases, what counts for the tier


@dataclass
class Booked:
    """The outcome of a value message: code, points booked, approval code, and the member's present standing.

    `sms` is what becomes of a text message to the member, see `outbox`.
    """

    rc: str
    points: int = 0
    approval: str = ""
    standing: Standing | None = None
    remarks: list[str] = field(default_factory=list)
    sms: int = outbox.NONE
    allowance: allowances.Told | None = None
    tags: dict[int, bytes | list[bytes]] = field(default_factory=dict)  # what the answer says besides


@functools.cache
def _balance_query() -> Select[int]:
    return select(func.coalesce(func.sum(PostingRow.points), 0)).where(
        PostingRow.account == MEMBER, PostingRow.member_id == bindparam("member")
    )


def refunded_query(original_id: ColumnElement[int]) -> ScalarSelect[int]:
    """Money given back of a transaction, by refunds that were not reversed."""
    given, undoing = TransactionRow.__table__.alias(), TransactionRow.__table__.alias()
    return (
        select(func.coalesce(func.sum(given.c.amount), 0))
        .select_from(TakenBackRow.__table__.join(given, given.c.id == TakenBackRow.transaction_id))
        .where(
            TakenBackRow.original_id == original_id,
            given.c.verb == REFUND,
            ~select(undoing.c.id).where(undoing.c.original_id == given.c.id).exists(),
        )
        .scalar_subquery()
    )


@functools.cache
def _visits_query() -> Select[int, str | None, int]:
    """Number of visits, day of the last and money spent, of what is booked and not undone.

    A visit is one member at one merchant on one business day, however many purchases. A purchase counts with the money
    that was not refunded, and not at all when all of it was; one a voucher paid wholly has no money to give back.
    """
    bought = TransactionRow.__table__
    undoing = bought.alias()
    refunded = refunded_query(bought.c.id)
    visits = (
        select(bought.c.business_day, func.sum(bought.c.amount - refunded).label("amount"))
        .where(
            bought.c.member_id == bindparam("member"),
            bought.c.business_day >= bindparam("since"),
            bought.c.verb == ACCRUAL,
            bought.c.rc == APPROVED,
            ~select(undoing.c.id).where(undoing.c.original_id == bought.c.id).exists(),
            or_(bought.c.amount == 0, bought.c.amount > refunded),
        )
        .group_by(bought.c.merchant_id, bought.c.business_day)
        .subquery()
    )
    return select(
        func.count(), func.max(visits.c.business_day), func.coalesce(func.sum(visits.c.amount), 0)
    ).select_from(visits)


def balance_of(session: Session, member_id: int) -> int:
    """The member's points: the sum of the postings, there is no other balance."""
    return int(session.execute(_balance_query(), {"member": member_id}).scalar_one())


def visits_of(session: Session, member_id: int, since: str = "") -> tuple[int, str | None, int]:
    """Visits, the day of the last, money spent, from a day on or ever: counted anew each time."""
    wanted = {"member": member_id, "since": since}
    visits, last_day, purchases = session.execute(_visits_query(), wanted).one()
    return visits, last_day, int(purchases)


def standing_of(
    session: Session, member: MemberRow, programme: Programme, at: tuple[str, str] | None = None
) -> Standing:
    """Balance, tier and visits, each derived from what is booked and not reversed; `at` says who is told."""
    visits, last_day, purchases = visits_of(session, member.id)
    held = session.get(TierRow, member.id)
    toward = visits_of(session, member.id, held.since)[2] if held is not None and held.since else purchases
    return Standing(
        member_no=member.member_no,
        name=member.name,
        balance=balance_of(session, member.id),
        tier=max(programme.tier(toward, member.tier_floor), held.tier if held is not None else 0),
        visits=member.visits_before + visits,
        last_visit=datetime.date.fromisoformat(last_day) if last_day else None,
        purchases=purchases,
        elsewhere=allowances.held(session, member.id, at),
        member_id=member.id,
        toward_tier=toward,
    )


def lock_terminal(session: Session, terminal_id: str, seq: int) -> None:
    """Serialise this terminal's messages and remember the highest SEQ seen."""
    session.execute(
        update(TerminalRow)
        .where(TerminalRow.terminal_id == terminal_id)
        .values(high_seq=case((TerminalRow.high_seq < seq, seq), else_=TerminalRow.high_seq))
    )


def lock_member(session: Session, member_id: int) -> MemberRow:
    """Serialise all that concerns a member and the member's cards."""
    session.execute(update(MemberRow).where(MemberRow.id == member_id).values(touched=MemberRow.touched + 1))
    return session.get_one(MemberRow, member_id)


def lock_owner(session: Session, card: CardRow, at: tuple[str, str], spent: int | None) -> MemberRow:
    """The member whose points these are, locked: of the allowance that was spent, else of the card.

    While this waited for the row, the office may have given the card to another.
    """

    def owner() -> int:
        reserved = allowances.owner_of(session, at, spent) if spent is not None else None
        return reserved if reserved is not None else card.member_id

    member = lock_member(session, owner())
    session.refresh(card)
    owned_by = owner()
    return member if owned_by == member.id else lock_member(session, owned_by)


def post(session: Session, transaction: TransactionRow, member_id: int, points: int, other_account: str) -> None:
    """Book `points` (signed) to the member against `other_account`."""
    if points:
        session.add(PostingRow(transaction_id=transaction.id, account=MEMBER, member_id=member_id, points=points))
        session.add(PostingRow(transaction_id=transaction.id, account=other_account, member_id=None, points=-points))


def repeat(session: Session, first: TransactionRow, value: Value, programme: Programme) -> Booked:
    """What was decided the first time, once more."""
    if not value.is_said_by(first.content):
        return Booked(RC_INVALID, remarks=[f"SEQ {value.seq} was used for {first.content!r}"])
    member = session.get(MemberRow, first.member_id) if first.member_id is not None else None
    standing = standing_of(session, member, programme, value.at) if member is not None else None
    sms = outbox.told(session, first, programme.sms)
    if first.rc != APPROVED:
        return Booked(first.rc, standing=standing, remarks=["repeat of a refusal"], sms=sms)
    if value.mti in ONLINE_REQUESTS and undone_by(session, first.id) is not None:
        return Booked(RC_LATE, standing=standing, remarks=["repeat of a reversed request"])
    # The advice of somebody who was a member already is done, and booked nothing.
    points = value.points if first.verb == ENROL and value.advice else first.points
    return Booked(RC_DUPLICATE, points, first.approval, standing, ["repeat"], sms)


def undone_by(session: Session, transaction_id: int) -> TransactionRow | None:
    """What undid a transaction: a reversal, or a void."""
    return session.scalar(select(TransactionRow).where(TransactionRow.original_id == transaction_id))


def marked(session: Session, terminal_id: str, stan: int, de7: str) -> bool:
    """Whether a reversal came for this message before the message did."""
    mark = select(MarkRow).where(MarkRow.terminal_id == terminal_id, MarkRow.stan == stan, MarkRow.de7 == de7)
    return session.scalar(mark) is not None


def record(session: Session, value: Value, rc: str, points: int, now_utc: int) -> TransactionRow:
    """The message's row, with an id."""
    row = TransactionRow(
        terminal_id=value.terminal_id,
        seq=value.seq,
        mti=value.mti,
        verb=value.verb,
        stan=value.stan,
        de7=value.de7,
        rrn=value.rrn,
        merchant_id=value.merchant_id,
        uid=value.uid,
        auth=value.auth,
        amount=value.amount,
        points=points,
        rc=rc,
        approval="",
        business_day=value.business_day.isoformat(),
        booked_utc=now_utc,
        content=value.content,
    )
    session.add(row)
    session.flush()
    offline = value.offline or value.mti in ("0220", "0221")
    session.add(FactRow(transaction_id=row.id, clerk=value.clerk, offline=offline, points=value.points))
    if tlv.SUPERVISOR in value.tags:
        allowed_by = value.tags[tlv.SUPERVISOR].decode("ascii", "replace")
        session.add(SupervisorRow(transaction_id=row.id, supervisor=allowed_by))
    if value.details:
        kept.keep_said(session, row.id, value.tags)
    return row


def reverse(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """Undo the original, exactly what was booked for it; or leave a mark when it never came."""
    original = session.scalar(
        select(TransactionRow)
        .where(
            TransactionRow.terminal_id == value.terminal_id,
            TransactionRow.stan == value.original_stan,
            TransactionRow.de7 == value.original_de7,
            TransactionRow.mti.in_(ONLINE_REQUESTS),
        )
        .order_by(TransactionRow.id.desc())
        .limit(1)
    )
    if original is None:
        record(session, value, RC_NOT_FOUND, 0, now_utc)
        if not marked(session, value.terminal_id, value.original_stan, value.original_de7):
            session.add(MarkRow(terminal_id=value.terminal_id, stan=value.original_stan, de7=value.original_de7))
        return Booked(RC_NOT_FOUND, remarks=["original never seen, marked"])
    undoing = undone_by(session, original.id)
    if original.rc != APPROVED or undoing is not None:
        row = record(session, value, APPROVED, 0, now_utc)
        if undoing is not None and undoing.verb == VOID and session.get(LaterReversalRow, original.id) is None:
            session.add(LaterReversalRow(original_id=original.id, transaction_id=row.id))
        return Booked(RC_APPROVED, remarks=["nothing to undo"])
    # A voucher's bearer is no member.
    member = lock_member(session, original.member_id) if original.member_id is not None else None
    row = record(session, value, APPROVED, -original.points, now_utc)
    row.member_id = original.member_id
    remarks = undo(session, original, row)
    session.flush()
    standing = standing_of(session, member, programme, value.at) if member is not None else None
    return Booked(RC_APPROVED, row.points, standing=standing, remarks=remarks)


def undo(session: Session, original: TransactionRow, row: TransactionRow) -> list[str]:
    """Let `row` undo exactly what was booked for `original`: postings, message, and what else came with it. Remarks for
    a person."""
    row.original_id = original.id
    outbox.withdraw(session, original.id)
    opposite(session, original, row)
    said = [undone(session, original) for undone in UNDO]
    session.flush()
    return [one for one in said if one]


def opposite(session: Session, original: TransactionRow, row: TransactionRow) -> None:
    """Post to `row` the opposite of each posting of `original`."""
    for posting in session.scalars(select(PostingRow).where(PostingRow.transaction_id == original.id)):
        session.add(
            PostingRow(
                transaction_id=row.id,
                account=posting.account,
                member_id=posting.member_id,
                points=-posting.points,
            )
        )
