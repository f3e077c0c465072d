"""What the rules must know of a customer and a day, as far as this terminal can tell without the switch.

Pure: made of the cached member, what waits of the card in the journal, and the time. The switch counts for itself; what
is found here is for the estimate, for the win-back line offline and for the shift's count of visits. A visit is one
approved purchase of a card at this merchant on one day of Tehran. Knows no store and no wire format. Times in seconds
UTC, days as whole days of Tehran since 1970-01-01.
"""

from micropython import const

from firmware.core.types import (
    ACCRUAL,
    CLOCK_NEVER_SET,
    TIER_NONE,
    VISIT_NEW,
    VISIT_NONE,
    VISIT_REACTIVATED,
    VISIT_RETURNING,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from firmware.core.types import Member, Transaction
    from firmware.loyalty.rules import Rules

_TEHRAN_OFFSET_S = const(12600)
_DAY_S = const(86400)


class Facts:
    """Of one sale, were it made now.

    `visit`: the number of the visit it belongs to, 0 unknown; `is_new`: it would be the first of its day; `days`: since
    the last visit, -1 unknown; `years` of membership, 0 none or unknown; `earned_today`: by this card, as far as known;
    `weekday`: Saturday 0, -1 unknown; `waiting_today`: its sales of today the switch has still to hear of, of any day
    while there is none. `basket`, the category of what is bought, and `bonus_percent`, of an applied
    offer, are the caller's to set. `visit_kind` is what goes into `Transaction.visit`.
    """

    def __init__(self) -> None:
        self.tier = TIER_NONE
        self.weekday = -1
        self.visit = 0
        self.is_new = False
        self.days = -1
        self.years = 0
        self.earned_today = 0
        self.waiting_today = 0
        self.lapsed = False
        self.six_months = False
        self.basket = 0
        self.bonus_percent = 0
        self.visit_kind = VISIT_NONE


def facts_of(
    rules: "Rules", member: "Member | None", pending: "Iterable[Transaction]", now_utc: int, clock: int
) -> Facts:
    """The facts. `member` is what the cache holds of the card, `pending` what the switch has still to hear of it; with
    a clock that was never set there is no day, so no visit either."""
    facts = Facts()
    if member is not None:
        facts.tier = member.tier
        facts.years = max(0, member.years)
    if clock == CLOCK_NEVER_SET:
        facts.waiting_today = sum([1 for one in pending if one.verb == ACCRUAL])
        return facts
    today = day_of(now_utc)
    facts.weekday = (today + 5) % 7  # the first of January 1970 was a Thursday
    days = []
    for one in pending:
        if one.verb != ACCRUAL:
            continue
        day = day_of(one.time_utc)
        if day == today:
            facts.earned_today += one.points
            facts.waiting_today += 1
        if day not in days:
            days.append(day)
    if member is None:
        return facts
    last = day_of(member.last_visit_utc) if member.last_visit_utc else -1
    visits = member.visits
    for day in days:
        if day != last:
            visits += 1
    last = max([last] + days)
    facts.is_new = today > last
    facts.visit = visits + 1 if facts.is_new else visits
    if last >= 0:
        facts.days = max(0, today - last)
    facts.lapsed = visits >= rules.lapse_visits > 0 and facts.days > rules.lapse_days
    facts.six_months = visits > 0 and facts.days > rules.six_months_days
    if facts.lapsed:
        facts.visit_kind = VISIT_REACTIVATED
    elif facts.is_new:
        facts.visit_kind = VISIT_NEW if facts.visit == 1 else VISIT_RETURNING
    return facts


def day_of(utc: int) -> int:
    """The day of Tehran."""
    return (utc + _TEHRAN_OFFSET_S) // _DAY_S
