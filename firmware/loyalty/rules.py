"""Rules of the programme in integers: what a sale earns, what may be spent, what points are worth.

Knows no card, no store and no switch. Money in minor units, points whole. The one rounding rule is `//`, down: the
terminal's estimate and the switch's booking round the same way.
"""

from micropython import const

# POINTS travels as i32 (LT-87 tag 02), their worth in the 12 digits of DE4.
_MAX_POINTS = const(0x7FFFFFFF)
_MAX_AMOUNT = 10**12 - 1


class Rules:
    """One version of the programme's numbers; comes from the settings."""

    def __init__(
        self,
        earn_unit: int,
        earn_rate: int,
        redeem_threshold: int,
        redeem_step: int,
        point_value: int,
        ruleset: int = 0,
    ) -> None:
        self.earn_unit = earn_unit
        self.earn_rate = earn_rate
        self.redeem_threshold = redeem_threshold
        self.redeem_step = redeem_step
        self.point_value = point_value
        self.ruleset = ruleset

    def earned(self, amount: int) -> int:
        """Points a sale of `amount` earns."""
        return min(amount // self.earn_unit * self.earn_rate, _MAX_POINTS)

    def worth(self, points: int) -> int:
        """Money the given points pay."""
        return points * self.point_value

    def spendable(self, balance: int) -> int:
        """The most points one redemption may take from a balance; 0 when the threshold is not reached."""
        most = min(balance, _MAX_POINTS, _MAX_AMOUNT // self.point_value) // self.redeem_step * self.redeem_step
        return most if most >= self.fewest() else 0

    def fewest(self) -> int:
        """The fewest points one redemption may take: the threshold, up to a whole step."""
        return -(-self.redeem_threshold // self.redeem_step) * self.redeem_step

    def may_redeem(self, points: int, balance: int) -> bool:
        """Whether this many points may be taken from this balance."""
        return points % self.redeem_step == 0 and self.fewest() <= points <= self.spendable(balance)
