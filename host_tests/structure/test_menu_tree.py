"""docs/menu-tree.txt is what the firmware's menus are; the rights it names are those the firmware asks for.

When this turns red after a menu or its words changed: `python -m tools.menu_tree`, and commit what it wrote.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from firmware.cashier import desk, menu
from firmware.screen import keys
from tools.menu_tree import page

CASHIER = Path(menu.__file__).parent
BY_CONSTANT = {"RIGHT": "letters", "STAFF_RIGHT": "staff", "_RIGHT": "replace"}


def modules(first: ModuleType = menu) -> Iterator[ModuleType]:
    yield first
    for *_, below, _right in page.items_of(first):
        if below and hasattr(importlib.import_module(below), "ITEMS"):
            yield from modules(importlib.import_module(below))


def test_the_page_is_what_the_menus_are() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.written(), "run: python -m tools.menu_tree"


def test_each_item_has_a_key_of_its_own_and_a_function_that_exists() -> None:
    for module in modules():
        digits = [row[0] for row in page.items_of(module)]
        assert len(set(digits)) == len(digits), module.__name__
        for row in module.ITEMS:  # type: ignore[attr-defined]
            below, function = (row[2], "run") if module is menu else (row[1], row[2])
            if below:
                assert callable(getattr(importlib.import_module(below), function)), row


def test_the_digits_of_a_menu_follow_each_other() -> None:
    for module in modules():
        digits = [row[0] for row in page.items_of(module)]
        assert digits == sorted(digits, key=lambda digit: (digit == "0", digit)), module.__name__


def test_the_rights_of_the_tree_are_those_that_are_asked_for() -> None:
    told = {right for module in modules() for *_, right in page.items_of(module) if right}
    asked: set[str] = set()
    for path in CASHIER.glob("*.py"):
        source = path.read_text()
        for argument in re.findall(r"counter\.allow\((.+)", source) + re.findall(
            r"authorised\(counter, (\w+)\)", source
        ):
            constant = re.match(r"_?[A-Z_]+", argument)
            asked |= {BY_CONSTANT[constant[0]]} if constant else set(re.findall(r'"(\w+)"', argument))
    assert told == asked


def test_a_key_of_the_idle_screen_that_tells_nothing_of_anybody_works_while_the_till_is_locked() -> None:
    assert desk._ALWAYS == {keys.UP: "firmware.cashier.sync", keys.DOWN: "firmware.cashier.choices"}
