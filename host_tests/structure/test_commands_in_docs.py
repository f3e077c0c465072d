"""A command that a page or a tool shows works as it is written: with the interpreter that `make` has set up."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(path for kind in ("md", "txt") for path in ROOT.glob(f"docs/*.{kind}"))]
PAGES += [*ROOT.glob("tools/*/README.md"), *ROOT.glob("tools/*/page/*.html"), *ROOT.glob("tools/*/page/*.js")]
TOOLS = sorted(ROOT.glob("tools/**/*.py"))
BARE = re.compile(r"(?<![\w./-])python3? -m tools\b")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def printed(tree: ast.Module) -> Iterator[ast.Constant]:
    """The texts of a module that are no description of it."""
    described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node


@pytest.mark.parametrize("path", sorted(PAGES), ids=name_of)
def test_no_page_shows_a_command_that_needs_another_python(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [(n, line) for n, line in enumerate(lines, 1) if BARE.search(line)] == []


@pytest.mark.parametrize("path", TOOLS, ids=name_of)
def test_no_tool_prints_a_command_that_needs_another_python(path: Path) -> None:
    found = printed(ast.parse(path.read_text(encoding="utf-8")))
    assert [(node.lineno, node.value) for node in found if BARE.search(str(node.value))] == []


def test_what_the_commands_of_the_pages_leave_in_the_folder_is_not_committed_by_mistake() -> None:
    named = "one.key config.key office-1.keys office.keys release-keys.bin config-keys.bin root-2.bin s3.vfu"
    left = [*named.split(), "register-books.json", "register-books.new"]
    ignored = subprocess.run(["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == left
