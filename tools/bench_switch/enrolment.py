"""ENROL: a card and a mobile number become a member, or a new card takes the place of a member's others.

Inside the caller's database transaction. A card, and a number, stand for one member: the primary key of `cards` says
so, whoever comes at the same time. The same card with the same number again is the same member. Points are whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tools.bench_switch import booking, codes, facts, grants, kept, keyed, outbox, referrals
from tools.bench_switch.booking import (
    CARD_STATES,
    RC_APPROVED,
    RC_INVALID,
    RC_NOT_FOR_CARD,
    RC_UNKNOWN_CARD,
    Booked,
    Value,
    lock_member,
    post,
    record,
    standing_of,
)
from tools.bench_switch.codec import tlv
from tools.bench_switch.database import take_turns
from tools.bench_switch.member_tables import BoundRow, CardWordRow, CodeRow, FactsRow, ReferralRow
from tools.bench_switch.programme import POINTS_LIMIT, Programme
from tools.bench_switch.schema import (
    APPROVED,
    ENROL,
    ISSUED,
    AllowanceRow,
    CardRow,
    ContactRow,
    GrantRow,
    MemberRow,
    OwnerRow,
    ShownRow,
    TransactionRow,
    WayRow,
)

RC_DUPLICATE_MEMBER = "26"  # the card or the number is another member's
NO_REFERRER = "Referrer not known"
LOWEST_NUMBER = 1001


@dataclass(frozen=True)
class Wanted:
    """What an enrolment says."""

    mobile: str
    consent: bool
    channel: int
    language: str
    birthday: str
    referrer: str
    replaces: bool
    code: bytes
    supervisor: bool


def read(value: Value) -> Wanted | None:
    """What the message wants, None when it makes no sense."""
    said = value.tags
    mobile = said.get(tlv.MOBILE, b"").hex()
    channel = said.get(tlv.CHANNEL, bytes((facts.UNSAID,)) + outbox.PERSIAN.encode())
    language = channel[1:].decode("ascii", "replace")
    birthday = said.get(tlv.BIRTHDAY, b"").hex()
    if keyed.is_keyed(value.uid) or not mobile.isdigit() or not mobile.startswith("9") or value.points < 0:
        return None
    if channel[0] >= len(facts.CHANNELS) or language not in outbox.LANGUAGES:
        return None
    if birthday and not facts.is_birthday(birthday):
        return None
    return Wanted(
        mobile,
        said.get(tlv.CONSENT, b"\0") == b"\1",
        channel[0],
        language,
        birthday,
        said.get(tlv.REFERRER, b"").decode("ascii", "replace"),
        said.get(tlv.REASON, b"\0") == bytes((codes.REPLACE,)),
        said.get(tlv.CODE, b""),
        tlv.supervised(said),
    )


def enrol(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """Decide an enrolment that is seen for the first time."""
    wanted = read(value)
    if wanted is None:
        return _refused(session, value, RC_INVALID, now_utc)
    take_turns(session)  # numbers of members are given one after the other
    card = session.get(CardRow, value.uid)
    number = keyed.row_of(session, keyed.uid_of(wanted.mobile))
    owner = session.get_one(MemberRow, card.member_id) if card is not None else None
    if card is not None and card.state != "active":
        return _refused(session, value, CARD_STATES[card.state], now_utc, owner)
    if owner is not None and not owner.provisional:
        if number is None or number.member_id != owner.id:
            return _refused(session, value, RC_DUPLICATE_MEMBER, now_utc)
        return _known(session, value, wanted, owner, programme, now_utc)
    if wanted.replaces:
        return _replaced(session, value, wanted, card, number, programme, now_utc)
    if number is not None:
        return _refused(session, value, RC_DUPLICATE_MEMBER, now_utc)
    return _new(session, value, wanted, card, programme, now_utc)


def _refused(session: Session, value: Value, rc: str, now_utc: int, member: MemberRow | None = None) -> Booked:
    row = record(session, value, rc, 0, now_utc)
    row.member_id = member.id if member is not None else None
    return Booked(rc)


def _approved(session: Session, value: Value, member: MemberRow, points: int, now_utc: int) -> TransactionRow:
    row = record(session, value, RC_APPROVED, points, now_utc)
    row.member_id = member.id
    row.approval = f"{row.id % 1_000_000:06d}"
    return row


def _known(
    session: Session, value: Value, wanted: Wanted, member: MemberRow, programme: Programme, now_utc: int
) -> Booked:
    """The same card and number again: nothing new but what the member wants to hear, and how."""
    lock_member(session, member.id)
    row = _approved(session, value, member, 0, now_utc)
    said = session.get(FactsRow, member.id)
    if said is not None:
        said.consent, said.channel, said.language = wanted.consent, wanted.channel, wanted.language
        said.birthday = wanted.birthday or said.birthday
    # An advice promised points that the first enrolment has booked: it is answered as what it is, done.
    points = value.points if value.advice else 0
    standing = standing_of(session, member, programme, value.at)
    return Booked(RC_APPROVED, points, row.approval, standing, ["a member already, with this card"])


def _new(
    session: Session, value: Value, wanted: Wanted, card: CardRow | None, programme: Programme, now_utc: int
) -> Booked:
    # Before card and number are this member's: nobody is brought by what he will have.
    referrer_id = referrals.find(session, wanted.referrer) if wanted.referrer else None
    highest = session.scalar(select(func.max(MemberRow.member_no)))
    number = max(highest or 0, LOWEST_NUMBER - 1) + 1
    if card is not None:
        member = lock_member(session, card.member_id)  # nameless until now: what it earned stays
        member.provisional, member.member_no = False, number
    else:
        member = MemberRow(member_no=number, name="", provisional=False)
        session.add(member)
        session.flush()
    remarks = []
    # A promise a person has seen is kept; before that the switch's rule is the truth.
    points = min(value.points, POINTS_LIMIT) if value.advice else programme.welcome_points
    if points != programme.welcome_points:
        remarks.append(f"terminal promised {points} points of welcome, the rule gives {programme.welcome_points}")
    row = _approved(session, value, member, points, now_utc)
    post(session, row, member.id, points, ISSUED)
    if card is None:
        _bind(session, row, value, member.id)
    keyed.bind(session, wanted.mobile, member.id)
    _note_bound(session, BoundRow(transaction_id=row.id, uid=keyed.uid_of(wanted.mobile), was=""))
    session.merge(ContactRow(member_id=member.id, mobile=wanted.mobile, language=wanted.language))
    told = {}
    if wanted.referrer and referrer_id is None:
        told[tlv.TEXT] = tlv.text(NO_REFERRER, 60)
    said = FactsRow(
        member_id=member.id,
        enrolled=value.business_day.isoformat(),
        channel=wanted.channel,
        language=wanted.language,
        consent=wanted.consent,
        birthday=wanted.birthday,
        referrer_id=referrer_id,
        transaction_id=row.id,
    )
    session.add(said)
    kept.keep(session, said)
    if referrer_id is not None:
        referrals.note(session, member.id, referrer_id)
    session.flush()
    standing = standing_of(session, member, programme, value.at)
    sms = outbox.tell(session, row, value.points, standing.balance, programme.sms, now_utc)
    return Booked(RC_APPROVED, points, row.approval, standing, remarks, sms, tags=told)


def _bind(session: Session, row: TransactionRow, value: Value, member_id: int) -> None:
    """The card is the member's from now on; it spends by what it showed, until the office says otherwise."""
    card = CardRow(uid=value.uid, member_id=member_id, state="active")
    session.add(card)
    session.flush()
    shown = grants.GROUP if value.auth == grants.AUTH_AES else grants.LEGACY
    session.add(WayRow(uid=value.uid, way=grants.strongest([shown, *_ways_of(session, member_id)])))
    keyed.note_owner(session, card)
    _note_bound(session, BoundRow(transaction_id=row.id, uid=value.uid, was=""))


