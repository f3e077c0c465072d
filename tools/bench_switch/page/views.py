"""What the page shows, as plain data: read from the books and the message log, nothing secret in it.

Keys never leave the books; mobile numbers are masked. Times go out as seconds since 1970-01-01 UTC, points as whole
points, money in rial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.bench_switch.batches import SAME
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.faults import KINDS
from tools.bench_switch.grants import WAYS
from tools.bench_switch.keyed import shown
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.outbox import LANGUAGES, masked_mobile
from tools.bench_switch.page.watch import Heard, Watch
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.schema import OutboxRow, TransactionRow
from tools.release.files import ROLES

LAST = 30
MOST = 200  # rows of one list
Query = dict[str, str]


@dataclass(frozen=True)
class Source:
    """Where views look."""

    ledger: Ledger
    log: MessageLog
    watch: Watch
    about: dict[str, str]


def _start(source: Source, _query: Query) -> dict[str, Any]:
    return {"about": source.about, "faults": KINDS, "tiers": TIER_NAMES, "ways": WAYS, "languages": LANGUAGES}


def _members(source: Source, query: Query) -> dict[str, Any]:
    return {"members": [vars(one) for one in source.ledger.find_members(query.get("q", ""))]}


def _member(source: Source, query: Query) -> dict[str, Any]:
    number = query.get("id", "")
    if not (number.isascii() and number.isdigit()):
        raise LedgerError("B10", "no such member")
    profile = source.ledger.profile(int(number[:18]), LAST)
    standing, contact = profile.standing, profile.contact
    return {
        "id": int(number),
        "number": standing.member_no,
        "name": standing.name,
        "points": standing.balance,
        "reserved": standing.elsewhere,
        "tier": TIER_NAMES[standing.tier],
        "visits": standing.visits,
        "last_visit": standing.last_visit.isoformat() if standing.last_visit else None,
        "purchases": standing.purchases,
        "contact": {"mobile": masked_mobile(contact.mobile), "language": contact.language} if contact else None,
        "cards": [{"uid": one.uid, "state": one.state, "way": one.way} for one in profile.cards],
        "bookings": [_booking(row, profile.reasons.get(row.id, "")) for row in profile.transactions],
        "messages": [_message(row) for row in profile.messages],
    }


def _booking(row: TransactionRow, reason: str = "") -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.booked_utc or None,
        "terminal": row.terminal_id,
        "seq": row.seq,
        "mti": row.mti,
        "verb": row.verb,
        "uid": shown(row.uid),
        "amount": row.amount,
        "points": row.points,
        "rc": row.rc,
        "reason": reason,
    }


def _message(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.written_utc,
        "to": masked_mobile(row.mobile),
        "kind": row.kind,
        "state": row.state,
        "language": row.language,
        "text": row.text,
    }


def _cards(source: Source, query: Query) -> dict[str, Any]:
    found = source.ledger.find_cards(query.get("q", ""), blocked=query.get("blocked") == "1")
    return {"cards": [vars(one) for one in found]}


def _terminals(source: Source, _query: Query) -> dict[str, Any]:
    booked, heard = source.ledger.last_booked(), source.watch.heard()
    rows = []
    for row in source.ledger.terminals():
        here = heard.get(row.terminal_id, Heard(0))
        rows.append(
            {
                "id": row.terminal_id,
                "merchant": row.merchant_id,
                "kid": row.kid,
                "high_seq": row.high_seq,
                "blocked": row.blocked,
                "seen": max(here.seen_utc, booked.get(row.terminal_id, 0)) or None,
                "waited_s": here.waited_s,
                "advice": here.advice_utc,
            }
        )
    return {"terminals": rows}


def _messages(source: Source, query: Query) -> dict[str, Any]:
    after = query.get("after", "0")
    since = int(after[:18]) if after.isascii() and after.isdigit() else 0
    return {"messages": [vars(entry) for entry in source.log.entries() if entry.number > since]}


def _books(source: Source, _query: Query) -> dict[str, Any]:
    rows = source.ledger.transactions(last=LAST)[::-1]
    reasons = source.ledger.reasons(row.id for row in rows)
    return {
        "accounts": source.ledger.accounts(),
        "bookings": [_booking(row, reasons.get(row.id, "")) for row in rows],
    }


def _check(source: Source, _query: Query) -> dict[str, Any]:
    return {"problems": source.ledger.check(), "transactions": source.ledger.count()}


def _faults(source: Source, _query: Query) -> dict[str, Any]:
    return {"faults": [vars(one) for one in source.ledger.scripted_faults()]}


def _sms(source: Source, _query: Query) -> dict[str, Any]:
    return {"messages": [_message(row) for row in source.ledger.messages(last=100)]}


def _allowances(source: Source, query: Query) -> dict[str, Any]:
    rows = source.ledger.allowances(closed=query.get("closed") == "1")
    return {
        "allowances": [
            {
                "id": row.id,
                "terminal": row.terminal_id,
                "uid": row.uid,
                "points": row.points,
                "granted": row.granted_utc,
                "until": row.valid_until_utc,
                "state": row.state,
                "seq": row.used_seq,
            }
            for row in rows[-MOST:][::-1]
        ]
    }


def _letters(source: Source, _query: Query) -> dict[str, Any]:
    return {"letters": [vars(one) for one in source.ledger.letters()[-MOST:]]}


def _batches(source: Source, _query: Query) -> dict[str, Any]:
    ledger = source.ledger
    rows = sorted(ledger.batches(), key=lambda row: -row.told_utc)[:MOST]
    return {
        "batches": [
            {
                "terminal": row.terminal_id,
                "number": row.number,
                "low": row.low,
                "high": row.high,
                "state": row.state,
                "told": row.told_utc,
                "differ": sum(1 for record in ledger.batch_records(row) if record.finding != SAME),
            }
            for row in rows
        ]
    }


def _downloads(source: Source, _query: Query) -> dict[str, Any]:
    names = {number: name for name, number in ROLES.items()}
    return {
        "files": [
            {
                "what": names.get(one.role, str(one.role)),
                "version": one.version,
                "merchant": one.merchant_id,
                "terminal": one.terminal_id,
            }
            for one in source.ledger.publications()[-MOST:][::-1]
        ],
        "wishes": [
            {"merchant": row.merchant_id, "terminal": row.terminal_id, "name": row.name, "value": row.value}
            for row in source.ledger.wishes()
        ],
    }


VIEWS: dict[str, Callable[[Source, Query], dict[str, Any]]] = {
    "start": _start,
    "members": _members,
    "member": _member,
    "cards": _cards,
    "terminals": _terminals,
    "messages": _messages,
    "books": _books,
    "check": _check,
    "faults": _faults,
    "sms": _sms,
    "allowances": _allowances,
    "letters": _letters,
    "batches": _batches,
    "downloads": _downloads,
}
