"""Keeping evidence: what a message said, and a line of each decision that costs money or says who somebody is.

Written in the database transaction that decides, read by nothing but the check of the books (`audit_kept`). A card
and a mobile number stand in a line as a digest. Knows no rules of the programme.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from tools.bench_switch.codec import tlv
from tools.bench_switch.kept_tables import DecisionRow, SaidRow
from tools.bench_switch.member_tables import BoundRow, FactsRow
from tools.bench_switch.offer_tables import OfferRow, VoucherRow
from tools.bench_switch.schema import Base, CardRow
from tools.bench_switch.standing_tables import TierRow, WinbackRow

# What a repeat has to say again.
DETAILS = (
    tlv.SUPERVISOR, tlv.WINBACK, tlv.FLAGS, tlv.OFFER, tlv.VOUCHER, tlv.REWARD, tlv.BASKET, tlv.ORIGINAL, tlv.CODE,
    tlv.MOBILE, tlv.CONSENT, tlv.CHANNEL, tlv.REFERRER, tlv.BIRTHDAY, tlv.SURVEY, tlv.REASON, tlv.DISPUTE,
)  # fmt: skip
_DIGITS = 16


def said(tags: Mapping[int, bytes]) -> bytes:
    """What a message says besides money and points, b"" nothing."""
    kept = {tag: value for tag, value in tags.items() if tag in DETAILS}
    if kept.get(tlv.SURVEY, b"")[-1:] == b"\1":
        del kept[tlv.SURVEY]  # without a name: few answers there are, and a digest would tell which
    return b"".join(bytes((tag, len(value))) + value for tag, value in sorted(kept.items()))


def digest(text: bytes) -> str:
    """Sixteen hex digits, "" of nothing."""
    return hashlib.sha256(text).hexdigest()[:_DIGITS] if text else ""


def tags_of(text: bytes) -> dict[int, bytes]:
    """What `said` spelled."""
    tags: dict[int, bytes] = {}
    while len(text) >= 2:
        tags[text[0]] = text[2 : 2 + text[1]]
        text = text[2 + text[1] :]
    return tags


def keep_said(session: Session, transaction_id: int, tags: Mapping[int, bytes]) -> None:
    """Beside a transaction: what its message said."""
    text = said(tags)
    if text:
        session.add(SaidRow(transaction_id=transaction_id, said=text.hex()))


def _card(row: CardRow) -> tuple[str, str]:
    return digest(row.uid.encode()), str(row.member_id)


def _bound(row: BoundRow) -> tuple[str, str]:
    return str(row.transaction_id), digest(row.uid.encode()) + row.was


def _facts(row: FactsRow) -> tuple[str, str]:
    return str(row.member_id), f"{row.enrolled} {row.referrer_id} {row.transaction_id}"


def _offer(row: OfferRow) -> tuple[str, str]:
    worth = f"{row.kind} {row.value} {row.last_day} {int(row.once)} {row.minimum} {row.category} {row.count}"
    return str(row.id), digest(f"{row.member_id} {row.audience} {worth}".encode())


def _voucher(row: VoucherRow) -> tuple[str, str]:
    whose = f"{row.member_id} {row.terminal_id} {row.transaction_id} {row.reason}"
    return row.number, digest(f"{whose} {row.kind} {row.value} {row.last_day} {int(row.keeps_rest)}".encode())


def _tier(row: TierRow) -> tuple[str, str]:
    return str(row.member_id), f"{row.tier} {row.until} {row.since} {row.before} {row.cause_id}"


def _winback(row: WinbackRow) -> tuple[str, str]:
    return str(row.transaction_id), str(row.away_days)


# Of which rows lines are kept, and what they say: (subject, word).
SPELLED: dict[type[Base], tuple[str, Callable[[Any], tuple[str, str]]]] = {
    CardRow: ("card", _card),
    FactsRow: ("facts", _facts),
    OfferRow: ("offer", _offer),
    TierRow: ("tier", _tier),
    VoucherRow: ("voucher", _voucher),
    WinbackRow: ("win-back", _winback),
}
# Several of these have one subject, and none is ever changed.
BOUND = "bound"
BOUND_WORD = _bound


def keep(session: Session, row: Base) -> None:
    """This row is as it is from now on, rightly."""
    if isinstance(row, BoundRow):
        what, (subject, word) = BOUND, _bound(row)
    else:
        what, spell = SPELLED[type(row)]
        subject, word = spell(row)
    session.add(DecisionRow(what=what, subject=subject, word=word))


def gone(session: Session, row: Base) -> None:
    """This row is taken away rightly."""
    what, spell = SPELLED[type(row)]
    session.add(DecisionRow(what=what, subject=spell(row)[0], word=""))
