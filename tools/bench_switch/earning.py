"""What a purchase earns, by docs/rules.md: written from that page, and on purpose not from the terminal's code.

The terminal estimates, the switch decides; a difference between the two has to show. Pure: knows no books. Money in
minor units of the currency it was paid in, points whole, days are Tehran's business days.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from tools.bench_switch.programme import POINTS_LIMIT, Programme

# Reasons of EARNED (LT-87 tag 17), the numbers of the parts in docs/rules.md.
AMOUNT, TIER, DAY, BASKET, VISIT, TENURE, OFFER, PROMISE = range(1, 9)
REASONS = ("", "amount", "tier", "special day", "basket", "visit", "tenure", "offer", "promise")


@dataclass(frozen=True)
class Occasion:
    """What a purchase is besides its amount. `visit` is the number of the visit it begins, None when it begins none;
    `category` of the basket 1 to 9, 0 not said; `bonus` percent of an applied offer."""

    tier: int = 0
    day: datetime.date | None = None
    visit: int | None = None
    full_years: int = 0
    earned_that_day: int = 0
    category: int = 0
    bonus: int = 0
    currency: int = 364


def breakdown(programme: Programme, amount: int, occasion: Occasion) -> dict[int, int]:
    """Points by reason, what is 0 left out."""
    rate = {code: Fraction(up, down) for code, up, down in programme.currencies}.get(occasion.currency, Fraction(1))
    units = floor(amount * rate) // programme.rial_per_point
    base = min(units * programme.earn_rate, POINTS_LIMIT)
    if base == 0:
        return {}

    def percent(of: int) -> int:
        return floor(Fraction(base * of, 100))

    parts = {AMOUNT: base, TIER: percent(programme.tier_percent[occasion.tier]) - base}
    if occasion.day is not None and programme.happy_days & (1 << (occasion.day.isoweekday() + 1) % 7):
        parts[DAY] = percent(programme.happy_percent)
    if 1 <= occasion.category <= len(programme.basket_percent):
        parts[BASKET] = percent(programme.basket_percent[occasion.category - 1])
    if occasion.visit is not None:
        if programme.visit_every and occasion.visit % programme.visit_every == 0:
            parts[VISIT] = programme.visit_points
        parts[TENURE] = min(occasion.full_years, programme.tenure_years) * programme.tenure_points
    parts[OFFER] = percent(occasion.bonus)

    bounds = [POINTS_LIMIT]
    if programme.cap_sale:
        bounds.append(programme.cap_sale)
    if programme.cap_day:
        bounds.append(max(programme.cap_day - occasion.earned_that_day, 0))
    over = sum(parts.values()) - min(bounds)
    for reason in sorted(parts, reverse=True):
        cut = min(parts[reason], max(over, 0))
        parts[reason] -= cut
        over -= cut
    return {reason: points for reason, points in sorted(parts.items()) if points}


def kept_promise(parts: dict[int, int], promised: int) -> dict[int, int]:
    """The parts when the terminal's word counts: what it promised more or less than the rules is a part of its own."""
    difference = promised - sum(parts.values())
    return {**parts, PROMISE: difference} if difference else parts
