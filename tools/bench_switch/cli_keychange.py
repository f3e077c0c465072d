"""`terminal rekey`, `stop`, `zeroise`, `minimum-build`: new keys for a terminal and orders to it, on the command line.

A terminal's master key is read from its keys file, where it stays; a key is only ever shown by its check value.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from tools.bench_switch import keychange
from tools.bench_switch.answers import master_key
from tools.bench_switch.cli_kit import books_of, check_value, plain_errors
from tools.bench_switch.cli_terminals import terminal
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.pki import DEFAULT_FOLDER, ensure, issue_client
from tools.bench_switch.schema import KeyChangeRow, TerminalRow


def _pair(row: TerminalRow | KeyChangeRow) -> str:
    return f"KID {row.kid}, check values {check_value(row.mac_out)} {check_value(row.mac_in)}"


def _new_name(path: Path) -> Path:
    """Where a keys file is written before it takes the place of the former."""
    return path.with_name(path.name + ".new")


def _write_new(path: Path, row: TerminalRow | KeyChangeRow) -> None:
    """The keys file with this pair, beside the present one. Raises LedgerError, OSError."""
    try:
        keys = {**json.loads(path.read_text()), "kid": row.kid, "mac_out": row.mac_out, "mac_in": row.mac_in}
    except (ValueError, TypeError):
        raise LedgerError("B33", f"{path} does not hold a terminal's keys") from None
    descriptor = os.open(_new_name(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(keys, indent=1))
        file.flush()
        os.fsync(file.fileno())


@terminal.command("rekey")
@click.argument("terminal_id")
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The terminal's keys.json, for its tmk; the new pair is written into it. "
    "[default: build/terminals/ID.keys.json]",
)
@click.option("--show", is_flag=True, help="Only tell how far it is.")
@click.option("--cancel", is_flag=True, help="Announce the new keys no more.")
@click.pass_obj
def terminal_rekey(database: str, terminal_id: str, keys_path: Path | None, *, show: bool, cancel: bool) -> None:
    """Give a terminal new MAC keys: announced at its next sign-on or echo, in force when it has proved them."""
    path = keys_path or Path("build/terminals") / f"{terminal_id}.keys.json"
    with books_of(database) as ledger:
        row = ledger.terminal(terminal_id)
        if row is None:
            raise LedgerError("B30", f"no terminal {terminal_id!r}")
        if cancel:
            kept = path.exists()
            if kept:
                _write_new(path, row)
            keychange.cancel(ledger, terminal_id)
            if kept:
                os.replace(_new_name(path), path)
        elif not show:
            # A terminal that is provisioned from the file later begins with the new pair: it is written before the
            # books have it, and takes the former's place when they do.
            keychange.rekey(
                ledger, terminal_id, master_key(path), int(time.time()), keep=lambda made: _write_new(path, made)
            )
            os.replace(_new_name(path), path)
        change = keychange.waiting(ledger, terminal_id)
    click.echo(f"terminal {terminal_id} in force: {_pair(row)}")
    click.echo(f"announced, waits for the terminal: {_pair(change)}" if change is not None else "nothing is announced")


@terminal.command("certify")
@click.argument("terminal_id")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The terminal's keys.json, for its tmk. [default: build/terminals/ID.keys.json]",
)
@click.option("--pki", "pki_folder", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_FOLDER)
def terminal_certify(terminal_id: str, folder: Path, keys_path: Path | None, pki_folder: Path) -> None:
    """Issue a certificate by which the terminal shows itself to the switch; its key is wrapped for this terminal."""
    with plain_errors():
        master = master_key(keys_path or Path("build/terminals") / f"{terminal_id}.keys.json")
        certificate, private = issue_client(ensure(pki_folder), terminal_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "client.der").write_bytes(certificate)
        (folder / "client.key").write_bytes(aes_key_wrap_with_padding(master, private))
    click.echo(f"{folder}: client.der client.key")


def _order(database: str, terminal_id: str, order: int, told: str) -> None:
    with books_of(database) as ledger:
        keychange.give_order(ledger, terminal_id, order)
    click.echo(f"terminal {terminal_id}: {told}")


@terminal.command("stop")
@click.argument("terminal_id")
@click.option("--off", is_flag=True, help="Let it sell again.")
@click.pass_obj
def terminal_stop(database: str, terminal_id: str, *, off: bool) -> None:
    """Order a terminal to move no value; what waits in it is still sent."""
    _order(database, terminal_id, 0 if off else keychange.STOP_VALUE, "may sell" if off else "ordered to stop value")


@terminal.command("zeroise")
@click.argument("terminal_id")
@click.option("--off", is_flag=True, help="Take the order back, if it was not carried out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def terminal_zeroise(database: str, terminal_id: str, *, off: bool, yes: bool) -> None:
    """Order a terminal to erase its keys and members; afterwards it has to be provisioned again."""
    if not off and not yes:
        click.confirm(f"Erase the keys of {terminal_id!r}?", abort=True)
    _order(database, terminal_id, 0 if off else keychange.ZEROISE, "no order" if off else "ordered to erase its keys")


@terminal.command("minimum-build")
@click.argument("terminal_id")
@click.argument("build", type=click.IntRange(0, 0xFFFFFFFF))
@click.pass_obj
def terminal_minimum_build(database: str, terminal_id: str, build: int) -> None:
    """Tell a terminal the oldest firmware build it is to run; 0 tells it none."""
    with books_of(database) as ledger:
        keychange.set_minimum_build(ledger, terminal_id, build)
    click.echo(f"terminal {terminal_id}: minimum build {build or 'none'}")


@terminal.command("orders")
@click.pass_obj
def terminal_orders(database: str) -> None:
    """List what terminals are ordered to do, and what they said of it."""
    with books_of(database) as ledger:
        standing = keychange.orders(ledger)
    for terminal_id, row in sorted(standing.items()):
        what = "zeroise" if row.admin == keychange.ZEROISE else "stop value"
        heard = "" if row.unsettled is None else f", heard with {row.unsettled} transactions not settled"
        click.echo(f"{terminal_id}: {what}{heard}")
    if not standing:
        click.echo("none")
