"""`python -m tools.bench`: measure everything, print the table, write build/bench.json.

Exits 0 when everything could be measured, whether or not a target was met: the table says that. A measurement that
breaks is a row without a value and exit code 1.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from rich.console import Console

from tools.bench import report
from tools.sim import onhost


def _reader() -> Iterable[report.Row]:
    from tools.bench import reader_costs

    return reader_costs.rows()


def _store() -> Iterable[report.Row]:
    from tools.bench import store_costs, store_device, store_rivals

    peers = store_rivals.store_peers()
    for key, value, unit, limit, target in store_costs.rows() + store_device.rows():
        peer, peer_value = peers.get(key, ("", None))
        at_least = key == "store.capacity" or key.endswith(".held")
        peer_value = None if peer_value is None else round(peer_value, 4)
        yield report.row(
            key, value, unit, limit=limit, target=target, peer=peer, peer_value=peer_value, at_least=at_least
        )


def _rivals() -> Iterable[report.Row]:
    from tools.bench import store_rivals

    return store_rivals.rows()


def _link() -> Iterable[report.Row]:
    from tools.bench import drain, link_costs

    yield from link_costs.rows()
    yield from drain.rows()


def _terminal() -> Iterable[report.Row]:
    from tools.bench import terminal_costs

    return terminal_costs.rows()


def _typing() -> Iterable[report.Row]:
    from tools.bench import typing_costs

    return typing_costs.rows()


def _boot() -> Iterable[report.Row]:
    from tools.bench import boot_costs

    return boot_costs.rows()


def _update() -> Iterable[report.Row]:
    from tools.bench import update_costs

    return update_costs.rows()


def _heap() -> Iterable[report.Row]:
    from tools.bench import heap_budget

    return heap_budget.rows()


def _console() -> Iterable[report.Row]:
    from tools.bench import console_costs

    return console_costs.rows()


def _typeface() -> Iterable[report.Row]:
    from tools.bench import typeface

    return typeface.rows()


def _switch() -> Iterable[report.Row]:
    from tools.bench import switch_scale

    return switch_scale.rows()


PARTS: dict[str, Callable[[], Iterable[report.Row]]] = {
    "reader": _reader,
    "store": _store,
    "rivals": _rivals,
    "link": _link,
    "terminal": _terminal,
    "typing": _typing,
    "console": _console,
    "boot": _boot,
    "update": _update,
    "heap": _heap,
    "type": _typeface,
    "switch": _switch,
}


@click.command()
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="Measure only this part (again for more).")
@click.option("--json", "path", type=click.Path(path_type=Path), default=report.JSON_PATH, show_default=True)
def main(only: tuple[str, ...], path: Path) -> None:
    """Measure the terminal and show the figures beside limits, peers and targets."""
    onhost.install()
    console = Console(width=report.WIDTH)
    rows: list[report.Row] = []
    broken: list[str] = []
    for name in only or PARTS:
        try:
            rows += PARTS[name]()
        except Exception:  # noqa: BLE001 (one broken measurement must not hide the others)
            broken.append(name)
            console.print(f"[bold red]{name}: could not be measured[/]")
            traceback.print_exc()
            rows.append(report.failed(f"{name}.measured", "", None))
    report.print_table(rows, console)
    report.write_json(rows, path)
    console.print(f"written: {path}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
