"""How one value message changes the books: the rules of LT-87 section 8, inside one database transaction.

The caller opens the database transaction and commits it. Everything here first updates the terminal's row and then
the member's: the update is a lock on PostgreSQL and takes SQLite's one write lock, so two messages of one terminal, or
two spends of one member, happen one after the other whatever the threads do. Knows no bytes and no sockets. Money in
rial, points signed whole points.
"""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field

from sqlalchemy import Select, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from tools.bench_switch import allowances, grants, letters, outbox
from tools.bench_switch.batch_tables import FactRow
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ISSUED,
    MEMBER,
    REDEEMED,
    REDEMPTION,
    REVERSAL,
    CardRow,
    MarkRow,
    MemberRow,
    PostingRow,
    TerminalRow,
    TransactionRow,
    WayRow,
)

# The response codes the books themselves give (DE39).
RC_APPROVED = APPROVED
RC_INVALID = "12"
RC_BAD_AMOUNT = "13"
RC_UNKNOWN_CARD = "14"
RC_NOT_FOUND = "25"
RC_LOST = "41"
RC_STOLEN = "43"
RC_NO_FUNDS = "51"
RC_NOT_FOR_CARD = "57"
RC_COPY = "59"
RC_LATE = "68"
RC_DUPLICATE = "94"
CARD_STATES = {"active": RC_APPROVED, "lost": RC_LOST, "stolen": RC_STOLEN}

ONLINE_REQUEST = "0200"


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

    @property
    def at(self) -> tuple[str, str]:
        """Whose an allowance is."""
        return self.terminal_id, self.uid

    @property
    def content(self) -> str:
        """What has to be the same in a repeat."""
        return f"{self.verb} {self.uid} {self.amount} {self.points} {self.original_stan} {self.original_de7}".strip()


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


@functools.cache
def _balance_query() -> Select[int]:
    return select(func.coalesce(func.sum(PostingRow.points), 0)).where(
        PostingRow.account == MEMBER, PostingRow.member_id == bindparam("member")
    )


@functools.cache
def _visits_query() -> Select[int, str | None, int]:
    """Number of visits, day of the last and money spent, of what is booked and not reversed.

    A visit is one card at one merchant on one business day, however many purchases.
    """
    bought = TransactionRow.__table__
    undoing = bought.alias()
    visits = (
        select(bought.c.business_day, func.sum(bought.c.amount).label("amount"))
        .where(
            bought.c.member_id == bindparam("member"),
            bought.c.verb == ACCRUAL,
            bought.c.rc == APPROVED,
            ~select(undoing.c.id).where(undoing.c.original_id == bought.c.id).exists(),
        )
        .group_by(bought.c.uid, bought.c.merchant_id, bought.c.business_day)
        .subquery()
    )
    return select(
        func.count(), func.max(visits.c.business_day), func.coalesce(func.sum(visits.c.amount), 0)
    ).select_from(visits)


def balance_of(session: Session, member_id: int) -> int:
    """The member's points: the sum of the postings, there is no other balance."""
    return int(session.execute(_balance_query(), {"member": member_id}).scalar_one())


def visits_of(session: Session, member_id: int) -> tuple[int, str | None, int]:
    """Visits, the day of the last, money spent: counted anew each time."""
    visits, last_day, purchases = session.execute(_visits_query(), {"member": member_id}).one()
    return visits, last_day, int(purchases)


