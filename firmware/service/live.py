"""Puts settings that came from the switch into the running terminal, between two stories.

The programme's numbers are attributes of the rules and work at once; where another setting does is one table here. A
changed one that stands in no row works from the next start: then the terminal restarts by itself. Loaded when something
came.
"""

from micropython import const

from firmware.switch.download import CONFIG, RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.app import App

# What a record's amount means.
_MONEY = const(("currency", "currency_exponent", "new_currency", "new_exponent", "new_divisor"))


def put(app: "App", role: int, version: int, values: "dict[str, object]") -> "list[str]":
    """Let the values of a file count: names that need a restart, sorted."""
    found = app.in_force
    if role == RULES:
        rules = app.counter.books.rules
        for name, value in values.items():
            setattr(rules, name, value)
        rules.ruleset = app.identity.ruleset = version
        return []
    after = {name: values.get(name, given) for name, given in found.base.items()}
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
    """Whether these values cannot count yet: what waits for the switch was booked in the currencies there are. A
    redenomination that is announced changes none of them; its day may be another at any time."""
    if role != CONFIG or not app.journal.pending_count():
        return False
    found = app.in_force
    if not found.now["new_currency"] and values.get("currency", found.base["currency"]) == found.now["currency"]:
        return values.get("currency_exponent", found.base["currency_exponent"]) != found.now["currency_exponent"]
    return any([values.get(name, found.base[name]) != found.now[name] for name in _MONEY])


def _places(app: "App") -> "dict[str, tuple[tuple[Any, str], ...]]":
    counter = app.counter
    policy, limits = counter.books.policy, counter.limits
    found: "dict[str, tuple[tuple[Any, str], ...]]" = {}
    found["merchant_name"] = ((counter.shop, "name"),)
    found["offline_earn"] = ((policy, "earn_allowed"),)
    found["offline_records"] = ((policy, "queue_limit"),)
    found["offline_earns_a_day"] = ((policy, "earns_a_day"),)
    found["offline_review_above"] = ((policy, "review_above"),)
    found["max_amount"] = ((limits, "max_amount"),)
    found["again_within_s"] = ((limits, "again_within_s"),)
    found["member_channel"] = ((limits, "channel"),)
    if counter.staff is not None:
        found["clerk_lock_s"] = ((counter.staff, "lock_s"),)
        found["staff_roles"], found["staff_limits"] = ((counter.staff, "roles"),), ((counter.staff, "limits"),)
    found["greet"] = ((counter, "greets"),)
    found["member_refresh_s"] = ((app.downloads, "refresh_s"),)
    return found
