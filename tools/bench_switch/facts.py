"""What others ask of a member: how long, by which channel, in which language, with consent, born when, brought by whom.

One place to read it, also of members whose books are older than such facts. Knows no messages. Days are Tehran's.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import kept
from tools.bench_switch.books import Books, member_named, tried_again
from tools.bench_switch.codec import tlv
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.member_tables import FactsRow, ReferralRow
from tools.bench_switch.schema import ContactRow, MemberRow

UNSAID, BY_SMS, ON_PAPER = 0, 1, 2
CHANNELS = ("unsaid", "sms", "paper")
JALALI_DAYS = (31,) * 6 + (30,) * 6  # the longest a month ever is


@dataclass(frozen=True)
class Facts:
    """See the module; `enrolled` None when nobody knows, `birthday` "" when it was not said."""

    enrolled: datetime.date | None = None
    channel: int = UNSAID
    language: str = "fa"
    consent: bool = True
    birthday: str = ""
    referrer_id: int | None = None

    def full_years(self, today: datetime.date) -> int:
        """Full years of membership on a day, 0 when nobody knows."""
        if self.enrolled is None or today < self.enrolled:
            return 0
        before = (today.month, today.day) < (self.enrolled.month, self.enrolled.day)
        return today.year - self.enrolled.year - before


def facts_of(session: Session, member_id: int) -> Facts:
    """What is known of a member. One the office gave a number has agreed to messages."""
    row = session.get(FactsRow, member_id)
    if row is None:
        contact = session.get(ContactRow, member_id)
        return Facts(language=contact.language) if contact is not None else Facts()
    day = datetime.date.fromisoformat(row.enrolled) if row.enrolled else None
    return Facts(day, row.channel, row.language, row.consent, row.birthday, row.referrer_id)


def told(session: Session, member: MemberRow) -> dict[int, bytes]:
    """What answers say of a member who was enrolled: MEMBER, and CHANNEL when one was said."""
    row = session.get(FactsRow, member.id)
    if row is None:
        return {}
    tags = {} if row.channel == UNSAID else {tlv.CHANNEL: bytes((row.channel,)) + row.language.encode("ascii")}
    return tags if member.member_no is None else {**tags, tlv.MEMBER: tlv.u(member.member_no, 4)}


def is_birthday(mmdd: str) -> bool:
    """Whether a Jalali month and day exist in some year."""
    if len(mmdd) != 4 or not mmdd.isascii() or not mmdd.isdigit():
        return False
    month, day = int(mmdd[:2]), int(mmdd[2:])
    return 1 <= month <= 12 and 1 <= day <= JALALI_DAYS[month - 1]


class MemberFacts(Books):
    """What the office enters and asks."""

    def facts(self, member: str | int) -> Facts:
        """What is known of a member, by name or number."""
        with self._session() as session:
            return facts_of(session, member_named(session, member).id)

    def referrals(self) -> list[ReferralRow]:
        """Who brought whom, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(ReferralRow).order_by(ReferralRow.member_id)))

    @tried_again
    def set_facts(
        self,
        member: str | int,
        *,
        enrolled: datetime.date | None = None,
        channel: int | None = None,
        consent: bool | None = None,
        birthday: str | None = None,
    ) -> None:
        """Enter what is given, leave the rest as it is."""
        if birthday and not is_birthday(birthday):
            raise LedgerError("B16", "a birthday is Jalali, month and day as mmdd")
        with self._session() as session:
            member_id = member_named(session, member).id
            row = session.get(FactsRow, member_id)
            if row is None:
                known = facts_of(session, member_id)
                row = FactsRow(member_id=member_id, language=known.language)
                row.enrolled, row.channel, row.consent, row.birthday = "", known.channel, known.consent, known.birthday
                session.add(row)
            if enrolled is not None:
                row.enrolled = enrolled.isoformat()
            if channel is not None:
                row.channel = channel
            if consent is not None:
                row.consent = consent
            if birthday is not None:
                row.birthday = birthday
            session.flush()
            kept.keep(session, row)
