"""A member's standing on the command line: lines for the counter, benefits, points that expire, history."""

from __future__ import annotations

import datetime

import click

from tools.bench_switch import standing
from tools.bench_switch.cli_kit import books_of, who
from tools.bench_switch.cli_office import member
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.server import wall_clock

__all__ = ["member"]

_DAY = click.DateTime(["%Y-%m-%d"])


def _line(database: str, name: str, kind: str, text: str) -> None:
    with books_of(database) as ledger:
        ledger.set_line(who(name), kind, text)
    click.echo(f"{name}: {kind} {text!r}" if text else f"{name}: no {kind}")


@member.command("note")
@click.argument("member")
@click.argument("text", default="")
@click.pass_obj
def member_note(database: str, member: str, text: str) -> None:
    """What the staff reads when MEMBER taps: two lines of 20 characters; without TEXT nothing any more."""
    _line(database, member, standing.NOTE, text)


@member.command("suggest")
@click.argument("member")
@click.argument("text", default="")
@click.pass_obj
def member_suggest(database: str, member: str, text: str) -> None:
    """What the staff may offer MEMBER besides."""
    _line(database, member, standing.SUGGEST, text)


@member.command("say")
@click.argument("member")
@click.argument("text", default="")
@click.pass_obj
def member_say(database: str, member: str, text: str) -> None:
    """What MEMBER is told at the next taps."""
    _line(database, member, standing.SAY, text)


@member.command("expiring")
@click.argument("member")
@click.argument("points", type=int)
@click.argument("day", type=_DAY)
@click.pass_obj
def member_expiring(database: str, member: str, points: int, day: datetime.datetime) -> None:
    """POINTS of MEMBER expire after DAY (YYYY-MM-DD), and terminals say so; `member expire` takes them."""
    with books_of(database) as ledger:
        ledger.announce_expiry(who(member), points, day.date())
    click.echo(f"{member}: {points:,} points expire after {day.date()}")


@member.command("expire")
@click.pass_obj
def member_expire(database: str) -> None:
    """Take the points whose day is over, each with an adjustment."""
    with books_of(database) as ledger:
        taken = ledger.expire(wall_clock())
    click.echo(f"{len(taken)} members, {sum(points for _, points in taken):,} points expired")


@member.command("benefits")
@click.argument("tier", type=click.Choice(TIER_NAMES[1:]))
@click.argument("codes", nargs=-1, type=click.IntRange(1, 255))
@click.pass_obj
def member_benefits(database: str, tier: str, codes: tuple[int, ...]) -> None:
    """What members of TIER are entitled to: 1 priority, 2 support, 3 extra service, 4 gift, 5 special price."""
    with books_of(database) as ledger:
        ledger.set_benefits(TIER_NAMES.index(tier), bytes(codes))
    click.echo(f"{tier}: {' '.join(map(str, codes)) or 'nothing'}")


@member.command("history")
@click.argument("member")
@click.argument("visits", type=int)
@click.argument("last", type=_DAY)
@click.option("--amount", default=100_000, show_default=True, help="Rial of each.")
@click.option("--merchant", required=True, help="Where.")
@click.pass_obj
def member_history(
    database: str, member: str, visits: int, last: datetime.datetime, amount: int, merchant: str
) -> None:
    """Take over VISITS of MEMBER from before, a week apart, the LAST on a day: purchases without points."""
    with books_of(database) as ledger:
        ledger.add_history(who(member), visits, last.date(), amount, merchant, wall_clock())
    click.echo(f"{member}: {visits} visits, the last {last.date()}")
