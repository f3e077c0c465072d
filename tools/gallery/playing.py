"""Plays the stories of the gallery and hands over what they keep.

Each story is played in both languages on a simulated terminal of its own. In English the terminal runs the traced tree,
so that each picture knows which functions made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest.mock import patch

from tools.bench_switch import vouchers
from tools.gallery import tracing
from tools.gallery.pictures import Picture, framed, scaled
from tools.sim import scenario_shots, scenario_verbs
from tools.sim.image import REPOSITORY
from tools.sim.scenario_parser import Step, parse
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

STORIES = REPOSITORY / "tools" / "sim" / "stories" / "gallery"
LANGUAGES = ("fa", "en")
TRACED = "en"


@dataclass(frozen=True)
class Kept:
    """A picture of a story in one language. `made_by` is empty where nothing was traced."""

    name: str
    receipt: bool
    picture: Picture
    text: str
    made_by: tuple[str, ...]


def stories() -> list[str]:
    """Their names, in the order of the page."""
    return sorted(path.stem for path in STORIES.glob("*.txt"))


def kept_by(story: str) -> list[tuple[str, bool, bool]]:
    """(name, receipt, whether it may be missing) of each picture a story keeps."""
    steps = parse(STORIES / f"{story}.txt", scenario_verbs.grammar())
    return [(_file(name, receipt), receipt, may_miss) for name, receipt, may_miss in scenario_shots.names(steps)]


def title(story: str) -> str:
    """The story's first line says what it shows."""
    first = (STORIES / f"{story}.txt").read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("# ")


def _file(name: str, receipt: bool) -> str:
    return f"receipt-{name}" if receipt else name


def play(story: str, language: str, tree: Path | None = None) -> list[Kept]:
    """What the story keeps. Raises RuntimeError when it does not come to its end."""
    traced: dict[str, tuple[str, ...]] = {}
    stages: list[Stage] = []

    def made(start: Start) -> Stage:
        stages.append(Stage(start, tree))
        return stages[0]

    def watch(step: Step, stage: Stage) -> None:
        if step.usage.startswith("shot") and stage.shots:
            traced.setdefault(stage.shots[-1].name, tuple(tracing.made_by(stage.serial())))

    with patch.object(vouchers, "draw", Random(1).randrange):  # a picture has a voucher's number
        report = run_file(STORIES / f"{story}.txt", watch, made, language)
    if report["failures"]:
        raise RuntimeError(f"{story} in {language}: {report['failures'][0]}")
    kept: list[Kept] = []
    for shot in stages[0].shots:
        plain = Picture(shot.width, shot.rows)
        picture = plain if shot.receipt else framed(scaled(plain, 2), 6)
        text = "\n".join(line.rstrip() for line in shot.lines)
        made_by = () if shot.receipt else traced.get(shot.name, ())
        kept.append(Kept(_file(shot.name, shot.receipt), shot.receipt, picture, text, made_by))
    return kept
