"""What customers said, on the command line: remarks and their answers, and what a question brought."""

from __future__ import annotations

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table, who
from tools.bench_switch.server import wall_clock


@click.group()
def remark() -> None:
    """What members said at the counter, and what the office answers."""


@remark.command("list")
@click.option("--member", help="Only this member's (name or number).")
@click.option("--answered", is_flag=True, help="Those that were answered as well.")
@click.pass_obj
def remark_list(database: str, member: str | None, *, answered: bool) -> None:
    """List what waits for an answer, oldest first."""
    with books_of(database) as ledger:
        rows = ledger.remarks(None if member is None else who(member), answered=answered)
    table = new_table(f"{len(rows)} remarks", "#number", "member", "day", "kind", "#question", "said", "answer")
    for row in rows:
        table.add_row(str(row.number), row.member, row.day, row.kind, str(row.question or ""), row.said, row.word)
    new_console().print(table)


@remark.command("answer")
@click.argument("number", type=int)
@click.argument("text")
@click.pass_obj
def remark_answer(database: str, number: int, text: str) -> None:
    """Answer remark NUMBER with TEXT; the member hears it at the next tap."""
    with books_of(database) as ledger:
        ledger.answer_remark(number, text, wall_clock())
    click.echo(f"remark {number}: answered, told at the member's next tap")


@click.group()
def survey() -> None:
    """What the shop's question brought."""


@survey.command("results")
@click.pass_obj
def survey_results(database: str) -> None:
    """Count answers, with and without a name, and the reasons of members who had stayed away."""
    with books_of(database) as ledger:
        results, reasons = ledger.survey_results(), ledger.stayed_away()
    console = new_console()
    table = new_table("answers", "#question", "#answer", "#with a name", "#without")
    for row in results:
        table.add_row(*map(str, row))
    console.print(table)
    table = new_table("why members had stayed away", "reason", "#times")
    for words, times in reasons.items():
        table.add_row(words, str(times))
    console.print(table)
