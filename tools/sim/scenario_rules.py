"""The programme's rules in a story: what both ends begin with, and what the switch's office publishes later.

Reads NAME=VALUE by the names of a rules file. Knows no stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.rules_file import from_text, programme_of, source_of, terminal_values
from tools.release.files import spelt
from tools.sim import demo
from tools.sim.scenario_parser import ScenarioError
from tools.sim.scenario_start import Start


def changed(programme: Programme, wanted: Mapping[str, str], **also: object) -> Programme:
    """The programme with other rules. Raises LedgerError."""
    return programme_of({**source_of(programme), **also, **{name: from_text(name, wanted[name]) for name in wanted}})


def both_ends(start: Start) -> dict[str, Any]:
    """What the bench switch is made with; the terminal's settings get the same rules, under what a line sets."""
    options = demo.switch_options(start.settings)
    if not start.rules:
        return options
    try:
        programme = changed(options["programme"], start.rules)
    except LedgerError as error:
        raise ScenarioError("rules", str(error)) from error
    start.settings = {**_as_settings(programme), **start.settings}
    return {**options, "programme": programme}


def _as_settings(programme: Programme) -> dict[str, object]:
    """As settings.json spells them."""
    values: dict[str, object] = {}
    for name, value in terminal_values(programme).items():
        values[name] = spelt(value) if name == "rewards" else list(value) if isinstance(value, tuple) else value
    return values
