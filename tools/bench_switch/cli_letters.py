"""Rejected transactions on the command line: what was refused for good, cleared at the terminal or opened again."""

from __future__ import annotations

import time

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table


@click.group()
def letters() -> None:
    """Transactions the switch refused for good: dead letters of the terminals."""


@letters.command("list")
@click.argument("terminal_id", required=False)
@click.pass_obj
def letters_list(database: str, terminal_id: str | None) -> None:
    """List them, of one terminal or of all; a refusal for a wrong format is in the message log only."""
    with books_of(database) as ledger:
        rows = ledger.letters(terminal_id)
    table = new_table(f"{len(rows)} refused", "terminal", "#SEQ", "what", "card", "#amount", "RC", "state")
    for row in rows:
        card = f"..{row.uid[-4:]}" if row.uid else ""
        table.add_row(row.terminal_id, str(row.seq), row.verb, card, str(row.amount), row.rc, row.state)
    new_console().print(table)


@letters.command("clear")
@click.argument("terminal_id")
@click.argument("seq", type=int)
@click.option("--anyway", is_flag=True, help="Although no refusal was kept here: it is on the terminal's own list.")
@click.pass_obj
def letters_clear(database: str, terminal_id: str, seq: int, *, anyway: bool) -> None:
    """Have the terminal give SEQ up, at its next sign-on or echo: the office has dealt with it. It is never booked."""
    with books_of(database) as ledger:
        ledger.clear_letter(terminal_id, seq, int(time.time()), anyway=anyway)
    click.echo(f"terminal {terminal_id} is told to give SEQ {seq} up; `letters unclear` until it has")


@letters.command("unclear")
@click.argument("terminal_id")
@click.argument("seq", type=int)
@click.pass_obj
def letters_unclear(database: str, terminal_id: str, seq: int) -> None:
    """Take back what `clear` ordered, as long as the terminal has not said that it gave SEQ up."""
    with books_of(database) as ledger:
        ledger.unclear_letter(terminal_id, seq)
    click.echo(f"terminal {terminal_id} is not told to give SEQ {seq} up any more")


@letters.command("reopen")
@click.argument("terminal_id")
@click.argument("seq", type=int)
@click.pass_obj
def letters_reopen(database: str, terminal_id: str, seq: int) -> None:
    """Forget that SEQ was refused, so that it is decided anew when the terminal sends it again."""
    with books_of(database) as ledger:
        rc = ledger.reopen_letter(terminal_id, seq, int(time.time()))
    click.echo(f"SEQ {seq} of terminal {terminal_id}, refused with {rc}, is decided anew when it comes again")
