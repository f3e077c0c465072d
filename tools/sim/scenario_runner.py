"""Runs a scenario: builds the stage its first lines ask for, does the steps one after another, reports in one record.

Stops at the first step that does not hold: what follows would only repeat it. Whatever happens, the stage is taken
down again. Times are simulated milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.sim import scenario_verbs
from tools.sim.scenario_parser import ScenarioError, Step, parse
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

Watcher = Callable[[Step, Stage], None]


def start_state(steps: list[Step]) -> tuple[Start, list[Step]]:
    """What the first lines ask for, and the steps that come after them."""
    start = Start()
    at = 0
    while at < len(steps) and steps[at].usage in scenario_verbs.START_USAGES:
        scenario_verbs.BY_USAGE[steps[at].usage].does(start, steps[at])
        at += 1
    for step in steps[at:]:
        if step.usage in scenario_verbs.START_USAGES:
            raise ScenarioError(step.where, f"`{step.text}` must stand above the first step")
    return start, steps[at:]


def run_steps(stage: Stage, steps: list[Step], watch: Watcher | None = None) -> int:
    """Do the steps; the number of those that held. Raises ScenarioError at the first that did not."""
    for step in steps:
        stage.begin(step)
        scenario_verbs.BY_USAGE[step.usage].does(stage, step)
        if watch is not None:
            watch(step, stage)
    return len(steps)


def run_file(
    path: Path,
    watch: Watcher | None = None,
    make_stage: Callable[[Start], Stage] = Stage,
    language: str = "",
) -> dict[str, Any]:
    """Run one file; the record that becomes its JSON line. A story that sets no language is played in this one."""
    report: dict[str, Any] = {"file": str(path), "passed": False, "steps": 0, "failures": [], "modelled_ms": 0}
    try:
        start, steps = start_state(parse(path, scenario_verbs.grammar()))
    except ScenarioError as error:
        report["failures"].append(str(error))
        return report
    if language:
        start.settings.setdefault("language", language)
    stage = make_stage(start)
    try:
        stage.open()
        for step in steps:
            run_steps(stage, [step], watch)
            report["steps"] += 1
        report["passed"] = True
    except ScenarioError as error:
        report["failures"].append(str(error))
    finally:
        try:
            report.update(stage.summary())
        finally:
            stage.close()
    return report
