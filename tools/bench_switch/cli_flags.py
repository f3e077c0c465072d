"""What terminals remarked about their staff, on the command line."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table
from tools.bench_switch.flags import flags
from tools.bench_switch.messages import TEHRAN


@click.command("flags")
@click.pass_obj
def staff_flags(database: str) -> None:
    """List what terminals flagged: one card sold to often by one clerk. Look into it before anybody is asked."""
    with books_of(database) as ledger:
        rows = flags(ledger)
    table = new_table(f"{len(rows)} flags", "terminal", "what", "#times", "last")
    for row in rows:
        told = datetime.datetime.fromtimestamp(row.told_utc, TEHRAN).strftime("%Y-%m-%d %H:%M")
        table.add_row(row.terminal_id, row.text, str(row.times), told)
    new_console().print(table)
