"""`python -m tools.fleet`: N terminals against a switch, then every point compared with its books."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import click

from tools.bench_switch.cli_kit import books_of
from tools.bench_switch.pki import DEFAULT_FOLDER, DEFAULT_SWITCH_NAME
from tools.sim import onhost

_CONNECT_S = 10


def _place(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5) or not 0 < int(port) < 65_536:
        raise click.BadParameter("HOST:PORT")
    return host.strip("[]"), int(port)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--terminals", default=100, show_default=True, type=click.IntRange(1, 9_999))
@click.option("--members", default=0, help="Whose cards are used. [default: as many as terminals]")
@click.option("--switch", "place", required=True, metavar="HOST:PORT", callback=_place)
@click.option("--database", required=True, envvar="VAFA_BENCH_DATABASE", help="The switch's own, to compare with.")
@click.option("--pki", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True, help="Has ca.der.")
@click.option("--name", default=DEFAULT_SWITCH_NAME, show_default=True, help="The name in the switch's certificate.")
@click.option("--seconds", default=20.0, show_default=True, help="How long they sell.")
@click.option("--active", default=64, show_default=True, help="How many have a customer at the same time.")
@click.option("--pause", "pause_s", default=0.0, show_default=True, help="Seconds between two customers, on average.")
@click.option("--timeout", "answer_s", default=30.0, show_default=True, help="Seconds to wait for an answer.")
@click.option("--seed", default=1, show_default=True, help="What they do; when it happens is the machine's.")
def main(
    terminals: int,
    members: int,
    place: tuple[str, int],
    database: str,
    pki: Path,
    name: str,
    seconds: float,
    active: int,
    pause_s: float,
    answer_s: float,
    seed: int,
) -> None:
    """Let terminals sign on, tap, sell, spend, take back, repeat, go offline and upload, and check the books.

    The terminals, members and cards are new ones in the switch's database. Exit code 1 when a transaction was not
    posted exactly once or a point is missing.
    """
    _demand_switch(*place)
    onhost.install()
    from tools.fleet.accounts import SHOWN
    from tools.fleet.run import Day, Fleet, Place

    day = Day(terminals, members or terminals, seconds, active, pause_s, answer_s, seed)
    with books_of(database) as ledger:
        fleet = Fleet(ledger, Place(*place, name, pki / "ca.der"), day)
        report = asyncio.run(fleet.run())
    click.echo(f"{report.connected} of {terminals} terminals connected, {report.transactions} transactions")
    for what, count in sorted(report.counts.items()):
        click.echo(f"  {what}: {count}")
    click.echo(f"throughput: {report.per_second:.1f} answers/s ({report.answers} in {report.seconds:.1f} s)")
    for problem in report.problems[:SHOWN]:
        click.echo(problem, err=True)
    if report.problems:
        click.echo(f"{len(report.problems)} problems", err=True)
        sys.exit(1)
    click.echo(
        "every approved transaction stands in the books once, every reversal undid its own, points are conserved"
    )


def _demand_switch(host: str, port: int) -> None:
    """Said at once: a thousand terminals would each wait for a line before they find out."""
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise click.ClickException(f"no switch at {host} port {port}: {why} [B09]") from error


if __name__ == "__main__":
    main(prog_name=".venv/bin/python -m tools.fleet")
