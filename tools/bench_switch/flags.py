"""What terminals remark about their own staff: one card sold to often by one clerk (DIAG, LT-87 section 16).

For the operator to look into, and for nobody at the counter. Kept by its words, how often it was said and when last.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, String, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from tools.bench_switch.books import Books
from tools.bench_switch.codec import tlv
from tools.bench_switch.log import MessageLog
from tools.bench_switch.schema import Base

_WORD = "velocity "


class FlagRow(Base):
    """One remark of a terminal."""

    __tablename__ = "staff_flags"
    terminal_id: Mapped[str] = mapped_column(ForeignKey("terminals.terminal_id"), primary_key=True)
    text: Mapped[str] = mapped_column(String(200), primary_key=True)
    times: Mapped[int] = mapped_column(Integer)
    told_utc: Mapped[int] = mapped_column(BigInteger)


def heard(books: Books, log: MessageLog, terminal_id: str, tags: dict[int, bytes], now_utc: int) -> None:
    """An authentic sign-on or echo; what it does not flag is nothing. A database that fails costs no answer."""
    said = tags.get(tlv.DIAG, b"").decode("ascii", "replace")
    found = [part.strip() for part in said.split(";") if part.strip().startswith(_WORD)]
    if not found:
        return

    def keep(session: Session) -> None:
        for text in found:
            row = session.get(FlagRow, (terminal_id, text))
            if row is None:
                session.add(FlagRow(terminal_id=terminal_id, text=text, times=1, told_utc=now_utc))
            else:
                row.times, row.told_utc = row.times + 1, now_utc

    try:
        books.transact(keep)
    except SQLAlchemyError as error:
        log.note(f"database: {type(error).__name__}", terminal_id)
    for text in found:
        log.note(text, terminal_id)


def flags(books: Books) -> list[FlagRow]:
    """All of them, newest first."""
    return books.transact(lambda session: list(session.scalars(select(FlagRow).order_by(FlagRow.told_utc.desc()))))
