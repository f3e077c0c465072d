"""The catalogue's texts in a story: `{name}` stands for what the terminal says there in the story's language.

Reads the sources people write (firmware/text/*.txt), not what the terminal reads. A field of a text matches anything,
of its wordings any may be shown; of a code the first part counts, what happened.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from tools.sim.scenario_expect import never, plain, until
from tools.sim.scenario_parser import ScenarioError, Step
from tools.texts import source

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_FIELD = "{}"


@functools.cache
def _texts(language: str) -> dict[str, str]:
    return source.read(language)


def wordings(language: str, name: str) -> list[str]:
    """What a name may be shown as. Raises KeyError."""
    text = _texts(language)[name]
    return (text.partition(source.BETWEEN)[0] if source.is_code(name) else text).split("\n")


def _pattern(wording: str) -> str:
    parts = [re.escape(plain(part)).replace(r"\ ", r"\s+") for part in wording.split(_FIELD)]
    return r"\s*(\S.*?)\s*".join(parts) if len(parts) > 1 else parts[0]


@functools.cache
def pattern(language: str, name: str) -> re.Pattern[str]:
    """Finds the text of this name in a text as `plain` makes it; groups are its fields. Raises KeyError."""
    found = [f"(?:{_pattern(wording)})(?!\\w)" for wording in wordings(language, name)]
    return re.compile(r"(?<!\w)(?:" + "|".join(found) + ")")


def shows(lines: list[str], language: str, name: str) -> bool:
    """Whether a text with any fields stands in these lines, in one or over several."""
    return pattern(language, name).search(plain(" ".join(lines))) is not None


def field(lines: list[str], language: str, name: str) -> str:
    """What stands on paper after this label, "" when no line has it."""
    for line in lines:
        if found := re.fullmatch(_pattern(wordings(language, name)[0]), plain(line)):
            return found.group(1)
    return ""


def _names(stage: Stage, step: Step) -> list[str]:
    names = [word[1:-1] for word in step.all("NAMED")]
    for name in names:
        if name not in _texts(stage.language):
            raise ScenarioError(step.where, f"no text is called {name}; firmware/text/{stage.language}.txt has them")
    return names


def screen(stage: Stage, step: Step) -> None:
    """Texts on the screen by their names, or none of them."""
    names = _names(stage, step)
    wanted = " and ".join(f"{name} ({wordings(stage.language, name)[0]})" for name in names)

    def found() -> list[bool]:
        return [shows(stage.screen_lines(), stage.language, name) for name in names]

    if "no" in step.words:
        never(stage, step, lambda: any(found()), f"no screen {wanted}")
    else:
        until(stage, step, lambda: stage.drawn() and all(found()), f"screen {wanted}", lambda: "it never came")


def receipt(stage: Stage, step: Step) -> None:
    """Texts on the last receipt by their names, or none of them."""
    names = _names(stage, step)
    wanted = " and ".join(f"{name} ({wordings(stage.language, name)[0]})" for name in names)

    def found() -> list[bool]:
        printed = stage.receipts()
        return [bool(printed) and shows(printed[-1], stage.language, name) for name in names]

    def last() -> str:
        return f"it was: {' / '.join((stage.receipts() or [['(none)']])[-1])}"

    if "no" in step.words:
        never(stage, step, lambda: any(found()), f"no {wanted} on the last receipt")
    else:
        until(stage, step, lambda: all(found()), f"{wanted} on the last receipt", last)
