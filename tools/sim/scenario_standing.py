"""A member's standing in a story: visits from before it begins, and what the office enters for the counter."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from tools.bench_switch import Ledger, standing
from tools.bench_switch.programme import TIER_NAMES
from tools.sim import demo
from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage
    from tools.sim.scenario_start import Start

EACH_RIAL = 100_000
KINDS = (standing.NOTE, standing.SUGGEST, standing.SAY)


def visits(start: Start, step: Step) -> None:
    """Purchases before the story, a week apart."""
    name, (count, days) = step.one("MEMBER"), (int(number) for number in step.all("N"))
    if name not in start.members:
        raise ScenarioError(step.where, f"no member {name!r}; write `member {name} 0` above")
    start.visits.append((name, count, days, int(step.opt("VALUE", str(EACH_RIAL)))))


def enter_visits(ledger: Ledger, start: Start, now_utc: int) -> None:
    """Put them into the books."""
    for name, count, days, amount in start.visits:
        last = standing.day_of(now_utc) - datetime.timedelta(days=days)
        ledger.add_history(name, count, last, amount, demo.MERCHANT_ID, now_utc)


def enrolled(stage: Stage, step: Step) -> None:
    """How long a member is one."""
    today = standing.day_of(stage.now_utc())
    day = today.replace(year=today.year - step.number("N"))
    stage.switch.ledger.set_facts(step.one("MEMBER"), enrolled=day)


def line(stage: Stage, step: Step) -> None:
    """A line for the counter."""
    kind = next(kind for kind in KINDS if kind in step.words)
    stage.switch.ledger.set_line(step.one("MEMBER"), kind, step.one("TEXT"))


def benefits(stage: Stage, step: Step) -> None:
    """What a tier is entitled to."""
    tier = next(word for word in TIER_NAMES if word in step.words)
    stage.switch.ledger.set_benefits(TIER_NAMES.index(tier), bytes(int(code) for code in step.all("N")))


def expiring(stage: Stage, step: Step) -> None:
    """Points that will expire."""
    day = standing.day_of(stage.now_utc()) + datetime.timedelta(days=step.number("N"))
    stage.switch.ledger.announce_expiry(step.one("MEMBER"), step.number("POINTS"), day)


def winback(stage: Stage, step: Step) -> None:
    """Purchases that answered a win-back, as the switch has them."""
    ledger, name = stage.switch.ledger, step.one("MEMBER")
    row = ledger.member(name)
    of_member = {one.id for one in ledger.transactions(member=row.id, last=1000)}
    found = [days for number, days in ledger.winbacks() if number in of_member]
    wanted = [] if "no" in step.words else [step.number("N")]
    if found != wanted:
        raise ScenarioError(step.where, f"expected win-backs of {name} after {wanted} days; there were {found}")
