"""Puts settings that came from the switch into the running terminal, between two stories.

Where a setting works at once is one table here. A changed one that stands in no row works from the next start: then
the terminal restarts by itself. Loaded when something came.
"""

from firmware.switch.download import CONFIG, RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.app import App


def put(app: "App", role: int, version: int, values: "dict[str, object]") -> "list[str]":
    """Let the values of a file count: names that need a restart, sorted."""
    found = app.in_force
    after = dict(found.now)
    for name in _OF_RULES if role == RULES else [name for name in after if name not in _OF_RULES]:
        after[name] = values.get(name, found.base[name])
    if role == RULES:
        after["ruleset"] = version
    places = _places(app)
    late = []
    for name, value in after.items():
        if value == found.now[name]:
            continue
        if name in places:
            for place, attribute in places[name]:
                setattr(place, attribute, value)
        else:
            late.append(name)
    found.now = after
    return sorted(late)


def waits(app: "App", role: int, values: "dict[str, object]") -> bool:
    """Whether these values cannot count yet: what waits for the switch was booked in the currency there is."""
    if role != CONFIG:
        return False
    found = app.in_force
    return values.get("currency", found.base["currency"]) != found.now["currency"] and app.journal.pending_count() > 0


_OF_RULES = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold", "ruleset")


def _places(app: "App") -> "dict[str, tuple[tuple[Any, str], ...]]":
    counter = app.counter
    rules, policy, limits = counter.books.rules, counter.books.policy, counter.limits
    found: "dict[str, tuple[tuple[Any, str], ...]]" = {}
    for name in _OF_RULES:
        found[name] = ((rules, name),)
    found["ruleset"] += ((app.identity, "ruleset"),)
    found["merchant_name"] = ((counter.shop, "name"),)
    found["offline_earn"] = ((policy, "earn_allowed"),)
    found["offline_records"] = ((policy, "queue_limit"),)
    found["offline_review_above"] = ((policy, "review_above"),)
    found["max_amount"] = ((limits, "max_amount"),)
    found["again_within_s"] = ((limits, "again_within_s"),)
    found["member_refresh_s"] = ((app.downloads, "refresh_s"),)
    return found
