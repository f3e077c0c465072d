"""Offers and vouchers in a story: what the switch's office makes, and typing a number that stands on paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.bench_switch.perks import KIND_NAMES
from tools.sim.scenario_parser import ScenarioError, Step
from tools.sim.scenario_texts import field

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_DAYS = 30


def offer(stage: Stage, step: Step) -> None:
    """Make an offer."""
    kind = next(number for number, name in KIND_NAMES.items() if name in step.words)
    category, count = (int(number) for number in step.all("N")) if step.all("N") else (0, 0)
    stage.switch.ledger.add_offer(
        kind,
        step.number("VALUE"),
        step.one("TEXT"),
        member=step.opt("MEMBER") or None,
        days=_DAYS,
        minimum=step.number("POINTS"),
        category=category,
        count=count,
        now_utc=stage.now_utc(),
    )


def voucher(stage: Stage, step: Step) -> None:
    """Make a voucher of this number."""
    kind = next(number for number, name in KIND_NAMES.items() if name in step.words)
    member, number = step.opt("MEMBER") or None, step.one("N")
    stage.switch.ledger.add_voucher(
        kind, step.number("VALUE"), days=_DAYS, member=member, number=number, now_utc=stage.now_utc()
    )


def basket(stage: Stage, step: Step) -> None:
    """What goes with a basket."""
    stage.switch.ledger.suggest(step.number("N"), step.one("TEXT"))


def type_printed(stage: Stage, step: Step) -> None:
    """Type the number of the newest voucher on paper."""
    for lines in reversed(stage.receipts()):
        number = field(lines, stage.language, "r_voucher")
        if re.fullmatch(r"\d{10}", number):
            for digit in number:
                stage.press(digit)
            return
    raise ScenarioError(step.where, "no receipt has a voucher's number")
