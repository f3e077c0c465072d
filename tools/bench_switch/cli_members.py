"""What is known of a member beside name and number, and who brought whom, on the command line. Numbers are masked."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch.cli_kit import books_of, new_console, new_table, who
from tools.bench_switch.facts import CHANNELS


@click.command("profile")
@click.argument("member")
@click.option("--enrolled", type=click.DateTime(["%Y-%m-%d"]), help="Day of enrolment, Gregorian.")
@click.option("--birthday", metavar="MMDD", help="Jalali month and day; empty: not said.")
@click.option("--channel", type=click.Choice(CHANNELS), help="How the member hears of sales.")
@click.option("--consent/--no-consent", default=None, help="Whether the member agrees to messages.")
@click.pass_obj
def profile(
    database: str,
    member: str,
    enrolled: datetime.datetime | None,
    birthday: str | None,
    channel: str | None,
    consent: bool | None,
) -> None:
    """Enter what is named of MEMBER (name or number), and show all of it."""
    with books_of(database) as ledger:
        wanted = (enrolled, birthday, channel, consent)
        if any(one is not None for one in wanted):
            ledger.set_facts(
                who(member),
                enrolled=enrolled.date() if enrolled is not None else None,
                channel=CHANNELS.index(channel) if channel is not None else None,
                consent=consent,
                birthday=birthday,
            )
        known = ledger.facts(who(member))
    born = f"{known.birthday[:2]}/{known.birthday[2:]}" if known.birthday else "not said"
    click.echo(f"{member}: member since {known.enrolled or 'nobody knows'}, birthday (Jalali month/day) {born}")
    agreed = "agreed to" if known.consent else "not agreed to"
    click.echo(f"messages {agreed}, channel {CHANNELS[known.channel]}, language {known.language}")


@click.command("referrals")
@click.pass_obj
def referrals(database: str) -> None:
    """List who brought whom; a credit is pending until the first purchase."""
    with books_of(database) as ledger:
        rows = ledger.referrals()
        names = {row.id: f"{row.member_no or '-'} {row.name}".strip() for row in ledger.members()}
    table = new_table(f"{len(rows)} referrals", "new member", "brought by", "credit")
    for row in rows:
        state = "pending" if row.credit_id is None else f"booked as {row.credit_id}"
        table.add_row(names[row.member_id], names[row.referrer_id], state)
    new_console().print(table)
