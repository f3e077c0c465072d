"""Disputes on the command line: what members say is not right, and what became of it."""

from __future__ import annotations

import datetime
import time

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table
from tools.bench_switch.messages import TEHRAN


@click.group()
def dispute() -> None:
    """Transactions somebody disputes (LT-87 section 17)."""


@dispute.command("list")
@click.option("--all", "closed", is_flag=True, help="Also those that were dealt with.")
@click.pass_obj
def dispute_list(database: str, *, closed: bool) -> None:
    """List them, the oldest first."""
    with books_of(database) as books:
        rows = books.disputes(closed=closed)
    table = new_table(f"{len(rows)} disputes", "#no", "day", "terminal", "reference", "#rial", "reason", "found")
    for row in rows:
        day = datetime.datetime.fromtimestamp(row.opened_utc, TEHRAN).strftime("%m-%d")
        amount = f"{row.amount:,}" if row.verb else "never came"
        table.add_row(str(row.number), day, row.terminal_id, row.reference, amount, row.reason, row.word)
    new_console().print(table)


@dispute.command("close")
@click.argument("number", type=int)
@click.argument("word")
@click.pass_obj
def dispute_close(database: str, number: int, word: str) -> None:
    """The office has dealt with dispute NUMBER; WORD says how. Points are given or taken by `member points`."""
    with books_of(database) as books:
        books.close_dispute(number, word, int(time.time()))
    click.echo(f"dispute {number} is closed")
