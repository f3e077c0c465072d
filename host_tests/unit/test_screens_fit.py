"""Every screen in both languages, with the largest its fields can hold: all that is said is on the panel, whole.

Widths are those of the faces that draw. What may give way: the label of a value, a person's name beside a value, a row
that can be spared.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from firmware.screen import screens
from firmware.screen.faces import Faces
from firmware.screen.lines import BESIDE, BETWEEN, ELSE, PANEL_HEIGHT, PANEL_WIDTH, SPARE, TEXT, WRAP, Band, compose
from firmware.text import catalogue
from host_tests.unit import catalogue_kit, screen_cases

LANGUAGES = catalogue_kit.LANGUAGES
SCREENS = Path(screens.__file__).parent
# much at once, the last two in Persian; keys turn a greeting's pages
PAGES_MOST = {"greeting.whole": 8, "screens.idle": 3, "undo.found": 3, "undo.statement": 3, "outcomes.outcome": 3}
ONE_PAGE = (  # what is agreed to, and what is keyed, is seen at once
    "screens.again", "screens.amount", "screens.confirm", "screens.menu", "screens.waiting",
    "members.birthday", "members.check", "members.code", "members.mobile", "members.replace_check",
    "shift.ask", "staff.number", "staff.pin", "staff.remove",
    "undo.confirm", "undo.reference", "vouchers.ask_issue", "vouchers.number", "vouchers.price", "vouchers.reward",
)  # fmt: skip


class Measured(Faces):
    """Faces that measure each text once."""

    def of(self, text: str) -> Any:
        return _face(super().of(text))


@functools.cache
def _face(face: Any) -> Any:
    face.width = functools.cache(face.width)
    return face


def shown(lines: screen_cases.Lines, faces: Faces, names: Sequence[str] = ()) -> list[str]:
    """What is wrong with how these lines are shown."""
    pages = compose(lines, faces)
    wrong = [_placing(page, faces) for page in pages]
    said = [[text for _x, text in band.parts] for page in pages for band in page]
    rows = "".join(text for page in pages for band in page if band.role == TEXT for _x, text in band.parts)
    for role, text in lines:
        if role == WRAP:
            if "".join(text.split()) not in "".join(rows.split()):
                wrong.append(f"words lost: {text}")
        elif role not in (SPARE, BESIDE) and text and not any(_said(one, said, names) for one in text.split(ELSE)):
            wrong.append(f"cut: {text!r} in {said}")
    return [one for one in wrong if one]


def _said(wording: str, said: list[list[str]], names: Sequence[str]) -> bool:
    parts = [part for part in wording.split(BETWEEN) if part]
    if any(all(part in row for part in parts) or " ".join(parts) in row for row in said):
        return True
    name = next((name for name in names if name and parts[0].endswith(name)), "")
    return bool(name) and any(parts[0].startswith(row[0]) and parts[1:] == row[1:] for row in said if row)


def _placing(page: list[Band], faces: Faces) -> str:
    end = 0
    for band in page:
        if band.y < end or band.y + band.height > PANEL_HEIGHT:
            return f"off the panel: {band.parts}"
        end, right = band.y + band.height, 0
        for x, text in sorted(band.parts):
            if x < right:
                return f"too wide: {band.parts}"
            right = x + band.face.width(text, band.big, faces.rtl)
        if right > PANEL_WIDTH:
            return f"too wide: {band.parts}"
    return ""


@functools.cache
def composed(language: str) -> dict[str, tuple[int, list[str]]]:
    """Of each kind of screen: on how many pages at most, and what is wrong."""
    text = catalogue.load(language)
    text.get = functools.cache(text.get)  # type: ignore[method-assign]
    text.error = functools.cache(text.error)  # type: ignore[method-assign]
    faces = Measured(text)
    found: dict[str, tuple[int, list[str]]] = {}
    seen: set[Any] = set()
    for name, lines, names in screen_cases.cases(text, lambda lines: len(compose(lines, faces))):
        most, wrong = found.get(name, (0, []))
        if (key := tuple(lines)) not in seen:
            seen.add(key)
            most = max(most, len(compose(lines, faces)))
            wrong += shown(lines, faces, names)
        found[name] = most, wrong
    return found


def declared() -> set[str]:
    """Every function of firmware/screen that makes the lines of a screen."""
    names = set()
    for path in SCREENS.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if public and ast.unparse(node.returns or node).strip("'\"") == "list[Line]":
                names.add(f"{path.stem}.{node.name}")
    return names - {"standing.member_rows", "screens.unit_of"}  # parts of others


def test_no_screen_is_left_out() -> None:
    assert declared() == set(composed("en")) == set(composed("fa"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(declared()))
def test_all_of_a_screen_is_shown(name: str, language: str) -> None:
    most, wrong = composed(language)[name]
    assert not wrong, wrong[:3]
    assert most <= (1 if name in ONE_PAGE else PAGES_MOST.get(name, 2))
