"""What the evidence proves (`kept`): the programme's own rows are what messages said and what was decided.

Part of the check of the books. Asks the stored rows alone. Nothing is claimed of what is older than the evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.bench_switch import kept, keyed, remarks, vouchers
from tools.bench_switch.codec import tlv
from tools.bench_switch.kept_tables import DecisionRow, SaidRow
from tools.bench_switch.member_tables import BoundRow, FactsRow, ReferralRow
from tools.bench_switch.offer_tables import OfferRow, OfferUseRow, RewardChoiceRow, VoucherRow, VoucherUseRow
from tools.bench_switch.offers import WIN_BACK
from tools.bench_switch.remark_tables import RemarkRow
from tools.bench_switch.schema import (
    ACCRUAL,
    APPROVED,
    ENROL,
    ISSUE,
    REDEMPTION,
    REMARK,
    REVERSAL,
    USE,
    VOID,
    CardRow,
    ContactRow,
    OwnerRow,
    TransactionRow,
)
from tools.bench_switch.standing_tables import WinbackRow
from tools.bench_switch.taking_back_tables import DisputeRow, TakenBackRow

Rows = dict[int, TransactionRow]
Said = dict[int, dict[int, bytes]]
_BY_WORD = ("0200", "0100")  # the switch decided; what an advice says was promised


def audit(session: Session, rows: Rows) -> list[str]:
    """What is wrong, in words."""
    said: Said = {}
    return [
        *_details(session, rows, said),
        *_decisions(session, rows),
        *_voucher_uses(session, rows, said),
        *_offer_uses(session, rows, said),
        *_rewards(session, rows, said),
        *_issues(session, rows, said),
        *_remarks(session, rows, said),
        *_disputes(session, rows, said),
        *_winbacks(session, rows, said),
        *_cards(session, rows),
        *_numbers(session),
        *_referrers(session),
    ]


def _details(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """What a message said is kept as it came: its digest is the last word of the content. Fills `said`."""
    kept_rows = {row.transaction_id: row.said for row in session.scalars(select(SaidRow))}
    first = min(kept_rows, default=0)
    for row in rows.values():
        if row.terminal_id is None or row.verb == REVERSAL:
            continue
        words = row.content.split(" @")[0].split(" ")
        digest = words[5] if len(words) > 5 else ""
        if digest and (not first or row.id < first):
            continue
        text = bytes.fromhex(kept_rows.get(row.id, ""))
        if kept.digest(text) != digest:
            yield f"transaction {row.id}: what its message said besides is not kept as it came"
        said[row.id] = kept.tags_of(text)


def _decisions(session: Session, rows: Rows) -> Iterator[str]:
    """Each row of which lines are kept is as its last line says, and there unless it was taken away."""
    last: dict[str, dict[str, str]] = defaultdict(dict)
    bound: dict[str, set[str]] = defaultdict(set)
    for line in session.scalars(select(DecisionRow).order_by(DecisionRow.id)):
        if line.what == kept.BOUND:
            bound[line.subject].add(line.word)
        else:
            last[line.what][line.subject] = line.word
    for table, (what, spell) in kept.SPELLED.items():
        there = dict(spell(row) for row in session.scalars(select(table)))
        for subject, word in last[what].items():
            if there.get(subject, "") != word:
                became = "is not what it was" if word and subject in there else "is there" if not word else "is gone"
                name = f"******{subject[-4:]}" if what == "voucher" else "" if what == "card" else subject
                yield " ".join(f"{what} {name} {became}, and nobody decided so".split())
    found: dict[str, set[str]] = defaultdict(set)
    for row in session.scalars(select(BoundRow)):
        subject, word = kept.BOUND_WORD(row)
        found[subject].add(word)
    for row in rows.values():
        if row.verb == ENROL and str(row.id) in bound and bound[str(row.id)] != found[str(row.id)]:
            yield f"transaction {row.id}: what this enrolment did to cards is not what is kept of it"


def _voucher_uses(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A use behind each sale that says a voucher, once a sale, with the price that was said."""
    known = {row.number: row for row in session.scalars(select(VoucherRow))}
    uses = {use.transaction_id: use for use in session.scalars(select(VoucherUseRow))}
    for row in rows.values():
        if row.rc != APPROVED or row.verb not in (ACCRUAL, USE):
            continue
        number = said.get(row.id, {}).get(tlv.VOUCHER, b"").decode("ascii", "replace")
        use = uses.get(row.id)
        if use is None:
            if row.verb == USE or (number and (row.mti in _BY_WORD or number in known)):
                yield f"transaction {row.id} was paid with a voucher, and no use of one is kept"
            continue
        price = said.get(row.id, {}).get(tlv.OFFER, b"")[2:7]
        if row.id in said and (number, int.from_bytes(price, "big")) != (use.number, use.price):
            yield f"transaction {row.id} named another voucher or price than is kept"
        voucher = known.get(use.number)
        if voucher is None:
            continue
        shared = 0 if not voucher.keeps_rest else row.id
        yield from _slot(use, row, (shared,))
        if row.mti in _BY_WORD and row.business_day > voucher.last_day:
            yield f"transaction {row.id} used a voucher after its last day"


