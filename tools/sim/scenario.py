"""Runs scenario files headless: `python -m tools.sim.scenario FILE...` (docs/scenarios.md has the language).

Prints one JSON line per file on stdout; exits 0 when all passed, 1 when one did not. `--show` draws every note and the
screen after every step on stderr: in half blocks where 132 columns are free, else in braille, half as wide.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from tools.sim.scenario_parser import Step
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage

_BLOCKS_NEED = 132  # 128 cells, the frame and the indent
_UPPER, _LOWER, _BOTH, _NONE = "▀", "▄", "█", " "


def blocks(page_buffer: bytes, width: int = 128) -> list[str]:
    """The screen as text, two pixels a character cell from top to bottom."""
    rows: list[str] = []
    for y in range(0, len(page_buffer) * 8 // width, 2):
        page = page_buffer[y // 8 * width : (y // 8 + 1) * width]
        pairs = [(byte >> y % 8) & 3 for byte in page]
        rows.append("".join((_NONE, _UPPER, _LOWER, _BOTH)[pair] for pair in pairs))
    return rows


# Dots of a braille cell by height, left and right column: U+2800 and the block after it.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def braille(page_buffer: bytes, width: int = 128) -> list[str]:
    """The screen as text, two by four pixels a character cell: 64 columns, 16 rows."""
    rows: list[str] = []
    for y in range(0, len(page_buffer) * 8 // width, 4):
        columns = [byte >> y % 8 for byte in page_buffer[y // 8 * width : (y // 8 + 1) * width]]
        cells = zip(columns[::2], columns[1::2], strict=True)
        rows.append("".join(chr(0x2800 + _cell(left, right)) for left, right in cells))
    return rows


def _cell(left: int, right: int) -> int:
    return sum((left >> y & 1) * dot + (right >> y & 1) * other for y, (dot, other) in enumerate(_DOTS))


def drawing() -> Callable[[bytes], list[str]]:
    """How to draw where stderr goes."""
    try:
        return blocks if os.get_terminal_size(sys.stderr.fileno()).columns >= _BLOCKS_NEED else braille
    except OSError:  # a pipe or a file
        return braille


class Show:
    """Draws what happens for a person; the screen only when it changed."""

    def __init__(self, draw: Callable[[bytes], list[str]] | None = None) -> None:
        self._draw = draw or drawing()
        self._last = b""
        self._receipts = 0

    def __call__(self, step: Step, stage: Stage) -> None:
        if step.usage.startswith("note"):
            click.secho(f"\n{step.one('TEXT')}", bold=True, err=True)
            return
        click.secho(f"  {step.text}", fg="cyan", err=True)
        screen = stage.screen()
        if screen != self._last and any(screen):
            rows = self._draw(screen)
            click.echo("  ┌" + "─" * len(rows[0]) + "┐", err=True)
            for row in rows:
                click.echo("  │" + click.style(row, fg="yellow") + "│", err=True)
            click.echo("  └" + "─" * len(rows[0]) + "┘", err=True)
        self._last = screen
        printed = stage.receipts()
        for receipt in printed[self._receipts :]:
            for line in ["- - 8< - - - - - - - - - -", *receipt]:
                click.secho(f"      {line}", fg="green", err=True)
        self._receipts = len(printed)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Draw notes, screens and receipts on stderr while it runs.")
@click.option(
    "--tree", type=click.Path(path_type=Path, exists=True), help="The firmware to run, when not this repository's."
)
@click.option("--language", type=click.Choice(["fa", "en"]), default="en", help="Of a story that sets none.")
def main(files: tuple[Path, ...], show: bool, tree: Path | None, language: str) -> None:
    """Run scenario FILES on simulated time; one JSON line each."""
    failed = False
    for path in files:
        report = run_file(path, Show() if show else None, lambda start: Stage(start, tree), language)
        click.echo(json.dumps(report, sort_keys=True))
        for failure in report["failures"]:
            click.secho(f"FAILED {failure}", fg="red", err=True)
        failed = failed or not report["passed"]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
