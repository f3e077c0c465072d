"""The loyalty rules the switch applies, as data and pure functions.

Written from the programme's pages and on purpose not shared with the terminal: the terminal estimates, the switch
decides, and a difference between the two has to show. Knows no ledger and no message. Money in minor units (rial),
points as whole points, both integers.
"""

from __future__ import annotations

from dataclasses import dataclass

TIER_NAMES = ("none", "bronze", "silver", "gold")
NEXT_REWARD = 1
NEXT_TIER = 2
POINTS_LIMIT = 2**31 - 1  # tag 02 is an i32
ALLOWANCE_PERCENT = 20  # the most of a balance, and the longest, that may be reserved for offline redemption
ALLOWANCE_HOURS = 72


@dataclass(frozen=True)
class Programme:
    """One business's scheme."""

    version: int = 1
    rial_per_point: int = 1_000
    earn_rate: int = 1  # points for each `rial_per_point`
    tier_percent: tuple[int, int, int, int] = (100, 100, 100, 100)
    tier_from_purchases: tuple[int, int, int] = (10_000_000, 50_000_000, 200_000_000)
    redeem_threshold: int = 500
    redeem_step: int = 100
    point_value: int = 100
    sms: tuple[str, ...] = ("confirmed", "redeemed", "refused")  # what members are written about, see `outbox`
    allowances: bool = False  # points may be reserved for offline redemption (LT-87 section 12)
    allowance_percent: int = 20  # of the balance, all reserves of a member together
    allowance_cap: int = 5_000  # points of one reserve
    allowance_hours: int = 72
    offline_risk: bool = False  # offline redemptions without a reserve are booked, a balance may turn negative
    open_provisional: bool = True  # an unknown card may earn: a nameless member is opened for it

    def __post_init__(self) -> None:
        if not (1 <= self.allowance_percent <= ALLOWANCE_PERCENT and 1 <= self.allowance_hours <= ALLOWANCE_HOURS):
            raise ValueError(f"an allowance is at most {ALLOWANCE_PERCENT} % and {ALLOWANCE_HOURS} hours")

    @property
    def tiers_differ(self) -> bool:
        """Whether the tier has a part in the points of a purchase."""
        return len(set(self.tier_percent)) > 1

    def accrual_points(self, amount: int, tier: int) -> int:
        """Points for a purchase, rounded down."""
        points = amount * self.tier_percent[tier] // (self.rial_per_point * 100) * self.earn_rate
        return min(points, POINTS_LIMIT)

    def redemption_allowed(self, points: int) -> bool:
        """Whether `points` (positive) is an amount that may be redeemed at all, whatever the balance."""
        return self.redeem_threshold <= points <= POINTS_LIMIT and points % self.redeem_step == 0

    def tier(self, purchases: int, floor: int = 0) -> int:
        """The tier for money spent so far; `floor` is a tier granted by hand."""
        earned = sum(1 for limit in self.tier_from_purchases if purchases >= limit)
        return max(earned, floor)

    def next_step(self, balance: int, purchases: int, tier: int) -> tuple[int, int, str] | None:
        """What is nearest and how much is missing: (kind, missing points or money, text), None at the top."""
        if balance < self.redeem_threshold:
            missing = self.redeem_threshold - balance
            return NEXT_REWARD, missing, f"{missing} points to a reward"
        if tier < len(self.tier_from_purchases):
            missing = max(self.tier_from_purchases[tier] - purchases, 0)
            return NEXT_TIER, missing, f"{missing:,} rial to {TIER_NAMES[tier + 1]}"
        return None
