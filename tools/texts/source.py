"""Reads firmware/text/*.txt: what a catalogue says, as people write it.

A line is `name: text` or `CODE: what happened | what to do next`; empty lines and those with `#` in front say nothing.
`\\n` and `\\t` stand for themselves in a text, as firmware/screen/lines.py reads them.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "firmware" / "text"
TABLE = FOLDER / "texts.tbl"
LANGUAGES = ("fa", "en")  # as firmware.text.catalogue has them
FIRST = "en"  # has every text
_NAME = re.compile(r"[a-z][a-z0-9_]*|[A-Z]\d\d")
_CODE = re.compile(r"[A-Z]\d\d")
BETWEEN = " | "
_ESCAPES = {r"\n": "\n", r"\t": "\t"}


class BadSource(ValueError):
    """The words say which file, which line and why."""


def read(language: str, folder: Path = FOLDER) -> dict[str, str]:
    """name -> text, in the order of the file; of a code both parts with ` | ` between. Raises BadSource."""
    return parsed((folder / f"{language}.txt").read_text(encoding="utf-8"), f"{language}.txt")


def parsed(source: str, where: str) -> dict[str, str]:
    """The texts of a source. Raises BadSource."""
    texts: dict[str, str] = {}
    for number, line in enumerate(source.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, between, text = line.partition(": ")
        if not between or not _NAME.fullmatch(name):
            raise BadSource(f"{where}:{number}: not `name: text`")
        if name in texts:
            raise BadSource(f"{where}:{number}: {name} is there already")
        if is_code(name) and len(text.split(BETWEEN)) != 2:
            raise BadSource(f"{where}:{number}: {name} needs `what happened | what to do next`")
        for written, meant in _ESCAPES.items():
            text = text.replace(written, meant)
        if "\\" in text or re.sub(r"\{\}", "", text).strip("{}") != re.sub(r"\{\}", "", text):
            raise BadSource(f"{where}:{number}: only {{}} is a field, only \\n and \\t are written with a backslash")
        texts[name] = text
    return texts


def is_code(name: str) -> bool:
    """Whether this names a code, not a text."""
    return _CODE.fullmatch(name) is not None


def merged(first: dict[str, str], other: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The other language with all names of the first, and the names it lacks. Raises BadSource for one too many."""
    strange = sorted(other.keys() - first.keys())
    if strange:
        raise BadSource(f"names nobody asks for: {' '.join(strange)}")
    return {name: other.get(name, text) for name, text in first.items()}, [name for name in first if name not in other]
