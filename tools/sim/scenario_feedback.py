"""What customers said, in a story: as the switch's office reads it, and the answer it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage


def answers(stage: Stage, step: Step) -> None:
    """The office answers the oldest remark of a member."""
    ledger, name = stage.switch.ledger, step.one("MEMBER")
    open_ones = ledger.remarks(name)
    if not open_ones:
        raise ScenarioError(step.where, f"{name} said nothing that waits for an answer")
    ledger.answer_remark(open_ones[0].number, step.one("TEXT"), stage.now_utc())


def remarks(stage: Stage, step: Step) -> None:
    """What a member said, oldest first: answers by their number, reasons in words."""
    name, wanted = step.one("MEMBER"), "" if "no" in step.words else step.one("TEXT")

    def said() -> str:
        return ", ".join(one.said for one in stage.switch.ledger.remarks(name, answered=True))

    _until(stage, step, lambda: said() == wanted, f"the switch to have heard {wanted!r} of {name}", said)


def survey(stage: Stage, step: Step) -> None:
    """How often an answer was given, with and without a name."""
    answer, named, nameless = (int(number) for number in step.all("N"))

    def counted() -> str:
        rows = [row for row in stage.switch.ledger.survey_results() if row[1] == answer]
        return f"{sum(row[2] for row in rows)} with a name, {sum(row[3] for row in rows)} without"

    wanted = f"{named} with a name, {nameless} without"
    _until(stage, step, lambda: counted() == wanted, f"answer {answer} {wanted}", counted)


def _until(stage: Stage, step: Step, holds: Callable[[], bool], expected: str, found: Callable[[], str]) -> None:
    limit_ms = step.number("MS", stage.start.timeout_ms)
    if not stage.run_until(holds, limit_ms):
        raise ScenarioError(step.where, f"expected {expected} within {limit_ms} ms; it was: {found()}")
