"""What a person may be told of a transaction, derived from its journal entry.

Screen and receipt both read the `Outcome`, so the same words come again after a power cut. A number in it is either
confirmed by the switch or marked as an estimate with the age of its data.
"""

from micropython import const

from firmware.core.reference import detail, original_of, rrn_of, stan_of
from firmware.core.refusals import host_refusal
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    DEAD,
    OFFLINE,
    OPEN,
    REFUSED,
    REVERSED,
    RUNG_UNKNOWN,
    SMS_NONE,
    TIER_NONE,
    VOIDED,
)
from firmware.loyalty.facts import day_of
from firmware.loyalty.offers import price_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import JournalEntry, Member

# LT-87 tags of a transaction's details.
_FLAGS = const(0x18)
_OFFER = const(0x20)
_VOUCHER = const(0x21)
_REWARD = const(0x22)

DONE = const(0)  # points are booked or will be
DECLINED = const(1)  # the switch said no
UNDONE = const(2)  # a reversal took it back: as if it had never been
UNKNOWN = const(3)  # sent, no answer yet
REJECTED = const(4)  # approved here, refused by the switch for good
TAKEN_BACK = const(5)  # approved here and voided before the switch heard of it


class Balance:
    """Points a member may be told: `confirmed` by the switch, or an estimate on data `age_s` seconds old."""

    def __init__(self, points: int, confirmed: bool, age_s: int) -> None:
        self.points = points
        self.confirmed = confirmed
        self.age_s = age_s


class Outcome:
    """See the module; `points` is signed, `code` a refusal code or ""."""

    def __init__(self, entry: "JournalEntry", kind: int, points: int, estimated: bool, code: str) -> None:
        transaction = entry.transaction
        self.kind = kind
        self.verb = transaction.verb
        self.offline = transaction.mode == OFFLINE
        self.amount = transaction.amount
        self.new_money = transaction.new_money  # which currency that is
        self.points = points
        self.estimated = estimated
        self.code = code
        self.uid = transaction.uid
        self.member_no = transaction.member_no
        self.time_utc = transaction.time_utc
        self.clerk = transaction.clerk
        self.stan = stan_of(transaction.seq)
        self.rrn = rrn_of(transaction.seq, transaction.time_utc)
        self.approval = entry.result.approval if entry.result is not None else ""
        self.balance: "Balance | None" = None
        self.original = original_of(transaction.details)  # reference of what this took back, or ""
        self.price = price_of(detail(transaction.details, _OFFER))  # what it would have cost; 0: what was paid
        self.gift = transaction.verb == ACCRUAL and detail(transaction.details, _FLAGS)[:1] == b"\x01"
        self.used = detail(transaction.details, _VOUCHER).decode()  # number of the voucher that paid a part, or ""
        result = entry.result
        self.voucher = result.voucher if result is not None else ""  # number of one that was issued or won
        days = result.voucher_days if result is not None else 0
        self.good_until = day_of(transaction.time_utc) + days  # its last day
        # number of what points were given for, 0 money
        self.reward = int.from_bytes(detail(transaction.details, _REWARD), "big")
        self.sms = result.sms if result is not None else SMS_NONE
        self.tier = result.tier if result is not None else TIER_NONE
        self.new_tier = result is not None and result.new_tier
        self.next_kind = result.next_kind if result is not None else 0
        self.missing = result.missing if result is not None else 0
        self.name = ""
        self.rung = RUNG_UNKNOWN
        # What is only known while the answer is at hand: the tier before it, and what the new one brings.
        self.was_tier = TIER_NONE
        self.tier_percent = 100
        self.benefits = b""
        self.words = ""  # what the switch said of it; not kept
        self.by_sms = False  # the member wants no paper, and the switch writes
        self.marks: "tuple[tuple[str, str, str], ...]" = ()  # what came of it: texts on screen, paper, their field
        # (reason, points) of a sale just made: what its points are made of
        self.parts: "list[tuple[int, int]]" = []
        self.under_review = False
        self.reserved = False  # points the switch had kept for this, before it hears of it


def outcome_of(
    entry: "JournalEntry", member: "Member | None", pending_points: int, now_utc: int, review_above: int = -1
) -> Outcome:
    """The outcome of an entry.

    `member` is what the cache holds of the card, `pending_points` what the journal holds of it unsettled, this
    transaction included. `review_above` < 0 means that no amount is under review.
    """
    transaction, result = entry.transaction, entry.result
    if entry.state == VOIDED:
        outcome = Outcome(entry, TAKEN_BACK, 0, False, "")
    elif transaction.mode == OFFLINE:
        reserved = transaction.allowance > 0  # the switch keeps these points for it: they are not an estimate
        outcome = Outcome(entry, REJECTED if entry.state == DEAD else DONE, transaction.points, not reserved, "")
        outcome.reserved = reserved
        if outcome.kind == DONE:
            outcome.balance = estimated_balance(member, pending_points, now_utc)
            outcome.under_review = not reserved and 0 <= review_above < transaction.amount
    elif entry.state == REVERSED:
        outcome = Outcome(entry, UNDONE, 0, False, "")
    elif result is None or entry.state == OPEN:
        outcome = Outcome(entry, UNKNOWN, 0, False, "")
    elif result.state == APPROVED:
        outcome = Outcome(entry, DONE, result.points, False, "")
    else:
        outcome = Outcome(entry, DECLINED, 0, False, host_refusal(result.rc))
    if result is not None and result.balance is not None and outcome.kind in (DONE, DECLINED):
        # The switch's own figure, of the moment of the transaction.
        outcome.balance = Balance(result.balance, True, max(0, now_utc - transaction.time_utc))
    if not outcome.member_no and member is not None:
        outcome.member_no = member.member_no
    if member is not None:
        outcome.name = member.name
        outcome.rung = member.rung if result is not None and outcome.kind == DONE else RUNG_UNKNOWN
    return outcome


def estimated_balance(member: "Member | None", pending_points: int, now_utc: int) -> "Balance | None":
    """The last confirmed points plus what was approved here since; None when the switch never told us of this card."""
    if member is None:
        return None
    return Balance(member.points + pending_points, False, max(0, now_utc - member.as_of_utc))


def counts_as_sale(entry: "JournalEntry") -> bool:
    """Whether an entry is an accrual that stands, for the question "again?"."""
    return entry.transaction.verb == ACCRUAL and entry.state not in (REFUSED, REVERSED, DEAD, VOIDED)
