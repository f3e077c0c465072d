"""What the office does to the books: members, cards and terminals, each step one database transaction.

Knows no messages. Points are signed whole points; `tier` and `visits` of a member are what it brings from before.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tools.bench_switch import allowances, keyed, outbox
from tools.bench_switch.booking import CARD_STATES, balance_of, lock_member, post
from tools.bench_switch.books import HIGHEST_MEMBER_NO, Books, card_named, member_named, tried_again, uid_hex
from tools.bench_switch.database import take_turns
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.grants import LEGACY, WAYS
from tools.bench_switch.member_tables import CardWordRow
from tools.bench_switch.programme import POINTS_LIMIT, TIER_NAMES
from tools.bench_switch.schema import (
    ADJUSTMENT,
    APPROVED,
    ISSUED,
    MEMBER,
    MOVE,
    OPENING,
    CardRow,
    ContactRow,
    GrantRow,
    MemberRow,
    PostingRow,
    ReasonRow,
    ShownRow,
    TerminalRow,
    TransactionRow,
    WayRow,
)

NAME_BYTES = 60
REASON_BYTES = 120


@dataclass(frozen=True)
class Entry:
    """One line of a member list: who, and maybe a card; `points` are booked when the member is new.

    `place` is where the line stands, for an error.
    """

    number: int
    name: str
    points: int = 0
    tier: int = 0
    uid: str = ""
    way: str = LEGACY
    place: str = ""


@dataclass
class Taken:
    """What reading a list in did."""

    members: int = 0
    cards: int = 0
    changed: int = 0
    unchanged: int = 0


class Office(Books):
    """Members, cards, terminals."""

    @tried_again
    def add_member(
        self,
        name: str,
        member_no: int | None = None,
        points: int = 0,
        tier: int = 0,
        visits: int = 0,
        *,
        mobile: str = "",
        language: str = outbox.PERSIAN,
    ) -> int:
        """A new member with opening points booked; the member's number (given or the next free one)."""
        _check_member(name, member_no, points, tier)
        outbox.check_language(language)
        digits = outbox.mobile_number(mobile) if mobile else ""
        with self._session() as session:
            take_turns(session)
            if session.scalar(select(MemberRow).where(MemberRow.name == name)) is not None:
                raise LedgerError("B11", f"there is a member {name!r} already")
            if member_no is None:
                member_no = (session.scalar(select(func.max(MemberRow.member_no))) or 1000) + 1
            elif session.scalar(select(MemberRow).where(MemberRow.member_no == member_no)) is not None:
                raise LedgerError("B11", f"there is a member number {member_no} already")
            row = _new_member(session, Entry(member_no, name, points, tier), visits)
            if digits:
                session.add(ContactRow(member_id=row.id, mobile=digits, language=language))
                keyed.bind(session, digits, row.id)
            return member_no

    @tried_again
    def set_contact(self, member: str | int, mobile: str, language: str = outbox.PERSIAN) -> None:
        """Where the member wants to hear from the programme from now on; without a number nowhere."""
        outbox.check_language(language)
        digits = outbox.mobile_number(mobile) if mobile else ""
        with self._session() as session:
            row = lock_member(session, member_named(session, member).id)
            former = session.get(ContactRow, row.id)
            if former is not None and former.mobile != digits:
                keyed.release(session, former.mobile, row.id)
            if digits:
                session.merge(ContactRow(member_id=row.id, mobile=digits, language=language))
                keyed.bind(session, digits, row.id)
            else:
                session.execute(delete(ContactRow).where(ContactRow.member_id == row.id))

    def adjust(self, member: str | int, points: int, reason: str, now_utc: int) -> int:
        """Give a member points (positive) or take some, and keep why; the balance after it.

        Both are booked against what was issued: points taken here were given wrongly, not spent.
        """
        reason = reason.strip()
        if not reason or len(reason.encode()) > REASON_BYTES:
            raise LedgerError("B14", f"say why in 1 to {REASON_BYTES} bytes")
        if not 1 <= abs(points) <= POINTS_LIMIT:
            raise LedgerError("B13", f"points to give or take are 1 to {POINTS_LIMIT}")
        with self._session() as session:
            row = lock_member(session, member_named(session, member).id)
            balance, reserved = balance_of(session, row.id) + points, allowances.held(session, row.id)
            if points < 0 and balance < reserved:
                raise LedgerError("B13", f"the member has {balance - points} points, {reserved} of them reserved")
            if balance > POINTS_LIMIT:
                raise LedgerError("B13", f"nobody has more than {POINTS_LIMIT} points")
            booked = office_row(session, ADJUSTMENT, row.id, points)
            booked.booked_utc = now_utc
            post(session, booked, row.id, points, ISSUED)
            session.add(ReasonRow(transaction_id=booked.id, text=reason))
            return balance

    @tried_again
    def add_card(self, uid: bytes | str, member: str | int, way: str = LEGACY) -> None:
        """Bind a card to a member, by name or number; `way` says what it has to show to spend."""
        _check_way(way)
        with self._session() as session:
            row = member_named(session, member)
            if session.get(CardRow, uid_hex(uid)) is not None:
                raise LedgerError(
                    "B21", f"card {uid_hex(uid)} is bound already; `card move` gives it to another member"
                )
            _new_card(session, uid_hex(uid), row, way)

    @tried_again
    def move_card(self, uid: bytes | str, member: str | int) -> int:
        """Give a bound card to another member: what is booked from now on is the new member's.

        What was booked stays where it is, but for a nameless member whose only card this was: its points come along.
        The number of points that came. The card's open grants end.
        """
        with self._session() as session:
            card, to = card_named(session, uid), member_named(session, member)
            if card.member_id == to.id:
                return 0
            # Two members, always in one order: two moves the other way round cannot wait for each other.
            for member_id in sorted((card.member_id, to.id)):
                lock_member(session, member_id)
            former = session.get_one(MemberRow, card.member_id)
            card.member_id = to.id
            session.flush()
            keyed.note_owner(session, card)
            session.execute(delete(GrantRow).where(GrantRow.uid == card.uid, GrantRow.used_seq.is_(None)))
            others = session.scalar(select(func.count()).where(CardRow.member_id == former.id))
            points = balance_of(session, former.id) if former.provisional and not others else 0
            if former.provisional and not others:
                allowances.follow(session, former.id, to.id)
            if points:
                row = office_row(session, MOVE, to.id, 0)
                row.uid = card.uid
                for member_id, part in ((former.id, -points), (to.id, points)):
                    posting = PostingRow(transaction_id=row.id, account=MEMBER, member_id=member_id, points=part)
                    session.add(posting)
            return points

    @tried_again
    def set_way(self, uid: bytes | str, way: str) -> None:
        """A card made anew: it goes this way from now on, its counter may begin anywhere, its open grants are gone."""
        _check_way(way)
        with self._session() as session:
            card = card_named(session, uid)
            lock_member(session, card.member_id)
            session.merge(WayRow(uid=card.uid, way=way, counter=-1, terminal_id=None))
            session.execute(delete(GrantRow).where(GrantRow.uid == card.uid, GrantRow.used_seq.is_(None)))
            session.execute(delete(ShownRow).where(ShownRow.uid == card.uid))

    def set_card(self, uid: bytes | str, state: str) -> None:
        """Block a card as lost or stolen, or make it active again."""
        if state not in CARD_STATES:
            raise LedgerError("B22", f"a card is {', '.join(CARD_STATES)}, not {state!r}")
        with self._session() as session:
            card = card_named(session, uid)
            lock_member(session, card.member_id)
            card.state = state
            last = session.scalar(select(func.max(TransactionRow.id))) or 0
            session.add(CardWordRow(uid=card.uid, state=state, after_id=last))

    def take_in(self, entries: Iterable[Entry]) -> Taken:
        """Read a member list in, all of it or nothing; doing it again changes nothing.

        A member is known by its number: a new name or tier is taken over, points are booked for new members only. A
        card of another member is an error: `move_card` is a decision of its own.
        """
        return self._take_in(list(entries))

    @tried_again
    def _take_in(self, entries: list[Entry]) -> Taken:
        taken = Taken()
        with self._session() as session:
            take_turns(session)
            for entry in entries:
                try:
                    _check_member(entry.name, entry.number, entry.points, entry.tier)
                    _check_way(entry.way)
                    _take_in(session, entry, taken)
                except LedgerError as error:
                    raise LedgerError(error.code, f"{entry.place}: {error.args[0]}") from error
        return taken

    def add_terminal(
        self, terminal_id: str, merchant_id: str, mac_out: bytes | str, mac_in: bytes | str, kid: int = 1
    ) -> None:
        """Make a terminal known; keys are named from the terminal's side."""
        self.add_terminals([(terminal_id, merchant_id, mac_out, mac_in, kid)])

    def add_terminals(self, terminals: Iterable[tuple[str, str, bytes | str, bytes | str, int]]) -> None:
        """Make several known at once, or none of them."""
        self._add_terminals(list(terminals))

    @tried_again
    def _add_terminals(self, terminals: list[tuple[str, str, bytes | str, bytes | str, int]]) -> None:
        with self._session() as session:
            for terminal in terminals:
                _new_terminal(session, *terminal)

    def block_terminal(self, terminal_id: str, blocked: bool = True) -> None:
        with self._session() as session:
            terminal = session.get(TerminalRow, terminal_id)
            if terminal is None:
                raise LedgerError("B30", f"no terminal {terminal_id!r}")
            terminal.blocked = blocked


