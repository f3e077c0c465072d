"""`allowance`: what is reserved for offline redemption, and giving it back when a terminal is lost."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table
from tools.bench_switch.grants import masked
from tools.bench_switch.messages import TEHRAN


@click.group()
def allowance() -> None:
    """Points reserved for offline redemption."""


@allowance.command("list")
@click.option("--terminal", "terminal_id", help="Only of this terminal (DE41).")
@click.option("--closed", is_flag=True, help="Also those that were spent or given back.")
@click.pass_obj
def allowance_list(database: str, terminal_id: str | None, *, closed: bool) -> None:
    """List what is reserved; a card is named by the end of its UID."""
    with books_of(database) as ledger:
        rows = ledger.allowances(terminal_id, closed=closed)
    table = new_table(f"{len(rows)} allowances", "#id", "terminal", "card", "#points", "valid until", "state", "#SEQ")
    for row in rows:
        until = datetime.datetime.fromtimestamp(row.valid_until_utc, TEHRAN).strftime("%Y-%m-%d %H:%M")
        texts = (row.terminal_id, masked(row.uid), f"{row.points:,}", until, row.state, str(row.used_seq or ""))
        table.add_row(str(row.id), *texts)
    new_console().print(table)


@allowance.command("cancel")
@click.argument("numbers", type=int, nargs=-1, required=True)
@click.option("--anyway", is_flag=True, help="Although its terminal is not blocked and may still spend it.")
@click.pass_obj
def allowance_cancel(database: str, numbers: tuple[int, ...], *, anyway: bool) -> None:
    """Give allowances NUMBERS back to their members: their terminal is lost.

    Should the terminal have spent one all the same, the switch refuses that when it hears of it.
    """
    with books_of(database) as ledger:
        for number in numbers:
            ledger.cancel_allowance(number, anyway=anyway)
            click.echo(f"allowance {number} is given back")
