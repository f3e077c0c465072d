"""What is measured is put beside the physical limit, the best peer and our target; as a table and as build/bench.json.

`met` is null where no target stands. A target is a number that must not be exceeded unless the row says `at_least`.
The keys are relied on from outside (ARCHITECTURE.md section 9).
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

JSON_PATH = Path("build/bench.json")
_OWN_TABLES = ("rival.",)  # rows whose part prints them side by side
WIDTH = 120  # columns


@dataclass(frozen=True)
class Row:
    """One figure; `limit` is what physics allows, `target` what this project wants to reach."""

    key: str
    value: float | None
    unit: str
    limit: float | None = None
    target: float | None = None
    met: bool | None = None
    peer: str = ""
    peer_value: float | None = None


def row(
    key: str,
    value: float,
    unit: str,
    *,
    limit: float | None = None,
    target: float | None = None,
    peer: str = "",
    peer_value: float | None = None,
    at_least: bool = False,
) -> Row:
    """A row with `met` decided."""
    value = round(value, 4)
    met = None if target is None else (value >= target if at_least else value <= target)
    return Row(key, value, unit, limit, target, met, peer, peer_value)


def failed(key: str, unit: str, target: float | None) -> Row:
    """What could not be measured is not met; it is never left out."""
    return Row(key, None, unit, None, target, False)


def machine() -> dict[str, str]:
    """What the figures were taken on; counts and modelled times do not depend on it."""
    return {"python": platform.python_version(), "system": platform.system(), "processor": platform.machine()}


def write_json(rows: Iterable[Row], path: Path = JSON_PATH, notes: dict[str, object] | None = None) -> None:
    """build/bench.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"rows": [asdict(item) for item in rows], "machine": machine(), **(notes or {})}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def print_table(rows: Iterable[Row], console: Console | None = None) -> None:
    """For people; what its part printed as a table of its own is not repeated."""
    table = Table(title="Vafa, measured", title_justify="left", header_style="bold")
    for name in ("key", "value", "unit", "limit", "target", "met", "peer"):
        table.add_column(
            name, justify="right" if name in ("value", "limit", "target") else "left", no_wrap=name == "key"
        )
    for item in rows:
        if item.key.startswith(_OWN_TABLES):
            continue
        met = {None: "", True: "[green]yes[/]", False: "[bold red]NO[/]"}[item.met]
        value = _number(item.value) if item.value is not None else "[red]not measured[/]"
        peer = f"{item.peer} {_number(item.peer_value)}".strip()
        table.add_row(item.key, value, item.unit, _number(item.limit), _number(item.target), met, peer)
    (console or Console(width=WIDTH)).print(table)
