"""Rules of the programme in integers: what a sale earns and why, what may be spent, what points are worth.

The formula is docs/rules.md; the switch has its own writing of it. Knows no card, no store, no switch and no day: of
the customer it is told `Facts`. Money in minor units, points whole. The one rounding rule is `//`, down.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.facts import Facts

# POINTS travels as i32 (LT-87 tag 02), their worth in the 12 digits of DE4.
_MAX_POINTS = const(0x7FFFFFFF)
_MAX_AMOUNT = const(10**12 - 1)

# Why points were earned: the reason of EARNED (LT-87 tag 17).
BY_AMOUNT = const(1)
BY_TIER = const(2)
BY_DAY = const(3)  # a special activity
BY_BASKET = const(4)
BY_VISIT = const(5)
BY_TENURE = const(6)
BY_OFFER = const(7)
BY_PROMISE = const(8)  # what a terminal had promised offline, more or less than the rules give


class Rules:
    """One version of the programme's numbers; they come from the settings of the same names, and what is not given has
    the default below, by which a sale earns by its amount alone."""

    # percent by tier: none, bronze, silver, gold
    tier_percent = (100, 100, 100, 100)
    # special activities: days of the week as bits, Saturday 1, Sunday 2, up to Friday 64; percent more on them
    happy_days = 0
    happy_percent = 0
    # percent more by category of the basket, category 1 first
    basket_percent = ()
    # every so many visits, so many points; for each full year of membership, up to so many years
    visit_every = 0
    visit_points = 0
    tenure_points = 0
    tenure_years = 0
    # the most of one sale, of one card on one day; 0: no cap
    cap_sale = 0
    cap_day = 0
    # (code, numerator, denominator) in one row: what an amount in that currency counts for
    currencies = ()
    currency = 364
    # after a redenomination: what came before `currency`, and how much of that one of its smallest units was
    former, former_worth = 0, 1
    # (number, points, worth, name) of what points are given for besides money
    rewards = ()
    rewards_below = False  # whether one may cost less than the threshold
    # who has lapsed: so many visits, then so many days without one; and who has not bought for half a year
    lapse_visits = 3
    lapse_days = 70
    six_months_days = 180
    # what is asked after a sale: a question every so many visits, 0 none
    survey_every = 0
    survey_question = ""
    survey_id = 1  # answers are counted under it
    survey_answers = 5  # keys 1 to this one
    survey_reason = True  # who had stayed away is asked why instead
    welcome_points = 100  # of a new member
    # the most a clerk, a supervisor, a technician may give for a broken promise, in money
    recovery_limits = (100_000, 1_000_000, 1_000_000)

    def __init__(
        self,
        earn_unit: int,
        earn_rate: int,
        redeem_threshold: int,
        redeem_step: int,
        point_value: int,
        ruleset: int = 0,
        **more: object,
    ) -> None:
        self.earn_unit = earn_unit
        self.earn_rate = earn_rate
        self.redeem_threshold = redeem_threshold
        self.redeem_step = redeem_step
        self.point_value = point_value
        self.ruleset = ruleset
        for name, value in more.items():
            if value != getattr(self, name):
                setattr(self, name, value)

    def base(self, amount: int) -> int:
        """Points for the money alone."""
        up, down = self._rate()
        return min(amount * up // down // self.earn_unit * self.earn_rate, _MAX_POINTS)

    def parts(self, amount: int, facts: "Facts | None" = None) -> "list[tuple[int, int]]":
        """What a sale of `amount` earns, as (reason, points) in the order of the reasons, none of them 0. Without
        `facts` nothing is known of the customer and the day."""
        base = self.base(amount)
        if not base:
            return []
        found = [(BY_AMOUNT, base)]
        left = _MAX_POINTS if not self.cap_sale else min(self.cap_sale, _MAX_POINTS)
        if facts is not None:
            if 0 <= facts.tier < len(self.tier_percent):
                found.append((BY_TIER, base * self.tier_percent[facts.tier] // 100 - base))
            if facts.weekday >= 0 and self.happy_days >> facts.weekday & 1:
                found.append((BY_DAY, base * self.happy_percent // 100))
            if 0 < facts.basket <= len(self.basket_percent):
                found.append((BY_BASKET, base * self.basket_percent[facts.basket - 1] // 100))
            if facts.is_new and self.visit_every and facts.visit % self.visit_every == 0:
                found.append((BY_VISIT, self.visit_points))
            if facts.is_new and facts.years > 0:
                found.append((BY_TENURE, self.tenure_points * min(facts.years, self.tenure_years)))
            found.append((BY_OFFER, base * facts.bonus_percent // 100))
            if self.cap_day:
                left = min(left, max(0, self.cap_day - facts.earned_today))
        elif self.cap_day:
            left = min(left, self.cap_day)
        kept = []
        for reason, points in found:  # a cap takes from the last first
            granted = min(points, left)
            left -= granted
            if granted:
                kept.append((reason, granted))
        return kept

    def earned(self, amount: int, facts: "Facts | None" = None) -> int:
        """Points a sale of `amount` earns."""
        return sum([points for _, points in self.parts(amount, facts)])

    def asks(self, facts: "Facts") -> bool:
        """Whether the customer is asked something after a sale: a question every so many visits, or why who comes back
        had stayed away."""
        if self.survey_reason and (facts.lapsed or facts.six_months):
            return True
        if not self.survey_question or not self.survey_every or not facts.is_new:
            return False
        return facts.visit > 0 and facts.visit % self.survey_every == 0

    def worth(self, points: int) -> int:
        """Money the given points pay."""
        up, down = self._rate()
        return points * self.point_value * down // up

    def most_for(self, amount: int) -> int:
        """The most points that are worth no more than this money."""
        up, down = self._rate()
        return ((amount + 1) * up - 1) // (self.point_value * down)

    def spendable(self, balance: int) -> int:
        """The most points one redemption may take from a balance; 0 when the threshold is not reached."""
        up, down = self._rate()
        payable = ((_MAX_AMOUNT + 1) * up - 1) // (self.point_value * down)
        most = min(balance, _MAX_POINTS, payable) // self.redeem_step * self.redeem_step
        return most if most >= self.fewest() else 0

    def fewest(self) -> int:
        """The fewest points one redemption may take: the threshold, up to a whole step."""
        return -(-self.redeem_threshold // self.redeem_step) * self.redeem_step

    def may_redeem(self, points: int, balance: int) -> bool:
        """Whether this many points may be taken from this balance."""
        return points % self.redeem_step == 0 and self.fewest() <= points <= self.spendable(balance)

    def in_money(self, amount: int) -> int:
        """Money of the rules (a reward's worth, a limit) in this terminal's currency."""
        up, down = self._rate()
        return amount * down // up

    def count_in(self, code: int, worth: int) -> None:
        """Another currency counts from now on; its smallest unit is `worth` of the one before it."""
        if worth > 1:
            self.former, self.former_worth = self.currency, worth
        else:
            self.former, self.former_worth = 0, 1
        self.currency = code

    def _rate(self) -> "tuple[int, int]":
        """What an amount in this terminal's currency counts for: (numerator, denominator). Where the rules do not know
        a currency after a redenomination, its amounts count for what they are in the one before."""
        found = self._row(self.currency)
        if found is None:
            up, down = self._row(self.former) or (1, 1)
            return up * self.former_worth, down
        return found

    def _row(self, code: int) -> "tuple[int, int] | None":
        rows = self.currencies
        for at in range(0, len(rows), 3):
            if rows[at] == code:
                return rows[at + 1], rows[at + 2]
        return None
