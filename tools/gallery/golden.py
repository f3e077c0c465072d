"""What the pictures are to be: a PNG and a text for each, in both languages, kept with the documentation.

Pixels are compared, not bytes of files. The text of all pictures of a language stands in one file, each under a line
`== NAME`; where it is known, the functions that made the screen follow on that line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.gallery.pictures import Picture, differing, png, read
from tools.gallery.playing import Kept
from tools.sim.image import REPOSITORY

FOLDER = REPOSITORY / "docs" / "images" / "screens"
BUILD = REPOSITORY / "build" / "gallery"
ACCEPT = ".venv/bin/python -m tools.gallery --accept"
_HEAD = "== "
_DIGIT = "[0-9\u06f0-\u06f9]"
_CLOCK = re.compile(f"({_DIGIT}{{2}}):({_DIGIT}{{2}})")
_NEWEST_TAG = re.compile("[0-9a-f]{8,}(?=@)")
_LATE_MINUTES = 2
_LINE_PX = 48  # as high as two rows of paper, or a big one of the screen, doubled


@dataclass(frozen=True)
class Entry:
    """What is told of a picture beside it."""

    text: str
    made_by: tuple[str, ...]


def path_of(language: str, name: str) -> Path:
    """Where a picture lies."""
    return FOLDER / language / f"{name}.png"


def texts(language: str) -> dict[str, Entry]:
    """What is told of each picture of a language."""
    path = FOLDER / f"{language}.txt"
    entries: dict[str, Entry] = {}
    for part in ("\n" + path.read_text(encoding="utf-8")).split("\n" + _HEAD)[1:] if path.exists() else ():
        head, _, text = part.partition("\n")
        name, *made_by = head.split()
        entries[name] = Entry(text.strip("\n"), tuple(made_by))
    return entries


def write_texts(language: str, entries: dict[str, Entry]) -> None:
    """All that is told of a language's pictures, by name."""
    parts = [f"{_HEAD}{' '.join((name, *entry.made_by))}\n{entry.text}\n" for name, entry in sorted(entries.items())]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{language}.txt").write_text("\n".join(parts), encoding="utf-8")


def wrong(language: str, kept: Iterable[Kept], told: dict[str, Entry]) -> list[str]:
    """What is not as it is to be; the new pictures and what differs are written to the build folder."""
    problems: list[str] = []
    for one in kept:
        path, entry = path_of(language, one.name), told.get(one.name)
        if entry is None or not path.exists():
            problems.append(f"{language}/{one.name} is new: {_written(language, one, None)}")
            continue
        before = read(path)
        later = _lines_of_a_later_minute(entry.text, one.text)
        if later is None:
            problems.append(f"{language}/{one.name} reads otherwise: {one.text!r}, not {entry.text!r}")
        elif _rows_that_differ(before, one.picture) > later * _LINE_PX:
            problems.append(f"{language}/{one.name} looks otherwise: {_written(language, one, before)}")
        # Which function made it is noted for what has to be shown, and not compared: what was made and replaced before
        # it was drawn may be among them or not.
    return problems


def _lines_of_a_later_minute(accepted: str, text: str) -> int | None:
    """How many lines differ in what depends on how fast this computer answers, None when any differs in more: the
    clock, by a minute or two, and the journal's newest tag."""
    lines, others = accepted.split("\n"), text.split("\n")
    if len(lines) != len(others):
        return None
    later = 0
    for line, other in zip(lines, others, strict=True):
        if line == other:
            continue
        apart = [abs(was - now) for was, now in zip(_minutes(line), _minutes(other), strict=False)]
        if _timeless(line) != _timeless(other) or any(minutes > _LATE_MINUTES for minutes in apart):
            return None
        later += 1
    return later


def _timeless(line: str) -> str:
    return _NEWEST_TAG.sub("~", _CLOCK.sub("~:~", line))


def _minutes(line: str) -> list[int]:
    """Every time of day on it, in minutes."""
    return [60 * int(hour) + int(minute) for hour, minute in _CLOCK.findall(line)]


def _rows_that_differ(one: Picture, other: Picture) -> int:
    return sum(row != 0 for row in differing(one, other).rows)


def _written(language: str, one: Kept, before: Picture | None) -> str:
    folder = BUILD / language
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{one.name}.png"
    path.write_bytes(png(one.picture))
    if before is not None:
        (folder / f"{one.name}-differs.png").write_bytes(png(differing(before, one.picture)))
    return path.relative_to(REPOSITORY).as_posix()


def accept(language: str, kept: Iterable[Kept]) -> None:
    """These are right: keep them."""
    entries = texts(language)
    for one in kept:
        path = path_of(language, one.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(one.picture))
        entries[one.name] = Entry(one.text, one.made_by)
    write_texts(language, entries)


def forget(language: str, names: Iterable[str]) -> None:
    """No story keeps these any more."""
    entries = texts(language)
    for name in names:
        path_of(language, name).unlink(missing_ok=True)
        entries.pop(name, None)
    write_texts(language, entries)
