"""References and disputes in a story: digits from the paper, and what the switch's office has on its list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.sim.scenario_parser import ScenarioError, Step
from tools.sim.scenario_texts import field

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_REFERENCE = re.compile(r"\d{12}")
_SHORT = 6
_POLLS, _POLL_MS = 100, 200


def reference(stage: Stage, step: Step) -> None:
    """Type it from a receipt."""
    said = [field(lines, stage.language, "r_ref") for lines in stage.receipts()]
    found = [digits for digits in said if _REFERENCE.fullmatch(digits)]
    number = step.number("N", len(found))
    if not 1 <= number <= len(found):
        raise ScenarioError(step.where, f"there is no receipt {number} with a reference; there are {len(found)}")
    digits = found[number - 1]
    for digit in digits[-_SHORT:] if "short" in step.words else digits:
        stage.press(digit)


def disputes(stage: Stage, step: Step) -> None:
    """How many the office has still to deal with."""
    count = -1
    for _ in range(_POLLS):
        count = len(stage.switch.ledger.disputes())
        if count == step.number("N"):
            return
        stage.run(_POLL_MS)
    raise ScenarioError(step.where, f"the switch has {count} open disputes")


def close(stage: Stage, step: Step) -> None:
    """The office deals with the oldest."""
    ledger = stage.switch.ledger
    listed = ledger.disputes()
    if not listed:
        raise ScenarioError(step.where, "there is no open dispute")
    ledger.close_dispute(listed[0].number, step.one("TEXT"), stage.now_utc())