def _note_bound(session: Session, bound: BoundRow) -> None:
    session.add(bound)
    kept.keep(session, bound)


def _ways_of(session: Session, member_id: int) -> list[str]:
    """By what the member's cards spend, lost ones too: no word at a counter makes it less."""
    cards = CardRow.__table__.join(WayRow.__table__, WayRow.uid == CardRow.uid)
    return list(session.scalars(select(WayRow.way).select_from(cards).where(CardRow.member_id == member_id)))


def _replaced(
    session: Session,
    value: Value,
    wanted: Wanted,
    card: CardRow | None,
    number: CardRow | None,
    programme: Programme,
    now_utc: int,
) -> Booked:
    """A member's new card: with the code that was sent, or on a supervisor's word. The others earn nothing any more."""
    if number is None:
        return _refused(session, value, RC_UNKNOWN_CARD, now_utc)
    if value.advice:
        return _refused(session, value, RC_NOT_FOR_CARD, now_utc)
    if card is not None:
        return _refused(session, value, RC_DUPLICATE_MEMBER, now_utc)
    member = lock_member(session, number.member_id)
    code: CodeRow | None = None
    rc = RC_APPROVED if wanted.supervisor else codes.RC_WRONG
    if wanted.code:
        rc, code = codes.check(session, member.id, codes.REPLACE, wanted.code, now_utc)
    if rc != RC_APPROVED:
        return _refused(session, value, rc, now_utc, member)
    if code is not None:
        codes.use(code)
    row = _approved(session, value, member, 0, now_utc)
    former = select(CardRow).where(CardRow.member_id == member.id, CardRow.state == "active")
    for one in session.scalars(former).all():
        if not keyed.is_keyed(one.uid):
            _note_bound(session, BoundRow(transaction_id=row.id, uid=one.uid, was=one.state))
            one.state = "lost"
            session.execute(delete(GrantRow).where(GrantRow.uid == one.uid, GrantRow.used_seq.is_(None)))
    _bind(session, row, value, member.id)
    session.flush()
    sms = outbox.tell_replaced(session, row, member.id, wanted.mobile, now_utc)
    return Booked(RC_APPROVED, 0, row.approval, standing_of(session, member, programme, value.at), sms=sms)


