"""Which function made the screen a story keeps: the firmware with a line of output in each function that makes screens.

A function that makes a screen is a public one of firmware/screen that returns lines. In a copy of the source tree each
says its name on the serial port, and the canvas says when it draws: what was said right before the last drawing made
what is seen.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

from tools.sim.image import REPOSITORY

TREE = REPOSITORY / "build" / "gallery" / "tree"
_SCREENS = Path("firmware") / "screen"
_LINES = re.compile(r"list\[Line\]")
_MARK = "\x1e"
_DRAWN = "="


def _makes_screens(function: ast.FunctionDef) -> bool:
    returns = function.returns
    words = returns.value if isinstance(returns, ast.Constant) else ast.unparse(returns) if returns else ""
    return not function.name.startswith("_") and _LINES.search(str(words)) is not None


def _functions(path: Path) -> list[ast.FunctionDef]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in module.body if isinstance(node, ast.FunctionDef) and _makes_screens(node)]


def screen_functions(tree: Path = REPOSITORY) -> list[str]:
    """`module.function` of each function that makes a screen."""
    paths = sorted((tree / _SCREENS).glob("*.py"))
    return [f"{path.stem}.{function.name}" for path in paths for function in _functions(path)]


def _saying(source: str, places: dict[int, tuple[int, str]]) -> str:
    """The source with an output of each word before the given lines, indented as they are."""
    out: list[str] = []
    for number, line in enumerate(source.splitlines(), 1):
        if number in places:
            indent, word = places[number]
            out.append(f"{' ' * indent}print({_MARK + word!r})")
        out.append(line)
    return "\n".join(out) + "\n"


def _first_statement(function: ast.FunctionDef) -> ast.stmt:
    body = function.body
    told = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return body[1] if told and len(body) > 1 else body[0]


def traced_tree() -> Path:
    """The source tree whose screens say their names, made anew."""
    shutil.rmtree(TREE, ignore_errors=True)
    for name in ("firmware", "drivers"):
        shutil.copytree(REPOSITORY / name, TREE / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("boot.py", "main.py"):
        shutil.copy(REPOSITORY / name, TREE / name)
    for path in sorted((TREE / _SCREENS).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        places: dict[int, tuple[int, str]] = {}
        for function in _functions(path):
            first = _first_statement(function)
            places[first.lineno] = (first.col_offset, f"{path.stem}.{function.name}")
        if path.stem == "canvas":
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef) and node.name == "_show":
                    first = _first_statement(node)
                    places[first.lineno] = (first.col_offset, _DRAWN)
        path.write_text(_saying(source, places), encoding="utf-8")
    return TREE


def made_by(serial: str) -> list[str]:
    """The functions that made what was drawn last, by what the serial port has said."""
    words = re.findall(_MARK + r"([\w.=]+)", serial)
    while words and words[-1] != _DRAWN:  # said for a drawing that is not there yet, or that changed nothing
        words.pop()
    parts = [part.split() for part in " ".join(words).split(_DRAWN)]
    said = next((part for part in reversed(parts) if part), [])
    return sorted(set(said))
