"""Pictures a story keeps for the gallery: the screen as it is drawn, a receipt as it is printed, each with its text.

Knows the display's size and nothing of where pictures go. Times are simulated milliseconds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_QUIET_MS, _REDRAW_MS = 10, 400  # between the pages of one redraw there is less
_PRINTED_MS = 5_000
_TURN_MS = 2_900  # the canvas turns a page after 2.5 s


@dataclass(frozen=True)
class Shot:
    """`rows` are the picture's rows, each an integer whose highest of `width` bits is leftmost; 1 is light. A receipt
    is the `printed`-th of the story."""

    name: str
    receipt: bool
    width: int
    rows: tuple[int, ...]
    lines: tuple[str, ...]
    printed: int = 0


def screen_rows(buffer: bytes, width: int = 128) -> tuple[int, ...]:
    """A page buffer of the display as rows."""
    rows: list[int] = []
    for y in range(len(buffer) * 8 // width):
        page = buffer[y // 8 * width : (y // 8 + 1) * width]
        rows.append(int("".join("1" if byte >> y % 8 & 1 else "0" for byte in page), 2))
    return tuple(rows)


def paper_rows(png: bytes) -> tuple[int, tuple[int, ...]]:
    """A picture of paper as its width and its rows, a white dot is 1."""
    image = Image.open(io.BytesIO(png)).convert("1")
    size = (image.width + 7) // 8
    packed, spare = image.tobytes(), 8 * size - image.width
    starts = range(0, len(packed), size)
    return image.width, tuple(int.from_bytes(packed[at : at + size], "big") >> spare for at in starts)


def _keep(stage: Stage, step: Step, shot: Shot) -> None:
    if any((other.name, other.receipt) == (shot.name, shot.receipt) for other in stage.shots):
        raise ScenarioError(step.where, f"there is a shot {shot.name} already")
    stage.shots.append(shot)


def shot(stage: Stage, step: Step) -> None:
    """The screen, once nothing draws on it any more; of a page that there is not, nothing."""
    name, page = step.one("NAME"), step.number("N", 1)
    if page > 1:
        before = [kept.rows for kept in stage.shots if not kept.receipt]
        if not stage.run_until(lambda: stage.drawn(_QUIET_MS) and screen_rows(stage.screen()) not in before, _TURN_MS):
            return
        name = f"{name}-{page}"
    elif not stage.run_until(lambda: stage.drawn(_QUIET_MS), _REDRAW_MS):
        raise ScenarioError(step.where, "the display is drawn on without end")
    _keep(stage, step, Shot(name, False, 128, screen_rows(stage.screen()), tuple(stage.screen_lines())))


def receipt(stage: Stage, step: Step) -> None:
    """The last receipt, which is a whole one that came since the last that was kept."""
    printer = stage.terminal.board.printer
    before = max((kept.printed for kept in stage.shots), default=0)
    if not stage.run_until(lambda: len(printer.strips) > before, _PRINTED_MS):
        raise ScenarioError(step.where, "no receipt was printed since the last that was kept")
    width, rows = paper_rows(printer.receipt_png(-1))
    _keep(stage, step, Shot(step.one("NAME"), True, width, rows, tuple(stage.receipts()[-1]), len(printer.strips)))


def names(steps: Sequence[Step]) -> list[tuple[str, bool, bool]]:
    """(name, receipt, whether it may be missing) of every picture the steps of a story keep."""
    kept: list[tuple[str, bool, bool]] = []
    for step in steps:
        if step.usage.startswith("shot receipt"):
            kept.append((step.one("NAME"), True, False))
        elif step.usage.startswith("shot"):
            page = step.number("N", 1)
            kept.append((step.one("NAME") + (f"-{page}" if page > 1 else ""), False, page > 1))
    return kept
