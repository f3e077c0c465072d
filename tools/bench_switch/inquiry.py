"""What the books say to an inquiry (0100), with or without a proof of the card: LT-87 sections 8 and 10.

Inside one database transaction that the caller opens. Knows no bytes and no keys: the proof was judged before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tools.bench_switch import allowances, asking, facts, grants, keyed, offers, perks, standing, statement, vouchers
from tools.bench_switch.booking import (
    CARD_STATES,
    RC_APPROVED,
    RC_COPY,
    RC_UNKNOWN_CARD,
    Standing,
    balance_of,
    lock_member,
    standing_of,
)
from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import Programme
from tools.bench_switch.proof import Verdict
from tools.bench_switch.schema import CardRow, MemberRow, WayRow


@dataclass(frozen=True)
class Asked:
    """An inquiry: UID as upper-case hex, `counter` 0 when the terminal did not say; `sun` or `step` is its proof.

    `allowance` is the one the terminal names when it asks for one (0: it has none), None: it asks for none.
    """

    terminal_id: str
    uid: str
    auth: int
    counter: int = 0
    sun: bytes = b""
    step: bytes = b""
    allowance: int | None = None
    tags: Mapping[int, bytes] = field(default_factory=dict)
    statement: bool = False  # of the last entries, or of the one that ORIGINAL names

    @property
    def at(self) -> tuple[str, str]:
        """Whose an allowance is."""
        return self.terminal_id, self.uid


@dataclass
class Known:
    """The answer: `auth` None when nothing was decided that the terminal has to hear of, `counter` 0 unknown."""

    rc: str
    standing: Standing | None = None
    auth: int | None = None
    counter: int = 0
    remarks: list[str] = field(default_factory=list)
    allowance: allowances.Told | None = None
    tags: dict[int, bytes | list[bytes]] = field(default_factory=dict)  # what the answer says besides


def inquire(session: Session, asked: Asked, verdict: Verdict | None, programme: Programme, now_utc: int) -> Known:
    """Who the card belongs to, and whether it is the card it says; a copy's claim is answered 59."""
    known = Known(RC_UNKNOWN_CARD)
    today = offers.today(now_utc)
    if tlv.VOUCHER in asked.tags:
        known.rc, worth = vouchers.look(
            session, asked.tags[tlv.VOUCHER].decode("ascii", "replace"), asked.terminal_id, today
        )
        known.tags |= {tlv.OFFER: worth} if worth is not None else {}
        return known
    if verdict is not None and not verdict.reply:
        known.auth = grants.AUTH_UID
    card = keyed.row_of(session, asked.uid)
    if card is None:
        return known
    known.rc = CARD_STATES[card.state]
    asks = asked.allowance is not None
    if known.rc == RC_APPROVED and (verdict is not None or asked.counter or asks):
        owner = lock_member(session, card.member_id).id
        suspicion = _examine(session, asked, verdict, known, now_utc)
        if suspicion:
            known.rc = RC_COPY
            known.remarks.append(f"suspected copy, card {grants.masked(asked.uid)}: {suspicion}")
        elif asks:
            session.refresh(card)  # given to another member meanwhile, it waits for its next tap
            known.allowance = _reserve(session, asked, card, programme, now_utc) if card.member_id == owner else None
        session.flush()
    member = session.get_one(MemberRow, card.member_id)
    known.standing = standing_of(session, member, programme, asked.at)
    known.tags |= facts.told(session, member)
    if member.member_no is not None and asked.auth == grants.AUTH_UID:
        known.tags |= {tlv.MEMBER: tlv.u(member.member_no, 4)}  # whose number was typed, or a card that says nothing
    if known.rc == RC_APPROVED:
        open_to = offers.told(session, member, known.standing, programme, today)
        known.tags |= {tlv.OFFER: open_to} if open_to else {}
        goes_with = perks.suggestion(session, asked.tags.get(tlv.BASKET, b"\0")[0])
        known.tags |= {tlv.SUGGEST: tlv.text(goes_with, 60)} if goes_with else {}
        asking.answer(session, asked, member, known, now_utc)
    if known.rc == RC_APPROVED:
        known.standing, said = standing.at_tap(session, known.standing, programme, asked.at, now_utc)
        known.tags = {**said, **known.tags}
    if asked.statement and known.rc == RC_APPROVED:
        statement.tell(session, asked.terminal_id, asked.tags, card, known)
    return known


def _reserve(
    session: Session, asked: Asked, card: CardRow, programme: Programme, now_utc: int
) -> allowances.Told | None:
    base, way = balance_of(session, card.member_id), session.get(WayRow, asked.uid)
    return allowances.tell(session, asked.at, asked.auth, card.member_id, way, base, programme, now_utc)


def _examine(session: Session, asked: Asked, verdict: Verdict | None, known: Known, now_utc: int) -> str:
    """Why this is a copy, or ""; fills in what is proven."""
    if verdict is None:
        way = session.get(WayRow, asked.uid)
        suspicion = grants.doubt(session, way, asked.terminal_id, asked.counter, now_utc)
        if not suspicion:
            grants.believe(session, way, asked.uid, asked.terminal_id, asked.counter, asked.auth, now_utc)
        return suspicion
    if verdict.proven is None:
        if verdict.why:
            known.remarks.append(f"card {grants.masked(asked.uid)} not proven: {verdict.why}")
        return ""
    suspicion = verdict.why or grants.admit(session, asked.uid, asked.terminal_id, verdict, now_utc)
    if not suspicion:
        known.auth, known.counter = grants.AUTH_AES, verdict.counter
    return suspicion
