"""What this terminal may approve without the switch. Pure: numbers in, a decision out.

Earning offline is on by default, spending is off. Where it is on, a card spends what the switch reserved for it at this
terminal (`allowances`), so two terminals never spend the same point. `risk` spends without: only a business that bears
the loss sets it. Times in UTC seconds.
"""

from micropython import const

from firmware.core.refusals import (
    CARD_BLOCKED,
    CARD_TO_RENEW,
    CLOCK_UNSURE,
    DATA_TOO_OLD,
    EARNED_OFTEN,
    NEEDS_CONNECTION,
    NOTHING_RESERVED,
    OFFLINE_LIMIT,
    OFFLINE_NOT_ALLOWED,
    QUEUE_FULL,
    QUEUE_OLD,
    SPENT_ONCE,
)
from firmware.core.types import ACCRUAL, AUTH_AES, AUTH_LEGACY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.types import CardData

_NEARLY = const(90)  # per cent of the queue from which on a person is told
_RISK_PARTS = const(5)  # a fifth of what the switch last told


class Decision:
    """`code` is "" when approved, else the refusal; `most` the points a redemption may take."""

    def __init__(self, code: str = "", most: int = 0) -> None:
        self.code = code
        self.approved = code == ""
        self.most = most


class Spending:
    """Limits of spending offline: points of one redemption, points of all until they are settled, age of what is known
    in seconds; whether a legacy card may, and whether without an allowance."""

    def __init__(self, per_redemption: int, in_all: int, age_s: int, legacy: bool = False, risk: bool = False) -> None:
        self.per_redemption = per_redemption
        self.in_all = in_all
        self.age_s = age_s
        self.legacy = legacy
        self.risk = risk


class Known:
    """What there is to decide by: points the switch last told and when, the time of the oldest record in the queue (0
    none) and how many wait, points spent and not settled by this card and by all."""

    def __init__(
        self,
        now_utc: int,
        clock_ok: bool,
        points: int,
        told_utc: int,
        oldest_utc: int,
        pending_count: int,
        spent_by_card: int,
        spent_in_all: int,
    ) -> None:
        self.now_utc = now_utc
        self.clock_ok = clock_ok
        self.points = points
        self.told_utc = told_utc
        self.oldest_utc = oldest_utc
        self.pending_count = pending_count
        self.spent_by_card = spent_by_card
        self.spent_in_all = spent_in_all


class OfflinePolicy:
    """Limits of one terminal. `blocked` answers whether a UID is on the hotlist, `heard` is told a card's response code
    and when it came."""

    def __init__(
        self,
        earn_allowed: bool,
        queue_limit: int,
        review_above: int,
        blocked: "Callable[[bytes], bool] | None" = None,
        heard: "Callable[[bytes, str, int], object] | None" = None,
        spending: "Spending | None" = None,
    ) -> None:
        self.earn_allowed = earn_allowed
        self.queue_limit = queue_limit
        self.review_above = review_above
        self._blocked = blocked
        self._heard = heard
        self.spending = spending  # None: nobody spends offline
        self.warn_age_s = 86_400  # the oldest record waits so long: a person is told
        self.max_age_s = 604_800  # and so long: nothing more is approved here
        self.earns_a_day = 0  # sales of one card on one day that may wait, 0: any number

    def blocked(self, uid: bytes) -> bool:
        """Whether this card may do nothing at all, online or offline."""
        return self._blocked is not None and self._blocked(uid)

    def heard(self, uid: bytes, rc: str, now_utc: int) -> None:
        """What the switch answered of a card: it may have to go on the hotlist, or off it."""
        if self._heard is not None:
            self._heard(uid, rc, now_utc)

    def fill(self, pending_count: int) -> int:
        """How full the queue is, in per cent; 0 as long as nobody need care."""
        percent = pending_count * 100 // self.queue_limit
        return min(percent, 100) if percent >= _NEARLY else 0

    def decide(
        self, verb: int, uid: bytes, pending_count: int, oldest_age_s: int = 0, waiting_today: int = 0
    ) -> Decision:
        """May a transaction of this verb be approved here and now? Every readable card earns, also an unknown one, but
        for one of whose sales of today too many wait already."""
        if self.blocked(uid):
            return Decision(CARD_BLOCKED)
        if verb != ACCRUAL:
            return Decision(NEEDS_CONNECTION)
        if not self.earn_allowed:
            return Decision(OFFLINE_NOT_ALLOWED)
        if pending_count >= self.queue_limit:
            return Decision(QUEUE_FULL)
        if oldest_age_s >= self.max_age_s:
            return Decision(QUEUE_OLD)
        if 0 < self.earns_a_day <= waiting_today:
            return Decision(EARNED_OFTEN)
        return Decision()

    def spends(self) -> str:
        """Whether anybody spends offline, in a word for a technician."""
        if self.spending is None:
            return "off"
        return "AT RISK, without reserve" if self.spending.risk else "what is reserved"

    def may_hold(self, card: "CardData") -> bool:
        """Whether points may be reserved for this card: a card that may spend here by what it showed this terminal."""
        spending = self.spending
        if spending is None or card.suspect or self.blocked(card.uid):
            return False
        return card.auth == AUTH_AES or (card.auth == AUTH_LEGACY and spending.legacy)

    def redeem(self, card: "CardData", reserved: int, fewest: int, known: Known) -> Decision:
        """May this card spend here and now, with `reserved` points of its own, `fewest` or more?"""
        spending = self.spending
        if self.blocked(card.uid):
            return Decision(CARD_BLOCKED)
        if card.suspect:
            return Decision(CARD_TO_RENEW)
        if spending is None or not self.may_hold(card):
            return Decision(NEEDS_CONNECTION)
        if known.spent_by_card:
            return Decision(SPENT_ONCE)
        if not known.clock_ok:
            return Decision(CLOCK_UNSURE)
        if not reserved and spending.risk:
            reserved = known.points // _RISK_PARTS
        if min(reserved, spending.per_redemption) < fewest:
            return Decision(NOTHING_RESERVED)
        oldest_utc = known.oldest_utc or known.now_utc
        if known.now_utc - min(known.told_utc, oldest_utc) > spending.age_s:
            return Decision(DATA_TOO_OLD)
        if known.pending_count >= self.queue_limit:
            return Decision(QUEUE_FULL)
        left = spending.in_all - known.spent_in_all
        if left < fewest:
            return Decision(OFFLINE_LIMIT)
        return Decision("", min(reserved, spending.per_redemption, left))
