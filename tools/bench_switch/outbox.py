"""The text messages the programme wants to send: written into the books, sent by nobody here.

A message is written in the same database transaction as what it tells, once for each cause, so neither a repeat nor a
crash makes two of one or one of nothing. Whoever sends reads the table. Mobile numbers are ten digits without the
leading 0; people see them masked. Knows no wire and no sockets. Points as whole points, times in seconds since
1970-01-01 UTC.
"""

from __future__ import annotations

import re

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.facts import BY_SMS, ON_PAPER, facts_of
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ENROL,
    REDEMPTION,
    ContactRow,
    OutboxRow,
    TransactionRow,
)

PERSIAN, ENGLISH = "fa", "en"
LANGUAGES = (PERSIAN, ENGLISH)

# What a message tells.
CONFIRMED = "confirmed"  # points a terminal promised without the switch are booked
REDEEMED = "redeemed"
REFUSED = "refused"  # what a terminal promised without the switch cannot be booked
EARNED = "earned"  # a sale online, for a member who wants no paper
WELCOME = "welcome"
KINDS = (CONFIRMED, REDEEMED, REFUSED, EARNED, WELCOME)
REPLACED = "replaced"  # a new card took the place of the others: who did not want that has to hear of it, always
CODE = "code"  # digits a member tells the cashier; no transaction's, so the programme does not choose it

# What an answer says of it (tag 43).
NONE, WRITTEN, NO_NUMBER = 0, 1, 2

QUEUED, WITHDRAWN = "queued", "withdrawn"

# One part of a message holds 70 characters of Persian; these stay within one with points in the millions.
TEMPLATES = {
    PERSIAN: {
        CONFIRMED: "وفا: {points} امتیاز خرید شما قطعی شد. مانده: {balance} امتیاز",
        REDEEMED: "وفا: از {points} امتیاز استفاده کردید. مانده: {balance} امتیاز",
        REFUSED: "وفا: {points} امتیاز ثبت نشد. لطفاً با فروشگاه تماس بگیرید",
        EARNED: "وفا: {points} امتیاز گرفتید. مانده: {balance} امتیاز",
        WELCOME: "وفا: خوش آمدید! {points} امتیاز هدیه شماست",
        REPLACED: "وفا: برای شما کارت تازه‌ای ثبت شد. شما نبودید؟ به فروشگاه بگویید",
        CODE: "وفا: کد شما {code} است و ۵ دقیقه اعتبار دارد",
    },
    ENGLISH: {
        CONFIRMED: "Vafa: {points} points of your purchase are booked. Balance {balance} points",
        REDEEMED: "Vafa: you spent {points} points. Balance {balance} points",
        REFUSED: "Vafa: {points} points could not be booked. Please contact the shop",
        EARNED: "Vafa: you earned {points} points. Balance {balance} points",
        WELCOME: "Vafa: welcome! {points} points are our gift to you",
        REPLACED: "Vafa: you have a new card. Not you? Please tell the shop",
        CODE: "Vafa: your code is {code}. It is good for 5 minutes",
    },
}
_PERSIAN_DIGITS = str.maketrans("0123456789,-", "۰۱۲۳۴۵۶۷۸۹٬−")
_MOBILE = re.compile(r"(?:\+98|0098|0)?(9[0-9]{9})")
_OTHER_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "0123456789" * 2)


def mobile_number(text: str) -> str:
    """Ten digits of a mobile number as people write one. Raises LedgerError, which does not repeat it."""
    found = _MOBILE.fullmatch(text.translate(_OTHER_DIGITS).replace(" ", "").replace("-", ""))
    if found is None:
        raise LedgerError("B15", "a mobile number is 09 and nine digits more")
    return found.group(1)


def masked_mobile(mobile: str) -> str:
    """A number as a list or a log may show it."""
    return f"0{mobile[:3]}***{mobile[-4:]}"


def check_language(language: str) -> None:
    """Raises LedgerError for a language there are no texts in."""
    if language not in LANGUAGES:
        raise LedgerError("B15", f"a language is {', '.join(LANGUAGES)}, not {language!r}")


def in_words(kind: str, language: str, points: int, balance: int) -> str:
    """The text, with the digits of its language."""
    figures = {"points": f"{abs(points):,}", "balance": f"{balance:,}"}
    if language == PERSIAN:
        figures = {name: figure.translate(_PERSIAN_DIGITS) for name, figure in figures.items()}
    return TEMPLATES[language][kind].format(**figures)


def kind_of(row: TransactionRow, wanted: tuple[str, ...]) -> str:
    """What the programme tells the member of this value message, "" when nothing.

    A person at the counter heard of an online sale at once; nobody heard yet of what became of an advice.
    """
    advice = row.mti in ("0220", "0221")
    if row.rc == APPROVED and row.verb == REDEMPTION:
        kind = REDEEMED
    elif advice and row.verb in (ACCRUAL, REDEMPTION):
        kind = CONFIRMED if row.rc == APPROVED else REFUSED
    elif row.rc == APPROVED and row.verb == ACCRUAL:
        kind = EARNED
    elif row.rc == APPROVED and row.verb == ENROL and row.points:
        kind = WELCOME
    else:
        return ""
    return kind if kind in wanted else ""