def standing_of(
    session: Session, member: MemberRow, programme: Programme, at: tuple[str, str] | None = None
) -> Standing:
    """Balance, tier and visits, each derived from what is booked and not reversed; `at` says who is told."""
    visits, last_day, purchases = visits_of(session, member.id)
    return Standing(
        member_no=member.member_no,
        name=member.name,
        balance=balance_of(session, member.id),
        tier=programme.tier(purchases, member.tier_floor),
        visits=member.visits_before + visits,
        last_visit=datetime.date.fromisoformat(last_day) if last_day else None,
        purchases=purchases,
        elsewhere=allowances.held(session, member.id, at),
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


def _lock_owner(session: Session, card: CardRow, at: tuple[str, str], spent: int | None) -> MemberRow:
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


def book(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """Process a value message once; a repeat gets the outcome of the first time."""
    lock_terminal(session, value.terminal_id, value.seq)
    first = session.scalar(
        select(TransactionRow).where(TransactionRow.terminal_id == value.terminal_id, TransactionRow.seq == value.seq)
    )
    if first is not None:
        return _repeat(session, first, value, programme)
    if letters.is_cleared(session, value.terminal_id, value.seq):
        return Booked(RC_INVALID, remarks=[f"SEQ {value.seq} was cleared by the office"])
    if value.verb == REVERSAL:
        return _reverse(session, value, programme, now_utc)
    if value.mti == ONLINE_REQUEST and _marked(session, value.terminal_id, value.stan, value.de7):
        return Booked(RC_LATE, remarks=["came after its reversal"])
    return _exchange(session, value, programme, now_utc)


def _repeat(session: Session, first: TransactionRow, value: Value, programme: Programme) -> Booked:
    if first.content != value.content:
        return Booked(RC_INVALID, remarks=[f"SEQ {value.seq} was used for {first.content!r}"])
    member = session.get(MemberRow, first.member_id) if first.member_id is not None else None
    standing = standing_of(session, member, programme, value.at) if member is not None else None
    sms = outbox.told(session, first, programme.sms)
    if first.rc != APPROVED:
        return Booked(first.rc, standing=standing, remarks=["repeat of a refusal"], sms=sms)
    if value.mti == ONLINE_REQUEST and _reversal_of(session, first.id) is not None:
        return Booked(RC_LATE, standing=standing, remarks=["repeat of a reversed request"])
    return Booked(RC_DUPLICATE, first.points, first.approval, standing, ["repeat"], sms)


def _reversal_of(session: Session, transaction_id: int) -> TransactionRow | None:
    return session.scalar(select(TransactionRow).where(TransactionRow.original_id == transaction_id))


def _marked(session: Session, terminal_id: str, stan: int, de7: str) -> bool:
    """Whether a reversal came for this message before the message did."""
    mark = select(MarkRow).where(MarkRow.terminal_id == terminal_id, MarkRow.stan == stan, MarkRow.de7 == de7)
    return session.scalar(mark) is not None


def _record(session: Session, value: Value, rc: str, points: int, now_utc: int) -> TransactionRow:
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
    return row


def _reverse(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """Undo the original, exactly what was booked for it; or leave a mark when it never came."""
    original = session.scalar(
        select(TransactionRow)
        .where(
            TransactionRow.terminal_id == value.terminal_id,
            TransactionRow.stan == value.original_stan,
            TransactionRow.de7 == value.original_de7,
            TransactionRow.mti == ONLINE_REQUEST,
        )
        .order_by(TransactionRow.id.desc())
        .limit(1)
    )
    if original is None:
        _record(session, value, RC_NOT_FOUND, 0, now_utc)
        if not _marked(session, value.terminal_id, value.original_stan, value.original_de7):
            session.add(MarkRow(terminal_id=value.terminal_id, stan=value.original_stan, de7=value.original_de7))
        return Booked(RC_NOT_FOUND, remarks=["original never seen, marked"])
    if original.rc != APPROVED or original.member_id is None or _reversal_of(session, original.id) is not None:
        _record(session, value, APPROVED, 0, now_utc)
        return Booked(RC_APPROVED, remarks=["nothing to undo"])
    member = lock_member(session, original.member_id)
    row = _record(session, value, APPROVED, -original.points, now_utc)
    row.member_id = member.id
    row.original_id = original.id
    outbox.withdraw(session, original.id)
    for posting in session.scalars(select(PostingRow).where(PostingRow.transaction_id == original.id)):
        session.add(
            PostingRow(
                transaction_id=row.id,
                account=posting.account,
                member_id=posting.member_id,
                points=-posting.points,
            )
        )
    session.flush()
    return Booked(RC_APPROVED, row.points, standing=standing_of(session, member, programme, value.at))


def _exchange(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """An accrual or a redemption that is seen for the first time."""
    rc = _hard_refusal(value, programme)
    card = session.get(CardRow, value.uid)
    if rc == RC_APPROVED and card is not None:
        rc = CARD_STATES[card.state]
    if rc == RC_APPROVED and card is None:
        if value.verb == ACCRUAL and programme.open_provisional:
            member = MemberRow(member_no=None, name="", provisional=True)
            session.add(member)
            session.flush()
            card = CardRow(uid=value.uid, member_id=member.id, state="active")
            session.add(card)
        else:
            rc = RC_UNKNOWN_CARD
    if card is None:
        _record(session, value, rc, 0, now_utc)
        return Booked(rc)

    spends_reserve = value.advice and value.verb == REDEMPTION
    member = _lock_owner(session, card, value.at, value.allowance if spends_reserve else None)
    remarks: list[str] = []
    if value.release and not allowances.release(session, value.at, value.release):
        remarks.append(f"allowance {value.release} was given back and is not open")
    way = session.get(WayRow, value.uid)
    # Between the inquiry and the redemption of one tap a person chooses points: as long as a grant lives.
    tap_s = grants.LIFE_S if value.verb == REDEMPTION else grants.SAME_TAP_S
    doubt = grants.doubt(session, way, value.terminal_id, value.counter, now_utc, tap_s)
    silence = grants.silence(session, way, value.counter, value.auth)
    if silence and value.verb == REDEMPTION:
        doubt = silence
    elif silence:
        remarks.append(f"suspicious tap of card {grants.masked(value.uid)}: {silence}")
    if doubt and value.advice:
        # A person has seen it approved, and an advice may come long after the taps that followed it.
        remarks.append(f"advice of card {grants.masked(value.uid)}: {doubt}")
    elif doubt and rc == RC_APPROVED:
        remarks.append(f"suspected copy, card {grants.masked(value.uid)}: {doubt}")
        rc = RC_COPY
    points = value.points
    if value.verb == ACCRUAL:
        tier = standing_of(session, member, programme).tier if programme.tiers_differ else 0
        ruled = programme.accrual_points(value.amount, tier)
        if ruled != value.points:
            remarks.append(f"terminal computed {value.points} points, the rule gives {ruled}")
        # A promise a person has seen is kept; before that the switch's rule is the truth.
        points = value.points if value.advice else ruled
    elif rc in CARD_STATES.values() and spends_reserve:
        rc = _spend_reserve(session, value, member.id, rc, remarks, now_utc)
    elif rc == RC_APPROVED:
        rc = _spend(session, value, member.id, way, now_utc)
    row = _record(session, value, rc, points if rc == RC_APPROVED else 0, now_utc)
    row.member_id = member.id
    if rc == RC_APPROVED:
        row.approval = f"{row.id % 1_000_000:06d}"
        post(session, row, member.id, points, ISSUED if value.verb == ACCRUAL else REDEEMED)
        if not value.advice:
            grants.believe(session, way, value.uid, value.terminal_id, value.counter, value.auth, now_utc)
    session.flush()
    told = None
    if rc == RC_APPROVED and value.verb == ACCRUAL and not value.advice and value.allowance is not None:
        # Without the points of this sale: it may still be undone.
        base = balance_of(session, member.id) - row.points
        told = allowances.tell(session, value.at, value.auth, member.id, way, base, programme, now_utc)
    standing = standing_of(session, member, programme, value.at)
    sms = outbox.tell(session, row, value.points, standing.balance, programme.sms, now_utc)
    return Booked(rc, row.points, row.approval, standing, remarks, sms, told)


def _spend(session: Session, value: Value, member_id: int, way: WayRow | None, now_utc: int) -> str:
    """The code of a redemption nothing else speaks against; the grant of a card that needs one is used up with it."""
    grant = None
    if grants.needs_aes(way) and value.auth != grants.AUTH_AES:
        return RC_NOT_FOR_CARD
    if grants.needs_grant(way):
        grant = grants.usable(session, value.uid, value.terminal_id, value.counter, now_utc)
        if grant is None:
            return RC_NOT_FOR_CARD
    if balance_of(session, member_id) - allowances.held(session, member_id) + value.points < 0:
        return RC_NO_FUNDS
    if grant is not None and not grants.consume(session, grant, value.seq):
        return RC_NOT_FOR_CARD
    return RC_APPROVED


def _spend_reserve(session: Session, value: Value, member_id: int, rc: str, remarks: list[str], now_utc: int) -> str:
    """The code of an offline redemption whose card is in the state `rc`: its allowance is used up with it, and it is
    good for one only. What was reserved pays whatever became of the card since: a person has seen it approved."""
    if value.allowance is None:
        if rc == RC_APPROVED:
            allowances.note_risk(session, value.at, member_id, -value.points, value.seq, now_utc)
        return rc
    why = allowances.why_not(session, value.at, value.allowance, -value.points, member_id)
    if not why and allowances.use(session, value.allowance, value.seq):
        if rc != RC_APPROVED:
            remarks.append(
                f"card {grants.masked(value.uid)} is blocked ({rc}): it had spent allowance {value.allowance}"
            )
        return RC_APPROVED
    remarks.append(why or f"allowance {value.allowance} was closed meanwhile")
    return RC_NOT_FOR_CARD if rc == RC_APPROVED else rc


def _hard_refusal(value: Value, programme: Programme) -> str:
    """What can be refused without looking at the card, or 00."""
    if value.verb == ACCRUAL:
        return RC_BAD_AMOUNT if value.points < 0 or value.amount == 0 else RC_APPROVED
    if value.verb == REDEMPTION:
        # A UID alone can be copied by anyone: it never spends. Offline only what was reserved, or at the shop's risk.
        unpaid = value.advice and value.allowance is None and not programme.offline_risk
        if value.auth == grants.AUTH_UID or unpaid:
            return RC_NOT_FOR_CARD
        if value.advice:  # threshold and step were its terminal's: a promise a person has seen is kept
            return RC_APPROVED if value.points < 0 else RC_BAD_AMOUNT
        return RC_APPROVED if programme.redemption_allowed(-value.points) else RC_BAD_AMOUNT
    return RC_INVALID
