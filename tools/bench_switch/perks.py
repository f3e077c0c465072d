"""What the office does about offers, vouchers and suggestions: make, list, close. Reads and writes the books directly.

Every method is one database transaction. Money in rial, times in seconds since 1970-01-01 UTC, days are Tehran's.
"""

from __future__ import annotations

import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import kept, offers, vouchers
from tools.bench_switch.books import Books, member_named
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.offer_tables import (
    OfferRow,
    OfferUseRow,
    RewardChoiceRow,
    SuggestionRow,
    VoucherRow,
    VoucherUseRow,
)
from tools.bench_switch.schema import TerminalRow

KIND_NAMES = {
    offers.PERCENT: "percent",
    offers.MONEY: "money",
    offers.COURTESY: "courtesy",
    offers.BONUS: "bonus",
    offers.WIN_BACK: "win-back",
}
_HIGHEST = {offers.PERCENT: 100, offers.MONEY: 2**32 - 1, offers.COURTESY: 0, offers.BONUS: 1000, offers.WIN_BACK: 100}
_DAYS_MOST = 3650


class Perks(Books):
    """Offers, vouchers and suggestions."""

    def add_offer(
        self,
        kind: int,
        value: int,
        text: str,
        *,
        member: str | int | None = None,
        audience: str = "",
        days: int | None = None,
        once: bool = True,
        minimum: int = 0,
        category: int = 0,
        count: int = 0,
        now_utc: int,
    ) -> int:
        """Make an offer, for so many `days` after today; its number."""
        _check_worth(kind, value, text)
        if audience not in offers.AUDIENCES or (audience and member is not None):
            raise LedgerError("B98", f"an offer is for one member or for {', '.join(offers.AUDIENCES[1:])}")
        if not (0 <= minimum < 10**12 and 0 <= category <= 255 and 0 <= count <= 255):
            raise LedgerError("B98", "minimum below 10^12, category and count 0 to 255")

        def add(session: Session) -> int:
            row = OfferRow(
                member_id=member_named(session, member).id if member is not None else None,
                audience=audience,
                kind=kind,
                value=value,
                text=text,
                last_day=_last_day(now_utc, days),
                once=once,
                minimum=minimum,
                category=category,
                count=count,
                made_utc=now_utc,
            )
            session.add(row)
            session.flush()
            if row.id > offers.HIGHEST_NUMBER:
                raise LedgerError("B98", f"there are {offers.HIGHEST_NUMBER} offers; no more can be told to a terminal")
            kept.keep(session, row)
            return row.id

        return self._retried(add)

    def close_offer(self, number: int) -> None:
        """Nobody takes it any more. Raises LedgerError."""

        def close(session: Session) -> None:
            row = session.get(OfferRow, number)
            if row is None:
                raise LedgerError("B98", f"no offer {number}")
            row.closed = True

        self._retried(close)

    def offers(self) -> list[OfferRow]:
        """All of them, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(OfferRow).order_by(OfferRow.id)))

    def offer_uses(self, number: int) -> list[OfferUseRow]:
        """The sales that took an offer and were not undone."""
        query = select(OfferUseRow).where(OfferUseRow.offer_id == number, OfferUseRow.given_back.is_(False))
        with self._session() as session:
            return list(session.scalars(query.order_by(OfferUseRow.transaction_id)))

    def add_voucher(
        self,
        kind: int,
        value: int,
        text: str = "",
        *,
        days: int,
        member: str | int | None = None,
        terminal_id: str | None = None,
        number: str = "",
        now_utc: int,
    ) -> str:
        """Make a voucher; its number. `terminal_id` binds it to one terminal, which may take it without a line."""
        _check_worth(kind, value, text)
        if kind not in offers.TAKES_MONEY[:2] or not -_DAYS_MOST <= days <= _DAYS_MOST:
            raise LedgerError("B98", f"a voucher is per cent or money off, for at most {_DAYS_MOST} days")
        if number and (len(number) != vouchers.DIGITS or vouchers.check_digit(number[:-1]) != number[-1]):
            raise LedgerError("B98", f"a voucher has {vouchers.DIGITS} digits, the last a check digit")

        def add(session: Session) -> str:
            if terminal_id is not None and session.get(TerminalRow, terminal_id) is None:
                raise LedgerError("B30", f"no terminal {terminal_id!r}")
            if number and session.get(VoucherRow, number) is not None:
                raise LedgerError("B98", "there is a voucher of this number already")
            row = VoucherRow(
                number=number or vouchers.fresh_number(session),
                kind=kind,
                value=value,
                text=text,
                last_day=_last_day(now_utc, days),
                member_id=member_named(session, member).id if member is not None else None,
                terminal_id=terminal_id,
                made_utc=now_utc,
            )
            session.add(row)
            session.flush()
            kept.keep(session, row)
            return row.number

        return self._retried(add)

    def withdraw_voucher(self, number: str) -> None:
        """Nobody uses it any more. Raises LedgerError."""

        def withdraw(session: Session) -> None:
            row = session.get(VoucherRow, number)
            if row is None:
                raise LedgerError("B98", "no such voucher")
            row.withdrawn = True

        self._retried(withdraw)

    def vouchers(self) -> list[tuple[VoucherRow, int, bool]]:
        """(voucher, what it is still worth, whether it was used), oldest first."""
        with self._session() as session:
            used = set(session.scalars(select(VoucherUseRow.number).where(VoucherUseRow.given_back.is_(False))))
            rows = session.scalars(select(VoucherRow).order_by(VoucherRow.made_utc, VoucherRow.number))
            return [(row, vouchers.left(session, row), row.number in used) for row in rows]

    def reward_choices(self) -> list[RewardChoiceRow]:
        """What points were given for, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(RewardChoiceRow).order_by(RewardChoiceRow.transaction_id)))

    def suggest(self, category: int, text: str) -> None:
        """What goes with a basket of this category (0: with any); "" says nothing any more."""
        if not 0 <= category <= 255 or len(text.encode()) > 60 or "\n" in text:
            raise LedgerError("B98", "a category is 0 to 255, a suggestion one line of at most 60 bytes")

        def keep(session: Session) -> None:
            session.merge(SuggestionRow(category=category, text=text))

        self._retried(keep)


def suggestion(session: Session, category: int) -> str:
    """What goes with this basket, "" for nothing."""
    own = session.get(SuggestionRow, category)
    if own is not None and own.text:
        return own.text
    common = session.get(SuggestionRow, 0)
    return common.text if common is not None else ""


def _last_day(now_utc: int, days: int | None) -> str:
    if days is None:
        return ""
    if not -_DAYS_MOST <= days <= _DAYS_MOST:
        raise LedgerError("B98", f"at most {_DAYS_MOST} days")
    return (offers.today(now_utc) + datetime.timedelta(days=days)).isoformat()


def _check_worth(kind: int, value: int, text: str) -> None:
    if kind not in _HIGHEST:
        raise LedgerError("B98", f"an offer is {', '.join(KIND_NAMES.values())}")
    if not (0 if kind == offers.COURTESY else 1) <= value <= _HIGHEST[kind]:
        raise LedgerError("B98", f"{KIND_NAMES[kind]}: 1 to {_HIGHEST[kind]}")
    if len(text.encode()) > offers.TEXT_BYTES or not text.isprintable():
        raise LedgerError("B98", f"a text is one line of at most {offers.TEXT_BYTES} bytes")
