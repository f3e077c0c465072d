"""Whether a programme makes sense as a whole: section 5 of docs/rules.md, as the publisher asks it.

Pure. What a terminal would refuse is refused here first, and what only the switch computes by as well.
"""

from __future__ import annotations

from itertools import pairwise

from tools.bench_switch.programme import POINTS_LIMIT, Programme

CURRENCIES_MOST = 4
REWARDS_MOST = 9
REWARD_NAME_MAX = 14
_AMOUNT_LIMIT = 10**12 - 1


def contradiction(programme: Programme) -> str:
    """What is wrong and what to do, one line, or ""."""
    return next((line for wrong, line in _questions(programme) if wrong), "")


def _questions(p: Programme) -> list[tuple[bool, str]]:
    steps = -(-p.redeem_threshold // p.redeem_step)
    fewest = steps * p.redeem_step
    codes = [code for code, _, _ in p.currencies]
    cheap = [number for number, points, _, _ in p.rewards if points < p.redeem_threshold and not p.rewards_below]
    return [
        (_falls(p.tier_percent), "tier_percent: falls from a tier to the next; let it rise"),
        (0 < p.cap_day < p.cap_sale, "cap_sale: above cap_day; lower it"),
        (_vain(p.visit_points, p.visit_every), "visit_points: never given while visit_every is 0; set both"),
        (_vain(p.tenure_points, p.tenure_years), "tenure_points: never given while tenure_years is 0; set both"),
        (_vain(p.happy_percent, p.happy_days), "happy_percent: never given while happy_days is 0; set both"),
        (
            fewest > POINTS_LIMIT or fewest * p.point_value > _AMOUNT_LIMIT,
            "redeem_threshold: nobody can reach it; lower it, redeem_step or point_value",
        ),
        (
            bool(cheap),
            f"rewards: {cheap[0] if cheap else 0} costs less than redeem_threshold; raise it or set rewards_below",
        ),
        (
            len(set(codes)) < len(codes) or any(code > 999 for code in codes),
            "currencies: a code is none, or stands twice; take it out",
        ),
        (any(not up or not down for _, up, down in p.currencies), "currencies: a rate is 0; write it as 1 1"),
        (p.six_months_days < p.lapse_days, "six_months_days: fewer than lapse_days; raise it"),
        (_falls(p.tier_from_purchases), "tier_from_purchases: falls from a tier to the next; let it rise"),
    ]


def _falls(numbers: tuple[int, ...]) -> bool:
    return any(later < earlier for earlier, later in pairwise(numbers))


def _vain(points: int, condition: int) -> bool:
    return points > 0 and condition == 0
