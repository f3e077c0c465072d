"""The menus of the terminal as one text file, from the firmware's own tables: `TITLE` and `ITEMS` of the modules under
firmware/cashier, so that the page cannot say what the terminal does not.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from firmware.cashier import choices, menu
from firmware.text import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "menu-tree.txt"
HEAD = """\
The keys of the idle screen and the tree of MENU, as the firmware has them
(.venv/bin/python -m tools.menu_tree writes this file).

An item is a digit and its words, in English and in Persian. In brackets the right it needs where clerks work
(docs/staff.md); [letters] is the operator's answer. {} is filled in. CANCEL leaves at every place.

"""
# The keypad's print, and the title of what it begins: the tables of firmware/cashier/desk.py.
KEYS = (
    ("digits", "title_sale"),
    ("SALE", "title_sale"),
    ("REDEEM", "title_redeem"),
    ("BALANCE", "title_balance"),
    ("UP", "title_send"),
    ("DOWN", "title_choices"),
    ("MENU", "title_menu"),
)


class Words:
    """A text in both languages."""

    def __init__(self) -> None:
        self._spoken = {language: catalogue.load(language) for language in ("en", "fa")}

    def __call__(self, name: str) -> tuple[str, str]:
        english, persian = (self._words(language, name) for language in ("en", "fa"))
        return english, persian

    def _words(self, language: str, name: str) -> str:
        text = self._spoken[language]
        if name == "language_word":
            return " / ".join(menu.in_each(text, name))
        return _as_it_is(text, name).partition("\n")[0]


def _as_it_is(text: catalogue.Catalogue, name: str) -> str:
    """With its fields still open."""
    return text.get(name, *["{}"] * 4)


def row(words: Words, depth: int, digit: str, name: str, right: str = "") -> str:
    """One item."""
    english, persian = words(name)
    if english.startswith(digit + " "):
        english, persian = english[2:], persian[2:]
    return _beside("  " * depth + digit + " " + english + (f" [{right}]" if right else ""), persian)


def _beside(english: str, persian: str) -> str:
    return f"{english:<40}{persian}".rstrip()


def items_of(module: ModuleType) -> list[tuple[str, str, str, str]]:
    """(digit, words, module, right) of each row of a module."""
    if module is menu:
        return list(menu.ITEMS)
    shift = len(catalogue.LANGUAGES) if module is choices else 0
    return [(str(n + 1 + shift), words, below, right) for n, (words, below, _, right) in enumerate(module.ITEMS)]


def tree(words: Words, module: ModuleType, depth: int) -> Iterator[str]:
    """The items of a module with all below them."""
    if module is choices:
        own = menu.in_each(catalogue.load("en"), "language_name")
        yield from ("  " * depth + f"{n + 1} {name}" for n, name in enumerate(own))
    for digit, name, below, right in items_of(module):
        yield row(words, depth, digit, name, right)
        if below:
            loaded = importlib.import_module(below)
            if hasattr(loaded, "ITEMS"):
                yield from tree(words, loaded, depth + 1)


def written() -> str:
    """The whole page."""
    words = Words()
    keys = [_beside(f"  {key:<10}" + words(name)[0], words(name)[1]) for key, name in KEYS]
    return HEAD + "\n".join(["idle", *keys, "", "MENU", *tree(words, menu, 1)]) + "\n"
