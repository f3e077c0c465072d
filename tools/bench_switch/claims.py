"""What a sale takes besides its points, booked with it and given back with it: one offer or one voucher.

Joins `offers` and `vouchers` to the books: the claim of an accrual, what a reversal or a void gives back, what the
check of the books asks. Inside the caller's database transaction. Money in rial.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tools.bench_switch import money, offers, vouchers
from tools.bench_switch.booking import RC_APPROVED, RC_INVALID, REDO, UNDO, Value
from tools.bench_switch.codec import tlv
from tools.bench_switch.offer_tables import OfferRow, OfferUseRow, RewardChoiceRow, VoucherRow, VoucherUseRow
from tools.bench_switch.offers import NOTHING, Claim
from tools.bench_switch.programme import Programme
from tools.bench_switch.schema import ACCRUAL, APPROVED, ISSUE, REDEMPTION, USE, MemberRow, TransactionRow

__all__ = ["NOTHING", "Claim", "audit", "book", "bought", "claim", "is_free", "redo", "spent", "undo"]


def claim(session: Session, value: Value, member: MemberRow, programme: Programme) -> Claim:
    """What this accrual takes. Of an advice nothing is refused: a person has seen it approved."""
    if tlv.VOUCHER in value.tags:
        found = vouchers.claimed(session, value, member.id)
        if value.tags.get(tlv.OFFER, b"\0\0")[:2] != b"\0\0":
            found = replace(found, rc=RC_INVALID, why="an offer and a voucher in one sale")
    else:
        found = offers.claimed(session, value, member, programme)
    if value.advice and found.rc != RC_APPROVED:
        return replace(found, rc=RC_APPROVED, why=f"booked as promised, not open ({found.rc}): {found.why}")
    return found


def is_free(value: Value) -> bool:
    """Whether nothing may be left to pay of the full price it says, if something paid that."""
    return int.from_bytes(value.tags.get(tlv.OFFER, b"")[2:7], "big") > 0


def bought(value: Value, taken: Claim) -> bool:
    """Whether something was bought: paid with money, or a full price paid wholly by a voucher or by an offer that takes
    money off. Of an advice the price it says is believed."""
    if value.amount or value.advice:
        return value.amount > 0 or is_free(value)
    takes_money = taken.offer is not None and taken.offer.kind in offers.TAKES_MONEY
    return taken.price > 0 and (taken.voucher is not None or takes_money)


def book(session: Session, taken: Claim, row: TransactionRow, member_id: int) -> None:
    """The accrual is booked, and what it took is used."""
    offers.book(session, taken, row, member_id)
    vouchers.book_use(session, taken, row)


def _uses(session: Session, row: TransactionRow) -> list[OfferUseRow | VoucherUseRow]:
    found: list[OfferUseRow | VoucherUseRow | None] = [
        session.get(OfferUseRow, row.id),
        session.get(VoucherUseRow, row.id),
    ]
    return [use for use in found if use is not None]


def _used_of(session: Session, original: TransactionRow) -> list[VoucherRow]:
    """The vouchers a transaction issued that somebody has used, and stands; all it issued are locked."""
    issued = VoucherRow.transaction_id == original.id
    session.execute(update(VoucherRow).where(issued).values(touched=VoucherRow.touched + 1))
    used = select(VoucherUseRow.number).where(VoucherUseRow.given_back.is_(False))
    return list(session.scalars(select(VoucherRow).where(issued, VoucherRow.number.in_(used))))


def spent(session: Session, original: TransactionRow) -> bool:
    """Whether a voucher it issued was used, so that a person who takes it back has to take back the use first."""
    return bool(_used_of(session, original))


def undo(session: Session, original: TransactionRow) -> str | None:
    """What it used is open again, and what it issued is worth nothing any more; a remark when that was used."""
    used = _used_of(session, original)
    for use in _uses(session, original):
        use.given_back, use.slot = True, -original.id
    for row in session.scalars(select(VoucherRow).where(VoucherRow.transaction_id == original.id)):
        row.withdrawn = True
    session.flush()
    return "; ".join(f"voucher ******{row.number[-4:]} was used and what issued it is undone" for row in used)


def redo(session: Session, original: TransactionRow) -> str | None:
    """What undid it was undone itself: it is used again. What was used elsewhere meanwhile is not used twice: it stands
    without that, and a remark says so."""
    lacking = []
    for use in _uses(session, original):
        if isinstance(use, OfferUseRow):
            name, open_again = f"offer {use.offer_id}", _offer_open(session, use)
        else:
            name, open_again = f"voucher ******{use.number[-4:]}", _voucher_open(session, use)
        if open_again:
            use.given_back, use.slot = False, use.stands_at
        else:
            lacking.append(f"transaction {original.id} stands again and its {name} was used elsewhere")
    for row in session.scalars(select(VoucherRow).where(VoucherRow.transaction_id == original.id)):
        row.withdrawn = False
    session.flush()
    return "; ".join(lacking)


def _offer_open(session: Session, use: OfferUseRow) -> bool:
    mine = (OfferUseRow.offer_id == use.offer_id, OfferUseRow.member_id == use.member_id)
    others = select(OfferUseRow.transaction_id).where(*mine, OfferUseRow.slot == use.stands_at)
    return session.scalar(others) is None


def _voucher_open(session: Session, use: VoucherUseRow) -> bool:
    """Whether so much is left of it as this took; locks it."""
    mine = VoucherRow.number == use.number
    session.execute(update(VoucherRow).where(mine).values(touched=VoucherRow.touched + 1))
    row = session.get_one(VoucherRow, use.number)
    standing = select(VoucherUseRow.transaction_id).where(
        VoucherUseRow.number == use.number, VoucherUseRow.given_back.is_(False)
    )
    if not row.keeps_rest:
        return session.scalar(standing.limit(1)) is None
    return vouchers.left(session, row) >= use.taken


UNDO.append(undo)
REDO.append(redo)


def audit(session: Session, rows: dict[int, TransactionRow]) -> list[str]:
    """What is wrong with offers, vouchers and rewards, in words."""
    undoing = {row.original_id: row for row in rows.values() if row.original_id is not None}
    # A void can be reversed: then what it undid stands again.
    undone = {number for number, row in undoing.items() if row.id not in undoing}
    return [
        *_offer_uses(session, rows, undone),
        *_voucher_uses(session, rows, undone),
        *_issued(session, rows, undone),
        *_rewards(session, rows),
    ]


def _offer_uses(session: Session, rows: dict[int, TransactionRow], undone: set[int]) -> list[str]:
    problems = []
    known = {row.id: row for row in session.scalars(select(OfferRow))}
    for use in session.scalars(select(OfferUseRow).order_by(OfferUseRow.transaction_id)):
        name, row, offer = f"transaction {use.transaction_id}", rows.get(use.transaction_id), known.get(use.offer_id)
        if row is None or row.rc != APPROVED or row.verb != ACCRUAL or offer is None:
            problems.append(f"{name} used offer {use.offer_id} and is no sale")
            continue
        if use.given_back != (row.id in undone):
            problems.append(f"{name} used offer {use.offer_id}, and what became of both differs")
        right = offers.payable(offer.kind, offer.value, use.price, money.unit_of_content(row.content))
        if (use.paid, use.member_id) != (row.amount, row.member_id) or (_by_word(row) and use.paid != right):
            problems.append(f"{name} paid {row.amount} of {use.price} with offer {use.offer_id}")
    return problems


def _by_word(row: TransactionRow) -> bool:
    """Whether the switch decided; an advice is booked as it was promised."""
    return row.mti in ("0200", "0100")


def _voucher_uses(session: Session, rows: dict[int, TransactionRow], undone: set[int]) -> list[str]:
    problems = []
    known = {row.number: row for row in session.scalars(select(VoucherRow))}
    taken: dict[str, list[int]] = defaultdict(list)
    for use in session.scalars(select(VoucherUseRow).order_by(VoucherUseRow.transaction_id)):
        name, row, voucher = f"transaction {use.transaction_id}", rows.get(use.transaction_id), known.get(use.number)
        if row is None or row.rc != APPROVED or row.verb not in (ACCRUAL, USE) or voucher is None:
            problems.append(f"{name} used a voucher and is no sale")
            continue
        if use.given_back and row.id not in undone:
            problems.append(f"{name} stands, and its voucher ******{use.number[-4:]} was given back")
        elif row.id in undone and not use.given_back:
            problems.append(f"{name} used a voucher, and what became of both differs")
        if use.taken != use.price - row.amount or (voucher.member_id or row.member_id) != row.member_id:
            problems.append(f"{name} paid {row.amount} of {use.price} with a voucher, or with another member's")
        if not use.given_back and _by_word(row):
            taken[use.number].append(use.taken)
    for number, amounts in taken.items():
        voucher = known[number]
        if (len(amounts) > 1 and not voucher.keeps_rest) or (
            voucher.kind == offers.MONEY and sum(amounts) > voucher.value
        ):
            problems.append(f"voucher ******{number[-4:]} paid more than it is worth")
    return problems


def _issued(session: Session, rows: dict[int, TransactionRow], undone: set[int]) -> list[str]:
    """A voucher behind each issue, an issue or a purchase behind each voucher, and the number is one."""
    problems = []
    issued = set()
    used = set(session.scalars(select(VoucherUseRow.number).where(VoucherUseRow.given_back.is_(False))))
    for voucher in session.scalars(select(VoucherRow)):
        name = f"voucher ******{voucher.number[-4:]}"
        if len(voucher.number) != vouchers.DIGITS or vouchers.check_digit(voucher.number[:-1]) != voucher.number[-1]:
            problems.append(f"{name} has a number that is none")
        if voucher.transaction_id is None:
            continue
        issued.add(voucher.transaction_id)
        row = rows.get(voucher.transaction_id)
        if row is None or row.rc != APPROVED or row.verb not in (ACCRUAL, ISSUE):
            problems.append(f"{name} was issued by nothing")
        elif row.id in undone and not voucher.withdrawn:
            problems.append(f"{name} is good, and what issued it was undone")
        elif row.id in undone and voucher.number in used:
            problems.append(f"{name} was used, and what issued it was undone")
        elif row.verb == ISSUE and (voucher.value, voucher.member_id) != (row.amount, row.member_id):
            problems.append(f"{name} is not what was issued")
    for row in rows.values():
        if row.verb == ISSUE and row.rc == APPROVED and row.id not in issued:
            problems.append(f"transaction {row.id} issued no voucher")
    return problems


def _rewards(session: Session, rows: dict[int, TransactionRow]) -> Iterable[str]:
    for choice in session.scalars(select(RewardChoiceRow)):
        row = rows.get(choice.transaction_id)
        if row is None or row.rc != APPROVED or row.verb != REDEMPTION or row.points != -choice.points:
            yield f"transaction {choice.transaction_id} is no redemption of reward {choice.reward}"
