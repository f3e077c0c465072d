"""Which of our modules a running terminal has loaded: asked of one that was started, on its board's own files.

A terminal with the settings of the demo (`aes_way` sun unless told otherwise) boots from a copy of the product whose
main.py tells what is in `sys.modules` at the moment it would begin to sell. What is imported within functions is there
only when that function ran, and what main.py dropped again is not. Later comes only what service and faults need.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.sim import demo, image
from tools.sim.provision import Provisioning
from tools.sim.terminal import Terminal

_OURS = ("firmware", "drivers")
_SELLS = "    run(terminal)\n"  # in main.py
_TELLS = '    print("# modules", " ".join(sys.modules), ".")\n'
_TOLD_IN_MS = 20_000
_CA = b"\x30\x03ABC"  # looked at only when the switch is called


def reachable(tree: Path) -> list[str]:
    """Every module main.py can reach, imports within functions too, each after those it needs."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        path = tree / (name.replace(".", "/") + ".py")
        if name in seen or not path.exists():
            return
        seen.add(name)
        for needed in _imports(ast.parse(path.read_text())):
            visit(needed)
        order.append(name)

    visit("main")
    return order[:-1]


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in _OURS:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


@cache
def loaded(board: str, aes_way: str = "sun") -> tuple[str, ...]:
    """What is loaded on `board`, each module after those it needs. RuntimeError when the terminal does not start."""
    with TemporaryDirectory() as folder:
        there = _told(_telling(Path(folder)), board, aes_way)
    return tuple(name for name in reachable(image.REPOSITORY) if name in there)


def left_out(board: str) -> list[str]:
    """What main.py can reach and a terminal of default settings has not loaded when it sells."""
    return sorted(set(reachable(image.REPOSITORY)) - set(loaded(board)))


def _telling(tree: Path) -> Path:
    """A copy of the product that tells."""
    program = (image.REPOSITORY / "main.py").read_text()
    if program.count(_SELLS) != 1:
        raise RuntimeError("main.py does not start the terminal where it is expected to")
    (tree / "main.py").write_text(program.replace(_SELLS, _TELLS + _SELLS))
    shutil.copy(image.REPOSITORY / "boot.py", tree)
    for package in _OURS:
        shutil.copytree(image.REPOSITORY / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def _told(tree: Path, board: str, aes_way: str) -> set[str]:
    records = Provisioning(demo.settings("127.0.0.1", 9, aes_way=aes_way), demo.keys(), _CA)
    terminal = Terminal(board, tree=tree, provisioning=records)
    try:
        terminal.power_on()

        def line() -> str:
            before, mark, after = terminal.serial_output().partition("# modules ")
            names, end, _rest = after.partition(" .")
            return names if mark and end else ""

        if not terminal.run_until(lambda: line() != "", _TOLD_IN_MS):
            raise RuntimeError(f"the terminal did not start: {terminal.serial_output()[-500:]}")
        return set(line().split())
    finally:
        terminal.close()
