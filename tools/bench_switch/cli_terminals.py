"""Terminals on the command line, and the key files they are made known with.

Keys are read from and written to files; on the screen a key is only ever shown by its check value.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path

import click

from tools.bench_switch.cli_kit import books_of, check_value, new_console, new_table
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.office import check_terminal

CARD_GROUP_FILE = "card-group.hex"


@click.group()
def terminal() -> None:
    """Terminals and their MAC keys."""


@terminal.command("add")
@click.argument("terminal_id")
@click.option("--merchant", required=True, help="Merchant id, DE42.")
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file with the keys; when it does not exist it is made with random ones, as a whole keys.json for the "
    "terminal. [default: build/terminals/ID.keys.json]",
)
@click.option("--card-key/--no-card-key", default=True, help="Whether new keys hold the key of the programme's cards.")
@click.pass_obj
def terminal_add(database: str, terminal_id: str, merchant: str, keys_path: Path | None, *, card_key: bool) -> None:
    """Make a terminal known."""
    path = keys_path or Path("build/terminals") / f"{terminal_id}.keys.json"
    with books_of(database) as ledger:
        check_terminal(terminal_id, merchant)
        known = path.exists()
        keys = _read_keys(path) if known else _new_keys()
        if not known:
            # The file first: keys that stand in the books alone are of no use to any terminal.
            card_group = _card_group(path.parent / CARD_GROUP_FILE) if card_key else ""
            _write_secret(path, json.dumps({**keys, "card_group": card_group, "wifi_psk": ""}, indent=1))
        try:
            ledger.add_terminal(terminal_id, merchant, str(keys["mac_out"]), str(keys["mac_in"]), int(keys["kid"]))
        except LedgerError:
            if not known:
                path.unlink()
            raise
    values = f"{check_value(str(keys['mac_out']))} {check_value(str(keys['mac_in']))}"
    click.echo(f"terminal {terminal_id}: KID {keys['kid']}, check values {values}, keys in {path}")


def _new_keys() -> dict[str, str | int]:
    return {"tmk": secrets.token_hex(16), "kid": 1, "mac_out": secrets.token_hex(16), "mac_in": secrets.token_hex(16)}


def _card_group(path: Path) -> str:
    """The key all cards of the programme are made with, the same in every terminal; made at the first terminal."""
    if not path.exists():
        _write_secret(path, secrets.token_hex(16))
    key = path.read_text(errors="replace").strip()
    if not re.fullmatch("[0-9a-fA-F]{32}", key):
        raise LedgerError("B33", f"{path} does not hold 32 hexadecimal digits")
    return key


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()  # half a file would be taken for a whole one
        raise


def _read_keys(path: Path) -> dict[str, str | int]:
    try:
        keys = json.loads(path.read_text())
        return {"kid": int(keys["kid"]), "mac_out": str(keys["mac_out"]), "mac_in": str(keys["mac_in"])}
    except (OSError, ValueError, KeyError, TypeError):
        # What was read may be a key: the error says only where it was.
        raise LedgerError("B33", f"{path} does not hold kid, mac_out and mac_in") from None


@terminal.command("list")
@click.pass_obj
def terminal_list(database: str) -> None:
    """List terminals; keys are shown by their check values."""
    with books_of(database) as ledger:
        rows = ledger.terminals()
    table = new_table(f"{len(rows)} terminals", "id", "merchant", "#KID", "out", "in", "#highest SEQ", "state")
    for row in rows:
        checks = (check_value(row.mac_out), check_value(row.mac_in))
        state = "blocked" if row.blocked else "active"
        table.add_row(row.terminal_id, row.merchant_id, str(row.kid), *checks, str(row.high_seq), state)
    new_console().print(table)


def _set_blocked(database: str, terminal_id: str, *, blocked: bool) -> None:
    with books_of(database) as ledger:
        ledger.block_terminal(terminal_id, blocked)
        held = ledger.allowances(terminal_id)
    click.echo(f"terminal {terminal_id} is {'blocked' if blocked else 'active'}")
    if blocked and held:
        click.echo(f"{sum(row.points for row in held)} points in {len(held)} allowances are reserved there:")
        click.echo("if it does not come back, `allowance cancel` " + " ".join(str(row.id) for row in held))


@terminal.command("block")
@click.argument("terminal_id")
@click.option("--off", is_flag=True, help="Let it work again, as unblock does.")
@click.pass_obj
def terminal_block(database: str, terminal_id: str, *, off: bool) -> None:
    """Answer 58 to everything from this terminal: what to do when one was stolen."""
    _set_blocked(database, terminal_id, blocked=not off)


@terminal.command("unblock")
@click.argument("terminal_id")
@click.pass_obj
def terminal_unblock(database: str, terminal_id: str) -> None:
    """Let this terminal work again."""
    _set_blocked(database, terminal_id, blocked=False)
