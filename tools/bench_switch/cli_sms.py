"""Text messages on the command line: what was written for whom. Nothing is sent; numbers are shown masked."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch.cli_kit import LAST, books_of, new_console, new_table, who
from tools.bench_switch.messages import TEHRAN
from tools.bench_switch.outbox import masked_mobile


@click.group()
def sms() -> None:
    """Text messages to members: written, not sent."""


@sms.command("list")
@click.option("--member", help="Only this member's (name or number).")
@click.option("--last", default=20, show_default=True, type=LAST, help="How many.")
@click.pass_obj
def sms_list(database: str, member: str | None, last: int) -> None:
    """List the newest messages, the newest first."""
    with books_of(database) as ledger:
        rows = ledger.messages(None if member is None else who(member), last)
    table = new_table(f"{len(rows)} messages", "#id", "written", "to", "kind", "state", "text")
    for row in rows:
        written = datetime.datetime.fromtimestamp(row.written_utc, TEHRAN).strftime("%Y-%m-%d %H:%M")
        table.add_row(str(row.id), written, masked_mobile(row.mobile), row.kind, row.state, row.text)
    new_console().print(table)
