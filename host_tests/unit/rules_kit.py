"""Random rule sets and carts, the same at every run, and what each writing of docs/rules.md makes of them.

Rule sets are in the form of a body of rules: numbers, tuples of them, texts. A cart is (amount, tier, weekday, new
visit, visit number, full years, earned today, category, bonus).
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from typing import Any

from firmware.loyalty.facts import Facts
from firmware.loyalty.rules import Rules
from tools.bench_switch import rules_file
from tools.bench_switch.earning import Occasion, breakdown
from tools.bench_switch.programme import Programme

SATURDAY = datetime.date(2026, 11, 28)
Cart = tuple[int, int, int, bool, int, int, int, int, int]


def rule_sets(seed: int, count: int, wild: bool = False) -> Iterator[dict[str, Any]]:
    """So many; only those that make sense as a whole, unless `wild`."""
    dice = random.Random(seed)
    for _ in range(count):
        yield _rule_set(dice, wild)


def _rule_set(dice: random.Random, wild: bool) -> dict[str, Any]:
    percents = [dice.choice((100, 100, dice.randint(100, 200), dice.randint(100, 1000))) for _ in range(4)]
    sale, day = (dice.choice((0, dice.randint(1, 500), dice.randint(1, 10**9))) for _ in range(2))
    rates = [dice.choice(((1, 1), (10_000, 1), (1, 10_000), (dice.randint(1, 999), dice.randint(1, 999))))]
    codes = [dice.choice((364, 364, 365)), dice.choice((840, 364) if wild else (840,))]
    rates += [(dice.choice((0, 1)), 1)] if wild else [(3, 7)]
    threshold = dice.choice((1, 500, dice.randint(1, 10**6)))
    rewards = [(number, dice.choice((threshold, 1 if wild else threshold)), 5, "Mug") for number in range(1, 3)]
    every, points = dice.choice((0, 1, 2, 10, 1000)), dice.choice((0, 25, 1_000_000))
    years, per_year = dice.choice((0, 1, 50)), dice.choice((0, 5, 100_000))
    days, happy = dice.choice((0, 127, dice.randint(0, 127))), dice.choice((0, 50, 1000))
    lapse, silent = dice.choice(((70, 180), (180, 180), (200, 180)[:: 1 if wild else -1]))
    return {
        "earn_unit": dice.choice((1, 7, 1000, 10**6, 10**12)),
        "earn_rate": dice.choice((0, 1, 3, 1000)),
        "redeem_threshold": threshold,
        "redeem_step": dice.choice((1, 100, dice.randint(1, 10**6), 10**9 if wild else 1)),
        "point_value": dice.choice((1, 100, 100_000 if wild else 100)),
        "tier_percent": tuple(percents if wild else sorted(percents)),
        "happy_days": days,
        "happy_percent": happy if days or wild else 0,
        "basket_percent": tuple(dice.choice((0, 20, 1000)) for _ in range(dice.randint(0, 9))),
        "visit_every": every,
        "visit_points": points if every or wild else 0,
        "tenure_points": per_year if years or wild else 0,
        "tenure_years": years,
        "cap_sale": sale if wild or not day else min(sale, day),
        "cap_day": day,
        "currencies": tuple(n for code, rate in zip(codes, rates, strict=True) for n in (code, *rate)),
        "rewards": tuple(rewards),
        "rewards_below": dice.choice((False, True)),
        "lapse_visits": 3,
        "lapse_days": lapse,
        "six_months_days": silent,
    }


def carts(seed: int, count: int) -> Iterator[Cart]:
    """So many."""
    dice = random.Random(seed)
    for _ in range(count):
        amount = dice.choice((0, 1, 999, dice.randint(1, 10**6), dice.randint(1, 10**9), 10**12 - 1))
        earned = dice.choice((0, 0, dice.randint(0, 500), 0x7FFFFFFF))
        visit, years = dice.choice((0, 1, 10, dice.randint(1, 65_535))), dice.choice((0, 1, 9, 253))
        yield (
            amount, dice.randint(0, 3), dice.randint(-1, 6), dice.random() < 0.6, visit, years, earned,
            dice.randint(0, 10), dice.choice((0, 0, 10, 1000)),
        )  # fmt: skip


def by_terminal(rules: dict[str, Any], cart: Cart) -> list[tuple[int, int]]:
    """What the terminal's writing says; runs on MicroPython too, see `PROGRAM`."""
    return Rules(**rules).parts(cart[0], facts_of(cart))


def facts_of(cart: Cart) -> Facts:
    facts = Facts()
    _, facts.tier, facts.weekday, facts.is_new, facts.visit, facts.years, facts.earned_today = cart[:7]
    facts.basket, facts.bonus_percent = cart[7:]
    return facts


def programme_of(rules: dict[str, Any], **more: Any) -> Programme:
    """The switch's, unchecked."""
    flat = rules["currencies"]
    rows = tuple(tuple(flat[at : at + 3]) for at in range(0, len(flat), 3))
    return Programme(**{rules_file.field_of(n): v for n, v in {**rules, "currencies": rows, **more}.items()})


def by_switch(rules: dict[str, Any], cart: Cart) -> list[tuple[int, int]]:
    """What the switch's writing says."""
    amount, tier, weekday, is_new, visit, years, earned, category, bonus = cart
    occasion = Occasion(
        tier=tier,
        day=SATURDAY + datetime.timedelta(weekday) if weekday >= 0 else None,
        visit=visit if is_new else None,
        full_years=years,
        earned_that_day=earned,
        category=category,
        bonus=bonus,
    )
    return list(breakdown(programme_of(rules), amount, occasion).items())


# The terminal's writing on MicroPython: lines of JSON in, a rule set or a cart each, parts of every cart out.
PROGRAM = """
import json, sys
from firmware.loyalty.facts import Facts
from firmware.loyalty.rules import Rules
rules = None
for line in open(sys.argv[-1]):
    given = json.loads(line)
    if isinstance(given, dict):
        rules = Rules(**given)
        continue
    f = Facts()
    amount, f.tier, f.weekday, f.is_new, f.visit, f.years, f.earned_today, f.basket, f.bonus_percent = given
    print(json.dumps(rules.parts(amount, f)))
"""
