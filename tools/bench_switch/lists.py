"""What the books list for people: members found by a word, text messages, reasons, when a terminal last booked.

Reads only; each call is one database transaction and bounded by a limit. Knows no messages. Points as signed whole
points, times in seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select

from tools.bench_switch import keyed
from tools.bench_switch.batch_tables import FactRow, SupervisorRow
from tools.bench_switch.booking import Standing, standing_of
from tools.bench_switch.books import Books, member_named
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.grants import LEGACY
from tools.bench_switch.schema import (
    MEMBER,
    CardRow,
    ContactRow,
    MemberRow,
    OutboxRow,
    PostingRow,
    ReasonRow,
    TransactionRow,
    WayRow,
)

LIMIT = 50
_A_CARD = ~CardRow.uid.startswith(keyed.PREFIX)  # a mobile number is told as a contact, and masked


@dataclass(frozen=True)
class Found:
    """A member in a list; `number` None of a nameless one, who is named by a card."""

    id: int
    number: int | None
    name: str
    points: int
    cards: tuple[str, ...]


@dataclass(frozen=True)
class Bound:
    """A card in a list, with whose it is."""

    uid: str
    state: str
    way: str
    member_id: int
    number: int | None
    name: str


@dataclass(frozen=True)
class Profile:
    """All there is about one member; lists have the newest first."""

    standing: Standing
    contact: ContactRow | None
    cards: list[Bound]
    transactions: list[TransactionRow]
    reasons: dict[int, str]
    messages: list[OutboxRow]


def _card_query() -> Select[CardRow, MemberRow, WayRow]:
    return (
        select(CardRow, MemberRow, WayRow)
        .join(MemberRow, CardRow.member_id == MemberRow.id)
        .outerjoin(WayRow, WayRow.uid == CardRow.uid)
        .where(_A_CARD)
        .order_by(CardRow.uid)
    )


def _bound(card: CardRow, member: MemberRow, way: WayRow | None) -> Bound:
    return Bound(card.uid, card.state, way.way if way else LEGACY, member.id, member.member_no, member.name)


class Lists(Books):
    """Questions people ask."""

    def find_members(self, word: str = "", limit: int = LIMIT) -> list[Found]:
        """Members whose name, number or card begins with `word`, a name also when a part of it does."""
        query = select(MemberRow).order_by(MemberRow.id).limit(limit)
        word = word.strip()
        if word:
            fits = [MemberRow.name.icontains(word, autoescape=True)]
            fits.append(
                MemberRow.id.in_(
                    select(CardRow.member_id).where(CardRow.uid.startswith(word.upper(), autoescape=True), _A_CARD)
                )
            )
            if word.isascii() and word.isdigit():
                fits.append(MemberRow.member_no == int(word[:18]))
            query = query.where(or_(*fits))
        with self._session() as session:
            rows = list(session.scalars(query))
            ids = [row.id for row in rows]
            sums = (
                select(PostingRow.member_id, func.sum(PostingRow.points))
                .where(PostingRow.account == MEMBER, PostingRow.member_id.in_(ids))
                .group_by(PostingRow.member_id)
            )
            points = {member: int(total) for member, total in session.execute(sums)}
            cards: dict[int, list[str]] = {}
            bound = select(CardRow).where(CardRow.member_id.in_(ids), _A_CARD).order_by(CardRow.uid)
            for card in session.scalars(bound):
                cards.setdefault(card.member_id, []).append(card.uid)
        return [
            Found(row.id, row.member_no, row.name, points.get(row.id, 0), tuple(cards.get(row.id, ()))) for row in rows
        ]

    def find_cards(self, word: str = "", *, blocked: bool = False, limit: int = LIMIT) -> list[Bound]:
        """Cards whose UID begins with `word`, or whose owner's name has it; `blocked`: only those that get nothing."""
        query = _card_query().limit(limit)
        word = word.strip()
        if word:
            owner = MemberRow.name.icontains(word, autoescape=True)
            query = query.where(or_(CardRow.uid.startswith(word.upper(), autoescape=True), owner))
        if blocked:
            query = query.where(CardRow.state != "active")
        with self._session() as session:
            return [_bound(*found) for found in session.execute(query)]

    def profile(self, member_id: int, last: int) -> Profile:
        """A member by the id of the row: nameless members have no other name."""
        with self._session() as session:
            member = session.get(MemberRow, member_id)
            if member is None:
                raise LedgerError("B10", "no such member")
            newest = select(TransactionRow).where(TransactionRow.member_id == member_id)
            rows = list(session.scalars(newest.order_by(TransactionRow.id.desc()).limit(last)))
            why = select(ReasonRow).where(ReasonRow.transaction_id.in_([row.id for row in rows]))
            written = select(OutboxRow).where(OutboxRow.member_id == member_id)
            return Profile(
                standing_of(session, member, self.programme),
                session.get(ContactRow, member_id),
                [_bound(*one) for one in session.execute(_card_query().where(MemberRow.id == member_id))],
                rows,
                {row.transaction_id: row.text for row in session.scalars(why)},
                list(session.scalars(written.order_by(OutboxRow.id.desc()).limit(last))),
            )

    def count(self) -> int:
        """How many transactions there are."""
        with self._session() as session:
            return session.scalar(select(func.count()).select_from(TransactionRow)) or 0

    def contact(self, member: str | int) -> ContactRow | None:
        """Where a member wants to hear from the programme."""
        with self._session() as session:
            return session.get(ContactRow, member_named(session, member).id)

    def messages(self, member: str | int | None = None, last: int | None = LIMIT) -> list[OutboxRow]:
        """The text messages that were written, the newest first."""
        query = select(OutboxRow).order_by(OutboxRow.id.desc()).limit(last)
        with self._session() as session:
            if member is not None:
                query = query.where(OutboxRow.member_id == member_named(session, member).id)
            return list(session.scalars(query))

    def reasons(self, transactions: Iterable[int]) -> dict[int, str]:
        """Why the office booked, and who allowed at the counter what a clerk may not alone, by transaction."""
        numbers = list(transactions)
        allowed = select(SupervisorRow, FactRow).join(FactRow, FactRow.transaction_id == SupervisorRow.transaction_id)
        query = select(ReasonRow).where(ReasonRow.transaction_id.in_(numbers))
        with self._session() as session:
            found = session.execute(allowed.where(SupervisorRow.transaction_id.in_(numbers))).all()
            told = {by.transaction_id: f"clerk {fact.clerk or '-'}, allowed by {by.supervisor}" for by, fact in found}
            return told | {row.transaction_id: row.text for row in session.scalars(query)}

    def last_booked(self) -> dict[str, int]:
        """When the switch last decided a value message of each terminal."""
        query = (
            select(TransactionRow.terminal_id, func.max(TransactionRow.booked_utc))
            .where(TransactionRow.terminal_id.is_not(None))
            .group_by(TransactionRow.terminal_id)
        )
        with self._session() as session:
            return {terminal: int(when) for terminal, when in session.execute(query) if terminal is not None}
