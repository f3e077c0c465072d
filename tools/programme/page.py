"""docs/programme.md from the rows and the story files: nothing on the page is written by hand.

A story belongs to a row by its name, `003e-level-up.txt`; `-offline` at its end says that it shows it without a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.programme.rows import DOCUMENTS, ROWS, Row, title
from tools.sim import scenario, scenario_verbs
from tools.sim.scenario_parser import Step, parse

STORIES = Path(scenario.__file__).parent / "stories" / "programme"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "programme.md"
_NAME = re.compile(r"(\d{3}[a-z])-([a-z0-9]+(?:-[a-z0-9]+)*)")

_HEAD = """# The programme, row by row

What the programme asks of the terminal, and the story that shows it on the simulated terminal against the bench switch.
This page is written by `.venv/bin/python -m tools.programme` from `tools/programme/rows.py` and the files in
`tools/sim/stories/programme`: a row is *shown* when a story bears its number, *offline* when one of its stories pulls
the cable, *missing* when there is none. `make test` plays every story here, and fails when one does not hold, when a
row has none, or when this page is not what the files say.

A story is played with `.venv/bin/python -m tools.sim.scenario --show tools/sim/stories/programme/NAME.txt`;
[scenarios.md](scenarios.md) is its language.
"""


@dataclass(frozen=True)
class Story:
    """A file of the folder: `row` is "" when its name fits none, `says` its first comment, `steps` all it does."""

    path: Path
    row: str
    says: str
    steps: tuple[Step, ...]

    @property
    def expects(self) -> int:
        """How often it looks at something."""
        return sum(step.usage.startswith("expect ") for step in self.steps)

    @property
    def offline(self) -> bool:
        """Whether it pulls the cable."""
        return any(step.usage == "net up|down" and "down" in step.words for step in self.steps)


def read(folder: Path = STORIES) -> list[Story]:
    """Every story. Raises ScenarioError for a file that is none."""
    grammar = scenario_verbs.grammar()
    stories = []
    for path in sorted(folder.glob("*.txt")):
        fits = _NAME.fullmatch(path.stem)
        steps = tuple(parse(path, grammar))
        stories.append(Story(path, fits.group(1) if fits else "", _says(path), steps))
    return stories


def _says(path: Path) -> str:
    """The comment a file begins with, as one sentence."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        words.append(line.lstrip("# ").rstrip())
    return " ".join(words)


def missing(stories: list[Story]) -> list[str]:
    """Rows without a story, as `003e`, and those no story shows offline, as `003e offline`."""
    found = []
    for row in ROWS:
        shown = [story for story in stories if story.row == row.name]
        if not shown:
            found.append(row.name)
        if row.offline and not any(story.offline for story in shown):
            found.append(f"{row.name} offline")
    return found


def written(stories: list[Story]) -> str:
    """The page."""
    gaps = missing(stories)
    without = [name for name in gaps if " " not in name]
    parts = [_HEAD, f"{len(ROWS)} rows, {len(ROWS) - len(without)} shown, {len(stories)} stories.\n"]
    for document in DOCUMENTS:
        parts.append(f"## {document}: {title(document)}\n")
        parts.append("| row | it asks | decides | story and what it shows | status |")
        parts.append("| --- | --- | --- | --- | --- |")
        parts += [_line(row, stories, gaps) for row in ROWS if row.document == document]
        parts.append("")
    return "\n".join(parts)


def _line(row: Row, stories: list[Story], gaps: list[str]) -> str:
    shown = [story for story in stories if story.row == row.name]
    cells = [
        f"[{story.path.stem}](../tools/sim/stories/programme/{story.path.name}): {story.says} "
        f"({story.expects} expectations{', offline' if story.offline else ''})"
        for story in shown
    ]
    status = "**missing**" if row.name in gaps else "shown"
    if not row.offline:
        status += f"; online only: {row.why}"
    elif f"{row.name} offline" not in gaps:
        status += ", offline too"
    elif shown:
        status += ", **offline missing**"
    return f"| {row.name} | {row.says} | {row.side} | {'<br>'.join(cells) or '-'} | {status} |"
