"""What terminals load, on the command line: configuration, earning rules, hotlist; and the versions there are.

Whatever publishes signs, with the private key file of `python -m tools.release new`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tools.bench_switch import rules_file
from tools.bench_switch.cli_kit import books_of, new_console, new_table, passphrase_from
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.programme import Programme
from tools.bench_switch.publisher import Publisher
from tools.bench_switch.server import wall_clock
from tools.release import signing
from tools.release.files import ROLES, RULES


def _signs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that publishes."""
    key = click.option(
        "--config-key",
        "key_file",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="Private key file, of `.venv/bin/python -m tools.release new`.",
    )
    environment = click.option("--passphrase-env", metavar="NAME", help="Take its passphrase from this variable.")
    return key(environment(command))


_PLACE = (
    click.option("--terminal", default="", help="Only this terminal (DE41)."),
    click.option("--merchant", default="", help="Only this merchant's terminals (DE42)."),
)


def publisher(ledger: Ledger, key_file: Path, passphrase_env: str | None) -> Publisher:
    """Signs with the key of a file."""
    return Publisher(ledger, signing.load(key_file, passphrase_from(passphrase_env)), wall_clock)


# --- configuration ----------------------------------------------------------------------------------------------------


@click.group()
def config() -> None:
    """Settings of terminals, changed from here."""


@config.command("set")
@click.argument("wanted", nargs=-1, required=True, metavar="NAME=VALUE...")
@_PLACE[0]
@_PLACE[1]
@_signs
@click.pass_obj
def config_set(
    database: str, wanted: tuple[str, ...], terminal: str, merchant: str, key_file: Path, passphrase_env: str | None
) -> None:
    """Want settings of every terminal, of a merchant's or of one, and publish. NAME= takes the wish back."""
    values: dict[str, str | None] = {}
    for word in wanted:
        name, equals, value = word.partition("=")
        if not equals:
            raise click.ClickException(f"{word!r} is not NAME=VALUE [B91]")
        values[name] = value or None
    with books_of(database) as books:
        count = publisher(books, key_file, passphrase_env).set_config(values, merchant, terminal)
    click.echo(f"{count} files published; terminals load them at their next sign-on or echo")


@config.command("publish")
@_signs
@click.pass_obj
def config_publish(database: str, key_file: Path, passphrase_env: str | None) -> None:
    """Sign what is wanted anew, for instance with another key or for a new merchant."""
    with books_of(database) as books:
        count = publisher(books, key_file, passphrase_env).publish_config()
    click.echo(f"{count} files published")


@config.command("list")
@click.pass_obj
def config_list(database: str) -> None:
    """What is wanted of whom."""
    with books_of(database) as books:
        rows = books.wishes()
    for row in rows:
        click.echo(f"{row.merchant_id} {row.terminal_id or '(all)'} {row.name}={row.value}")
    if not rows:
        click.echo("none")


# --- rules ------------------------------------------------------------------------------------------------------------


@click.group()
def rules() -> None:
    """The programme: what the switch computes by and terminals load."""


@rules.command("check")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def rules_check(path: Path) -> None:
    """Read a rules file and say what it means; nothing is published."""
    try:
        programme = rules_file.load(path)
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
    for name, value in rules_file.source_of(programme).items():
        click.echo(f"{name} = {value}")
    click.echo("these rules make sense together; nothing was published")


@rules.command("publish")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@_signs
@click.pass_obj
def rules_publish(database: str, path: Path, key_file: Path, passphrase_env: str | None) -> None:
    """Let the switch compute by a rules file, and terminals load it."""
    with books_of(database) as books:
        programme = rules_file.load(path)
        count = publisher(books, key_file, passphrase_env).publish_rules(programme)
    click.echo(f"rules {programme.version}: {count} files published")


@rules.command("set")
@click.argument("wanted", nargs=-1, required=True, metavar="NAME=VALUE...")
@_signs
@click.pass_obj
def rules_set(database: str, wanted: tuple[str, ...], key_file: Path, passphrase_env: str | None) -> None:
    """Change rules of what is published, under the next version. Numbers of a list have commas between."""
    with books_of(database) as books:
        now = published_programme(books) or Programme()
        source = rules_file.source_of(now)
        for word in wanted:
            name, equals, value = word.partition("=")
            if not equals or name == "version":
                raise LedgerError("B90", f"{word!r} is not NAME=VALUE of a rule")
            source[name] = rules_file.from_text(name, value)
        programme = rules_file.programme_of({**source, "version": now.version + 1})
        count = publisher(books, key_file, passphrase_env).publish_rules(programme)
    click.echo(f"rules {programme.version}: {count} files published")


@rules.command("show")
@click.pass_obj
def rules_show(database: str) -> None:
    """The rules that are published."""
    with books_of(database) as books:
        programme = published_programme(books)
    if programme is None:
        click.echo("none; the switch computes by its defaults")
        return
    for name, value in rules_file.source_of(programme).items():
        click.echo(f"{name} = {value}")


def published_programme(books: Ledger) -> Programme | None:
    """The newest programme in the books."""
    found = [one for one in books.publications() if one.role == RULES]
    return rules_file.of_source(max(found, key=lambda one: one.version).source) if found else None


def serving_rules(
    database: str, path: Path | None, key_file: Path | None, passphrase_env: str | None, workers: int
) -> Programme | None:
    """What `serve --rules` computes by. With a key it is published first, so that terminals load it."""
    if path is None:
        return None
    programme = rules_file.load(path)
    with books_of(database) as books:
        if key_file is not None:
            publisher(books, key_file, passphrase_env).publish_rules(programme)
            return programme
        if workers > 1:
            raise LedgerError("B92", "several workers take the rules from the books: publish them with --config-key")
        newest = published_programme(books)
        if newest is not None and (newest.version >= programme.version and newest != programme):
            raise LedgerError("B90", f"{path}: version {newest.version} is published; give these rules a higher one")
    return programme


# --- hotlist and versions ---------------------------------------------------------------------------------------------


@click.group()
def hotlist() -> None:
    """The list of blocked cards that terminals load; `card hotlist` shows who is on it."""


@hotlist.command("publish")
@_signs
@click.pass_obj
def hotlist_publish(database: str, key_file: Path, passphrase_env: str | None) -> None:
    """Publish every card that is blocked now."""
    with books_of(database) as books:
        count = publisher(books, key_file, passphrase_env).publish_hotlist()
    click.echo(f"{count} cards published")


@click.command()
@click.pass_obj
def published(database: str) -> None:
    """Every file there is: role, version, for whom."""
    names = {number: name for name, number in ROLES.items()}
    with books_of(database) as books:
        rows = books.publications()
    table = new_table(f"{len(rows)} files", "role", "#version", "merchant", "terminal")
    for one in rows:
        table.add_row(names[one.role], str(one.version), one.merchant_id, one.terminal_id or "(all)")
    new_console().print(table)
