"""Offers, vouchers and suggestions on the command line."""

from __future__ import annotations

import click

from tools.bench_switch import offers
from tools.bench_switch.cli_kit import books_of, new_console, new_table, who
from tools.bench_switch.perks import KIND_NAMES
from tools.bench_switch.server import wall_clock

_KINDS = {name: kind for kind, name in KIND_NAMES.items()}
_REASONS = ("office", "late", "quality", "wrong", "staff", "sold", "prize")


@click.group()
def offer() -> None:
    """What members are offered at the counter."""


@offer.command("add")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("value", type=int)
@click.argument("text")
@click.option("--member", help="For this member alone (name or number).")
@click.option(
    "--to", "audience", type=click.Choice(offers.AUDIENCES[1:]), help="For these members; without it for all."
)
@click.option("--days", type=int, help="Good for so many days after today; without it until it is closed.")
@click.option("--many", is_flag=True, help="As often as a member likes, not once.")
@click.option("--minimum", default=0, help="Rial a sale must cost.")
@click.option("--basket", "category", default=0, help="Multi-buy: category of the basket, with --count.")
@click.option("--count", default=0, help="Multi-buy: how many things of the category.")
@click.pass_obj
def offer_add(
    database: str,
    kind: str,
    value: int,
    text: str,
    member: str | None,
    audience: str | None,
    days: int | None,
    minimum: int,
    category: int,
    count: int,
    *,
    many: bool,
) -> None:
    """Offer VALUE per cent off, money off, a courtesy (0), per cent of bonus points, or per cent off to who comes back.

    TEXT is one line of at most 53 bytes; terminals show it to the cashier.
    """
    with books_of(database) as ledger:
        number = ledger.add_offer(
            _KINDS[kind],
            value,
            text,
            member=None if member is None else who(member),
            audience=audience or "",
            days=days,
            once=not many,
            minimum=minimum,
            category=category,
            count=count,
            now_utc=wall_clock(),
        )
    click.echo(f"offer {number}: {kind} {value:,}")


@offer.command("list")
@click.pass_obj
def offer_list(database: str) -> None:
    """List all offers and how often each was taken."""
    with books_of(database) as ledger:
        rows = [(row, len(ledger.offer_uses(row.id))) for row in ledger.offers()]
        names = {row.id: row.name for row in ledger.members()}
    table = new_table(f"{len(rows)} offers", "#number", "kind", "#value", "for", "until", "#taken", "text")
    for row, taken in rows:
        whose = names.get(row.member_id, "") if row.member_id is not None else row.audience or "all"
        end = "closed" if row.closed else row.last_day or "-"
        table.add_row(str(row.id), KIND_NAMES[row.kind], f"{row.value:,}", whose, end, str(taken), row.text)
    new_console().print(table)


@offer.command("close")
@click.argument("number", type=int)
@click.pass_obj
def offer_close(database: str, number: int) -> None:
    """Nobody takes offer NUMBER any more."""
    with books_of(database) as ledger:
        ledger.close_offer(number)
    click.echo(f"offer {number} is closed")


@offer.command("suggest")
@click.argument("category", type=int)
@click.argument("text", default="")
@click.pass_obj
def offer_suggest(database: str, category: int, text: str) -> None:
    """Say TEXT to the cashier when a basket is of CATEGORY (0: of any); without TEXT nothing any more."""
    with books_of(database) as ledger:
        ledger.suggest(category, text)
    click.echo(f"basket {category}: {text or 'nothing'}")


@click.group()
def voucher() -> None:
    """Vouchers, by number."""


@voucher.command("add")
@click.argument("kind", type=click.Choice(["percent", "money"]))
@click.argument("value", type=int)
@click.option("--text", default="")
@click.option("--days", default=90, show_default=True, help="Good for so many days after today.")
@click.option("--member", help="Only this member may use it (name or number); without it its bearer.")
@click.option("--terminal", "terminal_id", help="Only at this terminal (DE41).")
@click.pass_obj
def voucher_add(
    database: str, kind: str, value: int, text: str, days: int, member: str | None, terminal_id: str | None
) -> None:
    """Make a voucher of VALUE per cent or rial off."""
    with books_of(database) as ledger:
        number = ledger.add_voucher(
            _KINDS[kind],
            value,
            text,
            days=days,
            member=None if member is None else who(member),
            terminal_id=terminal_id,
            now_utc=wall_clock(),
        )
    click.echo(f"voucher {number}: {kind} {value:,}")


@voucher.command("list")
@click.pass_obj
def voucher_list(database: str) -> None:
    """List all vouchers: worth, what is left of it, why it was made, until when."""
    with books_of(database) as ledger:
        rows = ledger.vouchers()
        names = {row.id: row.name for row in ledger.members()}
    head = ("number", "kind", "#value", "#left", "why", "whose", "until", "state")
    table = new_table(f"{len(rows)} vouchers", *head)
    for row, left, used in rows:
        whose = names.get(row.member_id, "") if row.member_id is not None else "bearer"
        state = "withdrawn" if row.withdrawn else "used" if used and not (row.keeps_rest and left) else "open"
        figures = (KIND_NAMES[row.kind], f"{row.value:,}", f"{left:,}", _REASONS[row.reason])
        table.add_row(row.number, *figures, whose, row.last_day, state)
    new_console().print(table)


@voucher.command("withdraw")
@click.argument("number")
@click.pass_obj
def voucher_withdraw(database: str, number: str) -> None:
    """Nobody uses voucher NUMBER any more."""
    with books_of(database) as ledger:
        ledger.withdraw_voucher(number)
    click.echo(f"voucher {number} is withdrawn")
