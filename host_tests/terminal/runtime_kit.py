"""Boots small MicroPython programs as a terminal's firmware."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

from tools.sim import image
from tools.sim.terminal import Terminal


def make(
    folder: Path, main: str, *, boot: str | None = None, files: dict[str, str] | None = None, **options: Any
) -> Terminal:
    """A terminal, switched off, whose main.py is this text."""
    for name, text in {"main.py": main, **({"boot.py": boot} if boot is not None else {}), **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return Terminal(options.pop("profile", "s3"), tree=folder, **options)


def telling_tree(folder: Path, tells: str) -> Path:
    """The product, with these lines in place of the one that begins to serve."""
    program = (image.REPOSITORY / "main.py").read_text()
    assert program.count("\n    run(terminal)\n") == 1
    (folder / "main.py").write_text(program.replace("\n    run(terminal)\n", tells))
    return product_in(folder)


def product_in(folder: Path) -> Path:
    """The product's own modules, for another main.py to use."""
    shutil.copy(image.REPOSITORY / "boot.py", folder)
    for package in ("firmware", "drivers"):
        shutil.copytree(image.REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_to_end(terminal: Terminal, timeout_ms: int = 60_000) -> str:
    """Power on, wait for main.py's end, hand back what it printed before the prompt, newlines plain."""
    said = len(terminal.serial_output())
    terminal.power_on()
    assert terminal.run_until(lambda: not terminal.alive, timeout_ms), terminal.serial_output()
    terminal.run(1)
    return terminal.serial_output()[said:].replace("\r\n", "\n").split("MicroPython 9458e3a23f")[0]


def run(folder: Path, main: str, timeout_ms: int = 60_000, **options: Any) -> str:
    """One program's output."""
    terminal = make(folder, main, **options)
    try:
        return run_to_end(terminal, timeout_ms)
    finally:
        terminal.close()
