"""An accrual or a redemption that is seen for the first time: what the switch makes of it. See `booking`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tools.bench_switch import (
    allowances,
    claims,
    codes,
    earned,
    earning,
    grants,
    keyed,
    outbox,
    referrals,
    rewards,
    vouchers,
)
from tools.bench_switch.booking import (
    CARD_STATES,
    RC_APPROVED,
    RC_BAD_AMOUNT,
    RC_COPY,
    RC_INVALID,
    RC_NO_FUNDS,
    RC_NOT_FOR_CARD,
    RC_UNKNOWN_CARD,
    Booked,
    Value,
    balance_of,
    lock_owner,
    post,
    record,
    standing_of,
)
from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, ISSUED, REDEEMED, REDEMPTION, CardRow, MemberRow, WayRow


def exchange(session: Session, value: Value, programme: Programme, now_utc: int) -> Booked:
    """An accrual or a redemption that is seen for the first time."""
    rc = _hard_refusal(value, programme)
    card = keyed.row_of(session, value.uid)
    if rc == RC_APPROVED and card is not None:
        rc = CARD_STATES[card.state]
    if rc == RC_APPROVED and card is None:
        if value.verb == ACCRUAL and programme.open_provisional and not keyed.is_keyed(value.uid):
            member = MemberRow(member_no=None, name="", provisional=True)
            session.add(member)
            session.flush()
            card = CardRow(uid=value.uid, member_id=member.id, state="active")
            session.add(card)
        else:
            rc = RC_UNKNOWN_CARD
    if card is None:
        record(session, value, rc, 0, now_utc)
        return Booked(rc)

    spends_reserve = value.advice and value.verb == REDEMPTION
    member = lock_owner(session, card, value.at, value.allowance if spends_reserve else None)
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
    points, parts = value.points, dict[int, int]()
    taken = claims.NOTHING
    if rc == RC_APPROVED and value.verb == ACCRUAL:
        taken = claims.claim(session, value, member, programme)
        rc = taken.rc
        remarks += [taken.why] if taken.why else []
        if rc == RC_APPROVED and not claims.bought(value, taken):
            rc = RC_BAD_AMOUNT  # nothing was paid, with money or with a voucher's
    if value.verb == ACCRUAL:
        occasion = earned.occasion_of(session, value, member, programme, taken.bonus)
        parts = earning.breakdown(programme, value.amount, occasion)
        ruled = sum(parts.values())
        if ruled != value.points:
            remarks.append(f"terminal computed {value.points} points, the rule gives {ruled}")
        # A promise a person has seen is kept; before that the switch's rule is the truth.
        points = value.points if value.advice else ruled
        parts = earning.kept_promise(parts, points)
    elif rc in CARD_STATES.values() and spends_reserve:
        rc = _spend_reserve(session, value, member.id, rc, remarks, now_utc)
    elif rc == RC_APPROVED:
        rc = _spend(session, value, member.id, way, programme, now_utc)
    row = record(session, value, rc, points if rc == RC_APPROVED else 0, now_utc)
    row.member_id = member.id
    if rc == RC_APPROVED:
        row.approval = f"{row.id % 1_000_000:06d}"
        post(session, row, member.id, points, ISSUED if value.verb == ACCRUAL else REDEEMED)
        claims.book(session, taken, row, member.id)
        if value.verb == ACCRUAL:
            referrals.credit(session, row, programme)
        rewards.note(session, row, rewards.chosen(value) if value.verb == REDEMPTION else None)
        if not value.advice:
            grants.believe(session, way, value.uid, value.terminal_id, value.counter, value.auth, now_utc)
    session.flush()
    told = None
    won = vouchers.prize(session, row, programme, now_utc) if rc == RC_APPROVED and not value.advice else {}
    if rc == RC_APPROVED and value.verb == ACCRUAL and not value.advice and value.allowance is not None:
        # Without the points of this sale: it may still be undone.
        base = balance_of(session, member.id) - row.points
        told = allowances.tell(session, value.at, value.auth, member.id, way, base, programme, now_utc)
    standing = standing_of(session, member, programme, value.at)
    sms = outbox.tell(session, row, value.points, standing.balance, programme.sms, now_utc)
    return Booked(
        rc,
        row.points,
        row.approval,
        standing,
        remarks,
        sms,
        told,
        {**won, **earned.earned_tags(parts if rc == RC_APPROVED else {})},
    )


def _spend(
    session: Session, value: Value, member_id: int, way: WayRow | None, programme: Programme, now_utc: int
) -> str:
    """The code of a redemption nothing else speaks against; the grant of a card that needs one is used up with it."""
    reward = rewards.chosen(value)
    if reward is not None and rewards.reached(programme, reward, balance_of(session, member_id)) != RC_APPROVED:
        return RC_NO_FUNDS
    grant, code = None, None
    if value.auth == grants.AUTH_UID:
        # Nobody has shown a card that proves anything: the member says so with the code that was sent.
        rc, code = codes.check(session, member_id, codes.SPEND, value.tags.get(tlv.CODE, b""), now_utc)
        if rc != RC_APPROVED:
            return rc
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
    if code is not None:
        codes.use(code)
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
        nothing = value.amount == 0 and not claims.is_free(value)
        return RC_BAD_AMOUNT if value.points < 0 or nothing else RC_APPROVED
    if value.verb == REDEMPTION:
        # A UID alone can be copied by anyone: it never spends. Offline only what was reserved, or at the shop's risk.
        unpaid = value.advice and value.allowance is None and not programme.offline_risk
        coded = not value.advice and tlv.CODE in value.tags
        if (value.auth == grants.AUTH_UID and not coded) or unpaid:
            return RC_NOT_FOR_CARD
        if value.advice:  # threshold and step were its terminal's: a promise a person has seen is kept
            return RC_APPROVED if value.points < 0 else RC_BAD_AMOUNT
        reward = rewards.chosen(value)
        if reward is not None:
            return rewards.code_of(programme, reward, -value.points)
        return RC_APPROVED if programme.redemption_allowed(-value.points) else RC_BAD_AMOUNT
    return RC_INVALID
