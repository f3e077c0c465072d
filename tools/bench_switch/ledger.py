"""The switch's books: one object for the message desk, the panel, the tests and the command line.

Every method is safe from any thread and is one database transaction. It knows no bytes and no sockets. Points are
signed whole points, money is rial, times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from tools.bench_switch import allowances, grants, keyed, letters
from tools.bench_switch.audit import audit
from tools.bench_switch.batches import Batches, audit_batches
from tools.bench_switch.booking import Booked, Standing, Value, balance_of, lock_terminal, standing_of
from tools.bench_switch.books import member_named, uid_hex
from tools.bench_switch.disputes import Disputes
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.facts import MemberFacts
from tools.bench_switch.faults import Fault
from tools.bench_switch.grants import LEGACY
from tools.bench_switch.inquiry import Asked, Known, inquire
from tools.bench_switch.lists import Lists
from tools.bench_switch.office import Office
from tools.bench_switch.perks import Perks
from tools.bench_switch.programs import Programs
from tools.bench_switch.proof import Verdict
from tools.bench_switch.remarks import Remarks
from tools.bench_switch.schema import (
    AllowanceRow,
    CardRow,
    FaultRow,
    MemberRow,
    PostingRow,
    TerminalRow,
    TransactionRow,
    WayRow,
)
from tools.bench_switch.standing_office import StandingOffice
from tools.bench_switch.verbs import book

__all__ = ["Ledger", "LedgerError"]

HIGHEST_ID = 2**63
_NOT_IN_MEMORY = {"synchronize_session": False}


class Ledger(Office, Lists, Batches, Programs, Disputes, Remarks, MemberFacts, Perks, StandingOffice):
    """Members, cards, terminals, transactions and postings behind a database URL."""

    # What the message desk asks.

    def book(self, value: Value, now_utc: int) -> Booked:
        """Process a value message exactly once, see `booking`."""
        return self._retried(lambda session: book(session, value, self.programme, now_utc))

    def saw(self, terminal_id: str, seq: int) -> None:
        """An authentic value message that is not processed: its SEQ is used all the same."""
        self._retried(lambda session: lock_terminal(session, terminal_id, seq))

    def inquire(self, asked: Asked, verdict: Verdict | None, now_utc: int) -> Known:
        """Answer an inquiry by card, see `inquiry`; `verdict` is what came of its proof, None when it offered none."""
        return self._retried(lambda session: inquire(session, asked, verdict, self.programme, now_utc))

    def release_ended(self, terminal_id: str, ended_utc: int, now_utc: int) -> int:
        """A terminal holds no unsettled use of any allowance that ended by then; how many are free again."""
        return self._retried(lambda session: allowances.release_ended(session, terminal_id, ended_utc, now_utc))

    def caller(self, terminal_id: str) -> tuple[TerminalRow | None, bool]:
        """Who sends, and whether any fault waits in the database: asked with each message, so in one round trip."""
        query = select(TerminalRow, select(FaultRow.id).exists()).where(TerminalRow.terminal_id == terminal_id)
        with self._reading() as session:
            found = session.execute(query).one_or_none()
        return (None, False) if found is None else (found[0], bool(found[1]))

    def terminal(self, terminal_id: str) -> TerminalRow | None:
        with self._session() as session:
            return session.get(TerminalRow, terminal_id)

    # Open challenges of the relay (`proof.Challenges`).

    def open_challenge(self, terminal_id: str, uid: bytes, rnd_a: bytes, expires_utc: int) -> None:
        """Keep a challenge for whichever worker the card's answer comes to; a former one is gone."""
        uid_text = uid_hex(uid)
        self._retried(lambda session: grants.open_challenge(session, terminal_id, uid_text, rnd_a, expires_utc))

    def take_challenge(self, terminal_id: str, uid: bytes) -> tuple[bytes, int] | None:
        """The open challenge and its end; it is taken once."""
        return self._retried(lambda session: grants.take_challenge(session, terminal_id, uid_hex(uid)))

    # Dead letters, see `letters`.

    def clear_letter(self, terminal_id: str, seq: int, now_utc: int, *, anyway: bool = False) -> None:
        self._retried(lambda session: letters.clear(session, terminal_id, seq, now_utc, anyway=anyway))

    def unclear_letter(self, terminal_id: str, seq: int) -> None:
        self._retried(lambda session: letters.unclear(session, terminal_id, seq))

    def reopen_letter(self, terminal_id: str, seq: int, now_utc: int) -> str:
        return self._retried(lambda session: letters.reopen(session, terminal_id, seq, now_utc))

    def letter_order(self, terminal_id: str, done: int | None, now_utc: int) -> int | None:
        return self._retried(lambda session: letters.order(session, terminal_id, done, now_utc))

    def letters(self, terminal_id: str | None = None) -> list[letters.Letter]:
        with self._session() as session:
            return letters.listed(session, terminal_id)

    # What people and tests ask.

    def balance(self, member: str | int) -> int:
        """Points of a member, by name or number."""
        with self._session() as session:
            return balance_of(session, member_named(session, member).id)

    def balance_of_card(self, uid: bytes | str) -> int | None:
        """Points of the member a card belongs to, provisional members included; None for a card never seen."""
        with self._session() as session:
            card = session.get(CardRow, uid_hex(uid))
            return None if card is None else balance_of(session, card.member_id)

    def standing(self, member: str | int) -> Standing:
        with self._session() as session:
            return standing_of(session, member_named(session, member), self.programme)

    def balances(self) -> dict[str, int]:
        """Points by name; a provisional member is named by its card, as `?UID`."""
        totals = {member.id: 0 for member in self.members()}
        with self._session() as session:
            sums = select(PostingRow.member_id, func.sum(PostingRow.points)).group_by(PostingRow.member_id)
            totals.update({member: int(total) for member, total in session.execute(sums) if member is not None})
        cards = {card.member_id: card.uid for card in reversed(self.cards())}
        return {member.name or f"?{cards.get(member.id, member.id)}": totals[member.id] for member in self.members()}

    def accounts(self) -> dict[str, int]:
        """The total of each account; together they are zero."""
        with self._session() as session:
            sums = select(PostingRow.account, func.sum(PostingRow.points)).group_by(PostingRow.account)
            return {account: int(total) for account, total in session.execute(sums)}

    def member(self, member: str | int) -> MemberRow:
        """A member by name or number."""
        with self._session() as session:
            return member_named(session, member)

    def members(self) -> list[MemberRow]:
        with self._session() as session:
            return list(session.scalars(select(MemberRow).order_by(MemberRow.id)))

    def cards(self) -> list[CardRow]:
        with self._session() as session:
            cards = session.scalars(select(CardRow).order_by(CardRow.uid))
            return [card for card in cards if not keyed.is_keyed(card.uid)]

    def ways(self) -> dict[str, str]:
        """The way of each card, by UID."""
        with self._session() as session:
            known = {row.uid: row.way for row in session.scalars(select(WayRow))}
        return {card.uid: known.get(card.uid, LEGACY) for card in self.cards()}

    def terminals(self) -> list[TerminalRow]:
        with self._session() as session:
            return list(session.scalars(select(TerminalRow).order_by(TerminalRow.terminal_id)))

    def transactions(
        self, terminal_id: str | None = None, last: int | None = None, member: int | None = None
    ) -> list[TransactionRow]:
        """Value messages and office bookings, oldest first; `member` is the id of a member's row."""
        query = select(TransactionRow).order_by(TransactionRow.id.desc())
        if terminal_id is not None:
            query = query.where(TransactionRow.terminal_id == terminal_id)
        if member is not None:
            query = query.where(TransactionRow.member_id == member)
        with self._session() as session:
            return list(session.scalars(query.limit(last)))[::-1]

    def allowances(self, terminal_id: str | None = None, *, closed: bool = False) -> list[AllowanceRow]:
        """Points that are reserved, oldest first; with `closed` also those that were."""
        query = select(AllowanceRow).order_by(AllowanceRow.id)
        if terminal_id is not None:
            query = query.where(AllowanceRow.terminal_id == terminal_id)
        if not closed:
            query = query.where(AllowanceRow.state == allowances.OPEN)
        with self._session() as session:
            return list(session.scalars(query))

    def cancel_allowance(self, number: int, *, anyway: bool = False) -> None:
        """Give an open one back to its member, of a terminal that is blocked, or `anyway`."""

        def work(session: Session) -> None:
            row = session.get(AllowanceRow, number) if 0 < number < HIGHEST_ID else None
            if row is None or row.state != allowances.OPEN:
                raise LedgerError("B70", f"no open allowance {number}")
            if not anyway and not session.get_one(TerminalRow, row.terminal_id).blocked:
                raise LedgerError("B71", f"terminal {row.terminal_id} may still spend it")
            if not allowances.cancel(session, number):
                raise LedgerError("B70", f"allowance {number} was closed meanwhile")

        self._retried(work)

    def postings(self, member: str | int | None = None) -> list[PostingRow]:
        query = select(PostingRow).order_by(PostingRow.id)
        with self._session() as session:
            if member is not None:
                query = query.where(PostingRow.member_id == member_named(session, member).id)
            return list(session.scalars(query))

    def check(self) -> list[str]:
        """Everything that is wrong with the books, in words; an empty list when they are right."""
        with self._session() as session:
            return audit(session) + audit_batches(session)

    # Faults from another process.

    def script_fault(self, fault: Fault) -> None:
        with self._session() as session:
            session.add(FaultRow(turns=fault.count, mti=fault.mti, detail=json.dumps(asdict(fault))))

    def take_fault(self, mti: str, terminal_id: str) -> Fault | None:
        """The fault another process scripted for this request, one turn of it used up."""

        def take(session: Session) -> Fault | None:
            for row in session.scalars(select(FaultRow).order_by(FaultRow.id)).all():
                if not _fault(row, 1).meets(mti, terminal_id):
                    continue
                # One statement, so that no two workers use up the same turn.
                turn = update(FaultRow).where(FaultRow.id == row.id, FaultRow.turns > 0)
                taken = session.execute(turn.values(turns=FaultRow.turns - 1), execution_options=_NOT_IN_MEMORY)
                if cast("CursorResult[tuple[()]]", taken).rowcount == 1:
                    session.execute(delete(FaultRow).where(FaultRow.turns <= 0), execution_options=_NOT_IN_MEMORY)
                    return _fault(row, 1)
            return None

        return self._retried(take)

    def scripted_faults(self) -> list[Fault]:
        with self._session() as session:
            rows = session.scalars(select(FaultRow).order_by(FaultRow.id))
            return [_fault(row, row.turns) for row in rows]

    def clear_faults(self) -> None:
        with self._session() as session:
            session.execute(delete(FaultRow))


def _fault(row: FaultRow, count: int) -> Fault:
    return replace(Fault(**json.loads(row.detail)), count=count)
