"""A mobile number in the place of a card: its identity in the books, and how people see it.

What the wire spells as MOBILE is kept as ten bytes that no card can have (a UID never begins with 88 hex), so a number
is bound, found and booked by the same rows as a card is. One member has a number; who had it first keeps it until the
office gives it to another. People and logs see it masked.
"""

from __future__ import annotations

import re

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tools.bench_switch import kept
from tools.bench_switch.outbox import masked_mobile
from tools.bench_switch.schema import CardRow, ContactRow, OwnerRow, TransactionRow

PREFIX = "886D6F6200"
_WHOLE = re.compile(PREFIX + "([0-9]{10})")


def is_keyed(uid: str) -> bool:
    """Whether a number was typed and nobody laid a card on."""
    return uid.startswith(PREFIX)


def uid_of(mobile: str) -> str:
    """What stands for ten digits in the place of a UID."""
    return PREFIX + mobile


def mobile_of(uid: str) -> str:
    """The ten digits of a keyed identity."""
    return uid[len(PREFIX) :]


def shown(uid: str) -> str:
    """A card or a number as people may see it."""
    return masked_mobile(mobile_of(uid)) if is_keyed(uid) else uid


def hidden(text: str) -> str:
    """A text for a log: whatever number stands in it is masked."""
    return _WHOLE.sub(lambda found: masked_mobile(found.group(1)), text)


def row_of(session: Session, uid: str) -> CardRow | None:
    """What binds this card, or this number, to a member.

    Books older than this have numbers that only messages were sent to: the first look binds one to who had it first.
    """
    card = session.get(CardRow, uid)
    if card is None and is_keyed(uid):
        first = select(func.min(ContactRow.member_id)).where(ContactRow.mobile == mobile_of(uid))
        member_id = session.scalar(first)
        card = None if member_id is None else bind(session, mobile_of(uid), member_id)
    return card


def bind(session: Session, mobile: str, member_id: int) -> CardRow:
    """Let the number stand for this member, unless it stands for somebody; what it stands for now."""
    card = session.get(CardRow, uid_of(mobile))
    if card is None:
        card = CardRow(uid=uid_of(mobile), member_id=member_id, state="active")
        session.add(card)
        session.flush()
        note_owner(session, card)
    return card


def release(session: Session, mobile: str, member_id: int) -> None:
    """The number stands for this member no more, and for nobody."""
    card = session.get(CardRow, uid_of(mobile))
    if card is not None and card.member_id == member_id:
        session.execute(delete(OwnerRow).where(OwnerRow.uid == card.uid))
        kept.gone(session, card)
        session.delete(card)
        session.flush()


def note_owner(session: Session, card: CardRow) -> None:
    """Keep whose a card is from now on: its member is locked, so what comes later has a higher id."""
    last = session.scalar(select(func.max(TransactionRow.id))) or 0
    session.add(OwnerRow(uid=card.uid, member_id=card.member_id, after_id=last))
    kept.keep(session, card)
    session.flush()
