"""The loyalty rules the switch applies, as data and pure functions.

Written from the programme's pages and on purpose not shared with the terminal: the terminal estimates, the switch
decides, and a difference between the two has to show. What a purchase earns is `earning`. Knows no ledger and no
message. Money in minor units (rial), points as whole points, both integers.
"""

from __future__ import annotations

from dataclasses import dataclass

TIER_NAMES = ("none", "bronze", "silver", "gold")
NEXT_REWARD = 1
NEXT_TIER = 2
POINTS_LIMIT = 2**31 - 1  # tag 02 is an i32
ALLOWANCE_PERCENT = 20  # the most of a balance, and the longest, that may be reserved for offline redemption
ALLOWANCE_HOURS = 72
VOUCHER_DAYS = 1023  # a terminal keeps the number of days in 10 bits


@dataclass(frozen=True)
class Programme:
    """One business's scheme."""

    version: int = 1
    rial_per_point: int = 1_000
    earn_rate: int = 1  # points for each `rial_per_point`
    tier_percent: tuple[int, int, int, int] = (100, 100, 100, 100)
    tier_from_purchases: tuple[int, int, int] = (10_000_000, 50_000_000, 200_000_000)
    tier_from_years: tuple[int, int, int] = (0, 0, 0)  # full years of membership; 0: not by tenure
    loyal_visits: int = 6  # from so many visits on a member is on the fifth rung, unless lapsed
    redeem_threshold: int = 500
    redeem_step: int = 100
    point_value: int = 100
    welcome_points: int = 100  # credit of a new member
    referral_points: int = 50  # for who brought a member, with the first purchase
    sms: tuple[str, ...] = (
        "confirmed",
        "redeemed",
        "refused",
        "earned",
        "welcome",
    )  # what members are written about, see `outbox`
    allowances: bool = False  # points may be reserved for offline redemption (LT-87 section 12)
    allowance_percent: int = 20  # of the balance, all reserves of a member together
    allowance_cap: int = 5_000  # points of one reserve
    allowance_hours: int = 72
    offline_risk: bool = False  # offline redemptions without a reserve are booked, a balance may turn negative
    open_provisional: bool = True  # an unknown card may earn: a nameless member is opened for it
    # what a purchase earns besides its amount (docs/rules.md), by `earning`
    happy_days: int = 0  # Saturday 1, Sunday 2, up to Friday 64
    happy_percent: int = 0
    basket_percent: tuple[int, ...] = ()
    visit_every: int = 0
    visit_points: int = 0
    tenure_points: int = 0
    tenure_years: int = 0
    cap_sale: int = 0
    cap_day: int = 0
    currencies: tuple[tuple[int, int, int], ...] = ()  # (code, numerator, denominator)
    # what points are given for besides money: (number, points, worth, name)
    rewards: tuple[tuple[int, int, int, str], ...] = ()
    rewards_below: bool = False
    # what terminals ask, and how far their staff may go
    survey_every: int = 0
    survey_question: str = ""
    survey_id: int = 1
    survey_answers: int = 5
    survey_reason: bool = True
    recovery_limits: tuple[int, int, int] = (100_000, 1_000_000, 1_000_000)
    gift_limits: tuple[int, int] = (20_000_000, 1_000_000_000)  # one gift card: of a clerk, on a supervisor's word
    lapse_visits: int = 3  # a regular who stayed away: so many visits, then more days than these without one
    lapse_days: int = 70
    six_months_days: int = 180
    voucher_days: int = 90  # a voucher is good for so many days after the day it was issued
    prize_one_in: int = 0  # purchases, of which one wins a voucher; 0: no prize
    prize_percent: int = 15
    prize_seed: int = 87  # the same books draw the same

    def __post_init__(self) -> None:
        if not (1 <= self.allowance_percent <= ALLOWANCE_PERCENT and 1 <= self.allowance_hours <= ALLOWANCE_HOURS):
            raise ValueError(f"an allowance is at most {ALLOWANCE_PERCENT} % and {ALLOWANCE_HOURS} hours")
        if not (1 <= self.voucher_days <= VOUCHER_DAYS and 1 <= self.prize_percent <= 100):
            raise ValueError(f"a voucher is good for 1 to {VOUCHER_DAYS} days, a prize is 1 to 100 %")

    @property
    def tiers_differ(self) -> bool:
        """Whether the tier has a part in the points of a purchase."""
        return len(set(self.tier_percent)) > 1

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