def _new_member(session: Session, entry: Entry, visits: int = 0) -> MemberRow:
    member = MemberRow(
        member_no=entry.number, name=entry.name, provisional=False, tier_floor=entry.tier, visits_before=visits
    )
    session.add(member)
    session.flush()
    if entry.points:
        row = office_row(session, OPENING, member.id, entry.points)
        post(session, row, member.id, entry.points, ISSUED)
    return member


def _new_card(session: Session, uid: str, member: MemberRow, way: str) -> None:
    card = CardRow(uid=uid, member_id=member.id, state="active")
    session.add(card)
    session.flush()
    session.add(WayRow(uid=uid, way=way))
    keyed.note_owner(session, card)


def _take_in(session: Session, entry: Entry, taken: Taken) -> None:
    member = session.scalar(select(MemberRow).where(MemberRow.member_no == entry.number))
    named = session.scalar(select(MemberRow).where(MemberRow.name == entry.name))
    if named is not None and named.member_no != entry.number:
        raise LedgerError("B11", f"the name {entry.name!r} is member {named.member_no}'s")
    news = 1
    if member is None:
        member = _new_member(session, entry)
        taken.members += 1
    elif (member.name, member.tier_floor) != (entry.name, entry.tier):
        member.name, member.tier_floor = entry.name, entry.tier
        taken.changed += 1
    else:
        news = 0
    if entry.uid:
        uid = uid_hex(entry.uid)
        card = session.get(CardRow, uid)
        if card is None:
            _new_card(session, uid, member, entry.way)
            taken.cards += 1
            news = 1
        elif card.member_id != member.id:
            raise LedgerError("B21", f"card {uid} is another member's; `card move` gives it to this one")
    taken.unchanged += not news
    session.flush()


