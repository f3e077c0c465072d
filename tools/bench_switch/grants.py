"""What the books keep of proofs: the way a card is known by, the highest counter believed of it, and grants.

Every function runs inside the caller's database transaction, after the card's member row was locked, so that all that
concerns one card happens one after the other. Knows no cryptography and no messages. Times in whole seconds.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from tools.bench_switch.proof import Verdict
from tools.bench_switch.schema import GrantRow, WayRow

LEGACY, GROUP, SUN, RELAYED = "legacy", "group", "sun", "relay"
WAYS = (LEGACY, GROUP, SUN, RELAYED)
LIFE_S = 300

AUTH_UID, AUTH_LEGACY, AUTH_AES = 0, 1, 2


def masked(uid: str) -> str:
    """A card as a log may name it."""
    return "****" + uid[-4:]


def needs_grant(way: WayRow | None) -> bool:
    """Whether a card spends only with a proof the switch itself has seen."""
    return way is not None and way.way in (SUN, RELAYED)


def doubt(way: WayRow | None, terminal_id: str, counter: int) -> str:
    """Why a counter said of a card cannot be its own, or "". The same terminal may say one tap's counter often."""
    if way is None or not counter or counter > way.counter:
        return ""
    if counter < way.counter:
        return f"counter {counter} after {way.counter}"
    return "" if way.terminal_id == terminal_id else f"counter {counter} was shown at {way.terminal_id}"


def believe(session: Session, way: WayRow | None, uid: str, terminal_id: str, counter: int, auth: int) -> None:
    """Keep a counter a terminal read under a card key, online.

    A claim beside a bare UID, or about a card that proves its counter itself, would let anyone lock the true card out.
    """
    if not counter or auth == AUTH_UID or needs_grant(way):
        return
    if way is None:
        way = WayRow(uid=uid, way=LEGACY)
        session.add(way)
        session.flush()
    if counter > way.counter:
        way.counter, way.terminal_id = counter, terminal_id


def admit(session: Session, uid: str, terminal_id: str, verdict: Verdict, now_utc: int) -> str:
    """Turn a right proof into a grant; "" or why it is a copy's."""
    way = session.get(WayRow, uid)
    if way is None:
        way = WayRow(uid=uid, way=LEGACY)
        session.add(way)
        session.flush()
    if verdict.digest:
        if verdict.counter == way.counter and _shown(session, uid, terminal_id, verdict, now_utc):
            return ""  # the answer to it was lost; what it granted may be spent already and stays so
        if verdict.counter <= way.counter:
            return f"SUN data of counter {verdict.counter} after {way.counter}"
        way.counter, way.terminal_id = verdict.counter, terminal_id
    session.execute(
        delete(GrantRow).where(GrantRow.uid == uid, GrantRow.used_seq.is_(None), GrantRow.expires_utc < now_utc)
    )
    session.add(
        GrantRow(
            terminal_id=terminal_id,
            uid=uid,
            counter=verdict.counter,
            digest=verdict.digest,
            expires_utc=now_utc + LIFE_S,
        )
    )
    return ""


def _shown(session: Session, uid: str, terminal_id: str, verdict: Verdict, now_utc: int) -> bool:
    """Whether this terminal showed the very same bytes a moment ago."""
    same = select(GrantRow.id).where(
        GrantRow.terminal_id == terminal_id,
        GrantRow.uid == uid,
        GrantRow.counter == verdict.counter,
        GrantRow.digest == verdict.digest,
        GrantRow.expires_utc >= now_utc,
    )
    return session.scalar(same.limit(1)) is not None


def usable(session: Session, uid: str, terminal_id: str, counter: int, now_utc: int) -> int | None:
    """The newest grant this terminal may spend by; a relayed card has no counter (0), a terminal may not know it."""
    query = select(GrantRow.id).where(
        GrantRow.terminal_id == terminal_id,
        GrantRow.uid == uid,
        GrantRow.used_seq.is_(None),
        GrantRow.expires_utc >= now_utc,
    )
    if counter:
        query = query.where(GrantRow.counter.in_((counter, 0)))
    return session.scalar(query.order_by(GrantRow.id.desc()).limit(1))


def consume(session: Session, grant_id: int, seq: int) -> bool:
    """Use a grant up; False when somebody else did."""
    taken = session.execute(
        update(GrantRow).where(GrantRow.id == grant_id, GrantRow.used_seq.is_(None)).values(used_seq=seq)
    )
    return cast("CursorResult[tuple[()]]", taken).rowcount == 1
