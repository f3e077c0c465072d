"""What the switch has for terminals to load: signed files by role, merchant and terminal, and how members have changed.

The tables and the questions about them; who signs and who sends are others. A version counts through all files of a
role, so a file for one terminal and one for its whole merchant are never equally new. Times are UTC seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from tools.bench_switch.booking import standing_of
from tools.bench_switch.books import Books
from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import POINTS_LIMIT
from tools.bench_switch.schema import APPROVED, Base, CardRow, MemberRow, TerminalRow, TransactionRow

DIGEST_SIZE = 8
DELTA_MOST = 96  # cards of one delta: those that changed last; the others are refreshed when they are laid down
DELTA_HEAD = b"VMD1"


class PublicationRow(Base):
    """A signed file; `terminal_id` "" is every terminal of the merchant, `source` what it was made of."""

    __tablename__ = "publications"
    __table_args__ = (UniqueConstraint("role", "version", "merchant_id", "terminal_id", name="one_file_per_version"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    role: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    merchant_id: Mapped[str] = mapped_column(String(15))
    terminal_id: Mapped[str] = mapped_column(String(8))
    made_utc: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    source: Mapped[str] = mapped_column(Text)


class WishRow(Base):
    """A setting the office wants of a merchant's terminals, or of one of them; the value as a file spells it."""

    __tablename__ = "wishes"
    merchant_id: Mapped[str] = mapped_column(String(15), primary_key=True)
    terminal_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class DeltaRow(Base):
    """The member delta a terminal is loading; a new one replaces it."""

    __tablename__ = "deltas"
    terminal_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class Publication:
    """What is known of a file without reading it."""

    id: int
    role: int
    version: int
    merchant_id: str
    terminal_id: str
    source: str

    def is_for(self, merchant: str, terminal: str) -> bool:
        """Whether this terminal may have it."""
        return self.merchant_id == merchant and self.terminal_id in ("", terminal)


class Published(Books):
    """The books' part that terminals load from."""

    publications_changed = 0  # counts up with every file published through these books

    def publications(self) -> list[Publication]:
        """Every file, newest last, without its content."""
        row = PublicationRow
        query = select(row.id, row.role, row.version, row.merchant_id, row.terminal_id, row.source).order_by(row.id)
        with self._reading() as session:
            return [Publication(*found) for found in session.execute(query)]

    def publication_content(self, number: int) -> bytes:
        """The signed bytes of a file."""
        with self._reading() as session:
            return session.get_one(PublicationRow, number).content

    def newest_version(self, role: int) -> int:
        """The highest version of a role, 0 before the first."""
        with self._reading() as session:
            return session.scalar(select(func.max(PublicationRow.version)).where(PublicationRow.role == role)) or 0

    def add_publication(
        self, role: int, version: int, merchant: str, terminal: str, made_utc: int, content: bytes, source: str
    ) -> None:
        """Keep a signed file; terminals hear of it with their next sign-on or echo."""
        with self._session() as session:
            session.add(
                PublicationRow(
                    role=role,
                    version=version,
                    merchant_id=merchant,
                    terminal_id=terminal,
                    made_utc=made_utc,
                    content=content,
                    source=source,
                )
            )
        self.publications_changed += 1

    def merchants(self) -> list[str]:
        """Every merchant with a terminal."""
        with self._reading() as session:
            return list(session.scalars(select(TerminalRow.merchant_id).distinct().order_by(TerminalRow.merchant_id)))

    def wishes(self) -> list[WishRow]:
        """What the office wants, by merchant, terminal, name."""
        order = (WishRow.merchant_id, WishRow.terminal_id, WishRow.name)
        with self._reading() as session:
            return list(session.scalars(select(WishRow).order_by(*order)))

    def wish(self, merchant: str, terminal: str, name: str, value: str | None) -> None:
        """Want a setting, or with None no longer."""
        with self._session() as session:
            if value is not None:
                session.merge(WishRow(merchant_id=merchant, terminal_id=terminal, name=name, value=value))
            elif (row := session.get(WishRow, (merchant, terminal, name))) is not None:
                session.delete(row)

    # --- members ------------------------------------------------------------------------------------------------------

    def new_delta(self, terminal_id: str, since: int, now_utc: int) -> bytes:
        """The cards of this terminal whose members' points moved after transaction `since`, at most DELTA_MOST, those
        that moved last; kept until the next. Empty when nothing moved."""
        row = TransactionRow
        seen = select(row.uid).where(row.terminal_id == terminal_id, row.uid != "").distinct().subquery()
        newest = func.max(row.id)
        moved = (
            select(CardRow.uid, CardRow.member_id, newest)
            .join(row, row.member_id == CardRow.member_id)
            .where(CardRow.uid.in_(select(seen.c.uid)), row.rc == APPROVED)
            .group_by(CardRow.uid, CardRow.member_id)
            .having(newest > since)
            .order_by(newest.desc(), CardRow.uid)
            .limit(DELTA_MOST)
        )
        with self._session() as session:
            found = session.execute(moved).all()
            if not found:
                return b""
            cursor = max(number for _, _, number in found)
            content = DELTA_HEAD + tlv.u(cursor, 4) + tlv.u(now_utc, 4)
            for uid, member_id, _ in sorted(found):
                standing = standing_of(session, session.get_one(MemberRow, member_id), self.programme)
                raw = bytes.fromhex(uid)
                content += raw.ljust(10, b"\0") + bytes((len(raw),)) + tlv.i32(_held(standing.balance))
                content += tlv.u(standing.tier, 1) + tlv.u(standing.visits, 2) + tlv.bcd_date(standing.last_visit)
            session.merge(DeltaRow(terminal_id=terminal_id, content=content))
            return content

    def kept_delta(self, terminal_id: str, digest: bytes) -> bytes:
        """The delta that is being loaded, empty when it is another one."""
        with self._reading() as session:
            row = session.get(DeltaRow, terminal_id)
        return row.content if row is not None and digest_of(row.content) == digest else b""


def _held(points: int) -> int:
    """The nearest a delta can tell: several sales may make more than one message may book."""
    return max(-POINTS_LIMIT, min(points, POINTS_LIMIT))


def digest_of(content: bytes) -> bytes:
    """What names a file while it is loaded."""
    return hashlib.sha256(content).digest()[:DIGEST_SIZE]