def tell(
    session: Session, row: TransactionRow, promised: int, balance: int, wanted: tuple[str, ...], now_utc: int
) -> int:
    """Write the message of a value message that was just decided, when there is one; what the answer says of it.

    `promised` are the points the terminal named: a refusal booked none.
    """
    kind = kind_of(row, wanted)
    if not kind or row.member_id is None or not _welcome(session, row.member_id, kind):
        return NONE
    contact = session.get(ContactRow, row.member_id)
    if contact is None:
        return NO_NUMBER
    session.add(
        OutboxRow(
            cause=f"transaction {row.id}",
            kind=kind,
            member_id=row.member_id,
            transaction_id=row.id,
            mobile=contact.mobile,
            language=contact.language,
            text=in_words(kind, contact.language, row.points if row.rc == APPROVED else promised, balance),
            state=QUEUED,
            written_utc=now_utc,
        )
    )
    return WRITTEN


def tell_replaced(session: Session, row: TransactionRow, member_id: int, mobile: str, now_utc: int) -> int:
    """Write that a new card took the place of the member's others. No consent is asked for: it is the member's own
    account, and who has none is the one nobody can send a code to."""
    contact = session.get(ContactRow, member_id) or ContactRow(member_id=member_id, mobile=mobile, language=PERSIAN)
    session.add(
        OutboxRow(
            cause=f"transaction {row.id}",
            kind=REPLACED,
            member_id=member_id,
            transaction_id=row.id,
            mobile=contact.mobile,
            language=contact.language,
            text=TEMPLATES[contact.language][REPLACED],
            state=QUEUED,
            written_utc=now_utc,
        )
    )
    return WRITTEN


def told(session: Session, row: TransactionRow, wanted: tuple[str, ...]) -> int:
    """What the answer to a repeat says: the same as the first time, nothing is written."""
    told_of = select(OutboxRow.id).where(OutboxRow.transaction_id == row.id, OutboxRow.kind == REPLACED)
    if row.verb == ENROL and session.scalar(told_of) is not None:
        return WRITTEN
    kind = kind_of(row, wanted)
    if not kind or row.member_id is None or not _welcome(session, row.member_id, kind):
        return NONE
    found = session.scalar(select(OutboxRow.id).where(OutboxRow.transaction_id == row.id))
    return NO_NUMBER if found is None else WRITTEN


def _welcome(session: Session, member_id: int, kind: str) -> bool:
    """Whether the member wants to hear of it this way: with consent, not on paper; of a sale at the counter only who
    asked for messages in the place of paper."""
    facts = facts_of(session, member_id)
    return facts.consent and facts.channel != ON_PAPER and (kind != EARNED or facts.channel == BY_SMS)


def write_code(session: Session, cause: str, contact: ContactRow, digits: str, now_utc: int) -> None:
    """Write a message with a code; its caller has asked for consent."""
    code = digits.translate(_PERSIAN_DIGITS) if contact.language == PERSIAN else digits
    session.add(
        OutboxRow(
            cause=cause,
            kind=CODE,
            member_id=contact.member_id,
            mobile=contact.mobile,
            language=contact.language,
            text=TEMPLATES[contact.language][CODE].format(code=code),
            state=QUEUED,
            written_utc=now_utc,
        )
    )


def withdraw(session: Session, transaction_id: int) -> None:
    """What this transaction's message tells was undone: it must not go any more."""
    session.execute(update(OutboxRow).where(OutboxRow.transaction_id == transaction_id).values(state=WITHDRAWN))


def _of_replacement(row: TransactionRow) -> str:
    return REPLACED if (row.verb, row.rc, row.points) == (ENROL, APPROVED, 0) else ""


def audit(session: Session, rows: dict[int, TransactionRow]) -> list[str]:
    """What is wrong with the messages, beside all transactions there are."""
    problems: list[str] = []
    undone = {row.original_id for row in rows.values()}
    causes: dict[int, int] = {}
    for message in session.scalars(select(OutboxRow).order_by(OutboxRow.id)):
        name = f"message {message.id}"
        if message.kind == CODE and message.transaction_id is None:
            continue
        row = rows.get(message.transaction_id or 0)
        if row is None:
            problems.append(f"{name} tells of transaction {message.transaction_id}, which is not there")
            continue
        if row.id in causes:
            problems.append(f"{name} tells of transaction {row.id}, as message {causes[row.id]} does")
        causes[row.id] = message.id
        if message.kind != (kind_of(row, KINDS) or _of_replacement(row)) or message.member_id != row.member_id:
            problems.append(f"{name} is not what transaction {row.id} has to tell its member")
        if message.state != (WITHDRAWN if row.id in undone else QUEUED):
            problems.append(f"{name} of transaction {row.id} is {message.state}")
    return problems
