"""Whether the programme's numbers, each in its range, make sense together (docs/rules.md, section 5).

Pure: asked of a rules file before it is taken and of settings.json at a start. Loaded for that and let go.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_POINTS = const(0x7FFFFFFF)
_MAX_AMOUNT = const(10**12 - 1)


def contradiction(values: "dict[str, Any]") -> str:
    """One line that names what contradicts what and says what to do, or ""."""
    found = _of_earning(values) or _of_spending(values) or _of_currencies(values["currencies"])
    if not found and values["six_months_days"] < values["lapse_days"]:
        found = "six_months_days: fewer than lapse_days; raise it"
    return found


def _of_earning(values: "dict[str, Any]") -> str:
    of_tiers, last = values["tier_percent"], 0
    for percent in of_tiers:
        if percent < last:
            return "tier_percent: falls from a tier to the next; let it rise"
        last = percent
    if values["cap_sale"] > values["cap_day"] > 0:
        return "cap_sale: above cap_day; lower it"
    for points, condition in (
        ("visit_points", "visit_every"),
        ("tenure_points", "tenure_years"),
        ("happy_percent", "happy_days"),
    ):
        if values[points] and not values[condition]:
            return "{}: never given while {} is 0; set both".format(points, condition)
    return ""


def _of_spending(values: "dict[str, Any]") -> str:
    threshold, step = values["redeem_threshold"], values["redeem_step"]
    fewest = -(-threshold // step) * step
    if fewest > _MAX_POINTS or fewest * values["point_value"] > _MAX_AMOUNT:
        return "redeem_threshold: nobody can reach it; lower it, redeem_step or point_value"
    for number, points, _, _ in values["rewards"]:
        if points < threshold and not values["rewards_below"]:
            return "rewards: {} costs less than redeem_threshold; raise it or set rewards_below".format(number)
    return ""


def _of_currencies(rows: "tuple[int, ...]") -> str:
    if len(rows) % 3:
        return "currencies: code, numerator and denominator of each; complete them"
    codes: "list[int]" = []
    for at in range(0, len(rows), 3):
        code = rows[at]
        if code > 999 or code in codes:
            return "currencies: code {} is none, or stands twice; take it out".format(code)
        if not rows[at + 1] or not rows[at + 2]:
            return "currencies: a rate of {} is 0; write it as 1 1".format(code)
        codes.append(code)
    return ""