def check_terminal(terminal_id: str, merchant_id: str) -> None:
    """Whether DE 41 and DE 42 can say these. Raises LedgerError.

    They are filled with spaces on the right, and a terminal's files are named by its id.
    """
    for what, text, longest, field in (("terminal", terminal_id, 8, 41), ("merchant", merchant_id, 15, 42)):
        if not (1 <= len(text) <= longest and text.isascii() and text.isprintable() and text == text.strip()):
            told = f"1 to {longest} printable ASCII characters, no space at either end"
            raise LedgerError("B32", f"a {what} id has {told} (DE{field})")
    if set(terminal_id) & set("/\\"):
        raise LedgerError("B32", "a terminal id holds no / and no \\: its files are named by it")


def _new_terminal(
    session: Session, terminal_id: str, merchant_id: str, mac_out: bytes | str, mac_in: bytes | str, kid: int
) -> None:
    out_hex, in_hex = _key(mac_out), _key(mac_in)
    check_terminal(terminal_id, merchant_id)
    if out_hex == in_hex:
        raise LedgerError("B33", "the two directions need different keys")
    if not 0 <= kid <= 255:
        raise LedgerError("B33", "a key id is 0 to 255")
    if session.get(TerminalRow, terminal_id) is not None:
        raise LedgerError("B31", f"there is a terminal {terminal_id!r} already")
    session.add(TerminalRow(terminal_id=terminal_id, merchant_id=merchant_id, kid=kid, mac_out=out_hex, mac_in=in_hex))


def office_row(session: Session, verb: str, member_id: int, points: int) -> TransactionRow:
    """A booking of the office, with an id."""
    row = TransactionRow(
        terminal_id=None,
        seq=None,
        mti="",
        verb=verb,
        stan=0,
        de7="",
        rrn="",
        merchant_id="",
        member_id=member_id,
        uid="",
        auth=0,
        amount=0,
        points=points,
        rc=APPROVED,
        approval="",
        business_day="",
        booked_utc=0,
        content="",
    )
    session.add(row)
    session.flush()
    return row


def _check_member(name: str, member_no: int | None, points: int, tier: int) -> None:
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise LedgerError("B12", "a member's name is one line of text")
    if not name or len(name.encode()) > NAME_BYTES:
        raise LedgerError("B12", f"a member's name has 1 to {NAME_BYTES} bytes")
    if all(letter.isnumeric() or letter.isspace() for letter in name):
        # Who is meant by 1001 must not depend on who asks: the member of that number, never one of that name.
        raise LedgerError("B12", "a member's name is not of digits alone: they would be taken for a number")
    if member_no is not None and not 1 <= member_no <= HIGHEST_MEMBER_NO:
        raise LedgerError("B12", f"a member number is 1 to {HIGHEST_MEMBER_NO}")
    if not 0 <= points <= POINTS_LIMIT:
        raise LedgerError("B12", f"opening points are 0 to {POINTS_LIMIT}")
    if tier not in range(len(TIER_NAMES)):
        raise LedgerError("B12", f"tier must be 0 to {len(TIER_NAMES) - 1}")


def _check_way(way: str) -> None:
    if way not in WAYS:
        raise LedgerError("B22", f"a card goes the way {', '.join(WAYS)}, not {way!r}")


def _key(key: bytes | str) -> str:
    # The text of the error must not repeat what was given: it is a secret.
    try:
        value = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raise LedgerError("B33", "a MAC key is 32 hex digits") from None
    if len(value) != 16:
        raise LedgerError("B33", "a MAC key has 16 bytes")
    return value.hex()
