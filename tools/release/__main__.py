"""Make a signing key, and write what terminals need of it: `python -m tools.release`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tools.device.errors import DeviceError
from tools.release import signing


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keys that sign configuration, rules and hotlists."""


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def new(path: Path, passphrase_env: str | None) -> None:
    """Make a key and write it to PATH, under a passphrase."""
    try:
        signer = signing.new_signer()
        signing.save(path, signer, passphrase(passphrase_env, confirm=True))
    except DeviceError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: a key of {signing.BITS} bits")


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="E.g. config-keys.bin.")
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def public(paths: tuple[Path, ...], out: Path, passphrase_env: str | None) -> None:
    """Write the public parts of one or two keys, for /config/config-keys.bin of every terminal."""
    if len(paths) > 2:
        raise click.ClickException("a terminal knows two keys at most")
    try:
        moduli = [signing.load(path, passphrase(passphrase_env)).modulus for path in paths]
    except DeviceError as error:
        raise click.ClickException(str(error)) from error
    out.write_bytes(b"".join(moduli))
    click.echo(f"{out}: {len(moduli)} key(s)")


def passphrase(environment: str | None, *, confirm: bool = False) -> str:
    """From the environment variable named, else asked for."""
    if environment is None:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    if environment not in os.environ:
        raise click.ClickException(f"the environment has no {environment}")
    return os.environ[environment]


if __name__ == "__main__":
    main()
