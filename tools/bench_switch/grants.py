"""What the books keep of proofs: the way a card is known by, the highest counter believed of it, and grants.

Every function runs inside the caller's database transaction, after the card's member row was locked, so that all that
concerns one card happens one after the other. Knows no cryptography and no messages. Times in whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from tools.bench_switch.proof import Verdict
from tools.bench_switch.schema import ChallengeRow, GrantRow, ShownRow, WayRow

LEGACY, GROUP, SUN, RELAYED = "legacy", "group", "sun", "relay"
WAYS = (LEGACY, GROUP, SUN, RELAYED)
LIFE_S = 300
CHALLENGE_KEPT_S = 60  # a challenge nobody answered stays so long in the books
SAME_TAP_S = 30  # so long may what one tap showed be said again: a lost answer, an inquiry and the sale behind it

AUTH_UID, AUTH_LEGACY, AUTH_AES = 0, 1, 2


def masked(uid: str) -> str:
    """A card as a log may name it."""
    return "****" + uid[-4:]


def strongest(ways: Iterable[str]) -> str:
    """The way that asks most of a card."""
    return max(ways, key=WAYS.index)


def needs_grant(way: WayRow | None) -> bool:
    """Whether a card spends only with a proof the switch itself has seen."""
    return way is not None and way.way in (SUN, RELAYED)


def needs_aes(way: WayRow | None) -> bool:
    """Whether a card spends only with AUTH 2: its way is one of an AES card's."""
    return way is not None and way.way != LEGACY


def doubt(
    session: Session, way: WayRow | None, terminal_id: str, counter: int, now_utc: int, tap_s: int = SAME_TAP_S
) -> str:
    """Why a counter said of a card cannot be its own, or "".

    One tap's counter may come again from its terminal for `tap_s`. A card that needs a grant is bounded by that alone.
    """
    if way is None or not counter or counter > way.counter:
        return ""
    if counter < way.counter:
        return f"counter {counter} after {way.counter}"
    if way.terminal_id != terminal_id:
        return f"counter {counter} was shown at {way.terminal_id}"
    if needs_grant(way):
        return ""
    shown = session.get(ShownRow, way.uid)
    if shown is not None and now_utc <= shown.since_utc + tap_s:
        return ""
    return f"counter {counter} was shown here by an earlier tap"


def silence(session: Session, way: WayRow | None, counter: int, auth: int) -> str:
    """Why a tap of a card whose counter is believed should have said one, or "".

    A bare UID never has one and never spends, a grant is proof by itself, and EV2First (AUTH 2) has no counter: there
    only a card that once said one with it is asked for it.
    """
    if counter or auth == AUTH_UID or way is None or way.counter < 0 or needs_grant(way):
        return ""
    if auth == AUTH_AES:
        shown = session.get(ShownRow, way.uid)
        if shown is None or not shown.told:
            return ""
    return f"no counter after {way.counter}"


def believe(
    session: Session, way: WayRow | None, uid: str, terminal_id: str, counter: int, auth: int, now_utc: int
) -> None:
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
        _raise(session, way, terminal_id, counter, now_utc, told=True)


def _raise(session: Session, way: WayRow, terminal_id: str, counter: int, now_utc: int, *, told: bool) -> None:
    """A new highest counter of a card."""
    way.counter, way.terminal_id = counter, terminal_id
    shown = session.get(ShownRow, way.uid)
    if shown is None:
        shown = ShownRow(uid=way.uid, told=False)
        session.add(shown)
    shown.since_utc = now_utc
    shown.told = shown.told or told


def admit(session: Session, uid: str, terminal_id: str, verdict: Verdict, now_utc: int) -> str:
    """Turn a right proof into a grant; "" or why it is a copy's."""
    way = session.get(WayRow, uid)
    if way is None:
        way = WayRow(uid=uid, way=LEGACY)
        session.add(way)
        session.flush()
    if verdict.digest:
        if verdict.counter == way.counter and _shown(session, uid, terminal_id, verdict, now_utc):
            return ""  # the answer to it was lost
        if verdict.counter <= way.counter:
            return f"SUN data of counter {verdict.counter} after {way.counter}"
        _raise(session, way, terminal_id, verdict.counter, now_utc, told=False)
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
    """Whether this terminal showed the very same bytes a moment ago, and nothing was spent by them."""
    same = select(GrantRow.id).where(
        GrantRow.terminal_id == terminal_id,
        GrantRow.uid == uid,
        GrantRow.counter == verdict.counter,
        GrantRow.digest == verdict.digest,
        GrantRow.used_seq.is_(None),
        GrantRow.expires_utc >= now_utc + LIFE_S - SAME_TAP_S,
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


def open_challenge(session: Session, terminal_id: str, uid: str, rnd_a: bytes, expires_utc: int) -> None:
    """Keep the one open challenge of a card at a terminal; those that ended go."""
    session.execute(
        delete(ChallengeRow).where(
            ((ChallengeRow.terminal_id == terminal_id) & (ChallengeRow.uid == uid))
            | (ChallengeRow.expires_utc < expires_utc - CHALLENGE_KEPT_S)
        )
    )
    session.add(ChallengeRow(terminal_id=terminal_id, uid=uid, rnd_a=rnd_a.hex(), expires_utc=expires_utc))


def take_challenge(session: Session, terminal_id: str, uid: str) -> tuple[bytes, int] | None:
    """The open challenge and when it ends; taking it is one statement, so two workers cannot both have it."""
    found = session.execute(
        delete(ChallengeRow)
        .where(ChallengeRow.terminal_id == terminal_id, ChallengeRow.uid == uid)
        .returning(ChallengeRow.rnd_a, ChallengeRow.expires_utc)
    ).one_or_none()
    return None if found is None else (bytes.fromhex(found.rnd_a), found.expires_utc)