def _undo(session: Session, original: TransactionRow) -> None:
    """Nobody saw this enrolment succeed: card and number are free again, replaced cards work again.

    What was used meanwhile stays as it is: somebody has become a member with it.
    """
    if original.verb != ENROL or original.member_id is None:
        return
    bound = session.scalars(select(BoundRow).where(BoundRow.transaction_id == original.id)).all()
    others = select(TransactionRow.id).where(
        TransactionRow.member_id == original.member_id, TransactionRow.rc == APPROVED, TransactionRow.id > original.id
    )
    others = others.where(TransactionRow.original_id.is_(None))
    used = session.scalar(others.limit(1)) is not None
    for one in bound:
        card = session.get(CardRow, one.uid)
        if card is not None and one.was:
            if _still_replaced(session, card, original):
                card.state = one.was
        elif card is not None and not used:
            _unbind(session, card)
    said = session.get(FactsRow, original.member_id)
    if used or said is None or said.transaction_id != original.id:
        return
    member = session.get_one(MemberRow, original.member_id)
    member.provisional, member.member_no = True, None
    session.execute(delete(ContactRow).where(ContactRow.member_id == member.id))
    session.execute(delete(ReferralRow).where(ReferralRow.member_id == member.id))
    kept.gone(session, said)
    session.delete(said)


def _still_replaced(session: Session, card: CardRow, replacement: TransactionRow) -> bool:
    """Whether a card is out of use by this replacement alone: the office has said nothing of it since, and no other
    card has taken the place of the member's."""
    said = select(CardWordRow.id).where(CardWordRow.uid == card.uid, CardWordRow.after_id >= replacement.id)
    if card.state != "lost" or session.scalar(said.limit(1)) is not None:
        return False
    binding = select(BoundRow.transaction_id).where(BoundRow.transaction_id > replacement.id, BoundRow.was == "")
    later = select(TransactionRow.id).where(TransactionRow.member_id == card.member_id, TransactionRow.id.in_(binding))
    return all(booking.undone_by(session, number) is not None for number in session.scalars(later))


def _unbind(session: Session, card: CardRow) -> None:
    """Forget a card, unless points are or were kept for it."""
    for table in (AllowanceRow, GrantRow):
        if session.scalar(select(table.id).where(table.uid == card.uid).limit(1)) is not None:
            return
    for row in (OwnerRow, WayRow, ShownRow):
        session.execute(delete(row).where(row.uid == card.uid))
    kept.gone(session, card)
    session.delete(card)
    session.flush()


booking.UNDO.append(_undo)


def audit(session: Session, rows: dict[int, TransactionRow]) -> list[str]:
    """Who was enrolled was enrolled by something, and a number stands for the member it is the contact of."""
    problems = []
    for said in session.scalars(select(FactsRow).where(FactsRow.transaction_id.is_not(None))):
        row = rows.get(said.transaction_id or 0)
        if row is None or (row.verb, row.rc, row.member_id) != (ENROL, APPROVED, said.member_id):
            problems.append(f"member {said.member_id} was enrolled by no enrolment")
    for bound in session.scalars(select(BoundRow)):
        row = rows.get(bound.transaction_id)
        if row is None or (row.verb, row.rc) != (ENROL, APPROVED):
            problems.append(f"card {keyed.shown(bound.uid)} was bound by no enrolment")
    return problems
