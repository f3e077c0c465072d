"""Programs and release keys for terminals, on the command line: what is offered, and what no longer is."""

from __future__ import annotations

from pathlib import Path

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table
from tools.bench_switch.programs import ROOT
from tools.bench_switch.server import wall_clock


@click.group()
def program() -> None:
    """Signed programs and root files that terminals load; the switch signs none of them."""


@program.command("publish")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--terminal", default="", help="Only this terminal (DE41), for a trial in one shop.")
@click.pass_obj
def program_publish(database: str, path: Path, terminal: str) -> None:
    """Offer a .vfu or a root file."""
    with books_of(database) as books:
        found = books.publish_program(path.read_bytes(), terminal, wall_clock())
    what = f"root {found.build}" if found.role == ROOT else f"build {found.build} for {found.board}"
    whom = f"terminal {terminal} loads it at its" if terminal else "every terminal loads it at its"
    click.echo(f"{what} published: {whom} next sign-on or echo")


@program.command("withdraw")
@click.argument("build", type=int)
@click.option("--board", default="", help="Of a program; a root file has none.")
@click.pass_obj
def program_withdraw(database: str, build: int, board: str) -> None:
    """Offer a build no longer. What is installed stays: publish a higher one to replace it."""
    with books_of(database) as books:
        count = books.withdraw_program(build, board)
    click.echo(f"{count} withdrawn")


@program.command("list")
@click.pass_obj
def program_list(database: str) -> None:
    """What is offered."""
    with books_of(database) as books:
        rows = books.programs()
    table = new_table(f"{len(rows)} files", "what", "#build", "board", "#root", "terminal")
    for one in rows:
        what = "root" if one.role == ROOT else "program"
        table.add_row(what, str(one.build), one.board, str(one.root), one.terminal_id or "(all)")
    new_console().print(table)
