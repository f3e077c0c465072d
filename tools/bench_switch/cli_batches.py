"""Batches on the command line: which were closed, what each side said, and which records differ."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch.batch_tables import BatchRow
from tools.bench_switch.batches import COMPARED, KINDS, SAME, parsed
from tools.bench_switch.cli_kit import books_of, new_console, new_table
from tools.bench_switch.messages import TEHRAN

NAMES = {
    "AC": "accruals",
    "RE": "redemptions",
    "OA": "offline accruals",
    "OR": "offline redemptions",
    "RV": "reversals",
    "RF": "refunds",
    "VD": "voids",
    "EN": "enrolments",
    "VI": "vouchers issued",
    "VU": "vouchers used",
    "VO": "voided, never sent",
    "DL": "rejected",
    "NW": "new customers",
    "RT": "returning",
    "RA": "won back",
}


@click.group()
def batch() -> None:
    """Shifts of the terminals: totals of both sides."""


def _time(row: BatchRow) -> str:
    return datetime.datetime.fromtimestamp(row.told_utc, TEHRAN).strftime("%Y-%m-%d %H:%M")


@batch.command("list")
@click.argument("terminal_id", required=False)
@click.pass_obj
def batch_list(database: str, terminal_id: str | None) -> None:
    """List the batches, of one terminal or of all."""
    with books_of(database) as ledger:
        rows = ledger.batches(terminal_id)
        late = {row.id: len(ledger.late_records(row)) for row in rows if row.state != "open"}
    table = new_table(
        f"{len(rows)} batches", "terminal", "#batch", "#from SEQ", "#to", "state", "told", "newest tag", "#late"
    )
    for row in rows:
        numbers = (str(row.number), str(row.low), str(row.high))
        tag = f"{row.chain}@{row.generation}"
        table.add_row(row.terminal_id, *numbers, row.state, _time(row), tag, str(late.get(row.id) or ""))
    new_console().print(table)


@batch.command("show")
@click.argument("terminal_id")
@click.argument("number", type=click.IntRange(1, 999_999))
@click.pass_obj
def batch_show(database: str, terminal_id: str, number: int) -> None:
    """Show batch NUMBER of TERMINAL_ID: both totals, and the records that differ."""
    with books_of(database) as ledger:
        row = ledger.batch(terminal_id, number)
        records = ledger.batch_records(row)
        late = ledger.late_records(row) if row.state != "open" else []
    console = new_console()
    console.print(f"batch {row.number} of {row.terminal_id}: {row.state}, SEQ {row.low} to {row.high}, {_time(row)}")
    console.print(f"newest tag {row.chain}@{row.generation}: verify with tools.device journal --last-tag")
    if not row.whole:
        console.print("the terminal's journal had lost the beginning of this batch")
    if row.beyond:
        console.print(f"SEQ {row.beyond} is known here, the terminal's journal ended before it: cut off?")
    table = new_table("totals", "kind", "clerk", "#terminal", "#money", "#points", "#here", "#money", "#points")
    said, here = parsed(row.said), parsed(row.booked)
    for kind, clerk in sorted({*said, *here}, key=lambda key: (KINDS.index(key[0]), key[1])):
        sides = []
        for totals in (said, here):
            count, money, points = totals.get((kind, clerk), (0, 0, 0))
            sides += [str(count), f"{money:,}", f"{points:+,}"]
        if kind not in COMPARED:
            sides[3:] = ["-"] * 3
        table.add_row(NAMES[kind], clerk, *sides)
    console.print(table)
    if records:
        counts = {finding: sum(one.finding == finding for one in records) for finding in {r.finding for r in records}}
        console.print("upload: " + ", ".join(f"{count} {finding}" for finding, count in sorted(counts.items())))
        odd = new_table("records that are not the same", "#SEQ", "finding", "terminal", "here")
        for one in records:
            if one.finding != SAME:
                odd.add_row(str(one.seq), one.finding, one.said, one.here)
        console.print(odd)
    if late:
        console.print(f"booked after it was closed: SEQ {', '.join(map(str, late))}")