def _offer_uses(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A use behind each sale that says an offer; one use for a member of what is given once."""
    known = {row.id: row for row in session.scalars(select(OfferRow))}
    uses = {use.transaction_id: use for use in session.scalars(select(OfferUseRow))}
    voids = [rows.get(one.transaction_id) for one in session.scalars(select(TakenBackRow))]
    restored = any(row is not None and row.verb == VOID and row.original_id is None for row in voids)
    standing: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in rows.values():
        if row.rc != APPROVED or row.verb != ACCRUAL:
            continue
        text = said.get(row.id, {}).get(tlv.OFFER, b"")
        number = int.from_bytes(text[:2], "big")
        use = uses.get(row.id)
        if use is None:
            offer = known.get(number)
            mine = offer is not None and offer.member_id in (None, row.member_id)
            if number and tlv.VOUCHER not in said[row.id] and (row.mti in _BY_WORD or mine):
                yield f"transaction {row.id} took offer {number}, and no use of it is kept"
            continue
        price = int.from_bytes(text[2:7], "big") if len(text) > 2 else row.amount
        if row.id in said and (number, price) != (use.offer_id, use.price):
            yield f"transaction {row.id} named another offer or price than is kept"
        offer = known.get(use.offer_id)
        if offer is None:
            continue
        if not offer.once:
            yield from _slot(use, row, (row.id,))
        elif offer.kind != WIN_BACK:
            yield from _slot(use, row, (0,))
            if row.mti in _BY_WORD and not use.given_back:
                standing[use.offer_id, use.member_id].append(row.id)
        if row.mti in _BY_WORD and offer.last_day and row.business_day > offer.last_day:
            yield f"transaction {row.id} took offer {offer.id} after its last day"
    for (offer_id, member_id), taken in standing.items():
        if len(taken) > 1 and not restored:  # a void that was reversed may bring back what was taken again meanwhile
            yield f"member {member_id} took offer {offer_id}, which is given once, {len(taken)} times"


def _slot(use: OfferUseRow | VoucherUseRow, row: TransactionRow, right: tuple[int, ...]) -> Iterator[str]:
    """What may stand once stands where a second would meet it; what was promised without the switch, beside it."""
    stands_at = use.stands_at in right or (row.mti not in _BY_WORD and use.stands_at == row.id)
    slots = (-row.id,) if use.given_back else (use.stands_at, row.id)
    if not stands_at or use.slot not in slots:
        yield f"transaction {row.id}: what it used may be used again"


def _rewards(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A choice behind each redemption that names a reward, and it is that one."""
    chosen = {row.transaction_id: row.reward for row in session.scalars(select(RewardChoiceRow))}
    for row in rows.values():
        if row.verb == REDEMPTION and row.rc == APPROVED and row.id in said:
            text = said[row.id].get(tlv.REWARD)
            if (int.from_bytes(text, "big") if text is not None else None) != chosen.get(row.id):
                yield f"transaction {row.id} named another reward than is kept"


def _issues(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A voucher is for what its message said, and only one that was sold keeps its rest."""
    for voucher in session.scalars(select(VoucherRow)):
        name = f"voucher ******{voucher.number[-4:]}"
        if voucher.keeps_rest != (voucher.reason == vouchers.SOLD):
            yield f"{name} keeps a rest, or loses one, that it should not"
        row = rows.get(voucher.transaction_id or 0)
        if row is None or row.verb != ISSUE or row.id not in said:
            continue
        sold = bool(said[row.id].get(tlv.FLAGS, b"\0")[0] & vouchers.GIFT_FLAG)
        reason = vouchers.SOLD if sold else said[row.id].get(tlv.REASON, b"\0")[0]
        if reason != voucher.reason:
            yield f"{name} is for another reason than its message said"


def _remarks(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A remark is its member's, and what the message said. Of an answer without a name only the count is known."""
    for one in session.scalars(select(RemarkRow)):
        row = rows.get(one.transaction_id)
        if row is None or row.verb != REMARK:
            continue  # told of by `remarks`
        tags = said.get(row.id, {})
        survey, reason = tags.get(tlv.SURVEY), tags.get(tlv.REASON)
        right = (one.kind, one.question, one.answer)
        if survey is not None and len(survey) == 3:
            right = (remarks.SURVEY, survey[0], survey[1])
        elif reason:
            right = (remarks.REASON, 0, reason[0])
        if (one.kind, one.question, one.answer) != right or one.day != row.business_day:
            yield f"remark {row.id} is not what was said"
        if one.member_id != row.member_id:
            yield f"remark {row.id} is member {one.member_id}'s, and member {row.member_id} said it"


def _disputes(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    """A dispute is about what its message named, when that had come; one that is closed says how."""
    numbered = {(row.terminal_id, row.seq): row for row in rows.values() if row.seq is not None}
    for one in session.scalars(select(DisputeRow)):
        tags = said.get(one.transaction_id, {})
        original = rows.get(one.original_id or 0)
        seq = int.from_bytes(tags[tlv.DISPUTE], "big") if tlv.DISPUTE in tags else one.seq
        right = numbered.get((one.terminal_id, seq)) if seq else None
        if right is not None and right.id > one.transaction_id:
            right = None
        reference = tags.get(tlv.ORIGINAL, b"").decode("ascii", "replace")
        if seq:
            wrong = seq != one.seq or (right is not None and right is not original)
        else:
            wrong = original is not None and reference not in ("", original.rrn)
        if wrong or (original is not None and original.id >= one.transaction_id):
            yield f"dispute {one.transaction_id} is not about what was named"
        if (one.closed_utc is not None) != bool(one.word):
            yield f"dispute {one.transaction_id} is closed without a word, or open with one"


def _winbacks(session: Session, rows: Rows, said: Said) -> Iterator[str]:
    noted = set(session.scalars(select(WinbackRow.transaction_id)))
    for row in rows.values():
        sold = row.verb == ACCRUAL and row.rc == APPROVED and row.id in said
        if sold and (tlv.WINBACK in said[row.id]) != (row.id in noted):
            yield f"transaction {row.id} answered a win-back, or did not, and the books say otherwise"


def _cards(session: Session, rows: Rows) -> Iterator[str]:
    """A card is whom it was given to last; one that was never given to another has one member's transactions."""
    last = {owner.uid: owner.member_id for owner in session.scalars(select(OwnerRow).order_by(OwnerRow.id))}
    given = {line.subject for line in session.scalars(select(DecisionRow).where(DecisionRow.what == "card"))}
    used: dict[str, set[int]] = defaultdict(set)
    for row in rows.values():
        if row.uid and row.member_id is not None and row.rc == APPROVED:
            used[row.uid].add(row.member_id)
    for card in session.scalars(select(CardRow)):
        name = keyed.shown(card.uid) if keyed.is_keyed(card.uid) else f"****{card.uid[-4:]}"
        if card.uid not in last and kept.digest(card.uid.encode()) in given:
            yield f"card {name} was given to somebody, and nobody knows from when on"
        right = {last[card.uid]} if card.uid in last else used[card.uid]
        if right and right != {card.member_id}:
            yield f"card {name} is member {card.member_id}'s, and was never given to them"


def _numbers(session: Session) -> Iterator[str]:
    """A number stands for the member whose contact it is."""
    contacts = {row.member_id: row.mobile for row in session.scalars(select(ContactRow))}
    for card in session.scalars(select(CardRow)):
        if keyed.is_keyed(card.uid) and contacts.get(card.member_id) != keyed.mobile_of(card.uid):
            yield f"number {keyed.shown(card.uid)} stands for member {card.member_id}, whose it is not"


def _referrers(session: Session) -> Iterator[str]:
    """Who is said to have brought a member is who is thanked."""
    thanked = {row.member_id: row.referrer_id for row in session.scalars(select(ReferralRow))}
    said = {row.member_id: row.referrer_id for row in session.scalars(select(FactsRow))}
    for member_id in sorted({*thanked, *said}):
        if thanked.get(member_id) != said.get(member_id):
            yield f"member {member_id} was brought by one, and another is thanked"
