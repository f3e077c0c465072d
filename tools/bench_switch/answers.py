"""`answer`: the switch's word for a terminal's console right, eight digits out of the terminal's master key.

Written from docs/provisioning.md and not from the firmware, so that the two check each other. The key is used here and
told nowhere; an error says only where it was looked for.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from tools.bench_switch.cli_kit import passphrase_from, plain_errors
from tools.bench_switch.errors import LedgerError
from tools.device import secret_store

RIGHTS = {
    "members": "forget a member of the cache",
    "zeroise": "erase the terminal's keys and members",
    "letters": "send again or give up what the switch rejected",
    "staff": "make the first supervisor, or give one a new PIN",
    "replace": "replace one member's card without a code, in a shop without staff",
    "support": "read logs, faults and the bundle over the cable",
    "technician": "change settings and software over the cable",
}


def digits_for(master: bytes, nonce: str, right: str) -> str:
    """What the technician types for a nonce of 8 hexadecimal digits."""
    cmac = CMAC(algorithms.AES(master))
    cmac.update(b"tech" + bytes.fromhex(nonce) + right.encode("ascii"))
    return f"{int.from_bytes(cmac.finalize()[:8], 'big') % 10**8:08d}"


def _nonce(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch("[0-9A-Fa-f]{8}", value):
        raise click.BadParameter("8 hexadecimal digits, as the console shows them")
    return value


def master_key(path: Path) -> bytes:
    """`tmk` of a keys file. Raises LedgerError."""
    try:
        key = bytes.fromhex(json.loads(path.read_text())["tmk"])
    except (OSError, ValueError, KeyError, TypeError):
        key = b""
    if len(key) != 16:
        raise LedgerError("B33", f"{path} does not hold this terminal's tmk; --keys names its keys.json")
    return key


def _sealed_key(path: Path, terminal_id: str, environment: str | None) -> bytes:
    """`tmk` out of the sealed file. Raises DeviceError, LedgerError."""
    secret_store.looked_at(path)
    store = secret_store.opened(path, passphrase_from(environment))
    return bytes.fromhex(store.value(secret_store.key_name(terminal_id, "tmk")))


@click.command(epilog="Rights: " + "; ".join(f"{name}: {text}" for name, text in RIGHTS.items()))
@click.argument("terminal_id")
@click.argument("right", type=click.Choice(list(RIGHTS)))
@click.argument("nonce", callback=_nonce)
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The terminal's keys.json. [default: build/terminals/ID.keys.json]",
)
@click.option(
    "--secrets",
    "sealed",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take it from this sealed file of provisioning instead.",
)
@click.option("--passphrase-env", metavar="NAME", help="Take that file's passphrase from this environment variable.")
def answer(
    terminal_id: str, right: str, nonce: str, keys_path: Path | None, sealed: Path | None, passphrase_env: str | None
) -> None:
    """Answer the NONCE a person reads from the console or the screen of a terminal that asks for RIGHT."""
    with plain_errors():
        if sealed is not None:
            key = _sealed_key(sealed, terminal_id, passphrase_env)
        else:
            key = master_key(keys_path or Path("build/terminals") / f"{terminal_id}.keys.json")
    click.echo(f"terminal {terminal_id}, right {right}: answer {digits_for(key, nonce, right)}")
